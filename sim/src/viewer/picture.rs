//! What the page draws, as data.

use super::arrows::{Arrow, Arrows};
use super::walls::{Wall, Walls};
use crate::artifact::{HistoryKind, HistoryRecord};
use crate::history::OperationId;
use crate::network::Owner;
use crate::report::{Fingerprint, SCHEMA_VERSION, VERSION, headline};
use crate::run::{Recording, RunReport, TraceLine, Verdict};
use crate::scenario::Scenario;
use crate::time::Time;
use crate::trace::Record;
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;
use serde::Serialize;
use std::collections::BTreeMap;

/// A run as lanes over virtual time. Instants are nanoseconds since its start; lines are counted from 0.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    schema_version: u32,
    version: &'static str,
    scenario: String,
    claim: String,
    /// In words: a page's numbers cannot hold all seeds.
    seed: String,
    fingerprint: Fingerprint,
    verdict: Verdict,
    headline: String,
    /// Where the run ended.
    end: u64,
    nodes: u64,
    clients: u32,
    /// The line that shows why the run failed, if it did.
    focus: Option<usize>,
    lines: Vec<Line>,
    bands: Vec<Band>,
    commits: Vec<Commit>,
    absences: Vec<Absence>,
    walls: Vec<Wall>,
    arrows: Vec<Arrow>,
    calls: Vec<Call>,
    operations: Vec<Operation>,
}

/// A line of the trace: when, at which step, the node, what it is about, what it says.
#[derive(Clone, Debug, Serialize)]
struct Line(u64, u64, Option<u64>, Kind, String);

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Message,
    Role,
    Timer,
    Log,
    Disk,
    Client,
    Fault,
    Repair,
}

/// A time in which a node had the same role and term.
#[derive(Clone, Debug, Serialize)]
struct Band {
    node: u64,
    from: u64,
    until: u64,
    role: &'static str,
    term: u64,
    line: usize,
}

/// From here on a node's commit index is this.
#[derive(Clone, Debug, Serialize)]
struct Commit {
    node: u64,
    at: u64,
    index: u64,
    line: usize,
}

/// A time in which a node was down, or paused.
#[derive(Clone, Debug, Serialize)]
struct Absence {
    node: u64,
    from: u64,
    until: u64,
    paused: bool,
    line: usize,
}

/// A request that arrived at a node, an answer that arrived at a client, or either that was lost.
#[derive(Clone, Debug, Serialize)]
struct Call {
    client: u32,
    node: u64,
    what: &'static str,
    line: usize,
}

/// What a client wanted and got.
#[derive(Clone, Debug, Serialize)]
struct Operation {
    client: u32,
    from: u64,
    until: u64,
    line: usize,
    /// The line of its end, if it had one.
    end: Option<usize>,
    outcome: Option<HistoryKind>,
    command: String,
    answer: Option<String>,
}

impl Picture {
    pub(super) fn new(scenario: &Scenario, report: &RunReport, recording: &Recording) -> Self {
        let end =
            recording.trace.last().map_or(Time::ZERO, |line| line.at).max(Time::ZERO + report.virtual_time);
        let mut painter = Painter::new(scenario.cluster.nodes, end);
        let mut history = HistoryRecord::all(&recording.history);
        for line in &recording.trace {
            match (&line.record, line.node) {
                (Some(record), _) => painter.record(line, record),
                // Each line of a client's own is an event of the history, in the same order.
                (None, _) => painter.client(line, history.next()),
            }
        }
        let (word, rest) = headline(report);
        let failed = matches!(report.verdict, Verdict::Violation | Verdict::Expectation);
        let last_step = report.violation.as_ref().map_or(u64::MAX, |found| found.step);
        let focus = recording.trace.iter().rposition(|line| line.step <= last_step);
        let Painter { lines, bands, commits, absences, walls, arrows, calls, operations, .. } = painter;
        Self {
            schema_version: SCHEMA_VERSION,
            version: VERSION,
            scenario: report.scenario.clone(),
            claim: scenario.claim.clone(),
            seed: report.seed.to_string(),
            fingerprint: Fingerprint(report.fingerprint),
            verdict: report.verdict,
            headline: format!("{word} {rest}").trim_end().to_owned(),
            end: end.0,
            nodes: scenario.cluster.nodes,
            clients: operations.iter().map(|operation| operation.client).max().unwrap_or(0),
            focus: focus.filter(|_| failed || report.violation.is_some()),
            lines,
            bands,
            commits,
            absences,
            walls: walls.finish(end),
            arrows: arrows.finish(),
            calls,
            operations,
        }
    }
}

/// A picture under way.
struct Painter {
    end: Time,
    lines: Vec<Line>,
    bands: Vec<Band>,
    commits: Vec<Commit>,
    absences: Vec<Absence>,
    walls: Walls,
    arrows: Arrows,
    calls: Vec<Call>,
    operations: Vec<Operation>,
    /// The band of each node that is up, and the absence of each that is not there.
    present: BTreeMap<u64, usize>,
    absent: BTreeMap<u64, usize>,
    /// The operations that have not ended.
    open: BTreeMap<OperationId, usize>,
}

impl Painter {
    fn new(nodes: u64, end: Time) -> Self {
        Self {
            end,
            lines: Vec::new(),
            bands: Vec::new(),
            commits: Vec::new(),
            absences: Vec::new(),
            walls: Walls::new(nodes),
            arrows: Arrows::default(),
            calls: Vec::new(),
            operations: Vec::new(),
            present: BTreeMap::new(),
            absent: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// Something that is in the trace as a record.
    fn record(&mut self, words: &TraceLine, record: &Record) {
        let (line, at) = (self.lines.len(), words.at);
        let kind = match *record {
            Record::Sent { message, arrival } | Record::Doubled { message, arrival } => {
                self.arrows.sent(line, at, message, arrival);
                Kind::Message
            }
            Record::Delivered { message } => {
                self.arrows.delivered(line, at, message);
                Kind::Message
            }
            Record::Lost { message, cause } => {
                self.arrows.lost(line, at, message, cause);
                Kind::Message
            }
            Record::Timeout { .. } | Record::Campaign { .. } => Kind::Timer,
            Record::Became { node, term, role } => {
                self.becomes(node, at, role, term.0);
                Kind::Role
            }
            Record::Committed { node, commit, .. } => {
                self.commits.push(Commit { node: node.get(), at: at.0, index: commit.0, line });
                Kind::Log
            }
            Record::Applied { .. } | Record::Stepped { .. } => Kind::Log,
            Record::Synced { .. } => Kind::Disk,
            Record::Asked { client, node } => self.call(client.0, node, "asked"),
            Record::Answered { client, node } => self.call(client.0, node, "answered"),
            Record::ClientLost { client, node } => self.call(client.0, node, "lost"),
            Record::Booted { .. } | Record::Resumed { .. } | Record::Mended { .. } | Record::Healed => {
                self.repair(at, record);
                Kind::Repair
            }
            _ => {
                self.fault(at, record);
                Kind::Fault
            }
        };
        self.line(words, kind);
    }

    /// Something bad happened to the cluster.
    fn fault(&mut self, at: Time, record: &Record) {
        let line = self.lines.len();
        match *record {
            Record::Crashed { node, .. } => {
                self.returns(node, at);
                self.ends(node, at);
                self.leaves(node, at, false);
            }
            Record::Paused { node } => self.leaves(node, at, true),
            Record::Cut { from, to, owner } => self.walls.cut(line, at, (from.get(), to.get()), owner),
            _ => {}
        }
    }

    /// Something bad is over.
    fn repair(&mut self, at: Time, record: &Record) {
        let line = self.lines.len();
        match *record {
            Record::Booted { node, hard_state, .. } => {
                self.returns(node, at);
                self.becomes(node, at, Role::Follower, hard_state.term.0);
                self.commits.push(Commit { node: node.get(), at: at.0, index: 0, line });
            }
            Record::Resumed { node } => self.returns(node, at),
            Record::Mended { owner, .. } => self.walls.mended(line, at, owner),
            // Whoever cut a link: none is cut any more.
            Record::Healed => self.walls.mended(line, at, Owner::Timeline),
            _ => {}
        }
    }

    /// Something that a client did or saw.
    fn client(&mut self, words: &TraceLine, event: Option<HistoryRecord>) {
        let line = self.lines.len();
        if let Some(event) = event {
            match (event.kind, self.open.remove(&OperationId(event.op))) {
                (kind, Some(operation)) => {
                    let operation = &mut self.operations[operation];
                    operation.until = words.at.0;
                    operation.end = Some(line);
                    operation.outcome = Some(kind);
                    operation.answer = event.answer;
                }
                (_, None) => {
                    self.open.insert(OperationId(event.op), self.operations.len());
                    self.operations.push(Operation {
                        client: event.process,
                        from: words.at.0,
                        until: self.end.0,
                        line,
                        end: None,
                        outcome: None,
                        command: event.command,
                        answer: None,
                    });
                }
            }
        }
        self.line(words, Kind::Client);
    }

    fn call(&mut self, client: u32, node: NodeId, what: &'static str) -> Kind {
        self.calls.push(Call { client, node: node.get(), what, line: self.lines.len() });
        Kind::Client
    }

    fn becomes(&mut self, node: NodeId, at: Time, role: Role, term: u64) {
        self.ends(node, at);
        self.present.insert(node.get(), self.bands.len());
        self.bands.push(Band {
            node: node.get(),
            from: at.0,
            until: self.end.0,
            role: role_name(role),
            term,
            line: self.lines.len(),
        });
    }

    fn ends(&mut self, node: NodeId, at: Time) {
        if let Some(band) = self.present.remove(&node.get()) {
            self.bands[band].until = at.0;
        }
    }

    fn leaves(&mut self, node: NodeId, at: Time, paused: bool) {
        self.absent.insert(node.get(), self.absences.len());
        let (from, until, line) = (at.0, self.end.0, self.lines.len());
        self.absences.push(Absence { node: node.get(), from, until, paused, line });
    }

    fn returns(&mut self, node: NodeId, at: Time) {
        if let Some(absence) = self.absent.remove(&node.get()) {
            self.absences[absence].until = at.0;
        }
    }

    fn line(&mut self, words: &TraceLine, kind: Kind) {
        let node = words.node.map(NodeId::get);
        self.lines.push(Line(words.at.0, words.step, node, kind, words.text.clone()));
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}
