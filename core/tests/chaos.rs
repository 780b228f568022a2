//! Random walks: nodes under loss, duplication, reordering, slow disks and crashes, and one node under arbitrary
//! messages. After each step the ledger of the cluster must balance (Raft Figure 3).

mod cluster;
#[path = "chaos/walk.rs"]
mod walk;

use cluster::lone::{Lone, append};
use cluster::{Options, Tally, disk, entry};
use proptest::prelude::*;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{self, Record};
use seaworthy_core::flaw::{Flaw, Flaws, Planted, Sound};
use seaworthy_core::input::{Input, ReadMode};
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::message::{AppendOutcome, Body, Chunk, Entry, Message, Payload, SnapshotId};
use seaworthy_core::quorum::{Joint, Majority};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, Round, Term, Token};
use std::panic::{AssertUnwindSafe, catch_unwind};
use walk::Walk;

/// How many walks.
const WALKS: u64 = 3000;

/// Walks once, and says how many entries were committed, and how often what is rare has happened; `None` if something
/// went wrong.
fn walk(number: u64, flaws: impl Flaws) -> Option<(usize, Tally)> {
    catch_unwind(AssertUnwindSafe(|| Walk::new(number, flaws, false).finish())).ok()
}

/// `SEAWORTHY_WALK=17` walks that one alone, and tells all that happens.
#[test]
fn random_walks_break_no_property_of_figure_3() {
    if let Some(number) = std::env::var_os("SEAWORTHY_WALK") {
        let number = number.to_string_lossy().parse().expect("a walk has a number");
        Walk::new(number, Sound, true).finish();
        return;
    }
    let mut committed = 0;
    let mut tally = Tally::new();
    for number in 0..WALKS {
        let (count, rare) = walk(number, Sound).unwrap_or_else(|| {
            panic!(
                "to see it again: SEAWORTHY_WALK={number} cargo test -p seaworthy-core --test chaos figure_3"
            )
        });
        committed += count;
        rare.into_iter().for_each(|(rare, count)| *tally.entry(rare).or_default() += count);
    }
    assert!(WALKS as usize * 5 < committed, "only {committed} entries committed: the walks are too wild");
    for rare in
        ["joint configuration", "received snapshot", "amnesia", "handing over", "ReadIndexReply", "laggard"]
    {
        let count = tally.get(rare).copied().unwrap_or_default();
        assert!(WALKS as usize / 10 < count, "{rare}: only {count} times, which is no attack");
    }
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
        Flaw::LeaseOutlastsPromise,
        Flaw::OnlyNewMajority,
        Flaw::MajorityOfUnion,
        Flaw::LearnersCounted,
        Flaw::ChangeBeforeOwnCommit,
        Flaw::ChangeBeforeLastCommitted,
        Flaw::NoJointPhase,
        Flaw::LeavesJointEarly,
        Flaw::MembershipNotRolledBack,
        Flaw::RemovedCannotCampaign,
        Flaw::LearnerRefusesToVote,
        Flaw::SnapshotWithOldMembership,
        Flaw::InstallsStaleSnapshot,
        Flaw::ChunkOffsetIgnored,
        Flaw::WipedNodeWelcome,
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
    let payload = prop_oneof![3 => Just(Payload::Noop), 1 => membership().prop_map(|membership| Payload::Membership(Box::new(membership)))];
    (ids, payload)
        .prop_map(|(ids, payload)| ids.into_iter().map(|id| Entry { id, payload: payload.clone() }).collect())
}

/// Of the servers 1 to 4, sensible or not.
fn membership() -> impl Strategy<Value = Membership> {
    let some = || prop::collection::vec((1..5u64).prop_map(NodeId::new), 0..4);
    (some(), some(), some(), some(), any::<bool>()).prop_map(
        |(incoming, outgoing, learners, learners_next, auto_leave)| {
            let voters = Joint { incoming: Majority::new(incoming), outgoing: Majority::new(outgoing) };
            Membership { voters, learners, learners_next, auto_leave }
        },
    )
}

/// The bytes of all snapshots, which are the same, so that some of them are put together.
const BYTES: &[u8] = b"snap";

fn snapshot() -> impl Strategy<Value = SnapshotId> {
    let truthful = id()
        .prop_map(|last| Snapshot { last, membership: Membership::default(), data: Bytes::new(BYTES) }.id());
    let any =
        (id(), number(), number()).prop_map(|(last, size, checksum)| SnapshotId { last, size, checksum });
    prop_oneof![3 => truthful, 1 => any]
}

fn chunk() -> impl Strategy<Value = Bytes> {
    (0..=BYTES.len(), 0..=BYTES.len())
        .prop_map(|(one, other)| Bytes::new(&BYTES[one.min(other)..one.max(other)]))
}

fn body() -> impl Strategy<Value = Body> {
    let append = (id(), entries(), any::<bool>(), number(), number()).prop_map(
        |(prev, mut entries, follow, commit, round)| {
            if follow {
                // As a leader numbers them, so that they are looked into.
                for (entry, offset) in entries.iter_mut().zip(1..) {
                    entry.id.index = LogIndex(prev.index.0.saturating_add(offset));
                }
            }
            Body::AppendEntries { prev, entries, commit: LogIndex(commit), round: Round(round) }
        },
    );
    let accepted = number().prop_map(|matched| AppendOutcome::Accepted { matched: LogIndex(matched) });
    let rejected = (number(), id())
        .prop_map(|(refused, hint)| AppendOutcome::Rejected { refused: LogIndex(refused), hint });
    let reply = (number(), prop_oneof![accepted, rejected])
        .prop_map(|(round, outcome)| Body::AppendReply { round: Round(round), outcome });
    let install = (snapshot(), membership(), number(), chunk(), prop::option::of(number()), number())
        .prop_map(|(snapshot, membership, offset, bytes, newcomer, round)| {
            let round = Round(round);
            Body::InstallSnapshot(Box::new(Chunk { snapshot, membership, offset, bytes, newcomer, round }))
        });
    let received = (snapshot(), number(), number()).prop_map(|(snapshot, received, round)| {
        Body::SnapshotReply { round: Round(round), snapshot, received }
    });
    prop_oneof![
        4 => append,
        3 => reply,
        3 => install,
        2 => received,
        1 => id().prop_map(|last| Body::PreVote { last }),
        1 => (id(), any::<bool>()).prop_map(|(last, transfer)| Body::RequestVote { last, transfer }),
        1 => Just(Body::TimeoutNow),
        1 => number().prop_map(|id| Body::ReadIndex { id }),
        1 => (number(), number()).prop_map(|(id, index)| Body::ReadIndexReply { id, index: LogIndex(index) }),
        1 => (number(), number()).prop_map(|(life, round)| Body::Blank { life, round: Round(round) }),
        2 => any::<bool>().prop_map(|granted| Body::PreVoteReply { granted }),
        2 => any::<bool>().prop_map(|granted| Body::VoteReply { granted }),
        1 => Just(Body::Stale),
    ]
}

/// What happens to the node next. `None` as the term is its own, so that the message is looked into.
#[derive(Clone, Debug)]
enum Event {
    Message {
        from: u64,
        term: Option<u64>,
        body: Body,
    },
    TimeOut,
    Persist,
    Propose,
    Read(ReadMode),
    Change(Vec<Change>),
    Transfer(u64),
    StepDown,
    TakeSnapshot,
    Campaign,
    /// What it knows of itself is what it is sent: a blank node's own life.
    Welcome,
}

fn event() -> impl Strategy<Value = Event> {
    let term = prop_oneof![4 => Just(None), 2 => number().prop_map(Some)];
    let message = (1..5u64, term, body()).prop_map(|(from, term, body)| Event::Message { from, term, body });
    let change = (1..5u64, 0..3u8).prop_map(|(node, kind)| match (NodeId::new(node), kind) {
        (node, 0) => Change::AddVoter(node),
        (node, 1) => Change::AddLearner(node),
        (node, _) => Change::Remove(node),
    });
    prop_oneof![
        24 => message,
        2 => Just(Event::TimeOut),
        2 => Just(Event::Persist),
        1 => Just(Event::Propose),
        1 => prop_oneof![Just(ReadMode::Leader), Just(ReadMode::Lease), Just(ReadMode::Follower)]
            .prop_map(Event::Read),
        1 => prop::collection::vec(change, 0..3).prop_map(Event::Change),
        1 => (1..5u64).prop_map(Event::Transfer),
        1 => Just(Event::StepDown),
        2 => Just(Event::TakeSnapshot),
        1 => Just(Event::Campaign),
        1 => Just(Event::Welcome),
    ]
}

fn take(node: &mut Lone, event: Event) {
    let token = Token(1);
    let input = match event {
        Event::Message { from, term, body } => {
            let term = Term(term.unwrap_or(node.term()));
            Input::Message(Message { from: NodeId::new(from), to: NodeId::new(1), term, body })
        }
        Event::TimeOut => {
            node.now = node.now.max(node.node.deadline());
            Input::Timeout
        }
        Event::Persist => return drop(node.persist()),
        Event::Propose => Input::Propose { token, data: "x".into() },
        Event::Read(mode) => Input::Read { token, mode },
        Event::Change(changes) => Input::ChangeMembership { token, changes },
        Event::Transfer(to) => Input::TransferLeadership { token, to: NodeId::new(to) },
        Event::StepDown => Input::StepDown { token },
        Event::TakeSnapshot => Input::SnapshotTaken { index: node.node.commit(), data: Bytes::new(BYTES) },
        Event::Campaign => Input::Campaign,
        Event::Welcome => return welcome(node),
    };
    let effects = node.step(input);
    if effects.events.iter().any(|event| matches!(event, effect::Event::SnapshotReceived { .. })) {
        node.step(Input::SnapshotRead { usable: true });
    }
}

/// A leader of the node's term does all that it takes to welcome it, if it is blank.
fn welcome(node: &mut Lone) {
    let term = node.term();
    let effects = node.receive(2, term, append((0, 0), vec![], 0));
    let life = effects.sends.iter().find_map(|send| match send.message.body {
        Body::Blank { life, .. } => Some(life),
        _ => None,
    });
    let snapshot = Snapshot {
        last: EntryId::ZERO,
        membership: Membership::new([1, 2, 3].map(NodeId::new)),
        data: Bytes::new(BYTES),
    };
    let body = Body::InstallSnapshot(Box::new(Chunk {
        snapshot: snapshot.id(),
        membership: snapshot.membership,
        offset: 0,
        bytes: snapshot.data,
        newcomer: life,
        round: Round(1),
    }));
    take(node, Event::Message { from: 2, term: Some(term), body });
}

/// A node of three: a leader, a founder with a log, one whose log has been compacted, or a blank one.
fn some_node(kind: u8, options: &Options) -> Lone {
    let mut founder = disk(3, 2, &[1, 1, 2]);
    match kind {
        0 => {
            let mut node = Lone::paper(3, 2, &[1, 1, 2]);
            node.lead();
            return node;
        }
        1 => {}
        2 => {
            let last = EntryId::new(2, 3);
            let snapshot = Snapshot { last, ..founder.snapshot.clone().expect("a founder has one") };
            founder.persist(Record::Snapshot { snapshot: Box::new(snapshot), compacted: LogIndex(3) });
        }
        _ => founder = Durable::default(),
    }
    Lone::new(options, founder)
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

/// It would leave no index for the entries after it.
#[test]
fn a_snapshot_from_beyond_all_logs_is_not_taken() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    let last = EntryId { term: Term(2), index: LogIndex(u64::MAX) };
    let membership = Membership::new([1, 2, 3].map(NodeId::new));
    let snapshot = Snapshot { last, membership, data: Bytes::new(BYTES) };
    let body = Body::InstallSnapshot(Box::new(Chunk {
        snapshot: snapshot.id(),
        membership: snapshot.membership,
        offset: 0,
        bytes: snapshot.data,
        newcomer: None,
        round: Round(1),
    }));
    take(&mut node, Event::Message { from: 2, term: None, body });
    node.lead();
    assert_eq!(node.terms(), [1, 2, 3]);
}

/// What a compacted log no longer holds is committed, so that a message against it is not obeyed.
#[test]
fn entries_that_contradict_what_was_compacted_away_are_not_taken() {
    let mut node = some_node(2, &Options::paper(3));
    let entries = |terms: [u64; 2]| (3..).zip(terms).map(|(index, term)| entry(term, index)).collect();
    assert!(node.receive(2, 2, append((2, 1), entries([1, 1]), 0)).sends.is_empty());
    assert_eq!(node.node.log().last(), EntryId::new(2, 3));
    node.receive(2, 2, append((2, 1), entries([2, 2]), 0));
    assert_eq!(node.node.log().last(), EntryId::new(2, 4));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(8000) })]

    #[test]
    fn no_message_makes_a_node_panic(
        kind in 0..4u8,
        pre_vote in any::<bool>(),
        check_quorum in any::<bool>(),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let options = Options::default().with(|config| {
            config.pre_vote = pre_vote;
            config.check_quorum = check_quorum;
            config.lease_drift_ppm = check_quorum.then_some(100);
            config.max_batch_entries = 2;
            config.max_chunk_bytes = 1;
        });
        let mut node = some_node(kind, &options);
        for event in events {
            take(&mut node, event);
        }
    }
}
