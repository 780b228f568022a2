use super::*;
use crate::history::Completion;
use crate::scenario::model::{Distribution, ReadModeName};
use crate::scenario::scalar::Ppm;
use seaworthy_core::kv::Answer;
use seaworthy_core::state_machine::Operation;
use seaworthy_core::types::{Bytes, SessionId};
use std::collections::BTreeSet;

/// What a node does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Answer,
    Refuse(Option<u64>),
    Unknown(Option<u64>),
    NoSession,
    Overloaded,
    Silence,
}

enum Event {
    Wake(ClientId),
    Reply(ClientId, NodeId, Token, Result<Outcome, Refusal>),
}

/// Nodes that do as they are told by `mood`, and the loop around the clients.
struct Cluster<F> {
    clients: Clients,
    choice: Choice,
    mood: F,
    /// The least and the longest time until a reply arrives.
    delay: (Span, Span),
    /// How likely a reply arrives twice, in parts per million.
    twice: u32,
    now: Time,
    queue: BTreeMap<(Time, u64), Event>,
    queued: u64,
    sessions: u64,
    sent: Vec<(Time, ClientId, NodeId, Token, Request)>,
    /// On whose word each of these is to be answered.
    modes: Vec<ReadMode>,
    history: Vec<HistoryEvent>,
    /// The retired keys, each with the length of the history by then.
    retired: BTreeMap<Bytes, usize>,
}

impl<F: FnMut(&mut Choice, Time, NodeId) -> Mood> Cluster<F> {
    fn new(scenario: &Scenario, seed: u64, mood: F) -> Self {
        let mut cluster = Self {
            clients: Clients::new(scenario),
            choice: Choice::seeded(seed),
            mood,
            delay: (Span::millis(1), Span::millis(20)),
            twice: 0,
            now: Time::ZERO,
            queue: BTreeMap::new(),
            queued: 0,
            sessions: 0,
            sent: Vec::new(),
            modes: Vec::new(),
            history: Vec::new(),
            retired: BTreeMap::new(),
        };
        let mut effects = Vec::new();
        cluster.clients.start(&mut cluster.choice, &mut effects);
        cluster.carry_out(effects);
        cluster
    }

    fn push(&mut self, at: Time, event: Event) {
        assert!(self.now <= at);
        self.queue.insert((at, self.queued), event);
        self.queued += 1;
    }

    fn carry_out(&mut self, effects: Vec<ClientEffect>) {
        for effect in effects {
            match effect {
                ClientEffect::Wake { client, at } => self.push(at, Event::Wake(client)),
                ClientEffect::History(event) => self.history.push(event),
                ClientEffect::Retired(key) => {
                    assert_eq!(self.retired.insert(key, self.history.len()), None, "a key retires once");
                }
                ClientEffect::Send { client, to, token, request, mode } => {
                    self.sent.push((self.now, client, to, token, request.clone()));
                    self.modes.push(mode);
                    let mood = (self.mood)(&mut self.choice, self.now, to);
                    let Some(result) = self.result(mood, &request) else {
                        continue;
                    };
                    let copies = if self.choice.chance(Stream::Swarm, self.twice) { 2 } else { 1 };
                    for _ in 0..copies {
                        let delay = self.choice.between(Stream::Swarm, self.delay.0.0, self.delay.1.0);
                        let reply = Event::Reply(client, to, token, result.clone());
                        self.push(self.now + Span(delay), reply);
                    }
                }
            }
        }
    }

    fn result(&mut self, mood: Mood, request: &Request) -> Option<Result<Outcome, Refusal>> {
        let hint = |leader: Option<u64>| leader.map(NodeId::new);
        match mood {
            Mood::Silence => None,
            Mood::Refuse(leader) => Some(Err(Refusal::NotLeader { leader: hint(leader) })),
            Mood::Unknown(leader) => Some(Err(Refusal::Unknown { leader: hint(leader) })),
            Mood::Overloaded => Some(Err(Refusal::Overloaded)),
            Mood::NoSession if request.operation != Operation::Register => Some(Ok(Outcome::UnknownSession)),
            Mood::NoSession | Mood::Answer => Some(Ok(match request.operation {
                Operation::Command(_) => Outcome::Answer(Answer::Ok),
                Operation::Register => {
                    self.sessions += 1;
                    Outcome::Registered(SessionId(self.sessions))
                }
            })),
        }
    }

    fn run_until(&mut self, end: Time) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((now, _), event) = entry.remove_entry();
            self.now = now;
            let mut effects = Vec::new();
            match event {
                Event::Wake(client) => self.clients.wake(now, client, &mut self.choice, &mut effects),
                Event::Reply(client, from, token, result) => {
                    self.clients.reply(now, client, from, token, &result, &mut self.choice, &mut effects);
                }
            }
            self.carry_out(effects);
        }
        self.now = end;
    }

    fn invoke(&mut self, client: u32, command: Command, node: Option<u64>, stay: bool) {
        let mut effects = Vec::new();
        let script = Script { command, mode: ReadMode::Leader, node: node.map(NodeId::new), stay };
        self.clients.invoke(self.now, ClientId(client), script, &mut self.choice, &mut effects);
        self.carry_out(effects);
    }

    fn stop(&mut self) {
        let mut effects = Vec::new();
        self.clients.stop(self.now, &mut effects);
        self.carry_out(effects);
    }

    /// Each completion and its command, in order of completion. Panics unless the history is well-formed: one
    /// completion at most for each invocation, one open operation at most for each client.
    fn completions(&self) -> Vec<(ClientId, Command, Completion)> {
        let mut open = BTreeMap::new();
        let mut completions = Vec::new();
        let mut last = (Time::ZERO, OperationId(0));
        for event in &self.history {
            match event {
                HistoryEvent::Invoked { operation, client, command, mode: _, at } => {
                    assert!(last <= (*at, *operation), "{event:?}");
                    last = (*at, OperationId(operation.0 + 1));
                    assert_eq!(open.insert(*client, (*operation, command.clone())), None, "{event:?}");
                }
                HistoryEvent::Completed { operation, client, completion, at } => {
                    assert!(last.0 <= *at, "{event:?}");
                    let (invoked, command) = open.remove(client).expect("an operation is open");
                    assert_eq!(invoked, *operation);
                    completions.push((*client, command, completion.clone()));
                }
            }
        }
        completions
    }

    /// How many keys something was asked of. Panics if something is seen of one after it was retired.
    fn check_keys(&self) -> usize {
        let mut keys = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (position, event) in self.history.iter().enumerate() {
            let key = match event {
                HistoryEvent::Invoked { operation, command, .. } => {
                    keys.entry(*operation).or_insert(command.key().clone())
                }
                HistoryEvent::Completed { operation, .. } => &keys[operation],
            };
            assert!(self.retired.get(key).is_none_or(|retired| position < *retired), "{event:?}");
            seen.insert(key.clone());
        }
        seen.len()
    }

    /// Panics if a number stands for two requests, or a token for two sends.
    fn check_requests(&self) {
        let mut requests = BTreeMap::new();
        let mut tokens = BTreeSet::new();
        for (_, client, _, token, request) in &self.sent {
            assert!(tokens.insert(*token), "{token} was used twice");
            if let Operation::Command(command) = &request.operation {
                // A read without a session is answered each time that it comes, and needs no number of its own.
                if request.session == SessionId::ZERO {
                    assert!(command.is_read(), "a write without a session");
                    continue;
                }
                let known = requests
                    .entry((*client, request.session, request.sequence))
                    .or_insert_with(|| request.operation.clone());
                assert_eq!(*known, request.operation, "{client:?}");
                assert!(0 < request.sequence);
            }
        }
    }
}

fn scenario(nodes: u64, workload: Option<Workload>) -> Scenario {
    let mut scenario: Scenario = serde_json::from_str(r#"{"name": "test", "claim": "none"}"#).unwrap();
    scenario.cluster.nodes = nodes;
    scenario.workload = workload;
    scenario
}

fn set(value: &str) -> Command {
    Command::Set { key: Bytes::from("x"), value: Bytes::from(value) }
}

fn get() -> Command {
    Command::Get { key: Bytes::from("x") }
}

/// A cluster that does everything wrong that it may, and now and then something right.
fn trouble(choice: &mut Choice, now: Time, node: NodeId) -> Mood {
    let leader = now.0 / 700_000_000 % 3 + 1;
    let hint = [None, Some(leader), Some(1), Some(9)][choice.below(Stream::Swarm, 4) as usize];
    match choice.weighted(Stream::Swarm, &[10, 1, 3, 1]) {
        0 if node.get() == leader => Mood::Answer,
        0 | 1 => Mood::Refuse(hint),
        2 => Mood::Silence,
        _ if choice.chance(Stream::Swarm, 100_000) => Mood::NoSession,
        _ => Mood::Unknown(hint),
    }
}

#[test]
fn histories_are_well_formed_and_numbers_are_used_once_whatever_the_cluster_does() {
    for seed in 0..20 {
        let workload = Workload {
            loyal_readers: 1,
            resend: Ppm::new(200_000),
            stray: Ppm::new(200_000),
            ..Workload::default()
        };
        let mut cluster = Cluster::new(&scenario(3, Some(workload)), seed, trouble);
        cluster.delay = (Span::ZERO, Span::millis(500));
        cluster.twice = 300_000;
        cluster.run_until(Time(20_000_000_000));
        cluster.invoke(1, set("a"), None, false);
        cluster.invoke(7, set("b"), Some(2), true);
        cluster.run_until(Time(25_000_000_000));
        cluster.check_requests();
        cluster.check_keys();
        let completions = cluster.completions();
        assert!(completions.len() > 100, "{}", completions.len());
        let count = |ok: fn(&Completion) -> bool| completions.iter().filter(|(_, _, end)| ok(end)).count();
        assert!(0 < count(|end| matches!(end, Completion::Ok(_))));
        assert!(0 < count(|end| *end == Completion::Info));
    }
}

/// All that anybody has to remember are the keys in use and those on which an operation is still under way.
#[test]
fn keys_retire_in_the_end_unless_the_timeline_names_them() {
    let workload = Workload { keys: 3, clients: 5, ..Workload::default() };
    let mut scenario = scenario(3, Some(workload));
    let (client, command) = (9, "GET k1.0".to_owned());
    let action = Action::Invoke { client, command, node: None, stay: false, read: None };
    scenario.timeline = vec![Moment { at: Span::ZERO, action }];
    let mut cluster = Cluster::new(&scenario, 1, trouble);
    cluster.run_until(Time(300_000_000_000));
    let keys = cluster.check_keys();
    assert!((100..).contains(&keys), "{keys}");
    assert!((keys - 9..keys - 3).contains(&cluster.retired.len()), "{} of {keys}", cluster.retired.len());
    assert!(!cluster.retired.contains_key(&Bytes::from("k1.0")));
    assert!(cluster.retired.contains_key(&Bytes::from("k0.0")));
}

#[test]
fn a_retry_is_the_same_request_and_goes_elsewhere() {
    let mut cluster = Cluster::new(&scenario(3, None), 1, |_, now, node| match node.get() {
        _ if now < Time(1_000_000_000) => Mood::Answer,
        2 => Mood::Silence,
        1 => Mood::Refuse(None),
        _ => Mood::Refuse(Some(1)),
    });
    cluster.invoke(5, set("a"), None, false);
    cluster.run_until(Time(1_000_000_000));
    let before = cluster.sent.len();
    cluster.invoke(5, set("b"), None, false);
    cluster.run_until(Time(5_000_000_000));
    let (_, _, _, _, first) = cluster.sent[before].clone();
    assert!(cluster.sent[before..].iter().all(|(_, _, _, _, request)| *request == first));
    let asked = cluster.sent[before..].iter().map(|(_, _, node, _, _)| node.get()).collect::<BTreeSet<_>>();
    assert_eq!(asked, BTreeSet::from([1, 2, 3]));
    // Node 2 may have it.
    assert_eq!(cluster.completions()[1].2, Completion::Info);
}

/// Also if who would answer comes right after the one that knows nobody, and all others are silent.
#[test]
fn a_client_asks_everybody_before_it_asks_anybody_again() {
    let mut cluster = Cluster::new(&scenario(9, None), 1, |_, _, node| match node.get() {
        1 => Mood::Refuse(None),
        2 => Mood::Answer,
        _ => Mood::Silence,
    });
    for client in 1..=5 {
        cluster.invoke(client, get(), None, false);
    }
    cluster.run_until(Time(20_000_000_000));
    for client in 1..=5 {
        let asked =
            cluster.sent.iter().filter(|(_, by, ..)| by.0 == client).map(|(_, _, node, ..)| node.get());
        let asked: Vec<u64> = asked.take_while(|node| *node != 2).collect();
        assert_eq!(asked.len(), asked.iter().collect::<BTreeSet<_>>().len(), "{asked:?}");
    }
}

#[test]
fn a_write_fails_only_if_no_attempt_can_ever_take_effect() {
    let outcome =
        |mood: Mood, command: Command| {
            let mut cluster = Cluster::new(&scenario(3, None), 1, move |_, now, _| {
                if now < Time(1_000_000_000) { Mood::Answer } else { mood }
            });
            cluster.invoke(1, set("first"), None, false);
            cluster.run_until(Time(1_000_000_000));
            cluster.invoke(1, command, None, false);
            cluster.run_until(Time(9_000_000_000));
            cluster.completions().remove(1).2
        };
    assert_eq!(outcome(Mood::Refuse(None), set("a")), Completion::Fail);
    assert_eq!(outcome(Mood::Refuse(Some(2)), set("a")), Completion::Fail);
    assert_eq!(outcome(Mood::Overloaded, set("a")), Completion::Fail);
    assert_eq!(outcome(Mood::Unknown(None), set("a")), Completion::Info);
    assert_eq!(outcome(Mood::Silence, set("a")), Completion::Info);
    assert_eq!(outcome(Mood::NoSession, set("a")), Completion::Info);
    for mood in [Mood::Refuse(None), Mood::Unknown(None), Mood::Silence, Mood::NoSession, Mood::Overloaded] {
        assert_eq!(outcome(mood, get()), Completion::Fail, "{mood:?}");
    }
}

#[test]
fn a_dead_or_leaderless_cluster_is_not_flooded() {
    let refusals = [Mood::Refuse(None), Mood::Refuse(Some(1)), Mood::Unknown(Some(2)), Mood::Overloaded];
    for mood in refusals.into_iter().chain([Mood::Silence]) {
        let workload = Workload { think: Distribution::Constant(Span::ZERO), ..Workload::default() };
        let clients = u64::from(workload.clients);
        let mut cluster = Cluster::new(&scenario(3, Some(workload)), 3, move |_, _, _| mood);
        cluster.delay = (Span::ZERO, Span::ZERO);
        cluster.run_until(Time(20_000_000_000));
        // Of 2 s each, none of them ever sent: there was no session.
        let completions = cluster.completions();
        assert!(completions.len() >= 9 * clients as usize);
        assert!(completions.iter().all(|(_, _, end)| *end == Completion::Fail));
        let per_second = cluster.sent.len() as u64 / 20 / clients;
        assert!(per_second < 10, "{mood:?}: {per_second} requests a second from each client");
    }
}

#[test]
fn a_cluster_that_answers_in_no_time_does_not_stop_time() {
    let workload = Workload { think: Distribution::Constant(Span::ZERO), clients: 1, ..Workload::default() };
    let mut cluster = Cluster::new(&scenario(1, Some(workload)), 3, |_, _, _| Mood::Answer);
    cluster.delay = (Span::ZERO, Span::ZERO);
    cluster.run_until(Time(1_000_000));
    assert!((900..=1_000).contains(&cluster.completions().len()));
}

#[test]
fn a_client_session_that_is_gone_is_opened_again() {
    let mut cluster = Cluster::new(&scenario(3, None), 1, |_, now, _| {
        if Time(1_000_000_000) == now { Mood::NoSession } else { Mood::Answer }
    });
    for (at, value) in [(0, "a"), (1_000_000_000, "b"), (2_000_000_000, "c")] {
        cluster.run_until(Time(at));
        cluster.invoke(1, set(value), None, false);
    }
    cluster.run_until(Time(3_000_000_000));
    let ends = cluster.completions().into_iter().map(|(_, _, end)| end).collect::<Vec<_>>();
    assert_eq!(ends, [Completion::Ok(Answer::Ok), Completion::Info, Completion::Ok(Answer::Ok)]);
    let numbers = cluster.sent.iter().map(|(_, _, _, _, request)| (request.session.0, request.sequence));
    assert_eq!(numbers.collect::<Vec<_>>(), [(0, 1), (1, 1), (1, 2), (0, 1), (2, 1)]);
}

#[test]
fn a_client_that_is_to_stay_asks_one_node_alone() {
    let mut cluster = Cluster::new(&scenario(3, None), 1, |_, _, node| {
        if node.get() == 2 { Mood::Refuse(Some(3)) } else { Mood::Answer }
    });
    cluster.invoke(1, get(), Some(2), true);
    cluster.invoke(1, get(), Some(2), false);
    cluster.run_until(Time(9_000_000_000));
    let asked = cluster.sent.iter().map(|(_, _, node, _, _)| node.get()).collect::<Vec<_>>();
    let (last, stayed) = asked.split_last().unwrap();
    assert_eq!(*last, 3, "the second operation takes the hint");
    assert!(stayed.iter().all(|node| *node == 2));
    let ends = cluster.completions().into_iter().map(|(_, _, end)| end).collect::<Vec<_>>();
    assert_eq!(ends, [Completion::Fail, Completion::Ok(Answer::Ok)]);
}

#[test]
fn a_loyal_client_stays_until_its_node_points_elsewhere_or_falls_silent() {
    for (loyal_readers, loyal_writers) in [(1, 0), (0, 1)] {
        let workload = Workload { clients: 1, loyal_readers, loyal_writers, ..Workload::default() };
        let mut cluster = Cluster::new(&scenario(3, Some(workload)), 1, |_, now, node| {
            match (now.0 / 1_000_000_000, node.get()) {
                // First node 1 leads, then it has no leader, then it points to 2, then 2 is down.
                (0, 1) => Mood::Answer,
                (0, _) => Mood::Refuse(Some(1)),
                (1..10, 1) => Mood::Refuse(None),
                (10..20, 1) => Mood::Refuse(Some(2)),
                (20.., 2) => Mood::Silence,
                _ => Mood::Answer,
            }
        });
        let mut asked = |from: u64, to: u64| {
            cluster.run_until(Time(to * 1_000_000_000));
            let second = |at: &Time| (from..to).contains(&(at.0 / 1_000_000_000));
            let sent = cluster.sent.iter().filter(|(at, ..)| second(at));
            sent.map(|(_, _, node, _, _)| node.get()).collect::<BTreeSet<_>>()
        };
        assert!(asked(0, 1).contains(&1));
        assert_eq!(asked(1, 9), BTreeSet::from([1]));
        assert!(asked(9, 20).contains(&2));
        assert_eq!(asked(20, 21), BTreeSet::from([2]));
        assert_eq!(asked(23, 30), BTreeSet::from([3]));
        let writes = cluster.completions().into_iter().filter(|(_, command, _)| !command.is_read()).count();
        assert_eq!(0 < writes, loyal_writers == 1);
    }
}

#[test]
fn clients_that_stop_do_one_last_write_and_read_and_do_not_give_up() {
    let workload = Workload { loyal_readers: 1, clients: 3, ..Workload::default() };
    let mut cluster = Cluster::new(&scenario(3, Some(workload)), 1, |_, now, _| {
        let dead = (5_000_000_000..15_000_000_000).contains(&now.0);
        if dead { Mood::Silence } else { Mood::Answer }
    });
    cluster.run_until(Time(5_500_000_000));
    cluster.stop();
    assert!(7 <= cluster.clients.open());
    cluster.run_until(Time(14_000_000_000));
    assert!(7 <= cluster.clients.open(), "the cluster is still dead");
    let before = cluster.completions().len();
    cluster.run_until(Time(20_000_000_000));
    assert_eq!(cluster.clients.open(), 0);
    let last = cluster.completions().split_off(before);
    for client in 1..=3 {
        let those = last.iter().filter(|(id, _, end)| id.0 == client && *end == Completion::Ok(Answer::Ok));
        let kinds = those.map(|(_, command, _)| command.is_read()).collect::<Vec<_>>();
        assert_eq!(kinds, if client < 3 { vec![true, false, true] } else { vec![true] });
    }
    let events = cluster.history.len();
    cluster.run_until(Time(90_000_000_000));
    assert_eq!(cluster.history.len(), events, "who has stopped is quiet");
}

#[test]
fn nothing_random_begins_after_the_workload_has_stopped() {
    let workload = Workload { stop: Some(Span::seconds(2)), start: Span::seconds(1), ..Workload::default() };
    let mut cluster = Cluster::new(&scenario(3, Some(workload)), 1, |_, _, _| Mood::Answer);
    cluster.run_until(Time(9_000_000_000));
    assert!(!cluster.history.is_empty());
    for event in &cluster.history {
        if let HistoryEvent::Invoked { at, .. } = event {
            assert!((1_000_000_000..2_000_000_000).contains(&at.0), "{event:?}");
        }
    }
    assert_eq!(cluster.clients.open(), 0);
}

#[test]
fn an_answer_to_any_attempt_counts_and_one_to_another_operation_does_not() {
    let mut cluster = Cluster::new(&scenario(3, None), 1, |_, _, _| Mood::Silence);
    cluster.invoke(1, get(), None, false);
    cluster.run_until(Time(700_000_000));
    let first = cluster.sent[0].clone();
    assert!(1 < cluster.sent.len());
    let answer = Ok(Outcome::Answer(Answer::Nil));
    cluster.push(cluster.now, Event::Reply(first.1, first.2, first.3, answer.clone()));
    cluster.run_until(Time(800_000_000));
    assert_eq!(cluster.completions(), [(ClientId(1), get(), Completion::Ok(Answer::Nil))]);
    cluster.invoke(1, get(), None, false);
    cluster.push(cluster.now, Event::Reply(first.1, first.2, first.3, answer));
    cluster.run_until(Time(900_000_000));
    assert_eq!(cluster.completions().len(), 1);
}

/// Of an operation, one attempt that was overloaded and one of which nothing is known: it may have happened.
#[test]
fn what_was_refused_once_may_have_happened_another_time() {
    let mut cluster = Cluster::new(&scenario(3, None), 1, |_, now, _| match now.0 / 1_000_000 {
        0..1_000 => Mood::Answer,
        1_000..1_200 => Mood::Silence,
        _ => Mood::Overloaded,
    });
    cluster.invoke(1, set("first"), None, false);
    cluster.run_until(Time(1_000_000_000));
    cluster.invoke(1, set("a"), None, false);
    cluster.run_until(Time(9_000_000_000));
    assert_eq!(cluster.completions().remove(1).2, Completion::Info);
}

#[test]
fn who_is_sent_back_and_forth_between_two_servers_reaches_the_third() {
    for seed in 0..20 {
        let mut cluster = Cluster::new(&scenario(3, None), seed, |_, _, node| match node.get() {
            1 => Mood::Refuse(Some(2)),
            2 => Mood::Refuse(Some(1)),
            _ => Mood::Answer,
        });
        cluster.invoke(1, get(), Some(1), false);
        cluster.run_until(Time(2_000_000_000));
        assert_eq!(cluster.completions()[0].2, Completion::Ok(Answer::Ok), "seed {seed}");
    }
}

#[test]
fn ways_to_read_are_chosen_by_weight_and_writes_have_none() {
    let reads = BTreeMap::from([
        (ReadModeName::Leader, 1),
        (ReadModeName::Lease, 0),
        (ReadModeName::Follower, 3),
        (ReadModeName::Stale, 1),
    ]);
    let workload = Workload { reads, ..Workload::default() };
    let mut cluster = Cluster::new(&scenario(3, Some(workload)), 1, |_, _, _| Mood::Answer);
    cluster.run_until(Time(60_000_000_000));
    let mut counts = BTreeMap::new();
    for ((.., request), mode) in cluster.sent.iter().zip(&cluster.modes) {
        match &request.operation {
            Operation::Command(command) if command.is_read() => {
                *counts.entry(format!("{mode:?}")).or_insert(0) += 1;
            }
            _ => assert_eq!(*mode, ReadMode::Leader),
        }
    }
    let all: u64 = counts.values().sum();
    let share = |mode: &str| counts.get(mode).copied().unwrap_or(0) * 100 / all;
    assert!(500 < all, "{counts:?}");
    assert_eq!(share("Lease"), 0);
    assert!((15..25).contains(&share("Leader")) && (15..25).contains(&share("Stale")), "{counts:?}");
    assert!((55..65).contains(&share("Follower")), "{counts:?}");
}
