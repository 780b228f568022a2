use super::target::NodeStatus;
use super::*;
use crate::fault::FaultKind;
use crate::scenario::model::{Distribution, Liveness};
use crate::scenario::scalar::Target;
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::types::{NodeId, Term};
use std::collections::{BTreeMap, BTreeSet};

fn scenario(nodes: u64, faults: &[Fault], every: Distribution) -> Scenario {
    let mut scenario: Scenario = serde_json::from_str(r#"{"name": "test", "claim": "none"}"#).unwrap();
    scenario.cluster.nodes = nodes;
    scenario.liveness = Liveness::default();
    for fault in faults {
        let duration = Distribution::Uniform { min: Span::ZERO, max: Span::millis(500) };
        scenario.nemesis.push(Nemesis { fault: *fault, every: every.clone(), duration });
    }
    scenario
}

/// A cluster that does what it is told. Changes of its membership are over at once; what is told to a node that is cut
/// off at the same time comes to nothing.
struct World {
    status: Status,
    cut: bool,
    clogged: bool,
    full: BTreeSet<NodeId>,
    armed: Option<NodeId>,
    changed: BTreeMap<String, Action>,
    usual: BTreeMap<String, Action>,
}

impl World {
    fn new(scenario: &Scenario) -> Self {
        let cluster = &scenario.cluster;
        let node = |number| NodeStatus {
            node: NodeId::new(number),
            up: true,
            paused: false,
            leads: None,
            gone: false,
        };
        let network = &scenario.network;
        let mut usual = BTreeMap::from([
            ("loss".to_owned(), Action::Loss(network.loss)),
            ("duplicate".to_owned(), Action::Duplicate(network.duplicate)),
            ("latency".to_owned(), Action::Latency(network.latency.clone())),
        ]);
        for number in 1..=cluster.servers() {
            let sync = scenario.disk.sync.clone();
            let action = Action::SlowDisk { node: Target::Node(number), sync };
            usual.insert(format!("disk {number}"), action);
        }
        Self {
            status: Status {
                nodes: (1..=cluster.servers()).map(node).collect(),
                membership: Membership::new((1..=cluster.nodes).map(NodeId::new)),
                settled: true,
            },
            cut: false,
            clogged: false,
            full: BTreeSet::new(),
            armed: None,
            changed: usual.clone(),
            usual,
        }
    }

    fn node(&mut self, target: &Target) -> &mut NodeStatus {
        let Target::Node(number) = target else { panic!("{target:?} is a role") };
        &mut self.status.nodes[*number as usize - 1]
    }

    fn nodes(&mut self, targets: &[Target]) -> Vec<NodeId> {
        targets.iter().map(|target| self.node(target).node).collect()
    }

    fn change(&mut self, add: &[Target], learn: &[Target], remove: &[Target]) {
        let add = self.nodes(add).into_iter().map(Change::AddVoter);
        let learn = self.nodes(learn).into_iter().map(Change::AddLearner);
        let remove = self.nodes(remove).into_iter().map(Change::Remove);
        let changes: Vec<_> = add.chain(learn).chain(remove).collect();
        assert!(!changes.is_empty(), "a change of nothing");
        let next = self.status.membership.change(&changes).expect("somebody is left to vote");
        self.status.membership = if next.is_joint() { next.leave_joint().unwrap() } else { next };
        assert_eq!(self.status.membership.validate(), Ok(()));
        let gone = self.status.those(|node| node.gone);
        assert!(
            gone.iter().all(|node| !self.status.membership.contains(*node)),
            "{changes:?} keeps {gone:?}"
        );
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Partition { .. } | Action::Cut { .. } | Action::Sever { .. } | Action::Isolate(_) => {
                self.cut = true;
            }
            Action::Heal {} => self.cut = false,
            Action::Crash(nodes) => {
                for node in nodes {
                    *self.node(node) =
                        NodeStatus { up: false, paused: false, leads: None, ..*self.node(node) };
                }
                self.armed = None;
            }
            Action::CrashMidStep(node) | Action::CrashAt { node, .. } | Action::FailSync(node) => {
                self.armed = Some(self.node(node).node);
            }
            Action::Restart(nodes) => nodes.iter().for_each(|node| self.node(node).up = true),
            Action::Pause(node) => self.node(node).paused = true,
            Action::Resume(node) => self.node(node).paused = false,
            Action::SlowDisk { node, .. } => {
                let number = self.node(node).node.get();
                self.changed.insert(format!("disk {number}"), action.clone());
            }
            Action::Loss(_) => drop(self.changed.insert("loss".into(), action.clone())),
            Action::Duplicate(_) => drop(self.changed.insert("duplicate".into(), action.clone())),
            Action::Latency(_) => drop(self.changed.insert("latency".into(), action.clone())),
            Action::Campaign(node) | Action::JumpClock { node, .. } | Action::TakeSnapshot(node) => {
                assert!(self.node(node).up);
            }
            Action::ChangeMembership { add, learn, remove, node: None } => self.change(add, learn, remove),
            Action::ChangeMembership { node: Some(node), .. } => assert!(self.node(node).leads.is_some()),
            Action::TransferLeadership(node) => {
                let node = self.node(node).node;
                assert!(self.status.membership.voters.contains(node));
            }
            Action::StepDown {} => {}
            Action::Wipe(node) | Action::Rot(node) => {
                assert!(!self.node(node).gone, "no disk is lost twice");
                self.node(node).gone = true;
            }
            Action::Clog(_) => self.clogged = true,
            Action::Unclog {} => self.clogged = false,
            Action::FillDisk(node) => {
                let node = self.node(node).node;
                self.full.insert(node);
            }
            Action::FreeDisk(node) => {
                let node = self.node(node).node;
                self.full.remove(&node);
            }
            Action::BackUp(_) | Action::RestoreBackup(_) => panic!("what Raft cannot stand is no strike"),
            Action::Invoke { .. } => panic!("a nemesis is no client"),
        }
    }

    fn whole(&self) -> bool {
        let well = self.status.nodes.iter().all(|node| node.up && !node.paused);
        well && !self.cut
            && !self.clogged
            && self.full.is_empty()
            && self.armed.is_none()
            && self.changed == self.usual
    }
}

#[test]
fn whatever_a_nemesis_does_it_undoes_and_time_advances() {
    for nodes in 1..=7 {
        for fault in FAULTS {
            let every = Distribution::Uniform { min: Span::ZERO, max: Span::millis(100) };
            let mut scenario = scenario(nodes, &[fault], every);
            // There is always another to take a lost server's place.
            let loses_disks = matches!(fault, Fault::Wipe | Fault::Rot);
            scenario.cluster.spares = if loses_disks { 200 } else { 0 };
            let mut choice = Choice::seeded(nodes);
            let mut nemeses = Nemeses::new(&scenario);
            let mut world = World::new(&scenario);
            let Some((position, mut now)) = nemeses.start(&mut choice).first().copied() else {
                assert!(nodes < 3, "{fault:?} never strikes {nodes} nodes");
                continue;
            };
            let (mut strikes, mut actions, mut kinds) = (0, Vec::new(), BTreeSet::new());
            let stages = if fault == Fault::Ambush { 2 } else { 1 };
            let mut stage = 0;
            for turn in 0..200 {
                if turn % 3 > 0 && world.whole() {
                    world.status.nodes[turn % nodes as usize].leads = Some(Term(turn as u64));
                }
                let before = world.whole();
                stage = if before { 0 } else { stage + 1 };
                let next = nemeses.wake(position, now, &world.status, &mut choice, &mut actions).unwrap();
                assert!(now < next);
                now = next;
                let acted = !actions.is_empty();
                if stage < stages {
                    kinds.extend(actions.iter().filter_map(FaultKind::of_action));
                }
                actions.drain(..).for_each(|action| world.act(&action));
                if turn % 2 == 0
                    && let Some(node) = world.armed.take()
                {
                    world.act(&Action::Crash(vec![node.into()]));
                }
                assert!(stage < stages || world.whole(), "{fault:?} left something behind on {nodes} nodes");
                strikes += u64::from(acted && before);
                world.status.nodes.iter_mut().for_each(|node| node.leads = None);
            }
            if loses_disks && nodes < 3 {
                assert_eq!(strikes, 0, "no majority is left without the one that is lost");
                continue;
            }
            assert!(strikes > 50, "{fault:?} struck {nodes} nodes {strikes} times");
            let missing = FaultKind::of_nemesis(fault).iter().find(|kind| !kinds.contains(kind));
            assert_eq!(missing, None, "{fault:?}");
        }
    }
}

#[test]
fn a_fault_of_the_leader_waits_for_a_leader() {
    let every = Distribution::Constant(Span::millis(100));
    let faults = [Fault::IsolateLeader, Fault::CrashLeader, Fault::PauseLeader, Fault::SlowLeaderDisk];
    let scenario = scenario(3, &faults, every);
    let mut choice = Choice::seeded(1);
    let mut nemeses = Nemeses::new(&scenario);
    let mut world = World::new(&scenario);
    let mut actions = Vec::new();
    for (position, at) in nemeses.start(&mut choice) {
        let next = nemeses.wake(position, at, &world.status, &mut choice, &mut actions).unwrap();
        assert_eq!(next, at + scenario.cluster.heartbeat_interval);
        assert!(actions.is_empty());
        world.status.nodes[1].leads = Some(Term(4));
        nemeses.wake(position, next, &world.status, &mut choice, &mut actions);
        let text = serde_json::to_string(&std::mem::take(&mut actions)).unwrap();
        let about = [r#"{"isolate":2"#, r#"{"crash":[2]"#, r#"{"pause":2"#, r#"{"slow_disk":{"node":2"#];
        assert!(text.starts_with(&format!("[{}", about[position])), "{text}");
        world.status.nodes[1].leads = None;
    }
}

#[test]
fn taking_one_nemesis_out_leaves_the_others_luck() {
    let every = Distribution::Uniform { min: Span::ZERO, max: Span::seconds(1) };
    let strikes = |faults: &[Fault], position: usize| {
        let mut scenario = scenario(5, faults, every.clone());
        if faults[0] == Fault::Campaign {
            scenario.nemesis[0].every = Distribution::Constant(Span::millis(7));
        }
        let mut choice = Choice::seeded(4);
        let mut nemeses = Nemeses::new(&scenario);
        let world = World::new(&scenario);
        let mut actions = Vec::new();
        let starts = nemeses.start(&mut choice);
        nemeses.wake(0, starts[0].1, &world.status, &mut choice, &mut Vec::new());
        nemeses.wake(position, starts[position].1, &world.status, &mut choice, &mut actions);
        (starts[position], actions)
    };
    assert_eq!(strikes(&[Fault::Partition, Fault::Crash], 1), strikes(&[Fault::Campaign, Fault::Crash], 1));
}

/// The actions of one wake of the only nemesis.
fn strike(scenario: &Scenario, status: &Status, seed: u64) -> Vec<Action> {
    let mut choice = Choice::seeded(seed);
    let mut nemeses = Nemeses::new(scenario);
    let mut actions = Vec::new();
    let (position, at) = nemeses.start(&mut choice)[0];
    nemeses.wake(position, at, status, &mut choice, &mut actions);
    actions
}

#[test]
fn a_server_is_wiped_only_while_a_majority_can_spare_it() {
    let mut scenario = scenario(3, &[Fault::Wipe], Distribution::Constant(Span::millis(100)));
    scenario.cluster.spares = 1;
    let settled = World::new(&scenario).status;
    let text = serde_json::to_string(&strike(&scenario, &settled, 1)).unwrap();
    assert!(text.starts_with(r#"[{"wipe":"#) && text.contains(r#""add":[4]"#), "{text}");
    let voters = || settled.membership.voters.incoming.voters();
    let joint = settled.membership.enter_joint(&[Change::AddVoter(NodeId::new(4))], true).unwrap();
    let mut lost = settled.clone();
    lost.nodes[1].gone = true;
    let unsettled = [
        Status { settled: false, ..settled.clone() },
        Status { membership: joint, ..settled.clone() },
        Status { membership: Membership::new(voters()[1..].iter().copied()), ..settled.clone() },
        lost,
    ];
    for status in unsettled {
        assert!((0..50).all(|seed| strike(&scenario, &status, seed).is_empty()), "{status:?}");
    }
}

/// Also while a change is under way, with members whose disks are lost.
#[test]
fn a_change_leaves_somebody_to_vote_and_adds_nobody_of_no_use() {
    let mut scenario = scenario(3, &[Fault::Reconfigure], Distribution::Constant(Span::millis(100)));
    scenario.cluster.spares = 3;
    let mut styles = BTreeSet::new();
    for seed in 0..400 {
        let mut world = World::new(&scenario);
        world.status.membership = Membership::new((1..=seed % 3 + 1).map(NodeId::new));
        world.status.nodes[4].gone = true;
        for action in strike(&scenario, &world.status, seed) {
            let Action::ChangeMembership { add, learn, remove, node: None } = &action else {
                panic!("{action:?} is no wish");
            };
            styles.insert((!add.is_empty(), !learn.is_empty(), !remove.is_empty()));
            world.act(&action);
        }
    }
    let all = [(true, false, false), (true, false, true), (false, true, false), (false, false, true)];
    assert_eq!(styles, BTreeSet::from(all));
}
