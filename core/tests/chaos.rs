//! Random walks: nodes under loss, duplication, reordering, slow disks and crashes, and one node under arbitrary
//! messages. After each step the ledger of the cluster must balance (Raft Figure 3).

mod cluster;

use cluster::lone::Lone;
use cluster::{Cluster, Options, disk};
use proptest::prelude::*;
use seaworthy_core::flaw::{Flaw, Flaws, Planted, Sound};
use seaworthy_core::input::{Input, ReadMode};
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message, Payload};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Round, Term, Token};
use seaworthy_core::view::Role;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How many walks, and how many steps in each.
const WALKS: u64 = 3000;
const STEPS: usize = 600;

/// SplitMix64: a walk is a function of its number.
struct Luck(u64);

impl Luck {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.word() % limit as u64) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// One walk, which ends well: with a leader, and everybody's log the same.
struct Walk<F: Flaws> {
    luck: Luck,
    cluster: Cluster<F>,
    tokens: u64,
}

impl<F: Flaws> Walk<F> {
    fn new(number: u64, flaws: F) -> Self {
        let mut luck = Luck(number);
        let mut options = Options::default();
        options.nodes = luck.of(&[3, 3, 4, 5]);
        options.config.pre_vote = luck.of(&[true, false]);
        options.config.check_quorum = luck.of(&[true, false]);
        options.config.max_batch_entries = luck.of(&[1, 2, 64]);
        options.config.max_inflight_messages = luck.of(&[1, 2, 64]);
        options.auto_persist = luck.of(&[true, false, false]);
        let mut cluster = Cluster::with_flaws(&options, flaws);
        if luck.below(2) == 0 {
            cluster.elect(NodeId::new(1));
        }
        Self { luck, cluster, tokens: 0 }
    }

    fn step(&mut self) {
        let ids = self.cluster.ids();
        let id = self.luck.of(&ids);
        match self.luck.below(100) {
            0..59 => self.deliver(),
            59..62 => self.lose(),
            62..64 => self.duplicate(),
            64..84 => self.write(id),
            84..88 => self.pass_time(id),
            88..95 => self.ask(id),
            95..97 => self.crash_or_restart(id),
            97..98 => self.partition(&ids),
            _ => self.cluster.heal(),
        }
    }

    fn some_packet(&mut self) -> Option<usize> {
        let count = self.cluster.network.len();
        // Mostly the oldest, else anything: that is reordering.
        (0 < count).then(|| if self.luck.below(3) == 0 { self.luck.below(count) } else { 0 })
    }

    fn deliver(&mut self) {
        if let Some(position) = self.some_packet() {
            self.cluster.deliver(position);
        }
    }

    fn lose(&mut self) {
        if let Some(position) = self.some_packet() {
            self.cluster.drop_packet(position);
        }
    }

    fn duplicate(&mut self) {
        if let Some(position) = self.some_packet() {
            let message = self.cluster.network[position].message.clone();
            self.cluster.send_again(message);
        }
    }

    /// Some of the queue reaches the disk; the node may learn it later.
    fn write(&mut self, id: NodeId) {
        let count = self.luck.below(4);
        self.cluster.write_to_disk(id, count);
        if self.cluster.is_up(id) && self.luck.below(2) == 0 {
            self.cluster.report(id);
        }
    }

    fn pass_time(&mut self, id: NodeId) {
        match self.luck.below(3) {
            0 if self.cluster.is_up(id) => self.cluster.timeout(id),
            _ => {
                let span = Duration::from_millis(self.luck.word() % 60);
                self.cluster.tick(span);
            }
        }
    }

    fn ask(&mut self, id: NodeId) {
        let leads = |id: &NodeId| self.cluster.is_up(*id) && self.cluster.node(*id).role() == Role::Leader;
        let leaders: Vec<_> = self.cluster.ids().into_iter().filter(leads).collect();
        let id = if leaders.is_empty() { id } else { self.luck.of(&leaders) };
        if !self.cluster.is_up(id) {
            return;
        }
        self.tokens += 1;
        let token = Token(self.tokens);
        let input = match self.luck.below(8) {
            0 => Input::Campaign,
            1 | 2 => Input::Read { token, mode: ReadMode::Leader },
            _ => Input::Propose { token, data: (&*format!("p{}", self.tokens)).into() },
        };
        self.cluster.step(id, input);
    }

    fn crash_or_restart(&mut self, id: NodeId) {
        if self.cluster.is_up(id) {
            let keep = self.luck.below(3);
            self.cluster.crash(id, keep);
        } else {
            self.cluster.restart(id);
        }
    }

    fn partition(&mut self, ids: &[NodeId]) {
        let (one, other) = ids.iter().copied().partition(|_| self.luck.below(2) == 0);
        self.cluster.partition(&[one, other]);
    }

    /// Everything is repaired: a leader appears, and what it commits reaches everybody.
    fn settle(&mut self) {
        self.cluster.heal();
        for id in self.cluster.ids() {
            if !self.cluster.is_up(id) {
                self.cluster.restart(id);
            }
        }
        self.cluster.run(Duration::from_secs(5));
        let leads = |id: &NodeId| self.cluster.node(*id).role() == Role::Leader;
        let leader = self.cluster.ids().into_iter().find(leads).expect("five calm seconds elect a leader");
        let last = self.cluster.node(leader).log().last();
        for id in self.cluster.ids() {
            let node = self.cluster.node(id);
            assert_eq!(
                (node.log().last(), node.commit()),
                (last, last.index),
                "{id} is level with its leader"
            );
        }
    }
}

/// Walks once, and says how many entries were committed; `None` if something went wrong.
fn walk(number: u64, flaws: impl Flaws) -> Option<usize> {
    let walked = catch_unwind(AssertUnwindSafe(|| {
        let mut walk = Walk::new(number, flaws);
        (0..STEPS).for_each(|_| walk.step());
        walk.settle();
        walk.cluster.committed()
    }));
    walked.ok()
}

#[test]
fn random_walks_break_no_property_of_figure_3() {
    let mut committed = 0;
    for number in 0..WALKS {
        committed += walk(number, Sound).unwrap_or_else(|| panic!("walk {number} went wrong, as told above"));
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
