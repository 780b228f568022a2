//! Writes on the timeline what happened in a run, and takes out of it what need not happen.

use super::search::Search;
use super::tame::{CLIENT_LATENCY, take_fewer_clients, take_fewer_disks, take_fewer_nodes, take_plainer};
use crate::fault::FaultKind;
use crate::history::{ClientId, HistoryEvent};
use crate::network::{Cause, Owner};
use crate::observation::Property;
use crate::replica::{MessageFacts, MessageKind};
use crate::run::{Deed, Found, Recording};
use crate::scenario::model::{
    Action, Disk, Distribution, Liveness, Moment, ReadModeName, Rule, Scenario, Verdict, Workload,
};
use crate::scenario::scalar::{Ppm, Target};
use crate::time::{Span, Time};
use crate::trace::Record;
use seaworthy_core::kv::Command;
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;
use std::collections::BTreeMap;

/// No election timeout elapses by itself in a run of any length that a person reads.
const NEVER: (Span, Span) = (Span::seconds(60), Span::seconds(120));

/// How long a message and a sync take where they always take the same: disks that keep up, and disks that do not.
const PACES: [(Span, Span); 5] = [
    (Span::millis(5), Span::millis(1)),
    (Span::millis(5), Span::millis(20)),
    (Span::millis(1), Span::micros(10)),
    (Span::millis(20), Span::millis(1)),
    (Span::millis(5), Span::millis(100)),
];

/// How long the syncs of a slow disk take.
const SLOW: Span = Span::millis(200);

/// More rules than these are none that anybody reads.
const MAX_RULES: usize = 900;

/// What of a run is written out. What was done to the cluster always is.
#[derive(Clone, Copy, Debug)]
struct Writing {
    /// What the clients of the workload asked.
    clients: bool,
    campaigns: Campaigns,
    /// What operators told nodes, rather than what they wished.
    words: bool,
    /// How all faults came to an end, and what the drill told nodes then: it all ends with that.
    end: bool,
    messages: Messages,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Campaigns {
    /// Each is written out, without PreVote and CheckQuorum.
    Plain,
    /// Each is written out.
    Written,
    /// They come when election timeouts elapse.
    ByTimeout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Messages {
    /// All take the same time, as do all syncs: this pace of [`PACES`].
    Alike(usize),
    /// The same, but no two disks are alike, and that of one node is slow.
    Uneven(NodeId),
    /// All take the same time but for those that a rule is for.
    ByRule,
    /// As the scenario has it.
    ByLuck,
}

/// Writes out as much as the failure survives.
pub(super) fn write_out(search: &mut Search<'_>) {
    for _ in 0..2 {
        search.enter("writing out");
        write(search);
        search.enter("taking out");
        take_fewer_kinds(search);
        take_fewer_moments(search);
        take_fewer_rules(search);
        take_fewer_disks(search);
        take_fewer_clients(search);
        take_fewer_nodes(search);
        take_plainer(search);
    }
}

fn write(search: &mut Search<'_>) {
    let (report, recording) = search.recorded();
    let Some(found) = report.violation else { return };
    let culprit = found.node;
    let mut candidates: Vec<Scenario> = Vec::new();
    let healed = search.best.liveness.check && search.property != Property::Liveness;
    let ends: &[bool] = if healed { &[true, false] } else { &[false] };
    for (end, clients) in ends.iter().flat_map(|end| [(*end, true), (*end, false)]) {
        for campaigns in [Campaigns::Plain, Campaigns::Written, Campaigns::ByTimeout] {
            // Where nobody campaigns by himself a cluster may wait for ever, bug or no bug.
            if campaigns != Campaigns::ByTimeout && !search.knows_dead() {
                continue;
            }
            let alike = (0..PACES.len()).map(Messages::Alike);
            let slow = culprit.map(Messages::Uneven);
            for messages in alike.chain(slow).chain([Messages::ByRule, Messages::ByLuck]) {
                for words in [true, false] {
                    let writing = Writing { clients, campaigns, words, end, messages };
                    let candidate = written(&search.best, &recording, &found, writing);
                    candidates.extend(candidate.filter(|scenario| !candidates.contains(scenario)));
                }
            }
        }
    }
    let build = |_: &Scenario, number: usize| Some(candidates[number].clone());
    if search.take_for_any_seed(candidates.len(), &build).is_none() {
        search.take(candidates.len(), &build);
    }
}

/// Takes out of the timeline all that is of one kind, where what is left can do without: the operations of one client,
/// all reads, all that is done in one way.
fn take_fewer_kinds(search: &mut Search<'_>) {
    let kinds = |scenario: &Scenario| {
        let mut kinds: Vec<String> =
            scenario.timeline.iter().flat_map(|moment| kinds_of(&moment.action)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    search.minimize(&|scenario| kinds(scenario).len(), &|scenario, range| {
        let out = &kinds(scenario)[range];
        let mut fewer = scenario.clone();
        fewer.timeline.retain(|moment| !kinds_of(&moment.action).iter().any(|kind| out.contains(kind)));
        Some(fewer)
    });
}

/// Of which kinds an action is.
fn kinds_of(action: &Action) -> Vec<String> {
    match action {
        Action::Invoke { client, command, .. } => {
            let name = command.split(' ').next().unwrap_or_default();
            vec![format!("client {client}"), format!("command {name}")]
        }
        other => FaultKind::of_action(other).into_iter().map(|kind| kind.name().to_owned()).collect(),
    }
}

/// Takes out of the timeline what need not be on it.
pub(super) fn take_fewer_moments(search: &mut Search<'_>) {
    search.minimize(&|scenario| scenario.timeline.len(), &|scenario, range| {
        let mut fewer = scenario.clone();
        fewer.timeline.drain(range);
        Some(fewer)
    });
}

/// Takes out the rules that need not be.
pub(super) fn take_fewer_rules(search: &mut Search<'_>) {
    search.minimize(&|scenario| scenario.rules.len(), &|scenario, range| {
        let mut fewer = scenario.clone();
        fewer.rules.drain(range);
        Some(fewer)
    });
}

/// `scenario` with so much of its run written out; nothing if that is more than anybody reads.
fn written(
    scenario: &Scenario,
    recording: &Recording,
    Found { property, at, .. }: &Found,
    writing: Writing,
) -> Option<Scenario> {
    let mut written = Scenario { nemesis: Vec::new(), ..scenario.clone() };
    let mut moments = deeds(&recording.deeds, writing.end);
    if writing.end {
        written.duration = *at - Time::ZERO;
        written.liveness = Liveness { check: false, ..Liveness::default() };
        moments.extend(healing(recording));
    }
    if writing.words {
        spell_out(&mut moments, recording);
    }
    if let Some(workload) = scenario.workload.as_ref().filter(|_| writing.clients) {
        moments.extend(operations(recording, workload.clients));
        // What is asked at the end, and not given up, is what shows that a cluster is dead.
        let last = Workload { clients: workload.clients, start: scenario.duration, ..Workload::default() };
        written.workload = (*property == Property::Liveness).then_some(last);
        if *property == Property::Liveness {
            let apart = workload.clients;
            moments.iter_mut().for_each(|moment| renumber(&mut moment.action, |client| client + apart));
        }
    }
    if writing.campaigns != Campaigns::ByTimeout {
        let plain = writing.campaigns == Campaigns::Plain;
        let cluster = &mut written.cluster;
        (cluster.election_timeout_min, cluster.election_timeout_max) = NEVER;
        if plain {
            (cluster.pre_vote, cluster.check_quorum, cluster.lease_drift) = (false, false, None);
            // Whoever did not get beyond asking does not ask.
            moments.retain(|moment| !matches!(moment.action, Action::Campaign(_)));
        }
        moments.extend(campaigns(recording, plain));
    }
    let pace = match writing.messages {
        Messages::Alike(pace) => Some(pace),
        Messages::ByRule | Messages::Uneven(_) => Some(0),
        Messages::ByLuck => None,
    };
    if let Some((latency, sync)) = pace.map(|pace| PACES[pace]) {
        let network = &mut written.network;
        (network.loss, network.duplicate, network.client_loss) = (Ppm::ZERO, Ppm::ZERO, Ppm::ZERO);
        (network.latency, network.client_latency) = (Distribution::Constant(latency), CLIENT_LATENCY);
        (network.capacity, network.fifo) = (None, false);
        network.links.clear();
        (written.disk.sync, written.disk.nodes) = (Distribution::Constant(sync), Vec::new());
        moments.retain(|moment| {
            !matches!(moment.action, Action::Loss(_) | Action::Duplicate(_) | Action::Latency(_))
        });
    }
    if let Messages::Uneven(slow) = writing.messages {
        let sync = |node| if node == slow.get() { SLOW } else { Span::millis(10 * node) };
        let disk = |node| Disk { node, sync: Distribution::Constant(sync(node)) };
        written.disk.nodes = (1..=written.cluster.servers()).map(disk).collect();
    }
    if writing.messages == Messages::ByRule {
        written.rules = fates(recording);
        if MAX_RULES < written.rules.len() {
            return None;
        }
    }
    // At one instant what was done comes before what was asked.
    moments.sort_by_key(|moment| (moment.at, matches!(moment.action, Action::Invoke { .. })));
    moments.retain(|moment| moment.at <= written.duration);
    written.timeline = moments;
    Some(written)
}

/// What was done, each at its time, with or without the drill. A nemesis takes back only what it has done itself; whoever
/// reads a timeline takes back everything, so what others have done is done again.
fn deeds(deeds: &[Deed], drill: bool) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    let mut in_force: Vec<&Deed> = Vec::new();
    for deed in deeds.iter().filter(|deed| drill || deed.owner != Owner::Drill) {
        moments.push(Moment { at: deed.at - Time::ZERO, action: deed.action.clone() });
        let cuts = |action: &Action| {
            matches!(
                action,
                Action::Partition { .. } | Action::Cut { .. } | Action::Sever { .. } | Action::Isolate(_)
            )
        };
        let clogs = |action: &Action| matches!(action, Action::Clog(_));
        let undone: Option<&dyn Fn(&Action) -> bool> = match deed.action {
            Action::Heal {} => Some(&cuts),
            Action::Unclog {} => Some(&clogs),
            _ => None,
        };
        match undone {
            Some(undone) => {
                in_force.retain(|other| {
                    !undone(&other.action) || deed.owner != Owner::Timeline && other.owner != deed.owner
                });
                let again = in_force.iter().filter(|other| undone(&other.action));
                moments.extend(
                    again.map(|other| Moment { at: deed.at - Time::ZERO, action: other.action.clone() }),
                );
            }
            None if cuts(&deed.action) || clogs(&deed.action) => in_force.push(deed),
            None => {}
        }
    }
    moments
}

/// How all faults came to an end, if they did.
fn healing(recording: &Recording) -> Vec<Moment> {
    let healed = recording.trace.iter().find(|line| matches!(line.record, Some(Record::Healed)));
    let Some(at) = healed.map(|line| line.at - Time::ZERO) else { return Vec::new() };
    let undone = recording.deeds.iter().filter_map(|deed| match &deed.action {
        Action::Pause(node) => Some(Action::Resume(*node)),
        Action::FillDisk(node) => Some(Action::FreeDisk(*node)),
        _ => None,
    });
    let mut actions: Vec<Action> = Vec::new();
    for action in undone.chain([Action::Heal {}, Action::Unclog {}, Action::Restart(vec![Target::All])]) {
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    actions.into_iter().map(|action| Moment { at, action }).collect()
}

/// Replaces what operators wish by what they tell whom, and when.
fn spell_out(moments: &mut Vec<Moment>, recording: &Recording) {
    use crate::trace::InstructionName::ChangeMembership;
    let wishes: Vec<Moment> = moments.extract_if(.., |moment| is_wish(&moment.action)).collect();
    let told = recording.trace.iter().filter_map(|line| match line.record {
        Some(Record::Instructed { node, instruction: ChangeMembership }) => {
            Some((line.at - Time::ZERO, node))
        }
        _ => None,
    });
    let mut learnt: Vec<usize> = Vec::new();
    for (at, node) in told {
        let wish = wishes.iter().rposition(|wish| wish.at <= at);
        let Some((number, Action::ChangeMembership { add, learn, remove, .. })) =
            wish.map(|number| (number, &wishes[number].action))
        else {
            continue;
        };
        let node = Some(node.into());
        // Whoever is to vote learns first.
        let first = !add.is_empty() && !learnt.contains(&number);
        learnt.push(number);
        let action = if first {
            Action::ChangeMembership { add: Vec::new(), learn: add.clone(), remove: Vec::new(), node }
        } else {
            Action::ChangeMembership { add: add.clone(), learn: learn.clone(), remove: remove.clone(), node }
        };
        moments.push(Moment { at, action });
    }
}

fn is_wish(action: &Action) -> bool {
    matches!(action, Action::ChangeMembership { node: None, .. })
}

/// How long a client's request is under way.
const TRAVEL: Span = Span::millis(1);

/// What the clients of the workload, so many, asked, each with whom it asked last: who answered, if anybody did.
fn operations(recording: &Recording, clients: u32) -> Vec<Moment> {
    let mut asked: BTreeMap<ClientId, Vec<(Time, NodeId)>> = BTreeMap::new();
    for line in &recording.trace {
        if let Some(Record::Asked { client, node }) = line.record {
            asked.entry(client).or_default().push((line.at, node));
        }
    }
    let ended = |operation, client| {
        recording
            .history
            .iter()
            .find_map(|event| match event {
                HistoryEvent::Completed { operation: other, at, .. } if *other == operation => Some(*at),
                HistoryEvent::Invoked { .. } | HistoryEvent::Completed { .. } => None,
            })
            .unwrap_or_else(|| {
                asked.get(&client).and_then(|asked| asked.last()).map_or(Time::ZERO, |last| last.0)
            })
    };
    let moment = |event: &HistoryEvent| match event {
        HistoryEvent::Invoked { operation, client, command, mode, at } if client.0 <= clients => {
            let until = ended(*operation, *client);
            let asked = asked.get(client)?.iter().rev().filter(|(when, _)| at <= when && *when <= until);
            let mut last = asked.peekable();
            let (_, node) = **last.peek()?;
            // From when on it asked that node and no other.
            let (first, _) = last.take_while(|(_, other)| *other == node).last()?;
            let travelled = (*first - *at).min(TRAVEL);
            let at = Span((*first - Time::ZERO).0 - travelled.0);
            Some(Moment { at, action: invoke(*client, command, *mode, node) })
        }
        _ => None,
    };
    recording.history.iter().filter_map(moment).collect()
}

fn invoke(client: ClientId, command: &Command, mode: ReadMode, node: NodeId) -> Action {
    Action::Invoke {
        client: client.0,
        command: command.to_string(),
        node: Some(node.into()),
        stay: false,
        read: ReadModeName::said(mode),
    }
}

/// Gives the client of an operation another number.
pub(super) fn renumber(action: &mut Action, number: impl FnOnce(u32) -> u32) {
    if let Action::Invoke { client, .. } = action {
        *client = number(*client);
    }
}

/// Who campaigned when; if `plain`, who became a candidate when, but for those who were told to by their leader.
fn campaigns(recording: &Recording, plain: bool) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut cause = None;
    for line in &recording.trace {
        let Some(record) = line.record else { continue };
        let campaigns = match (record, cause) {
            (Record::Became { role: Role::Candidate, node, .. }, cause) if plain => {
                let told = |message: MessageFacts| message.kind == MessageKind::TimeoutNow;
                (!matches!(cause, Some(Record::Delivered { message }) if told(message))).then_some(node)
            }
            (
                Record::Became { role: Role::PreCandidate | Role::Candidate, .. },
                Some(Record::Timeout { node }),
            ) => (!plain).then_some(node),
            (Record::Sent { message, .. } | Record::Lost { message, .. }, Some(Record::Timeout { node }))
                if message.kind == MessageKind::PreVote && message.from == node =>
            {
                (!plain).then_some(node)
            }
            _ => None,
        };
        if let Some(node) = campaigns {
            moments.push(Moment { at: line.at - Time::ZERO, action: Action::Campaign(node.into()) });
            cause = None;
        } else if begins_step(&record) {
            cause = Some(record);
        }
    }
    moments
}

/// Whether what follows is what comes of this.
fn begins_step(record: &Record) -> bool {
    matches!(
        record,
        Record::Delivered { .. }
            | Record::Timeout { .. }
            | Record::Campaign { .. }
            | Record::Asked { .. }
            | Record::Instructed { .. }
            | Record::Synced { .. }
            | Record::Booted { .. }
    )
}

/// A rule for each message whose fate was another than to arrive after the usual time.
fn fates(recording: &Recording) -> Vec<Rule> {
    let (usual, _) = PACES[0];
    let mut counts: BTreeMap<(NodeId, NodeId, MessageKind), u64> = BTreeMap::new();
    let mut on_the_way: Vec<(Time, MessageFacts)> = Vec::new();
    let mut rules = Vec::new();
    for line in &recording.trace {
        let (message, verdict) = match line.record {
            Some(Record::Sent { message, arrival }) => {
                on_the_way.push((arrival, message));
                let delay = arrival - line.at;
                (message, (delay != usual).then_some(Verdict::Delay(delay)))
            }
            // It is counted with the first of the two, whose rule it takes the place of.
            Some(Record::Doubled { message, arrival }) => {
                on_the_way.push((arrival, message));
                let nth = counts.get(&(message.from, message.to, message.kind)).copied().unwrap_or(0);
                rules.retain(|rule: &Rule| !is_for(rule, &message, nth));
                rules.push(rule_for(&message, nth, Verdict::Duplicate(arrival - line.at)));
                continue;
            }
            Some(Record::Lost { message, cause }) => {
                let arrived = on_the_way.iter().position(|way| *way == (line.at, message));
                if let Some(arrived) = arrived {
                    on_the_way.swap_remove(arrived);
                    continue;
                }
                // A cut is on the timeline.
                (message, matches!(cause, Cause::Luck | Cause::Full | Cause::Rule).then_some(Verdict::Drop))
            }
            Some(Record::Delivered { message }) => {
                on_the_way.retain(|way| *way != (line.at, message));
                continue;
            }
            _ => continue,
        };
        let count = counts.entry((message.from, message.to, message.kind)).or_default();
        *count += 1;
        rules.extend(verdict.map(|verdict| rule_for(&message, *count, verdict)));
    }
    rules
}

fn rule_for(message: &MessageFacts, nth: u64, verdict: Verdict) -> Rule {
    Rule {
        from: Some(message.from.get()),
        to: Some(message.to.get()),
        kind: Some(message.kind),
        term: None,
        with_entries: None,
        nth: Some(nth),
        after: None,
        before: None,
        verdict,
    }
}

fn is_for(rule: &Rule, message: &MessageFacts, nth: u64) -> bool {
    let ends = (rule.from, rule.to) == (Some(message.from.get()), Some(message.to.get()));
    ends && rule.kind == Some(message.kind) && rule.nth == Some(nth)
}
