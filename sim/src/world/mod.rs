//! The one loop: takes the next event, has it happen, and shows every checker what came of it.
//!
//! Everything goes one way: an event changes a host, the network or the clients; what follows from it becomes
//! facts for the checkers, records for the trace, and further events. Nothing calls back.

mod action;
mod client;
mod drill;
mod hand;
mod links;
mod node;
mod operator;
mod verdict;
mod witness;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;

use crate::check::{Checkers, Limits, Sight};
use crate::choice::Choice;
use crate::clock::Clock;
use crate::disk::{Disk, Settings};
use crate::event::Event;
use crate::fault::FaultKind;
use crate::history::{ClientId, Completion};
use crate::host::{Host, Timer, position};
use crate::nemesis::Nemeses;
use crate::network::Network;
use crate::network::distribution::Sampler;
use crate::observation::{HardStateFact, LogFacts, View, Violation};
use crate::queue::Queue;
use crate::replica::{Effects, InitialState, Replica};
use crate::run::{Cutoff, MessageCounts, OperationCounts};
use crate::scenario::model::{Action, Predicate, ReadModeName, Scenario};
use crate::time::{Span, Time};
use crate::trace::{Record, Trace};
use crate::workload::{ClientEffect, Clients};
use drill::Drill;
use operator::Operators;
use seaworthy_core::flaw::Planted;
use seaworthy_core::kv;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};
use seaworthy_core::view::{Role, Usage};
use std::collections::{BTreeMap, VecDeque};
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use witness::Witness;

/// What a world is to do besides running.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether to keep the trace in words and the history.
    pub record: bool,
    /// Whether to run the checkers. Without them a run says nothing about right and wrong.
    pub check: bool,
    /// After how many steps to give up.
    pub max_steps: u64,
}

/// Why a run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It ran its course.
    Ended,
    /// A property does not hold.
    Violation(Violation),
    /// An expectation of the scenario was missed, in words.
    Missed(String),
    /// There was too much of something.
    Cutoff(Cutoff),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// A run in which messages breed messages is given up before it eats all memory: no sane one has more than some
/// thousand events to come.
const MAX_PENDING: usize = 200_000;

/// A cluster of `R` and all that surrounds it.
pub struct World<'a, R: Replica> {
    scenario: &'a Scenario,
    flaws: Planted,
    choice: &'a mut Choice,
    options: Options,
    queue: Queue<Event<R::Message>>,
    hosts: Vec<Host<R>>,
    network: Network,
    clients: Clients,
    nemeses: Nemeses,
    operators: Operators,
    drill: Drill,
    witness: Witness,
    phase: Phase,
    /// By position in the scenario, whether an expectation has been looked at.
    expected: Vec<bool>,
    last_completions: BTreeMap<ClientId, Completion>,
    counts: Counts,
    /// Messages that are held back, in the order in which they came.
    clogged: Vec<(NodeId, NodeId, R::Message)>,
    // Buffers that are used again and again; empty between events.
    effects: Effects<R>,
    leaving: Vec<R::Message>,
    log: LogFacts,
    client_effects: Vec<ClientEffect>,
    actions: Vec<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Faults happen; only safety is checked.
    Faults,
    /// No more faults; the cluster must settle.
    Healed,
}

#[derive(Debug, Default)]
struct Counts {
    messages: MessageCounts,
    operations: OperationCounts,
    elections: u64,
    faults: BTreeMap<FaultKind, u64>,
}

impl Counts {
    /// A fault took effect.
    fn fault(&mut self, kind: FaultKind) {
        *self.faults.entry(kind).or_default() += 1;
    }
}

impl<'a, R: Replica> World<'a, R> {
    /// The world of `scenario`, which must be valid, just before its start.
    pub fn new(scenario: &'a Scenario, choice: &'a mut Choice, options: Options) -> Self {
        let cluster = &scenario.cluster;
        let nodes: Vec<NodeId> = (1..=cluster.servers()).map(NodeId::new).collect();
        let learns = |node: &NodeId| cluster.learners.contains(&node.get());
        let founders = nodes.iter().copied().take(cluster.nodes as usize);
        let (learners, voters): (Vec<_>, Vec<_>) = founders.partition(learns);
        let membership = Membership { learners, ..Membership::new(voters) };
        let config = node::config(scenario, nodes[0], 0);
        let flaws = crate::planted::flaws(scenario.planted.iter().map(String::as_str));
        let mut world = Self {
            scenario,
            flaws,
            choice,
            options,
            queue: Queue::default(),
            hosts: nodes.iter().map(|node| host(scenario, *node, &membership, flaws)).collect(),
            network: Network::new(scenario),
            clients: Clients::new(scenario),
            nemeses: Nemeses::new(scenario),
            operators: Operators::default(),
            drill: Drill::new(scenario.liveness.drill && !scenario.liveness.core),
            witness: Witness::new(
                options.check.then(|| {
                    let checkers = Checkers::new(&nodes, &membership, Limits::of(&config));
                    if reads_stale(scenario) { checkers.judging_stale_reads() } else { checkers }
                }),
                Trace::new(options.record),
                options.record,
            ),
            phase: Phase::Faults,
            expected: vec![false; scenario.expect.len()],
            last_completions: BTreeMap::new(),
            counts: Counts::default(),
            effects: Effects::default(),
            clogged: Vec::new(),
            leaving: Vec::new(),
            log: LogFacts::default(),
            client_effects: Vec::new(),
            actions: Vec::new(),
        };
        world.lay_out();
        world
    }

    /// Has the checkers look at no more than this.
    #[must_use]
    pub fn seeing(mut self, sight: Sight) -> Self {
        self.witness.checkers = self.witness.checkers.map(|checkers| checkers.seeing(sight));
        self
    }

    /// Schedules all that the scenario itself says.
    fn lay_out(&mut self) {
        self.queue.schedule(Time::ZERO, Event::Start);
        for (position, moment) in self.scenario.timeline.iter().enumerate() {
            self.queue.schedule(Time::ZERO + moment.at, Event::Moment { position });
        }
        for (position, expectation) in self.scenario.expect.iter().enumerate() {
            // A violation ends the run when it is found, so that its absence shows only at the end.
            let at = expectation.at.filter(|_| !matches!(expectation.that, Predicate::Violated(_)));
            if let Some(at) = at {
                self.queue.schedule_last(Time::ZERO + at, Event::Expect { position });
            }
        }
        self.queue.schedule_last(Time::ZERO + self.scenario.duration, Event::Elapsed);
    }

    /// The present.
    pub fn now(&self) -> Time {
        self.witness.now
    }

    /// Checked steps so far.
    pub fn steps(&self) -> u64 {
        self.witness.steps
    }

    /// What `node` looked like after its last step, and whether it runs.
    pub fn node(&self, node: NodeId) -> (bool, &View) {
        let host = &self.hosts[position(node)];
        (host.replica.is_some(), &host.view)
    }

    /// The same of all nodes, in order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (bool, &View)> + Clone {
        self.hosts.iter().map(|host| (host.replica.is_some(), &host.view))
    }

    /// Has the next event happen.
    ///
    /// # Errors
    /// Why the run is over, if it is. Further steps mean nothing then.
    pub fn step(&mut self) -> Result<(), Stop> {
        let (now, event) = self.queue.pop().expect("until the run is over its end is on the queue");
        assert!(self.witness.now <= now, "time went back");
        self.witness.now = now;
        self.handle(event)?;
        if self.options.max_steps <= self.witness.steps {
            return Err(Stop::Cutoff(Cutoff::Steps));
        }
        if MAX_PENDING < self.queue.len() {
            return Err(Stop::Cutoff(Cutoff::Pending));
        }
        if self.phase == Phase::Healed { self.check_settled() } else { Ok(()) }
    }

    fn handle(&mut self, event: Event<R::Message>) -> Result<(), Stop> {
        match event {
            Event::Deliver { from, to, message } if self.network.is_clogged(from, to) => {
                self.clogged.push((from, to, message));
                Ok(())
            }
            Event::Deliver { from, to, message } => {
                self.network.arrived(from, to);
                if self.network.is_cut(from, to) {
                    self.lose(&message, crate::network::Cause::Cut);
                    return Ok(());
                }
                self.at_node(to, Event::Deliver { from, to, message })
            }
            Event::Request { node, .. }
            | Event::Instruct { node, .. }
            | Event::Timeout { node, .. }
            | Event::Synced { node, .. }
            | Event::Campaign { node } => self.at_node(node, event),
            Event::Backlog { node } => self.take_up(node),
            Event::Reply { client, from, token, writes, result } => {
                self.answered(client, from, token, writes, &result)
            }
            Event::ClientWake { client } => self.wake_client(client),
            Event::OperatorWake { number } => self.wake_operator(number),
            Event::NemesisWake { position } => self.wake_nemesis(position),
            Event::Moment { position } => self.moment(position),
            Event::Expect { position } => self.expect(position),
            Event::Start => self.start(),
            Event::Elapsed => self.elapsed(),
            Event::Overdue => self.overdue(),
        }
    }

    fn start(&mut self) -> Result<(), Stop> {
        for node in 0..self.hosts.len() {
            self.boot(node, true)?;
        }
        self.clients.start(self.choice, &mut self.client_effects);
        for (position, at) in self.nemeses.start(self.choice) {
            self.queue.schedule(at, Event::NemesisWake { position });
        }
        self.follow_clients()
    }

    fn elapsed(&mut self) -> Result<(), Stop> {
        if !self.scenario.liveness.check {
            return Err(Stop::Ended);
        }
        self.heal_everything()?;
        self.queue.schedule_last(self.now() + self.scenario.liveness.within, Event::Overdue);
        Ok(())
    }

    fn note(&mut self, record: Record) {
        self.witness.note(record);
    }
}

/// Whether clients ask for stale reads.
fn reads_stale(scenario: &Scenario) -> bool {
    let stale = ReadModeName::Stale;
    let draws = scenario.workload.as_ref().is_some_and(|workload| workload.reads.contains_key(&stale));
    let asks = |action: &Action| matches!(action, Action::Invoke { read: Some(read), .. } if *read == stale);
    draws || scenario.timeline.iter().any(|moment| asks(&moment.action))
}

/// A machine that is off, with what the scenario puts on its disk.
fn host<R: Replica>(scenario: &Scenario, id: NodeId, membership: &Membership, flaws: Planted) -> Host<R> {
    let clock = scenario.clocks.iter().find(|clock| clock.node == id.get());
    let initial = scenario.cluster.initial.iter().find(|initial| initial.node == id.get());
    let founds = id.get() <= scenario.cluster.nodes;
    let cluster = &scenario.cluster;
    let limits = kv::Limits {
        max_sessions: NonZeroU32::new(cluster.max_sessions).expect("a valid scenario allows a session"),
        session_lifetime: NonZeroU64::new(cluster.session_lifetime).expect("and gives it some time"),
    };
    let mut founder = InitialState { membership: membership.clone(), limits, ..InitialState::default() };
    if let Some(initial) = initial {
        let vote = initial.vote.and_then(NodeId::try_new);
        founder.hard_state = HardStateFact { term: Term(initial.term), vote };
        founder.log = initial.log.iter().copied().map(Term).collect();
    }
    let view = View {
        node: id,
        role: Role::Follower,
        term: Term::ZERO,
        vote: None,
        leader: None,
        commit: LogIndex::ZERO,
        applied: LogIndex::ZERO,
        last: EntryId::ZERO,
        snapshot: None,
        state_hash: 0,
        followers: Vec::new(),
        membership: Arc::new(membership.clone()),
        membership_index: LogIndex::ZERO,
        lease_until: None,
        usage: Usage::default(),
    };
    Host {
        id,
        replica: None,
        paused: false,
        doomed: false,
        backlog: VecDeque::new(),
        disk: Disk::new(
            Settings::new(&scenario.disk, id, flaws),
            R::durable(founds.then_some(&founder)),
            base_sync(scenario, id),
        ),
        clock: clock.map_or(Clock::new(Span::ZERO, 0), |clock| Clock::new(clock.offset, clock.drift_ppm)),
        timer: Timer::default(),
        held: Vec::new(),
        reign: LogIndex::ZERO,
        view,
        waiting: BTreeMap::new(),
        life: 0,
        wiped: false,
        retired: false,
    }
}

/// How long the syncs of a node take while no fault says otherwise.
fn base_sync(scenario: &Scenario, node: NodeId) -> Sampler {
    let own = scenario.disk.nodes.iter().find(|disk| disk.node == node.get());
    Sampler::from(own.map_or(&scenario.disk.sync, |disk| &disk.sync))
}
