//! A cluster in the simulator's own world, at the pace of the wall clock: the same network, disks and checkers as in a
//! run, and each session is one. What is done at the prompt is written down as the timeline of a scenario, which has the
//! same happen again.

use super::Result;
use super::deck::{Sighting, leader};
use super::orders::{Fault, Target};
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::NodeId;
use seaworthy_node::client::{ClientError, Failure};
use seaworthy_node::server::{FollowerStatus, Status};
use seaworthy_sim::choice::Choice;
use seaworthy_sim::history::{ClientId, Completion};
use seaworthy_sim::observation::View;
use seaworthy_sim::report::property_name;
use seaworthy_sim::scenario::model::{Action, Distribution, Moment, Scenario};
use seaworthy_sim::scenario::scalar::{Ppm, Target as Role};
use seaworthy_sim::scenario::validate;
use seaworthy_sim::seaworthy::Seaworthy;
use seaworthy_sim::time::{Span, Time};
use seaworthy_sim::world::{Options, Stop, World};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The one client of the prompt.
const CLIENT: u32 = 1;

/// So many servers a scenario file can hold, see [`seaworthy_sim::scenario`]; those that do not found the cluster stand
/// ready to be added.
const SERVERS_MAX: u64 = 15;

/// Longer than anybody sits at a prompt.
const FOR_EVER: Span = Span::seconds(10 * 365 * 86_400);

/// How long a command waits for a leader, and how often it looks for one.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// What happens in the world of a session happens at these instants.
const TICK: Span = Span::millis(1);

/// A cluster in a world that runs on a thread of its own.
pub(super) struct Basin {
    asks: Sender<Ask>,
    /// How many servers there are, members or not.
    servers: u64,
    /// Those that were removed: their numbers are used up.
    retired: BTreeSet<NodeId>,
}

/// What the world can be asked.
enum Ask {
    Execute { command: Command, reply: oneshot::Sender<std::result::Result<Answer, ClientError>> },
    Act { actions: Vec<Action>, reply: oneshot::Sender<std::result::Result<(), String>> },
    Look(oneshot::Sender<Vec<Sighting>>),
    Story(oneshot::Sender<(Scenario, u64)>),
}

/// The answer that a command waits for.
type Waiting = oneshot::Sender<std::result::Result<Answer, ClientError>>;

impl Basin {
    /// Floats a cluster of so many founders.
    pub(super) fn launch(founders: u64) -> Result<Self> {
        let mut scenario = Scenario::named("session", "What somebody did at the prompt happens again.");
        scenario.cluster.nodes = founders;
        scenario.cluster.spares = SERVERS_MAX.saturating_sub(founders);
        scenario.duration = FOR_EVER;
        scenario.network.latency = calm();
        scenario.network.client_latency = calm();
        scenario.disk.sync = calm();
        // Short, because it may have to be typed.
        let seed = u64::from(getrandom::u32().map_err(|error| error.to_string())?);
        let (servers, retired) = (scenario.cluster.servers(), BTreeSet::new());
        let (asks, inbox) = channel();
        thread::Builder::new().name("basin".to_owned()).spawn(move || sail(&scenario, seed, &inbox))?;
        Ok(Self { asks, servers, retired })
    }

    pub(super) async fn execute(&self, command: Command) -> std::result::Result<Answer, ClientError> {
        // The client begins with the leader. Without one it would ask all servers in turn, also those that only stand
        // ready.
        let deadline = Instant::now() + PATIENCE;
        while leader(&self.statuses().await).is_none() && Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
        }
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Execute { command, reply });
        answer
            .await
            .unwrap_or_else(|_| Err(ClientError::Unknown { reason: "the world has ended".to_owned() }))
    }

    pub(super) async fn statuses(&self) -> Vec<Sighting> {
        let (reply, sightings) = oneshot::channel();
        self.ask(Ask::Look(reply));
        sightings.await.unwrap_or_default()
    }

    /// Has something done to the cluster, at once.
    pub(super) async fn act(&self, actions: Vec<Action>) -> std::result::Result<(), String> {
        let (reply, done) = oneshot::channel();
        self.ask(Ask::Act { actions, reply });
        done.await.unwrap_or_else(|_| Err("the world has ended".to_owned()))
    }

    pub(super) async fn snapshot(&self, node: NodeId) -> std::result::Result<(), String> {
        let node = find(&self.statuses().await, Target::Node(node))?;
        self.act(vec![Action::TakeSnapshot(node)]).await
    }

    /// A server was removed from the cluster.
    pub(super) fn retire(&mut self, node: NodeId) {
        self.retired.insert(node);
    }

    /// Whether a server is there that can be added.
    pub(super) fn check_stands_ready(&self, node: NodeId) -> std::result::Result<(), String> {
        if self.retired.contains(&node) {
            return Err(format!("{node} was removed: a server that comes back has a new number"));
        }
        if self.servers < node.get() { Err(format!("there are {} servers", self.servers)) } else { Ok(()) }
    }

    pub(super) async fn fault(&self, fault: &Fault) -> std::result::Result<(), String> {
        let sightings = self.statuses().await;
        let find = |target| find(&sightings, target);
        let actions = match fault {
            Fault::Crash(target) => vec![Action::Crash(vec![find(*target)?])],
            Fault::Restart(node) => {
                let node = find(Target::Node(*node))?;
                vec![Action::Crash(vec![node]), Action::Restart(vec![node])]
            }
            Fault::Partition(groups) => {
                let group =
                    |nodes: &Vec<NodeId>| nodes.iter().map(|node| find(Target::Node(*node))).collect();
                let groups = groups.iter().map(group).collect::<std::result::Result<_, _>>()?;
                vec![Action::Partition { groups }]
            }
            Fault::Isolate(target) => vec![Action::Isolate(find(*target)?)],
            Fault::Heal => vec![Action::Heal {}, Action::Latency(calm()), Action::Loss(Ppm::ZERO)],
            Fault::Delay(delay) if delay.is_zero() => vec![Action::Latency(calm())],
            Fault::Delay(delay) => {
                let nanos = u64::try_from(delay.as_nanos()).map_err(|_| "that is too long".to_owned())?;
                vec![Action::Latency(Distribution::Constant(Span(nanos)))]
            }
            Fault::Loss(percent) => vec![Action::Loss(Ppm::new(percent * 10_000))],
        };
        self.act(actions).await
    }

    /// Writes the session down as a scenario. Gives the command that has it happen again.
    pub(super) async fn save(&self, path: &Path) -> std::result::Result<String, String> {
        let (reply, story) = oneshot::channel();
        self.ask(Ask::Story(reply));
        let (scenario, seed) = story.await.map_err(|_| "the world has ended".to_owned())?;
        if let Err(problems) = validate(&scenario) {
            let problems: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
            return Err(format!("no scenario can hold this session: {}", problems.join("; ")));
        }
        let written = OpenOptions::new().write(true).create_new(true).open(path);
        let written = written.and_then(|mut file| write!(file, "{scenario}"));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(format!("seaworthy run {} --seed {seed}", path.display()))
    }

    fn ask(&self, ask: Ask) {
        // A world that has ended answers by its silence.
        let _ = self.asks.send(ask);
    }
}

/// A server as scenarios name it, if it is there.
fn find(sightings: &[Sighting], target: Target) -> std::result::Result<Role, String> {
    match target {
        Target::Leader => match leader(sightings) {
            Some(_) => Ok(Role::Leader),
            None => Err("nobody leads".to_owned()),
        },
        Target::Node(node) if sightings.iter().any(|(name, _)| *name == node.to_string()) => {
            Ok(Role::Node(node.get()))
        }
        Target::Node(node) => Err(format!("there is no {node}")),
    }
}

/// How long messages and syncs take while nothing is wrong: about as long as on one machine.
fn calm() -> Distribution {
    Distribution::Uniform { min: Span::micros(100), max: Span::micros(300) }
}

/// Runs the world until nobody asks any more.
fn sail(scenario: &Scenario, seed: u64, inbox: &Receiver<Ask>) {
    let mut choice = Choice::seeded(seed);
    let options = Options { record: false, check: true, max_steps: u64::MAX };
    let mut voyage = Voyage {
        world: World::new(scenario, &mut choice, options),
        scenario,
        seed,
        begun: Instant::now(),
        present: Time::ZERO,
        timeline: Vec::new(),
        waiting: None,
        wreck: None,
    };
    loop {
        voyage.catch_up();
        match inbox.recv_timeout(voyage.rest()) {
            Ok(ask) => voyage.on_ask(ask),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A world on its way.
///
/// - Everything before the present has happened, and nothing else has but what was done by hand: that comes first of
///   all that happens at one instant, where a timeline would have it.
struct Voyage<'a> {
    world: World<'a, Seaworthy>,
    scenario: &'a Scenario,
    seed: u64,
    begun: Instant,
    /// The tick in which the world is.
    present: Time,
    timeline: Vec<Moment>,
    /// Whoever waits for the answer of the operation that is open.
    waiting: Option<Waiting>,
    /// Why the world has ended, in words, if it has: something in it was not as it must be.
    wreck: Option<String>,
}

impl Voyage<'_> {
    /// Has happen what should have happened by now.
    fn catch_up(&mut self) {
        let elapsed = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // The tick that is about to begin: the world has started before anything can be done to it.
        self.present = Time(elapsed - elapsed % TICK.0) + TICK;
        while self.wreck.is_none() && self.world.next_at() < self.present {
            let stepped = self.world.step();
            self.look_at(stepped);
        }
        if self.world.open_operations() == 0 || self.wreck.is_some() {
            self.answer();
        }
    }

    fn look_at(&mut self, stepped: std::result::Result<(), Stop>) {
        self.wreck = match stepped {
            Ok(()) => return,
            Err(Stop::Violation(violation)) => {
                Some(format!("VIOLATION {}: {}", property_name(violation.property), violation.detail))
            }
            Err(Stop::Missed(_) | Stop::Ended | Stop::Cutoff(_)) => Some("the world has ended".to_owned()),
        };
    }

    fn answer(&mut self) {
        let Some(waiting) = self.waiting.take() else { return };
        let silent = || "no server answered in time".to_owned();
        let result = match (&self.wreck, self.world.last_completion(ClientId(CLIENT))) {
            (Some(wreck), _) => Err(ClientError::Unknown { reason: wreck.clone() }),
            (None, Some(Completion::Ok(answer))) => Ok(answer.clone()),
            (None, Some(Completion::Info)) => Err(ClientError::Unknown { reason: silent() }),
            (None, Some(Completion::Fail) | None) => Err(ClientError::Unavailable { reason: silent() }),
        };
        // Whoever has stopped waiting gets no answer.
        let _ = waiting.send(result);
    }

    /// How long nothing happens.
    fn rest(&self) -> Duration {
        if self.wreck.is_some() {
            return Duration::from_secs(1);
        }
        let due = Duration::from_nanos(self.world.next_at().0);
        due.saturating_sub(self.begun.elapsed()).min(Duration::from_secs(1))
    }

    fn on_ask(&mut self, ask: Ask) {
        self.catch_up();
        // Nobody is left to hear an answer that is not sent.
        match ask {
            Ask::Execute { command, reply } => {
                self.waiting = Some(reply);
                let (command, client) = (command.to_string(), CLIENT);
                let node = Some(Role::Leader);
                self.act(vec![Action::Invoke { client, command, node, stay: false, read: None }]);
            }
            Ask::Act { actions, reply } => {
                self.act(actions);
                let _ = reply.send(self.wreck.clone().map_or(Ok(()), Err));
            }
            Ask::Look(reply) => drop(reply.send(self.sightings())),
            Ask::Story(reply) => drop(reply.send((self.story(), self.seed))),
        }
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            if self.wreck.is_some() {
                return;
            }
            let acted = self.world.intervene(self.present, &action);
            self.timeline.push(Moment { at: self.present - Time::ZERO, action });
            self.look_at(acted);
        }
    }

    /// The servers that belong to the cluster.
    fn sightings(&self) -> Vec<Sighting> {
        let cluster = &self.scenario.cluster;
        let nodes = (1..=cluster.servers()).map(NodeId::new);
        let views: Vec<(bool, &View)> = nodes.map(|node| self.world.node(node)).collect();
        let members = views.iter().filter(|(up, view)| *up && view.snapshot.is_some());
        let newest = members.max_by_key(|(_, view)| (view.term, view.membership_index));
        let belongs = |node: NodeId| match newest {
            Some((_, view)) => view.membership.contains(node),
            None => node.get() <= cluster.nodes,
        };
        let seen = views.iter().filter(|(_, view)| belongs(view.node));
        seen.map(|(up, view)| {
            let down = || Failure::Unreachable("down".to_owned());
            (view.node.to_string(), if *up { Ok(status(view)) } else { Err(down()) })
        })
        .collect()
    }

    /// The session so far.
    fn story(&self) -> Scenario {
        let duration = self.present + Span::seconds(1) - Time::ZERO;
        Scenario { duration, timeline: self.timeline.clone(), ..self.scenario.clone() }
    }
}

fn status(view: &View) -> Status {
    let followers = view.followers.iter();
    let followers =
        followers.map(|follower| FollowerStatus { node: follower.node, matched: follower.matched });
    Status {
        id: view.node,
        role: view.role,
        term: view.term,
        leader: view.leader,
        commit: view.commit,
        applied: view.applied,
        last: view.last,
        snapshot: view.snapshot,
        state_hash: view.state_hash,
        membership: (*view.membership).clone(),
        followers: followers.collect(),
    }
}
