//! Takes out of a scenario what its failure does not need, while luck still decides what happens in it.

use super::search::Search;
use crate::observation::Property;
use crate::replica::MessageKind;
use crate::scenario::model::{
    Cluster, CommandName, Disks, Distribution, Liveness, Moment, Network, ReadModeName, Rule, Scenario,
    Workload,
};
use crate::scenario::scalar::{Ppm, Target};
use crate::time::Span;
use std::collections::BTreeMap;

/// Out of how many seeds the luckiest is taken.
const LUCKY: u64 = 160;

/// One thing that can be made plainer. It changes nothing in a scenario that is plain in that respect.
type Plainer = fn(&mut Scenario);

/// From what matters most to what matters least.
const PLAINER: [Plainer; 38] = [
    |scenario| scenario.network.loss = Ppm::ZERO,
    |scenario| scenario.network.duplicate = Ppm::ZERO,
    |scenario| scenario.network.client_loss = Ppm::ZERO,
    |scenario| scenario.network.links.clear(),
    |scenario| scenario.network.capacity = None,
    |scenario| scenario.network.fifo = false,
    |scenario| scenario.network.latency = LATENCY,
    |scenario| scenario.network.client_latency = CLIENT_LATENCY,
    |scenario| scenario.disk.nodes.clear(),
    |scenario| scenario.disk.sync = SYNC,
    |scenario| scenario.disk.torn_sectors = !scenario.disk.files,
    |scenario| (scenario.disk.files, scenario.disk.torn_sectors) = (false, Disks::default().torn_sectors),
    |scenario| scenario.disk.sector_size = Disks::default().sector_size,
    |scenario| scenario.disk.segment_size = Disks::default().segment_size,
    |scenario| scenario.clocks.clear(),
    |scenario| scenario.liveness.core = false,
    |scenario| scenario.liveness.drill = false,
    |scenario| scenario.cluster.learners.clear(),
    |scenario| scenario.cluster.max_batch_entries = Cluster::default().max_batch_entries,
    |scenario| scenario.cluster.max_batch_bytes = Cluster::default().max_batch_bytes,
    |scenario| scenario.cluster.max_inflight_messages = Cluster::default().max_inflight_messages,
    |scenario| scenario.cluster.max_inflight_bytes = Cluster::default().max_inflight_bytes,
    |scenario| scenario.cluster.max_entry_bytes = Cluster::default().max_entry_bytes,
    |scenario| scenario.cluster.max_uncommitted_bytes = Cluster::default().max_uncommitted_bytes,
    |scenario| scenario.cluster.max_pending_reads = Cluster::default().max_pending_reads,
    |scenario| scenario.cluster.max_apply_entries = Cluster::default().max_apply_entries,
    |scenario| scenario.cluster.max_chunk_bytes = Cluster::default().max_chunk_bytes,
    |scenario| scenario.cluster.snapshot_bytes = Cluster::default().snapshot_bytes,
    |scenario| of_clients(scenario, |workload| workload.stray = Ppm::ZERO),
    |scenario| of_clients(scenario, |workload| workload.resend = Ppm::ZERO),
    |scenario| of_clients(scenario, |workload| workload.loyal_readers = 0),
    |scenario| of_clients(scenario, |workload| workload.loyal_writers = 0),
    |scenario| of_clients(scenario, |workload| workload.keys = 1),
    |scenario| of_clients(scenario, |workload| workload.stop = None),
    |scenario| {
        of_clients(scenario, |workload| workload.reads = BTreeMap::from([(ReadModeName::Leader, 1)]));
    },
    |scenario| {
        let commands = BTreeMap::from([(CommandName::Set, 1), (CommandName::Get, 1)]);
        of_clients(scenario, |workload| workload.commands = commands);
    },
    |scenario| {
        let think = Distribution::Uniform { min: Span::ZERO, max: Span::millis(50) };
        of_clients(scenario, |workload| workload.think = think);
    },
    without_leases,
];

/// The limits at which more happens, as usual.
///
/// While clients ask for as much as they like, what happens at a limit happens at any, only later: so these come last, when
/// each operation counts.
const USUAL_LIMITS: [Plainer; 4] = [
    |scenario| scenario.cluster.max_sessions = Cluster::default().max_sessions,
    |scenario| scenario.cluster.session_lifetime = Cluster::default().session_lifetime,
    |scenario| scenario.cluster.snapshot_interval = Cluster::default().snapshot_interval,
    |scenario| scenario.cluster.trailing_entries = Cluster::default().trailing_entries,
];

/// How long a message takes where that does not matter.
const LATENCY: Distribution = Distribution::Constant(Span::millis(5));

/// The same of messages between clients and nodes.
pub(super) const CLIENT_LATENCY: Distribution = Distribution::Constant(Span::millis(1));

/// How long a sync takes where that does not matter.
const SYNC: Distribution = Distribution::Constant(Span::millis(1));

/// Makes everything as plain as it can be.
pub(super) fn tame(search: &mut Search<'_>) {
    search.enter("taming");
    take_less_time(search);
    for _ in 0..2 {
        take_fewer_nemeses(search);
        take_all_plainer(search, &PLAINER);
        take_tighter_limits(search);
        take_fewer_clients(search);
        take_fewer_nodes(search);
        search.take_luckiest(LUCKY);
    }
}

/// A cluster that is dead is dead sooner: less time for faults, and less until all must be well.
pub(super) fn take_less_time(search: &mut Search<'_>) {
    if search.property != Property::Liveness || !search.knows_dead() {
        return;
    }
    search.take(1, &|scenario, _| {
        let within = Liveness::default().within.min(scenario.liveness.within);
        Some(Scenario { liveness: Liveness { within, ..scenario.liveness.clone() }, ..scenario.clone() })
            .filter(|changed| changed != scenario)
    });
    const PARTS: [u64; 4] = [16, 8, 4, 2];
    search.take(PARTS.len(), &|scenario, number| {
        let duration = Span::millis((scenario.duration.0 / 1_000_000 / PARTS[number]).max(1));
        let mut shorter = Scenario { duration, ..scenario.clone() };
        shorter.timeline.retain(|moment| moment.at <= duration);
        shorter.rules.retain(|rule| rule.after.is_none_or(|after| after <= duration));
        of_clients(&mut shorter, |workload| {
            workload.start = workload.start.min(duration);
            workload.stop = workload.stop.filter(|stop| *stop <= duration);
        });
        (shorter != *scenario).then_some(shorter)
    });
}

/// Has as many respects as possible be plain.
pub(super) fn take_plainer(search: &mut Search<'_>) {
    take_all_plainer(search, &[PLAINER.as_slice(), &USUAL_LIMITS].concat());
}

/// Has as many of these respects as possible be plain.
fn take_all_plainer(search: &mut Search<'_>, respects: &[Plainer]) {
    let open = |scenario: &Scenario| {
        let changes = |plainer: &Plainer| {
            let mut changed = scenario.clone();
            plainer(&mut changed);
            changed != *scenario
        };
        respects.iter().copied().filter(changes).collect::<Vec<_>>()
    };
    search.minimize(&|scenario| open(scenario).len(), &|scenario, range| {
        let mut plain = scenario.clone();
        open(scenario)[range].iter().for_each(|plainer| plainer(&mut plain));
        Some(plain)
    });
    for flags in [(false, false), (false, true), (true, false)] {
        search.take(1, &|scenario, _| with_flags(scenario, flags));
    }
}

/// What happens at a limit happens sooner at a tighter one.
fn take_tighter_limits(search: &mut Search<'_>) {
    if !search.knows_dead() {
        return;
    }
    const TIGHT: [u64; 5] = [0, 1, 2, 4, 8];
    for tighten in LIMITS {
        let tighter = |scenario: &Scenario, number: usize| {
            let mut tighter = scenario.clone();
            tighten(&mut tighter.cluster, TIGHT[number]);
            (tighter != *scenario).then_some(tighter)
        };
        search.take(TIGHT.len(), &tighter);
    }
}

/// The limits that may be tightened.
const LIMITS: [fn(&mut Cluster, u64); 4] = [
    |cluster, limit| {
        lower(&mut cluster.snapshot_interval, Cluster::default().snapshot_interval, limit.max(1));
    },
    |cluster, limit| lower(&mut cluster.trailing_entries, Cluster::default().trailing_entries, limit),
    |cluster, limit| lower(&mut cluster.session_lifetime, Cluster::default().session_lifetime, limit.max(1)),
    |cluster, limit| {
        let mut sessions = cluster.max_sessions.into();
        lower(&mut sessions, Cluster::default().max_sessions.into(), limit.max(1));
        cluster.max_sessions = u32::try_from(sessions).expect("it is no larger than it was");
    },
];

/// Lowers `value` to `limit`, unless it is `usual`: then it is not what matters.
fn lower(value: &mut u64, usual: u64, limit: u64) {
    if *value != usual {
        *value = limit.min(*value);
    }
}

/// Without PreVote, or CheckQuorum, or both.
fn with_flags(scenario: &Scenario, (pre_vote, check_quorum): (bool, bool)) -> Option<Scenario> {
    let mut changed = scenario.clone();
    let cluster = &mut changed.cluster;
    cluster.pre_vote &= pre_vote;
    cluster.check_quorum &= check_quorum;
    if !cluster.check_quorum {
        without_leases(&mut changed);
    }
    if !changed.cluster.pre_vote {
        let asks = [Some(MessageKind::PreVote), Some(MessageKind::PreVoteReply)];
        changed.rules.retain(|rule| !asks.contains(&rule.kind));
    }
    (changed != *scenario).then_some(changed)
}

fn without_leases(scenario: &mut Scenario) {
    scenario.cluster.lease_drift = None;
    of_clients(scenario, |workload| {
        workload.reads.remove(&ReadModeName::Lease);
    });
}

fn of_clients(scenario: &mut Scenario, change: impl FnOnce(&mut Workload)) {
    if let Some(workload) = &mut scenario.workload {
        change(workload);
    }
}

fn take_fewer_nemeses(search: &mut Search<'_>) {
    search.minimize(&|scenario| scenario.nemesis.len(), &|scenario, range| {
        let mut fewer = scenario.clone();
        fewer.nemesis.drain(range);
        Some(fewer)
    });
}

/// Takes out clients: all of them, all but one that asks in the end, or some.
pub(super) fn take_fewer_clients(search: &mut Search<'_>) {
    search.take(1, &|scenario, _| {
        scenario.workload.is_some().then(|| Scenario { workload: None, ..scenario.clone() })
    });
    // What clients ask at the end, and do not give up, may be what shows that a cluster is dead.
    if search.property == Property::Liveness {
        search.take(1, &|scenario, _| {
            let start = scenario.duration;
            let last = Workload { clients: 1, start, ..Workload::default() };
            let more = scenario.workload.as_ref()?.start < start;
            more.then(|| Scenario { workload: Some(last), ..scenario.clone() })
        });
    }
    const COUNTS: [u32; 3] = [1, 2, 3];
    search.take(COUNTS.len(), &|scenario, number| {
        let mut fewer = scenario.clone();
        let workload = fewer.workload.as_mut()?;
        workload.clients = COUNTS[number].min(workload.clients);
        workload.loyal_readers = workload.loyal_readers.min(workload.clients);
        workload.loyal_writers = workload.loyal_writers.min(workload.clients - workload.loyal_readers);
        (fewer != *scenario).then_some(fewer)
    });
}

/// Takes out disks that differ from the others.
pub(super) fn take_fewer_disks(search: &mut Search<'_>) {
    search.minimize(&|scenario| scenario.disk.nodes.len(), &|scenario, range| {
        let mut fewer = scenario.clone();
        fewer.disk.nodes.drain(range);
        Some(fewer)
    });
}

/// Takes out servers, one by one.
pub(super) fn take_fewer_nodes(search: &mut Search<'_>) {
    search.minimize(&|scenario| scenario.cluster.servers() as usize, &|scenario, range| match range.len() {
        1 => without_node(scenario, range.end as u64),
        _ => None,
    });
}

/// The same without one server. Those above it move down by one.
pub(super) fn without_node(scenario: &Scenario, gone: u64) -> Option<Scenario> {
    let moved = |node: u64| if node > gone { Some(node - 1) } else { Some(node).filter(|_| node < gone) };
    let mut fewer = scenario.clone();
    let cluster = &mut fewer.cluster;
    if gone <= cluster.nodes {
        cluster.nodes = cluster.nodes.checked_sub(1).filter(|nodes| 0 < *nodes)?;
    } else {
        cluster.spares -= 1;
    }
    cluster.learners = cluster.learners.iter().filter_map(|node| moved(*node)).collect();
    cluster.initial.retain(|disk| disk.node != gone);
    for disk in &mut cluster.initial {
        disk.node = moved(disk.node)?;
        disk.vote = disk.vote.and_then(moved);
    }
    let Network { links, .. } = &mut fewer.network;
    links.retain(|link| link.from != gone && link.to != gone);
    for link in links {
        (link.from, link.to) = (moved(link.from)?, moved(link.to)?);
    }
    fewer.disk.nodes.retain(|disk| disk.node != gone);
    fewer.disk.nodes.iter_mut().try_for_each(|disk| moved(disk.node).map(|node| disk.node = node))?;
    fewer.clocks.retain(|clock| clock.node != gone);
    fewer.clocks.iter_mut().try_for_each(|clock| moved(clock.node).map(|node| clock.node = node))?;
    fewer.rules = scenario.rules.iter().filter_map(|rule| moved_rule(rule, &moved)).collect();
    let aim = &mut |target| match target {
        Target::Node(node) => moved(node).map(Target::Node).into_iter().collect(),
        role => vec![role],
    };
    let aimed = |moment: &Moment| {
        let actions = moment.action.aimed(aim);
        actions.into_iter().map(|action| Moment { at: moment.at, action }).collect::<Vec<_>>()
    };
    fewer.timeline = scenario.timeline.iter().flat_map(aimed).collect();
    Some(fewer)
}

fn moved_rule(rule: &Rule, moved: &dyn Fn(u64) -> Option<u64>) -> Option<Rule> {
    let end = |node: Option<u64>| match node {
        None => Some(None),
        Some(node) => moved(node).map(Some),
    };
    Some(Rule { from: end(rule.from)?, to: end(rule.to)?, ..rule.clone() })
}
