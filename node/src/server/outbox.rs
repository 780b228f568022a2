//! Messages that leave together, and what can be said in one of them.
//!
//! A leader says each follower of each entry at once, and a follower answers each message. When a server takes many
//! requests in a row, what it says to one peer can be said in fewer words that mean the same.

use seaworthy_core::message::{AppendOutcome, Body, Entry, Message};
use seaworthy_core::types::NodeId;
use std::collections::BTreeMap;

/// Bytes of entries up to which messages are joined.
const JOINED_MAX: usize = 1 << 20;

/// The messages of a few steps, in the order in which each peer gets them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    messages: Vec<Message>,
    /// Where the last message for each peer is, and how many bytes of entries it has.
    latest: BTreeMap<NodeId, (usize, usize)>,
}

impl Outbox {
    /// Puts a message behind those before it, or into the last one for the same peer.
    pub(super) fn push(&mut self, message: Message) {
        let size = size(&message);
        let latest = self.latest.get_mut(&message.to);
        let message = match latest {
            Some((position, joined)) if *joined + size <= JOINED_MAX => {
                *joined += size;
                let Some(message) = join(&mut self.messages[*position], message) else { return };
                message
            }
            _ => message,
        };
        self.latest.insert(message.to, (self.messages.len(), size));
        self.messages.push(message);
    }

    /// Takes them out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Message> {
        self.latest.clear();
        self.messages.drain(..)
    }
}

fn size(message: &Message) -> usize {
    match &message.body {
        Body::AppendEntries { entries, .. } => entries.iter().map(Entry::size).sum(),
        _ => 0,
    }
}

/// Has `earlier` say what both say, if that is the same as saying one right after the other. Gives `later` back if not.
///
/// - Entries that go on where others end come to the same in one message: whoever takes all of them acknowledges the
///   last, which acknowledges those before it.
/// - An acknowledgement includes an earlier one that verified no more, of no later round.
fn join(earlier: &mut Message, later: Message) -> Option<Message> {
    if earlier.term != later.term {
        return Some(later);
    }
    match (&mut earlier.body, later.body) {
        (
            Body::AppendEntries { prev, entries, commit, round },
            Body::AppendEntries { prev: next, entries: more, commit: newer, round: latest },
        ) if *round == latest && next == entries.last().map_or(*prev, |entry| entry.id) => {
            entries.extend(more);
            *commit = newer.max(*commit);
            None
        }
        (
            Body::AppendReply { round, outcome: AppendOutcome::Accepted { matched } },
            Body::AppendReply { round: latest, outcome: AppendOutcome::Accepted { matched: further } },
        ) if *round <= latest && *matched <= further => {
            (*round, *matched) = (latest, further);
            None
        }
        (_, body) => Some(Message { body, ..later }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_core::message::Payload;
    use seaworthy_core::types::{Bytes, EntryId, LogIndex, Round, Term};

    const ONE: NodeId = NodeId::new(1);

    fn message(to: u64, body: Body) -> Message {
        Message { from: ONE, to: NodeId::new(to), term: Term(3), body }
    }

    /// Entries `first..=last` of term 3, after the one before the first.
    fn append(to: u64, first: u64, last: u64, round: u64) -> Message {
        let entry = |index| Entry { id: EntryId::new(3, index), payload: Payload::Noop };
        let (prev, commit) = (EntryId::new(3, first - 1), LogIndex(last - 1));
        let entries = (first..=last).map(entry).collect();
        message(to, Body::AppendEntries { prev, entries, commit, round: Round(round) })
    }

    fn reply(matched: u64, round: u64) -> Message {
        let outcome = AppendOutcome::Accepted { matched: LogIndex(matched) };
        message(2, Body::AppendReply { round: Round(round), outcome })
    }

    fn leaving(messages: impl IntoIterator<Item = Message>) -> Vec<Message> {
        let mut outbox = Outbox::default();
        messages.into_iter().for_each(|message| outbox.push(message));
        outbox.drain().collect()
    }

    #[test]
    fn entries_that_go_on_for_one_peer_leave_in_one_message() {
        let pushed = [append(2, 5, 5, 1), append(3, 5, 6, 1), append(2, 6, 7, 1), append(3, 7, 7, 1)];
        assert_eq!(leaving(pushed), [append(2, 5, 7, 1), append(3, 5, 7, 1)]);
    }

    #[test]
    fn an_acknowledgement_takes_the_place_of_what_it_includes() {
        assert_eq!(leaving([reply(4, 1), reply(6, 1), reply(6, 2)]), [reply(6, 2)]);
    }

    #[test]
    fn what_does_not_mean_the_same_leaves_as_it_is_and_in_order() {
        let vote = message(2, Body::VoteReply { granted: true });
        let large = |index| {
            let payload = Payload::Data(Bytes::from(vec![0; JOINED_MAX / 2 + 1]));
            let entries = vec![Entry { id: EntryId::new(3, index), payload }];
            let prev = EntryId::new(3, index - 1);
            message(2, Body::AppendEntries { prev, entries, commit: LogIndex(0), round: Round(1) })
        };
        let cases = [
            ("a gap", vec![append(2, 5, 5, 1), append(2, 7, 7, 1)]),
            ("what was said before", vec![append(2, 5, 6, 1), append(2, 5, 6, 1)]),
            ("another round", vec![append(2, 5, 5, 1), append(2, 6, 6, 2)]),
            ("another term", vec![reply(4, 1), Message { term: Term(4), ..reply(5, 1) }]),
            ("an older acknowledgement", vec![reply(6, 1), reply(4, 1)]),
            ("something else between them", vec![append(2, 5, 5, 1), vote, append(2, 6, 6, 1)]),
            ("more than fits", vec![large(5), large(6)]),
        ];
        for (what, messages) in cases {
            assert_eq!(leaving(messages.clone()), messages, "{what}");
        }
    }
}
