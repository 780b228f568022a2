//! What the fuzz targets run: bytes in, nothing out but a panic. The same functions replay the committed corpora
//! from `cargo test`.

use crate::choice::Choice;
use crate::replica::MessageKind;
use crate::run::{self, Verdict};
use crate::scenario;
use crate::scenario::model::{
    Action, Cluster, Distribution, Liveness, Moment, Rule, Scenario, Verdict as MessageVerdict, Workload,
};
use crate::scenario::scalar::{Ppm, Target};
use crate::time::Span;
use arbitrary::{Arbitrary, Unstructured};

/// Any bytes at all as a scenario file: an error or a scenario, never a panic. What parses prints and parses
/// again to the same.
///
/// # Panics
/// If the law does not hold.
pub fn scenario_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match scenario::parse("fuzz.json", text) {
        Ok(parsed) => {
            let again = scenario::parse("again.json", &parsed.to_json());
            assert!(again.is_ok_and(|again| again == parsed), "a printed scenario parses to itself");
        }
        Err(diagnostics) => assert!(!diagnostics.to_string().is_empty(), "an error says something"),
    }
}

/// A schedule of faults, message fates and client operations, and the luck of everything else, as one structured
/// input: a run with every checker. Bytes that make no plan do nothing.
///
/// # Panics
/// If a property is violated: the sound core sank.
pub fn schedule(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    let Ok(plan) = Plan::arbitrary(&mut input) else { return };
    let luck = input.take_rest();
    let scenario = plan.scenario();
    let (report, _) = run::run_with(&scenario, Choice::bytes(luck), 0, false);
    assert!(
        report.verdict != Verdict::Violation,
        "{:?}\nthe scenario, whose remaining luck is {luck:?}:\n{}",
        report.violation,
        scenario.to_json(),
    );
}

/// What the fuzzer decides. Numbers are folded into their ranges, so that every input is a valid plan.
#[derive(Arbitrary, Debug)]
struct Plan {
    nodes: u8,
    no_pre_vote: bool,
    no_check_quorum: bool,
    batch: u8,
    window: u8,
    apply: u8,
    clients: u8,
    rules: Vec<Fate>,
    moments: Vec<(u8, Deed)>,
}

/// The fate of one message.
#[derive(Arbitrary, Debug)]
struct Fate {
    from: u8,
    to: u8,
    kind: u8,
    nth: u8,
    verdict: u8,
    millis: u8,
}

/// Something done to the cluster.
#[derive(Arbitrary, Debug)]
enum Deed {
    Crash(u8),
    CrashMidStep(u8),
    CrashAll,
    Restart(u8),
    Pause(u8),
    Resume(u8),
    Campaign(u8),
    Isolate(u8),
    Cut(u8, u8),
    Sever(u8, u8),
    Heal,
    Loss(u8),
    Duplicate(u8),
    SlowDisk(u8, u8),
    Invoke(u8, u8),
}

/// Longer plans only repeat themselves.
const MOST_RULES: usize = 32;
const MOST_MOMENTS: usize = 64;

/// What scripted clients ask: enough kinds to tell lost, doubled and stale effects apart.
const COMMANDS: [&str; 8] =
    ["SET a 1", "SET a 2", "GET a", "APPEND a x", "CAS a 1 3", "SSET s m", "SDEL s m", "HSET h f 1"];

/// Clients of the workload are numbered below this, scripted ones from here on.
const FIRST_SCRIPTED: u32 = 4;

impl Plan {
    fn scenario(&self) -> Scenario {
        let nodes = u64::from(self.nodes % 5) + 1;
        let node = |number: &u8| u64::from(*number) % nodes + 1;
        let mut at = Span::ZERO;
        let moment = |(pause, deed): &(u8, Deed)| {
            at = Span(at.0 + u64::from(*pause) * 2_000_000);
            Moment { at, action: deed.action(nodes) }
        };
        let timeline: Vec<Moment> = self.moments.iter().take(MOST_MOMENTS).map(moment).collect();
        let rule = |fate: &Fate| fate.rule(node(&fate.from), node(&fate.to));
        let clients = u32::from(self.clients) % FIRST_SCRIPTED;
        Scenario {
            duration: Span(at.0 + Span::millis(500).0),
            cluster: Cluster {
                nodes,
                pre_vote: !self.no_pre_vote,
                check_quorum: !self.no_check_quorum,
                max_batch_entries: u32::from(self.batch % 4) + 1,
                max_inflight_messages: u32::from(self.window % 4) + 1,
                max_apply_entries: u32::from(self.apply % 4) + 1,
                ..Cluster::default()
            },
            workload: (clients > 0).then(|| Workload { clients, ..Workload::default() }),
            timeline,
            rules: self.rules.iter().take(MOST_RULES).map(rule).collect(),
            liveness: Liveness { check: false, ..Liveness::default() },
            ..Scenario::named("fuzz", "Whatever the fuzzer does, every property holds.")
        }
    }
}

impl Fate {
    fn rule(&self, from: u64, to: u64) -> Rule {
        const KINDS: [MessageKind; 7] = [
            MessageKind::AppendEntries,
            MessageKind::AppendReply,
            MessageKind::RequestVote,
            MessageKind::VoteReply,
            MessageKind::PreVote,
            MessageKind::PreVoteReply,
            MessageKind::Stale,
        ];
        let span = Span::millis(u64::from(self.millis) * 8);
        Rule {
            from: Some(from),
            to: Some(to),
            kind: Some(KINDS[usize::from(self.kind) % KINDS.len()]),
            term: None,
            with_entries: None,
            nth: Some(u64::from(self.nth) + 1),
            after: None,
            before: None,
            verdict: match self.verdict % 3 {
                0 => MessageVerdict::Drop,
                1 => MessageVerdict::Delay(span),
                _ => MessageVerdict::Duplicate(span),
            },
        }
    }
}

impl Deed {
    fn action(&self, nodes: u64) -> Action {
        let target = |number: u8| Target::Node(u64::from(number) % nodes + 1);
        let share = |number: u8| Ppm::new(u32::from(number) * 1_000);
        match *self {
            Self::Crash(node) => Action::Crash(vec![target(node)]),
            Self::CrashMidStep(node) => Action::CrashMidStep(target(node)),
            Self::CrashAll => Action::Crash(vec![Target::All]),
            Self::Restart(node) => Action::Restart(vec![target(node)]),
            Self::Pause(node) => Action::Pause(target(node)),
            Self::Resume(node) => Action::Resume(target(node)),
            Self::Campaign(node) => Action::Campaign(target(node)),
            Self::Isolate(node) => Action::Isolate(target(node)),
            Self::Cut(from, to) => Action::Cut { from: vec![target(from)], to: vec![target(to)] },
            Self::Sever(one, other) => Action::Sever { between: vec![target(one)], and: vec![target(other)] },
            Self::Heal => Action::Heal {},
            Self::Loss(number) => Action::Loss(share(number)),
            Self::Duplicate(number) => Action::Duplicate(share(number)),
            Self::SlowDisk(node, millis) => Action::SlowDisk {
                node: target(node),
                sync: Distribution::Constant(Span::millis(u64::from(millis))),
            },
            Self::Invoke(client, command) => Action::Invoke {
                client: FIRST_SCRIPTED + u32::from(client % 4),
                command: COMMANDS[usize::from(command) % COMMANDS.len()].into(),
                node: Some(target(client)),
                stay: client >= 128,
            },
        }
    }
}
