//! Any valid scenario survives the way through its text; any bytes are refused or read, and never panic.

use seaworthy_sim::choice::{Choice, Stream};
use seaworthy_sim::disk::CRASH_POINTS;
use seaworthy_sim::nemesis::FAULTS;
use seaworthy_sim::scenario::model::*;
use seaworthy_sim::scenario::scalar::{Ppm, Target};
use seaworthy_sim::scenario::{Scenario, bundled, parse, template, validate};
use seaworthy_sim::time::Span;

/// Draws valid scenarios.
struct Draw {
    choice: Choice,
}

impl Draw {
    fn new(seed: u64) -> Self {
        Self { choice: Choice::seeded(seed) }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.choice.below(Stream::Swarm, bound)
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    fn maybe<T>(&mut self, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.flip() { Some(draw(self)) } else { None }
    }

    fn some<T>(&mut self, mut draw: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| draw(self)).collect()
    }

    /// Of any unit, so that all ways to write a duration come up; never zero.
    fn span(&mut self) -> Span {
        let unit = [1, 1_000, 1_000_000][self.below(3) as usize];
        Span(unit * (1 + self.below(5_000)))
    }

    fn ppm(&mut self) -> Ppm {
        Ppm::new(self.below(1_000_001) as u32)
    }

    fn distribution(&mut self) -> Distribution {
        let mut bounds = [self.span(), self.span(), self.span()];
        bounds.sort();
        let [min, max, tail] = bounds;
        match self.below(4) {
            0 => Distribution::Constant(min),
            1 => Distribution::Uniform { min, max },
            2 => Distribution::LogNormal { median: min, p99: max },
            _ => Distribution::HeavyTail { min, max, tail, probability: self.ppm() },
        }
    }

    fn pick<T: for<'a> serde::Deserialize<'a>>(&mut self, names: &[&str]) -> T {
        let name = names[self.below(names.len() as u64) as usize];
        serde_json::from_value(name.into()).expect("a name of the format")
    }

    fn scenario(&mut self) -> Scenario {
        let nodes = 3 + self.below(10);
        let spares = self.below(4);
        let servers = nodes + spares;
        let duration = Span::seconds(6 + self.below(60));
        let mut scenario: Scenario =
            parse("base.json", r#"{ "name": "drawn", "claim": "Drawn at random: ⚓ \"quoted\"\n." }"#)
                .expect("valid");
        scenario.schema = self.maybe(|_| "../scenario.schema.json".into());
        scenario.duration = duration;
        scenario.cluster = self.cluster(nodes, spares);
        scenario.network = self.network(servers);
        // Most faults of disks are faults of files.
        scenario.disk = Disks {
            sync: self.distribution(),
            files: true,
            sector_size: 1 + self.below(65_536) as u32,
            segment_size: 1 + self.below(u64::MAX - 1),
            torn_sectors: self.flip(),
            nodes: Vec::new(),
        };
        for node in 1..=servers {
            if self.flip() {
                scenario.disk.nodes.push(Disk { node, sync: self.distribution() });
                let drift_ppm = self.below(1_500_001) as i64 - 500_000;
                scenario.clocks.push(Clock { node, offset: self.span(), drift_ppm });
            }
        }
        let leases = scenario.cluster.lease_drift.is_some();
        scenario.workload = self.maybe(|draw| draw.workload(leases));
        scenario.timeline =
            self.some(|draw| Moment { at: draw.span(), action: draw.action(servers, leases) });
        scenario.rules = self.maybe(|draw| vec![draw.rule(servers)]).unwrap_or_default();
        scenario.nemesis = self.some(|draw| Nemesis {
            fault: FAULTS[draw.below(FAULTS.len() as u64) as usize],
            every: draw.distribution(),
            duration: draw.distribution(),
        });
        scenario.liveness =
            Liveness { check: self.flip(), within: self.span(), core: self.flip(), drill: self.flip() };
        scenario.expect =
            self.some(|draw| Expectation { at: draw.maybe(Self::span), that: draw.predicate(servers) });
        scenario.planted = self.maybe(|_| vec!["vote_not_persisted".into()]).unwrap_or_default();
        scenario
    }

    /// Any number from 1 to the largest that a field takes, small ones as often as large ones.
    fn limit(&mut self) -> u32 {
        1 + if self.flip() { self.below(100) } else { self.below(u64::from(u32::MAX)) } as u32
    }

    fn cluster(&mut self, nodes: u64, spares: u64) -> Cluster {
        let heartbeat_interval = self.span();
        let election_timeout_min = Span(heartbeat_interval.0 + self.span().0);
        let mut initial = Vec::new();
        for node in 1..=nodes {
            // One history, of which each node has the beginning: Log Matching holds.
            let log: Vec<u64> = [1, 1, 2, 5, 5].into_iter().take(self.below(6) as usize).collect();
            if self.flip() {
                let vote = self.maybe(|draw| 1 + draw.below(nodes));
                initial.push(InitialDisk { node, term: 5 + self.below(3), vote, log });
            }
        }
        let check_quorum = self.flip();
        Cluster {
            nodes,
            learners: (2..=nodes).filter(|_| self.flip()).collect(),
            spares,
            election_timeout_min,
            election_timeout_max: Span(election_timeout_min.0 + self.span().0),
            heartbeat_interval,
            pre_vote: self.flip(),
            check_quorum,
            lease_drift: self.maybe(|draw| Ppm::new(draw.below(1_000_000) as u32)).filter(|_| check_quorum),
            max_batch_entries: self.limit(),
            max_batch_bytes: self.limit(),
            max_inflight_messages: self.limit(),
            max_inflight_bytes: self.limit(),
            max_entry_bytes: self.limit(),
            max_uncommitted_bytes: self.limit(),
            max_pending_reads: self.limit(),
            max_apply_entries: self.limit(),
            snapshot_interval: self.below(u64::MAX),
            trailing_entries: self.below(u64::MAX),
            snapshot_bytes: self.below(u64::MAX),
            max_chunk_bytes: self.limit(),
            max_sessions: self.limit(),
            session_lifetime: 1 + self.below(u64::MAX - 1),
            initial,
        }
    }

    fn network(&mut self, nodes: u64) -> Network {
        let link = Link {
            from: 1,
            to: 2 + self.below(nodes - 1),
            latency: self.maybe(Self::distribution),
            loss: Some(self.ppm()),
            duplicate: self.maybe(Self::ppm),
        };
        Network {
            latency: self.distribution(),
            loss: self.ppm(),
            duplicate: self.ppm(),
            fifo: self.flip(),
            capacity: self.maybe(Self::limit),
            client_latency: self.distribution(),
            client_loss: self.ppm(),
            links: self.maybe(|_| vec![link]).unwrap_or_default(),
        }
    }

    fn read_mode(&mut self, leases: bool) -> ReadModeName {
        match self.below(if leases { 4 } else { 3 }) {
            0 => ReadModeName::Leader,
            1 => ReadModeName::Follower,
            2 => ReadModeName::Stale,
            _ => ReadModeName::Lease,
        }
    }

    fn workload(&mut self, leases: bool) -> Workload {
        let attempt_timeout = self.span();
        let clients = 1 + self.below(64) as u32;
        let loyal_readers = self.below(2) as u32;
        Workload {
            clients,
            think: self.distribution(),
            attempt_timeout,
            operation_timeout: Span(attempt_timeout.0 + self.span().0),
            keys: 1 + self.below(1000) as u32,
            commands: [(CommandName::HGetAll, 1), (CommandName::Set, self.below(u64::from(u32::MAX)) as u32)]
                .into(),
            reads: [(ReadModeName::Stale, self.limit()), (self.read_mode(leases), self.limit())].into(),
            stray: self.ppm(),
            resend: self.ppm(),
            loyal_readers,
            loyal_writers: self.below(u64::from(clients - loyal_readers) + 1) as u32,
            start: Span::ZERO,
            stop: self.maybe(Self::span),
        }
    }

    fn target(&mut self, nodes: u64) -> Target {
        match self.below(8) {
            0 => Target::Leader,
            1 => Target::AFollower,
            2 => Target::Any,
            3 => Target::Followers,
            4 => Target::AMinority,
            5 => Target::AMajority,
            6 => Target::All,
            _ => Target::Node(1 + self.below(nodes)),
        }
    }

    fn action(&mut self, nodes: u64, leases: bool) -> Action {
        let (target, other) = (self.target(nodes), Target::Node(1 + self.below(nodes)));
        match self.below(29) {
            0 => Action::Partition { groups: vec![vec![other], vec![Target::Any]] },
            1 => Action::Cut { from: vec![target], to: vec![Target::Any] },
            2 => Action::Sever { between: vec![other], and: vec![Target::AMinority] },
            3 => Action::Isolate(target),
            4 => Action::Heal {},
            5 => Action::Crash(vec![target]),
            6 => Action::CrashMidStep(target),
            7 => Action::Restart(vec![target]),
            8 => Action::Pause(target),
            9 => Action::Resume(target),
            10 => Action::Campaign(target),
            11 => Action::JumpClock { node: target, by: self.span() },
            12 => Action::SlowDisk { node: target, sync: self.distribution() },
            13 => Action::Loss(self.ppm()),
            14 => Action::Duplicate(self.ppm()),
            15 => Action::Latency(self.distribution()),
            16 => Action::ChangeMembership {
                add: vec![other],
                learn: self.maybe(|_| vec![Target::Leader]).unwrap_or_default(),
                remove: self.maybe(|_| vec![Target::AFollower]).unwrap_or_default(),
                node: self.maybe(|_| target),
            },
            17 => Action::TransferLeadership(target),
            18 => Action::StepDown {},
            19 => Action::TakeSnapshot(target),
            20 => Action::Wipe(target),
            21 => Action::Clog(target),
            22 => Action::Unclog {},
            23 => {
                let point = CRASH_POINTS[self.below(CRASH_POINTS.len() as u64) as usize];
                Action::CrashAt { node: target, point }
            }
            24 => Action::FailSync(target),
            25 => Action::FillDisk(target),
            26 => Action::FreeDisk(target),
            27 => Action::Rot(target),
            _ => Action::Invoke {
                client: 65 + self.below(136) as u32,
                command: "SET k \"a\\nb\"".into(),
                node: self.maybe(|_| target),
                stay: self.flip(),
                read: self.maybe(|draw| draw.read_mode(leases)),
            },
        }
    }

    fn rule(&mut self, nodes: u64) -> Rule {
        let after = self.span();
        Rule {
            from: self.maybe(|_| 1),
            to: self.maybe(|draw| 2 + draw.below(nodes - 1)),
            kind: self.maybe(|draw| draw.pick(&["AppendEntries"])),
            term: self.maybe(|draw| 1 + draw.below(u64::MAX - 1)),
            with_entries: self.maybe(Self::flip),
            nth: self.maybe(|draw| 1 + draw.below(u64::MAX - 1)),
            after: self.maybe(|_| after),
            before: self.maybe(|draw| Span(after.0 + draw.span().0)),
            verdict: match self.below(4) {
                0 => Verdict::Deliver,
                1 => Verdict::Drop,
                2 => Verdict::Delay(self.span()),
                _ => Verdict::Duplicate(self.span()),
            },
        }
    }

    fn predicate(&mut self, nodes: u64) -> Predicate {
        let (node, number) = (1 + self.below(nodes), self.below(u64::MAX));
        match self.below(15) {
            0 => Predicate::LeaderExists(self.flip()),
            1 => Predicate::Leads(node),
            2 => Predicate::DoesNotLead(node),
            3 => Predicate::VotedFor { node, candidate: 1 },
            4 => Predicate::TermAtMost(number),
            5 => Predicate::TermAtLeast(number),
            6 => Predicate::ElectionsAtMost(number),
            7 => Predicate::ElectionsAtLeast(number),
            8 => Predicate::Log { node, terms: vec![1, 1, number.max(1)] },
            9 => Predicate::Level(self.flip()),
            10 => Predicate::CommitAtLeast(number),
            11 => Predicate::Voters(vec![node]),
            12 => Predicate::Learners(Vec::new()),
            13 => Predicate::SnapshotAtLeast { node, entries: number },
            _ => Predicate::AnsweredAtMost(number),
        }
    }
}

#[test]
fn every_valid_scenario_survives_its_text() {
    for seed in 0..500 {
        let scenario = Draw::new(seed).scenario();
        validate(&scenario).unwrap_or_else(|problems| panic!("seed {seed}: {problems:#?}"));
        let text = scenario.to_json();
        let again =
            parse("drawn.json", &text).unwrap_or_else(|problems| panic!("seed {seed}: {problems}\n{text}"));
        assert_eq!(again, scenario, "seed {seed}");
        assert_eq!(again.to_json(), text, "seed {seed}");
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "seed {seed}: {text}");
    }
}

#[test]
fn what_is_valid_in_a_file_is_valid_in_rust_and_the_other_way_round() {
    for seed in 0..500 {
        let mut draw = Draw::new(seed);
        let mut scenario = draw.scenario();
        // Most of these changes make no sense any more.
        scenario.cluster.nodes = 1 + draw.below(15);
        scenario.duration = draw.span();
        let text = scenario.to_json();
        let mine: Vec<_> = validate(&scenario).err().unwrap_or_default();
        let theirs = parse("changed.json", &text).err().map(|problems| problems.problems).unwrap_or_default();
        let paths = |path: &str, code: &str| format!("{path} {code}");
        let mine: Vec<String> = mine.iter().map(|problem| paths(&problem.path, problem.code)).collect();
        let theirs: Vec<String> = theirs.iter().map(|problem| paths(&problem.path, problem.code)).collect();
        assert_eq!(mine, theirs, "seed {seed}");
    }
}

/// What is said of any bytes: they are a scenario that makes sense, or there is a place at which they are not.
fn judge(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match parse("mutant.json", &text) {
        Ok(scenario) => {
            assert_eq!(validate(&scenario), Ok(()), "{text}");
            assert_eq!(parse("again.json", &scenario.to_json()).as_ref(), Ok(&scenario), "{text}");
            true
        }
        Err(problems) => {
            assert!(!problems.problems.is_empty(), "{text}");
            for problem in &problems.problems {
                assert_ne!(problem.code, "E0111", "what serde refuses is found before: {problems}\n{text}");
                let line = text.split('\n').nth(problem.line - 1).expect("a line of the text");
                assert!((1..=line.chars().count() + 1).contains(&problem.column), "{problems}\n{text}");
                assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{problems}\n{text}");
            }
            assert!(problems.to_string().lines().all(|line| line.chars().count() < 1_000), "{problems}");
            false
        }
    }
}

#[test]
fn no_mutation_of_a_scenario_panics_or_passes_unnoticed() {
    let mut sources: Vec<Vec<u8>> = bundled().iter().map(|bundled| bundled.text.into()).collect();
    sources.push(template("mutant").into());
    sources.extend((0..10).map(|seed| Draw::new(seed).scenario().to_json().into_bytes()));
    const PIECES: [&str; 16] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "null",
        "-1",
        "1e400",
        "\\ud800",
        "\"all\"",
        "0",
        "99999999999999999999",
        "//",
    ];
    let mut draw = Draw::new(2026);
    let mut valid = 0;
    for _ in 0..5_000 {
        let mut bytes = sources[draw.below(sources.len() as u64) as usize].clone();
        for _ in 0..=draw.below(3) {
            let at = draw.below(bytes.len() as u64) as usize;
            let end = (at + draw.below(6) as usize).min(bytes.len());
            match draw.below(5) {
                0 => bytes[at] ^= 1 << draw.below(8),
                1 => bytes[at] = draw.below(128) as u8,
                2 => drop(bytes.drain(at..end)),
                3 => drop(bytes.splice(at..at, PIECES[draw.below(16) as usize].bytes())),
                _ => {
                    let copy = bytes[at..end].to_vec();
                    let to = draw.below(bytes.len() as u64) as usize;
                    drop(bytes.splice(to..to, copy));
                }
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        valid += u32::from(judge(&bytes));
    }
    assert!((100..4_000).contains(&valid), "mutations are neither all harmless nor all fatal: {valid}");
}

#[test]
fn a_text_cut_off_anywhere_is_refused() {
    let text = template("cut");
    let end = text.trim_end().len();
    for cut in 0..end {
        assert!(!judge(&text.as_bytes()[..cut]), "cut at {cut}");
    }
}

#[test]
fn a_large_file_of_mistakes_is_answered_briefly() {
    let moments = "{\"at\":\"99s\",\"do\":{\"crash\":[99]}},".repeat(120_000);
    let text = format!("{{\"name\":\"a\",\"claim\":\"b\",\"timeline\":[{}]}}", moments.trim_end_matches(','));
    let problems = parse("large.json", &text).expect_err("full of mistakes");
    assert_eq!((problems.problems.len(), problems.omitted), (100, 240_001 - 100));
    assert!(problems.to_string().len() < 100_000);

    let fields: Vec<String> = (0..200_000).map(|number| format!("\"f{number}\":0")).collect();
    let problems =
        parse("fields.json", &format!("{{{}}}", fields.join(","))).expect_err("full of unknown fields");
    assert_eq!(problems.problems.len(), 100);
}
