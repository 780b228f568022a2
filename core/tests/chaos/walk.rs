//! One random walk: a cluster under loss, duplication, reordering, slow disks, crashes and operators.

use crate::cluster::notation::{Detail, Letter};
use crate::cluster::{Cluster, Options, Tally};
use seaworthy_core::flaw::Flaws;
use seaworthy_core::input::{Input, ReadMode};
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::quorum::VoteResult;
use seaworthy_core::types::{NodeId, Token};
use std::collections::BTreeSet;
use std::time::Duration;

/// How many steps a walk has before it settles.
const STEPS: usize = 600;

/// The servers of a walk in which members come and go.
const SERVERS: u64 = 7;

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

/// A walk, which ends well: with a leader, and every member's log the same.
pub(crate) struct Walk<F: Flaws> {
    luck: Luck,
    cluster: Cluster<F>,
    tokens: u64,
    /// Whether there are operators, who change the membership, hand over and take snapshots.
    operated: bool,
    /// Who has lost its disk. The others must be enough.
    wiped: BTreeSet<NodeId>,
    told: bool,
}

impl<F: Flaws> Walk<F> {
    /// The walk of that number, which tells what happens if it is `told`.
    pub(crate) fn new(number: u64, flaws: F, told: bool) -> Self {
        let mut luck = Luck(number);
        let mut options = Options { nodes: luck.of(&[3, 3, 4, 5]), ..Options::default() };
        options.auto_persist = luck.of(&[true, false, false]);
        let config = &mut options.config;
        config.pre_vote = luck.of(&[true, false]);
        config.check_quorum = luck.of(&[true, false]);
        config.max_batch_entries = luck.of(&[1, 2, 64]);
        config.max_inflight_messages = luck.of(&[1, 2, 64]);
        let operated = luck.of(&[true, false]);
        if operated {
            config.lease_drift_ppm = config.check_quorum.then(|| luck.of(&[0, 1000]));
            config.max_inflight_bytes = luck.of(&[1, 60, 1 << 20]);
            config.max_batch_bytes = luck.of(&[1, 60, 1 << 20]);
            config.max_chunk_bytes = luck.of(&[1, 5, 64]);
            config.trailing_entries = luck.of(&[0, 1, 4]);
            config.max_pending_reads = luck.of(&[1, 64]);
            options.learners = luck.of(&[0, 1]);
            options.blank = SERVERS - options.nodes - options.learners;
        }
        let mut cluster = Cluster::with_flaws(&options, flaws);
        if told {
            cluster.notation.start(Detail::Everything);
        }
        if luck.below(2) == 0 {
            // Before anybody may vote under leases, a promise of the life before must have run out.
            cluster.now = cluster.now + Duration::from_millis(150);
            cluster.elect(NodeId::new(1));
        }
        Self { luck, cluster, tokens: 0, operated, wiped: BTreeSet::new(), told }
    }

    /// Walks to the end, and says how many entries were committed, and how often what is rare has happened.
    pub(crate) fn finish(mut self) -> (usize, Tally) {
        for _ in 0..if self.operated { 5 * STEPS } else { STEPS } {
            self.step();
            self.tell();
        }
        self.settle();
        (self.cluster.committed(), self.cluster.tally)
    }

    fn tell(&mut self) {
        if self.told {
            print!("{}", self.cluster.notation.take());
        }
    }

    fn step(&mut self) {
        let ids = self.cluster.ids();
        let id = self.luck.of(&ids);
        if self.operated {
            self.operated_step(id, &ids);
            return;
        }
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

    /// Operators get nowhere where nobody leads for long, so their walks are calmer, and longer.
    fn operated_step(&mut self, id: NodeId, ids: &[NodeId]) {
        match self.luck.below(400) {
            0..250 => self.deliver(),
            250..256 => self.lose(),
            256..264 => self.duplicate(),
            264..340 => self.write(id),
            340..350 => self.pass_time(id),
            350..372 => self.ask(id),
            372..392 => self.operate(id),
            392..394 => self.crash_or_restart(id),
            394 => self.partition(ids),
            395 if self.cluster.leaders().is_empty() => self.campaign(id),
            _ => self.recover(id),
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

    fn token(&mut self, letter: Letter) -> Token {
        self.tokens += 1;
        letter.token(self.tokens)
    }

    /// Some leader, or `id` if there is none.
    fn some_leader(&mut self, id: NodeId) -> NodeId {
        let leaders = self.cluster.leaders();
        if leaders.is_empty() { id } else { self.luck.of(&leaders) }
    }

    /// A client wants something, mostly of a leader.
    fn ask(&mut self, id: NodeId) {
        let leader = self.some_leader(id);
        let (id, input) = match self.luck.below(10) {
            0 => (leader, Input::Campaign),
            1 | 2 => (leader, Input::Read { token: self.token(Letter::R), mode: ReadMode::Leader }),
            3 if self.operated => {
                (leader, Input::Read { token: self.token(Letter::R), mode: ReadMode::Lease })
            }
            4 if self.operated => {
                (id, Input::Read { token: self.token(Letter::R), mode: ReadMode::Follower })
            }
            _ => {
                let token = self.token(Letter::P);
                (leader, Input::Propose { token, data: (&*format!("p{}", self.tokens)).into() })
            }
        };
        if self.cluster.is_up(id) {
            self.cluster.step(id, input);
        }
    }

    /// An operator wants something.
    fn operate(&mut self, id: NodeId) {
        let leader = self.some_leader(id);
        match self.luck.below(16) {
            0..6 => self.change(leader),
            6..12 => {
                let at = self.luck.of(&[leader, id]);
                if self.cluster.is_up(at) {
                    self.cluster.take_snapshot(at);
                }
            }
            12 | 13 if self.cluster.is_up(leader) => {
                let token = self.token(Letter::T);
                self.cluster.step(leader, Input::TransferLeadership { token, to: id });
            }
            14 if self.cluster.is_up(leader) => {
                let token = self.token(Letter::T);
                self.cluster.step(leader, Input::StepDown { token });
            }
            15 => self.wipe(id),
            _ => {}
        }
    }

    /// Mostly one change, sometimes several at once. Who has lost its disk never comes back under its name.
    fn change(&mut self, leader: NodeId) {
        let ids = self.cluster.ids();
        let count = self.luck.of(&[1, 1, 2, 3]);
        let mut changes = Vec::new();
        for _ in 0..count {
            let id = self.luck.of(&ids);
            let change = self.luck.of(&[Change::AddVoter(id), Change::AddLearner(id), Change::Remove(id)]);
            if matches!(change, Change::Remove(_)) || !self.wiped.contains(&id) {
                changes.push(change);
            }
        }
        if self.cluster.is_up(leader) {
            let token = self.token(Letter::C);
            self.cluster.step(leader, Input::ChangeMembership { token, changes });
        }
    }

    /// One server may lose its disk.
    fn wipe(&mut self, id: NodeId) {
        if self.wiped.is_empty() && self.cluster.server(id).disk.snapshot.is_some() {
            self.wiped.insert(id);
            self.cluster.wipe(id);
        }
    }

    fn campaign(&mut self, id: NodeId) {
        if self.cluster.is_up(id) {
            self.cluster.step(id, Input::Campaign);
        }
    }

    fn recover(&mut self, id: NodeId) {
        self.cluster.heal();
        if !self.cluster.is_up(id) {
            self.cluster.restart(id);
        }
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

    /// Everything is repaired: a leader appears, and what it commits reaches every member.
    fn settle(&mut self) {
        self.cluster.heal();
        for id in self.cluster.ids() {
            if !self.cluster.is_up(id) {
                self.cluster.restart(id);
            }
        }
        if !self.is_repairable() {
            return;
        }
        // Without PreVote and CheckQuorum whoever was removed may depose each leader (thesis §4.2.3), so one is looked
        // for often, and then the others are switched off.
        for _ in 0..70 {
            self.cluster.run(Duration::from_millis(100));
            self.tell();
            if let Some(leader) = self.settled_leader() {
                self.retire_strangers(leader);
                return self.check_level();
            }
        }
        panic!("seven calm seconds elect no leader that commits all it has");
    }

    /// Whether those that have kept their disks are enough, whichever configuration goes on.
    fn is_repairable(&self) -> bool {
        let keeps = |node| (!self.wiped.contains(&node)).then_some(true);
        let can_decide = |members: &Membership| members.voters.vote(keeps) == VoteResult::Won;
        self.cluster.ids().into_iter().all(|id| can_decide(self.cluster.view(id).membership))
    }

    /// The leader of the last term, if it has nothing left to commit.
    fn settled_leader(&self) -> Option<NodeId> {
        let leader = self.cluster.leaders().into_iter().max_by_key(|id| self.cluster.view(*id).term)?;
        let view = self.cluster.view(leader);
        (view.commit == view.last.index && !view.membership.is_joint()).then_some(leader)
    }

    /// Who belongs to the cluster no longer is switched off, as operators do.
    fn retire_strangers(&mut self, leader: NodeId) {
        let members = self.cluster.view(leader).membership.clone();
        for id in self.cluster.ids().into_iter().filter(|id| !members.contains(*id)) {
            self.cluster.crash(id, 0);
        }
    }

    fn check_level(&mut self) {
        self.cluster.run(Duration::from_secs(3));
        self.tell();
        let leader = self.settled_leader().expect("a leader that is left alone stays one");
        let view = self.cluster.view(leader);
        for id in view.membership.nodes().filter(|id| !self.wiped.contains(id)) {
            let node = self.cluster.node(id);
            assert_eq!(
                (node.log().last(), node.commit()),
                (view.last, view.commit),
                "{id} is level with its leader"
            );
        }
    }
}
