//! What has happened in a cluster, as far as it may never happen differently again (Raft Figure 3).

use super::notation::Before;
use super::{Servers, state};
use seaworthy_core::Node;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{Effects, Event, Record};
use seaworthy_core::flaw::Flaws;
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message, Payload};
use seaworthy_core::quorum::VoteResult;
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::types::{EntryId, Instant, LogIndex, NodeId, Term, Token};
use seaworthy_core::view::{Role, View};
use std::collections::{BTreeMap, BTreeSet, btree_map};

/// The cluster's ghost state.
#[derive(Debug)]
pub(crate) struct Ledger {
    leaders: BTreeMap<Term, NodeId>,
    /// Who got whose vote: one a term.
    votes: BTreeMap<(NodeId, Term), NodeId>,
    /// Every entry ever written.
    entries: BTreeMap<EntryId, Place>,
    /// The configuration before the first that stands in an entry.
    founding: Membership,
    /// Every committed entry, and the term in which it was.
    committed: Vec<(EntryId, Term)>,
    /// How much was committed when a read arrived: what it must not miss.
    asked: BTreeMap<(NodeId, Token), LogIndex>,
    /// Disks that were lost. What their nodes had acknowledged they had acknowledged.
    buried: Vec<(NodeId, Durable)>,
    /// Who lost its disk as a voter: it promises nothing any more.
    amnesiacs: BTreeSet<NodeId>,
}

/// An entry and what stands before it: with that, equal identities mean equal prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    entry: Entry,
    previous: EntryId,
    /// The entry with the configuration in force here; the one before the first for the founding one.
    configured: EntryId,
}

impl Ledger {
    pub(crate) fn new(founding: Membership) -> Self {
        Self {
            leaders: BTreeMap::new(),
            votes: BTreeMap::new(),
            entries: BTreeMap::new(),
            founding,
            committed: Vec::new(),
            asked: BTreeMap::new(),
            buried: Vec::new(),
            amnesiacs: BTreeSet::new(),
        }
    }

    /// How many entries are committed.
    pub(crate) fn committed(&self) -> usize {
        self.committed.len()
    }

    /// What a disk was given by the test rather than by a node.
    pub(crate) fn learn(&mut self, disk: &Durable) {
        let mut previous = disk.log.base();
        for entry in disk.log.entries() {
            self.record(entry, previous);
            previous = entry.id;
        }
    }

    /// A disk is lost.
    pub(crate) fn bury(&mut self, node: NodeId, disk: Durable) {
        let committed = self.committed.last().map_or(EntryId::ZERO, |(committed, _)| *committed);
        if self.membership(committed).voters.contains(node) {
            self.amnesiacs.insert(node);
        }
        self.buried.push((node, disk));
    }

    /// A read arrives.
    pub(crate) fn ask(&mut self, node: NodeId, token: Token) {
        self.asked.insert((node, token), LogIndex(self.committed.len() as u64));
    }

    /// A node goes on from what its disk holds.
    pub(crate) fn check_start<F: Flaws>(&self, node: &Node<F>) {
        self.check_configuration(&node.view());
    }

    /// After a step: what the node has become, written and committed must agree with all that was before.
    pub(crate) fn check_step<F: Flaws>(
        &mut self,
        id: NodeId,
        before: &Before,
        effects: &Effects,
        servers: &Servers<F>,
        now: Instant,
    ) {
        let node = servers[&id].node();
        let view = node.view();
        assert!(before.term <= view.term, "{id}: the term goes back");
        assert!(before.commit <= view.commit, "{id}: the commit index goes back");
        assert!(before.snapshot <= view.snapshot, "{id}: the snapshot goes back");
        if view.role == Role::Leader && (before.role, before.term) != (Role::Leader, view.term) {
            self.check_leader(before, node, servers);
        }
        if view.role == Role::Leader && (before.role, before.term) == (Role::Leader, view.term) {
            assert!(node.log().contains(before.last), "leader {id} takes back {}", before.last);
        }
        // What a commit leads to, such as the end of a joint configuration, is written in the same step.
        self.check_commit(before, node, servers);
        for write in &effects.writes {
            match &write.record {
                Record::HardState(_) => {}
                Record::Append(entries) => self.check_append(before, node, entries),
                Record::Snapshot { snapshot, compacted } => self.check_snapshot(id, snapshot, *compacted),
            }
        }
        self.check_configuration(&view);
        self.check_leases(&view, servers, now);
        self.check_reads(id, &effects.events);
    }

    /// Somebody takes office: alone in its term, with the votes that it takes, and with all that is committed.
    fn check_leader<F: Flaws>(&mut self, before: &Before, node: &Node<F>, servers: &Servers<F>) {
        let View { id, term, .. } = node.view();
        let other = self.leaders.insert(term, id);
        assert_eq!(other, None, "{id} leads term {term}, in which there was a leader before");
        let own = servers[&id].disk.hard_state;
        let votes = |voter| {
            let granted = match voter == id {
                true => own.term == term && own.vote == Some(id),
                false => self.votes.get(&(voter, term)) == Some(&id),
            };
            granted.then_some(true)
        };
        let voters = &self.membership(before.last).voters;
        assert_eq!(voters.vote(votes), VoteResult::Won, "{id} leads term {term} without the votes");
        for (committed, _) in self.committed.iter().filter(|(_, when)| *when < term) {
            self.check_holds(node, *committed);
        }
    }

    fn check_holds<F: Flaws>(&self, node: &Node<F>, committed: EntryId) {
        let base = node.log().base();
        let holds = match committed.index <= base.index {
            true => self.is_committed(base),
            false => node.log().contains(committed),
        };
        assert!(holds, "leader {} lacks the committed entry {committed}", node.view().id);
    }

    /// Entries are written: behind all that is committed, and new ones by the leader of their term alone.
    fn check_append<F: Flaws>(&mut self, before: &Before, node: &Node<F>, entries: &[Entry]) {
        let View { id, role, .. } = node.view();
        let first = entries.first().expect("an append is never empty").id.index;
        assert!(
            before.commit < first,
            "{id} truncates at {first}, and had committed up to {}",
            before.commit
        );
        let previous = first.previous();
        let term = node.log().term(previous).expect("an append follows something");
        let mut previous = EntryId { term, index: previous };
        for entry in entries {
            if self.record(entry, previous) {
                let leads = role == Role::Leader && self.leaders.get(&entry.id.term) == Some(&id);
                assert!(leads, "{id} creates {}, and does not lead", entry.id);
                if let Payload::Membership(membership) = &entry.payload {
                    self.check_change(entry.id, previous, membership);
                }
            }
            previous = entry.id;
        }
    }

    /// Keeps an entry. Says whether it is new.
    fn record(&mut self, entry: &Entry, previous: EntryId) -> bool {
        let configured = match entry.payload {
            Payload::Membership(_) => entry.id,
            Payload::Noop | Payload::Data(_) => self.configured(previous),
        };
        let place = Place { entry: entry.clone(), previous, configured };
        let known = self.entries.entry(entry.id);
        let new = matches!(known, btree_map::Entry::Vacant(_));
        assert_eq!(*known.or_insert(place.clone()), place, "two entries, or two histories, of one identity");
        new
    }

    /// A leader changes the membership: when no other change is open, when an entry of its own term is committed
    /// (Ongaro, raft-dev, 2015), and so that old and new cannot decide apart (thesis §4.1, §4.3).
    fn check_change(&self, id: EntryId, previous: EntryId, membership: &Membership) {
        let last = self.configured(previous);
        assert!(self.is_committed(last), "{id} changes what {last} has only begun to change");
        let own = self.committed.iter().any(|(committed, _)| committed.term == id.term);
        assert!(own, "{id} changes the membership before anything of its term is committed");
        let old = self.membership(previous);
        assert!(old.voters.overlaps(&membership.voters), "{id}: old and new may decide apart");
        if old.is_joint() {
            assert_eq!(old.leave_joint().as_ref(), Ok(membership), "{id}: what is joint can only be left");
        }
    }

    /// A snapshot is written: of what is committed, with the state and the configuration at its end.
    fn check_snapshot(&self, id: NodeId, snapshot: &Snapshot, compacted: LogIndex) {
        let Snapshot { last, membership, data } = snapshot;
        assert!(self.is_committed(*last), "{id}: the snapshot ends with {last}, which is not committed");
        assert_eq!(*data, state(last.index), "{id}: the snapshot of {last} holds another state");
        assert_eq!(membership, self.membership(*last), "{id}: the snapshot of {last} has other members");
        assert!(compacted <= last.index, "{id} compacts more than its snapshot stands for");
    }

    /// What is committed stays so, and more of it is for the leader of a term, an entry of that term, and a quorum of
    /// the disks of the configuration that it had before this step.
    fn check_commit<F: Flaws>(&mut self, before: &Before, node: &Node<F>, servers: &Servers<F>) {
        let view = node.view();
        if before.commit == view.commit {
            return;
        }
        let base = node.log().base();
        assert!(self.is_committed(base), "{} goes on from {base}, which is not committed", view.id);
        let known = self.committed.len();
        for index in before.commit.max(base.index).0 + 1..=view.commit.0 {
            let id = node.log().get(LogIndex(index)).expect("what is committed is in the log").id;
            match self.committed.get(index as usize - 1) {
                Some((known, _)) => assert_eq!(*known, id, "{} commits something else at {index}", view.id),
                None => self.committed.push((id, view.term)),
            }
        }
        let Some((last, _)) = self.committed[known..].last() else { return };
        let voters = self.membership(*last).voters.clone();
        self.amnesiacs.retain(|node| voters.contains(*node));
        // A leader that has removed itself retires in the step that commits it.
        let leads = before.role == Role::Leader || view.role == Role::Leader;
        assert!(leads, "{} commits {last} and does not lead", view.id);
        assert_eq!(last.term, view.term, "{} commits {last} by counting, in term {}", view.id, view.term);
        let voters = &self.membership(before.last).voters;
        let durable = |voter| self.is_durable(voter, *last, servers).then_some(true);
        assert_eq!(voters.vote(durable), VoteResult::Won, "{} commits {last} without a quorum", view.id);
        for other in servers.values().filter_map(|server| server.node.as_ref()) {
            if other.role() == Role::Leader && view.term < other.view().term {
                self.check_holds(other, *last);
            }
        }
    }

    fn is_durable<F: Flaws>(&self, node: NodeId, id: EntryId, servers: &Servers<F>) -> bool {
        let buried = self.buried.iter().filter(|(buried, _)| *buried == node).map(|(_, disk)| disk);
        let mut disks = buried.chain(servers.get(&node).map(|server| &server.disk));
        disks.any(|disk| disk.log.contains(id) || id.index < disk.log.base().index)
    }

    /// The configuration in force is the last of the log (thesis §4.1).
    fn check_configuration(&self, view: &View<'_>) {
        let blank = Membership::default();
        let expected = if view.snapshot.is_some() { self.membership(view.last) } else { &blank };
        assert_eq!(view.membership, expected, "{}: not the configuration of {}", view.id, view.last);
    }

    /// While one leader has a lease nobody leads a later term (thesis §6.4.1).
    fn check_leases<F: Flaws>(&self, view: &View<'_>, servers: &Servers<F>, now: Instant) {
        if view.role != Role::Leader {
            return;
        }
        let (latest, _) = self.leaders.last_key_value().expect("there is this one");
        let leaders = servers.values().filter_map(|server| server.node.as_ref()).map(Node::view);
        for leader in leaders.filter(|leader| leader.role == Role::Leader && leader.term < *latest) {
            assert!(leader.lease_until <= now, "{} has a lease, and term {latest} a leader", leader.id);
        }
    }

    /// A read is confirmed at an index that holds everything that was committed when it arrived (thesis §6.4).
    fn check_reads(&self, node: NodeId, events: &[Event]) {
        for event in events {
            if let Event::ReadReady { token, index } = event {
                let committed = self.asked[&(node, *token)];
                assert!(committed <= *index, "{node} reads at {index} when {committed} was committed");
            }
        }
    }

    /// As a message leaves: what it promises is on the sender's disk.
    pub(crate) fn check_send<F: Flaws>(&mut self, message: &Message, servers: &Servers<F>) {
        let Message { from, to, term, ref body } = *message;
        let disk = &servers[&from].disk;
        let hard_state = disk.hard_state;
        let promises = matches!(
            body,
            Body::VoteReply { granted: true }
                | Body::AppendReply { outcome: AppendOutcome::Accepted { .. }, .. }
        );
        assert!(!promises || !self.amnesiacs.contains(&from), "{from} promises again what it has lost");
        let candidate = match body {
            Body::RequestVote { .. } => from,
            Body::VoteReply { granted: true } => to,
            Body::AppendReply { outcome: AppendOutcome::Accepted { matched }, .. } => {
                assert!(term <= hard_state.term, "{from} acknowledges in a term that is not durable");
                // What was acknowledged in an earlier term may have been replaced since, in the same write.
                if term == hard_state.term {
                    assert!(*matched <= disk.log.last().index, "{from} acknowledges what is not durable");
                    self.check_agreement(message, *matched, servers);
                }
                return;
            }
            _ => return,
        };
        let known = *self.votes.entry((from, term)).or_insert(candidate);
        assert_eq!(known, candidate, "{from} votes twice in term {term}");
        let durable = term < hard_state.term || hard_state.term == term && hard_state.vote == Some(candidate);
        assert!(durable, "{from} votes for {candidate} in term {term}, and its disk knows nothing of it");
    }

    /// What is acknowledged to a leader is the same as in its log.
    fn check_agreement<F: Flaws>(&self, message: &Message, matched: LogIndex, servers: &Servers<F>) {
        let leader = servers.get(&message.to).and_then(|server| server.node.as_ref());
        let Some(leader) =
            leader.filter(|leader| leader.role() == Role::Leader && leader.view().term == message.term)
        else {
            return;
        };
        let held = servers[&message.from].disk.log.term(matched);
        if let (Some(held), Some(own)) = (held, leader.log().term(matched)) {
            assert_eq!(held, own, "{} acknowledges another entry at {matched}", message.from);
        }
    }

    fn is_committed(&self, id: EntryId) -> bool {
        id == EntryId::ZERO
            || self.committed.get(id.index.0 as usize - 1).is_some_and(|(committed, _)| *committed == id)
    }

    /// The entry with the configuration that is in force at `id`.
    fn configured(&self, id: EntryId) -> EntryId {
        self.entries.get(&id).map_or(EntryId::ZERO, |place| place.configured)
    }

    /// The configuration in force at `id`.
    fn membership(&self, id: EntryId) -> &Membership {
        match self.entries.get(&self.configured(id)).map(|place| &place.entry.payload) {
            Some(Payload::Membership(membership)) => membership,
            _ => &self.founding,
        }
    }
}
