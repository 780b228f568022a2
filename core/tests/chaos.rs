//! Random walks: nodes under loss, duplication, reordering, slow disks and crashes, and one node under arbitrary
//! messages. After each step the ledger of the cluster must balance (Raft Figure 3).

mod cluster;
#[path = "chaos/walk.rs"]
mod walk;

use cluster::lone::Lone;
use cluster::{Options, disk};
use proptest::prelude::*;
use seaworthy_core::flaw::{Flaw, Flaws, Planted, Sound};
use seaworthy_core::input::{Input, ReadMode};
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message, Payload};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Round, Term, Token};
use std::panic::{AssertUnwindSafe, catch_unwind};
use walk::Walk;

/// How many walks.
const WALKS: u64 = 3000;

/// Walks once, and says how many entries were committed; `None` if something went wrong.
fn walk(number: u64, flaws: impl Flaws) -> Option<usize> {
    catch_unwind(AssertUnwindSafe(|| Walk::new(number, flaws, false).finish().0)).ok()
}

/// `SEAWORTHY_WALK=17` walks that one alone, and tells all that happens.
#[test]
fn random_walks_break_no_property_of_figure_3() {
    if let Ok(number) = std::env::var("SEAWORTHY_WALK") {
        Walk::new(number.parse().expect("a walk has a number"), Sound, true).finish();
        return;
    }
    let mut committed = 0;
    for number in 0..WALKS {
        committed += walk(number, Sound).unwrap_or_else(|| {
            panic!(
                "to see it again: SEAWORTHY_WALK={number} cargo test -p seaworthy-core --test chaos figure_3"
            )
        });
    }
    assert!(WALKS as usize * 5 < committed, "only {committed} entries committed: the walks are too wild");
}

/// The walks are worth something: they find what is wrong on purpose. What they are too short for is left to the
/// scripts and to the simulator.
#[test]
fn random_walks_find_planted_bugs() {
    let flaws = [
        Flaw::VoteNotPersisted,
        Flaw::VoteReplyNotGated,
        Flaw::CampaignNotGated,
        Flaw::VoteForgottenAtStepDown,
        Flaw::NoUpToDateCheck,
        Flaw::ElectedTwice,
        Flaw::AmnesiaAtRestart,
        Flaw::HalfIsQuorum,
        Flaw::AckNotGated,
        Flaw::TruncatesAlways,
        Flaw::NoPrevTermCheck,
        Flaw::MatchRegresses,
        Flaw::CommitRegresses,
        Flaw::NoBacktracking,
        Flaw::NoNoop,
        Flaw::StrictlyNewerLog,
        Flaw::ReadUnconfirmed,
        Flaw::ReadBeforeOwnCommit,
    ];
    for flaw in flaws {
        let found = (0..WALKS).find(|number| walk(*number, Planted::new([flaw])).is_none());
        assert!(found.is_some(), "no walk of {WALKS} goes wrong with {flaw:?}");
    }
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..6u64, 1 => Just(u64::MAX), 1 => Just(u64::MAX - 1), 1 => Just(u64::MAX / 2), 1 => any::<u64>()]
}

fn id() -> impl Strategy<Value = EntryId> {
    (number(), number()).prop_map(|(term, index)| EntryId::new(term, index))
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let contiguous = (number(), number(), 0..4u64).prop_map(|(term, first, count)| {
        (0..count).map(|offset| EntryId::new(term, first.wrapping_add(offset))).collect()
    });
    let ids = prop_oneof![3 => contiguous, 1 => prop::collection::vec(id(), 0..3)];
    ids.prop_map(|ids| ids.into_iter().map(|id| Entry { id, payload: Payload::Noop }).collect())
}

fn body() -> impl Strategy<Value = Body> {
    let append = (id(), entries(), number(), number()).prop_map(|(prev, entries, commit, round)| {
        Body::AppendEntries { prev, entries, commit: LogIndex(commit), round: Round(round) }
    });
    let accepted = number().prop_map(|matched| AppendOutcome::Accepted { matched: LogIndex(matched) });
    let rejected = (number(), id())
        .prop_map(|(refused, hint)| AppendOutcome::Rejected { refused: LogIndex(refused), hint });
    let reply = (number(), prop_oneof![accepted, rejected])
        .prop_map(|(round, outcome)| Body::AppendReply { round: Round(round), outcome });
    prop_oneof![
        4 => append,
        3 => reply,
        1 => id().prop_map(|last| Body::PreVote { last }),
        1 => id().prop_map(|last| Body::RequestVote { last, transfer: false }),
        2 => any::<bool>().prop_map(|granted| Body::PreVoteReply { granted }),
        2 => any::<bool>().prop_map(|granted| Body::VoteReply { granted }),
        1 => Just(Body::Stale),
    ]
}

/// What happens to the node next. `None` as the term is its own, so that the message is looked into.
#[derive(Clone, Debug)]
enum Event {
    Message { from: u64, term: Option<u64>, body: Body },
    TimeOut,
    Persist,
    Propose,
    Read,
}

fn event() -> impl Strategy<Value = Event> {
    let term = prop_oneof![4 => Just(None), 2 => number().prop_map(Some)];
    let message = (1..5u64, term, body()).prop_map(|(from, term, body)| Event::Message { from, term, body });
    prop_oneof![
        12 => message,
        2 => Just(Event::TimeOut),
        2 => Just(Event::Persist),
        1 => Just(Event::Propose),
        1 => Just(Event::Read),
    ]
}

fn take(node: &mut Lone, event: Event) {
    match event {
        Event::Message { from, term, body } => {
            let term = Term(term.unwrap_or(node.term()));
            let message = Message { from: NodeId::new(from), to: NodeId::new(1), term, body };
            node.step(Input::Message(message));
        }
        Event::TimeOut => drop(node.time_out()),
        Event::Persist => drop(node.persist()),
        Event::Propose => drop(node.propose("x")),
        Event::Read => drop(node.step(Input::Read { token: Token(1), mode: ReadMode::Leader })),
    }
}

#[test]
fn a_term_that_no_election_reaches_is_not_adopted() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    let effects = node.receive(2, u64::MAX, Body::Stale);
    assert_eq!((node.term(), effects.writes.len()), (2, 0));
    // The largest that is adopted leaves room for campaigns.
    node.receive(2, u64::MAX / 2, Body::Stale);
    node.time_out();
    assert_eq!(node.term(), u64::MAX / 2 + 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn no_message_makes_a_node_panic(
        leads in any::<bool>(),
        pre_vote in any::<bool>(),
        check_quorum in any::<bool>(),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let options = Options::default().with(|config| {
            config.pre_vote = pre_vote;
            config.check_quorum = check_quorum;
            config.max_batch_entries = 2;
        });
        let mut node = Lone::new(&options, disk(3, 2, &[1, 1, 2]));
        if leads {
            node = Lone::paper(3, 2, &[1, 1, 2]);
            node.lead();
        }
        for event in events {
            take(&mut node, event);
        }
    }
}
