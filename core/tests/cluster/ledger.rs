//! What has happened in a cluster, as far as it may never happen differently again (Raft Figure 3).

use seaworthy_core::Node;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{Event, Record, Write};
use seaworthy_core::flaw::Flaws;
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term, Token};
use seaworthy_core::view::Role;
use std::collections::BTreeMap;

/// The cluster's ghost state.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    leaders: BTreeMap<Term, NodeId>,
    /// Who got whose vote: one a term.
    votes: BTreeMap<(NodeId, Term), NodeId>,
    /// Every entry ever written, and what stands before it: with that, equal identities mean equal prefixes.
    entries: BTreeMap<EntryId, (Entry, EntryId)>,
    committed: Vec<EntryId>,
    /// How much was committed when a read arrived: what it must not miss.
    asked: BTreeMap<(NodeId, Token), LogIndex>,
}

impl Ledger {
    pub(crate) fn committed(&self) -> &[EntryId] {
        &self.committed
    }

    /// What a disk was given by the test rather than by a node.
    pub(crate) fn learn(&mut self, disk: &Durable) {
        let mut previous = disk.log.base();
        for entry in disk.log.entries() {
            self.record(entry, previous);
            previous = entry.id;
        }
    }

    /// A read arrives.
    pub(crate) fn ask(&mut self, node: NodeId, token: Token) {
        self.asked.insert((node, token), LogIndex(self.committed.len() as u64));
    }

    /// A read is confirmed at an index that holds everything that was committed when it arrived (thesis §6.4).
    pub(crate) fn check_events(&self, node: NodeId, events: &[Event]) {
        for event in events {
            if let Event::ReadReady { token, index } = event {
                let committed = self.asked[&(node, *token)];
                assert!(committed <= *index, "{node} reads at {index} when {committed} was committed");
            }
        }
    }

    /// After a step: what the node has become, written and committed must agree with all that was before.
    pub(crate) fn check_step<F: Flaws>(
        &mut self,
        node: &Node<F>,
        role: Role,
        commit: LogIndex,
        writes: &[Write],
    ) {
        let view = node.view();
        for write in writes {
            if let Record::Append(entries) = &write.record {
                let first = entries.first().expect("an append is never empty").id.index;
                assert!(
                    commit < first,
                    "{} truncates at {first} what it has committed up to {commit}",
                    view.id
                );
                let previous = first.previous();
                let term = node.log().term(previous).expect("an append follows something");
                let mut previous = EntryId { term, index: previous };
                for entry in entries {
                    self.record(entry, previous);
                    previous = entry.id;
                }
            }
        }
        if view.role == Role::Leader && role != Role::Leader {
            let leader = *self.leaders.entry(view.term).or_insert(view.id);
            assert_eq!(leader, view.id, "two leaders in term {}", view.term);
            for id in &self.committed {
                assert!(node.log().contains(*id), "leader {} lacks the committed entry {id}", view.id);
            }
        }
        assert!(commit <= view.commit, "{}: the commit index goes back", view.id);
        for index in commit.0 + 1..=view.commit.0 {
            let id = node.log().get(LogIndex(index)).expect("what is committed is in the log").id;
            match self.committed.get(index as usize - 1) {
                Some(known) => assert_eq!(*known, id, "{} commits something else at {index}", view.id),
                None => self.committed.push(id),
            }
        }
    }

    fn record(&mut self, entry: &Entry, previous: EntryId) {
        let known = self.entries.entry(entry.id).or_insert_with(|| (entry.clone(), previous));
        assert_eq!(known, &(entry.clone(), previous), "two entries, or two histories, of one identity");
    }

    /// As a message leaves: what it promises is on the sender's disk.
    pub(crate) fn check_send(&mut self, message: &Message, disk: &Durable) {
        let Message { from, to, term, ref body } = *message;
        let hard_state = disk.hard_state;
        let candidate = match body {
            Body::RequestVote { .. } => from,
            Body::VoteReply { granted: true } => to,
            Body::AppendReply { outcome: AppendOutcome::Accepted { matched }, .. } => {
                assert!(term <= hard_state.term, "{from} acknowledges in a term that is not durable");
                // What was acknowledged in an earlier term may have been replaced since, in the same write.
                let held = term < hard_state.term || *matched <= disk.log.last().index;
                assert!(held, "{from} acknowledges what is not durable");
                return;
            }
            _ => return,
        };
        let known = *self.votes.entry((from, term)).or_insert(candidate);
        assert_eq!(known, candidate, "{from} votes twice in term {term}");
        let durable = term < hard_state.term || hard_state.term == term && hard_state.vote == Some(candidate);
        assert!(durable, "{from} votes for {candidate} in term {term}, and its disk knows nothing of it");
    }
}
