//! One client: its session, its operation under way, and whom it believes to lead.

use super::generator::{Author, Place};
use super::{ClientEffect, LEAST, Turn};
use crate::choice::Stream;
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::time::{Span, Time};
use seaworthy_core::kv::Command;
use seaworthy_core::member::{ReadMode, Refusal};
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::types::{NodeId, SessionId, Token};
use std::collections::VecDeque;

#[derive(Clone, Debug)]
pub(super) struct Client {
    id: ClientId,
    drive: Drive,
    session: Option<SessionId>,
    /// The number of the last request within the session.
    sequence: u64,
    /// Operations begun.
    begun: u64,
    /// Whom it asks first: who it believes to lead, or for a loyal client, with whom it stays.
    contact: Option<NodeId>,
    /// When it wants to be woken.
    wake_at: Option<Time>,
    open: Option<Open>,
    /// What the timeline wants of it, in order.
    scripts: VecDeque<Script>,
    /// What it does last.
    probes: VecDeque<Probe>,
    /// Whether it begins nothing at random any more.
    stopped: bool,
    /// An answered request to be sent once more, late and without need.
    echo: Option<(NodeId, Request, ReadMode)>,
}

/// What makes a client act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drive {
    /// The workload, any command.
    Workload,
    /// The workload, any command, always at the same node while it answers.
    LoyalWriter,
    /// The same, reads only.
    LoyalReader,
    /// The timeline alone.
    Script,
}

impl Drive {
    fn is_loyal(self) -> bool {
        matches!(self, Self::LoyalWriter | Self::LoyalReader)
    }
}

/// An operation that the timeline wants.
#[derive(Clone, Debug)]
pub struct Script {
    /// What.
    pub command: Command,
    /// On whose word it is answered, if it only reads.
    pub mode: ReadMode,
    /// Whom the client asks first; otherwise whom it believes to lead.
    pub node: Option<NodeId>,
    /// Whether it asks that node alone.
    pub stay: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    Read,
    Write,
}

/// An operation about to begin.
struct Task {
    command: Command,
    mode: ReadMode,
    place: Option<Place>,
    node: Option<NodeId>,
    stay: bool,
    probe: Option<Probe>,
}

/// The operation under way.
#[derive(Clone, Debug)]
struct Open {
    operation: OperationId,
    command: Command,
    mode: ReadMode,
    place: Option<Place>,
    probe: Option<Probe>,
    /// Whether it asks one node alone, hint or no hint.
    stay: bool,
    /// Whether it stays with a node for as long as that knows nobody better. At the very end nobody does: the node may
    /// have been removed.
    loyal: bool,
    /// When it is given up.
    deadline: Time,
    stage: Stage,
    /// Whom it asks.
    target: NodeId,
    /// Whom it asked last because nobody had a better idea; at first the last of all, so that the founders come before
    /// the spares.
    scan: NodeId,
    /// The first token of this stage: replies to older ones are to something else.
    first_token: Token,
    /// The first token of the newest attempt, while that waits for a reply; `None` between attempts.
    waiting: Option<Token>,
    /// The attempts of this stage that may take effect some day: all but those known to be refused.
    undecided: Vec<Token>,
    /// Refusals so far.
    refusals: u32,
    /// Whether anybody has said anything.
    heard: bool,
}

/// How far an operation is.
#[derive(Clone, Debug)]
enum Stage {
    /// It waits for a session, without which a write could run twice.
    Registering,
    /// It asks this, always the same.
    Asking(Request),
}

impl Client {
    pub(super) fn new(id: ClientId, drive: Drive) -> Self {
        Self {
            id,
            drive,
            session: None,
            sequence: 0,
            begun: 0,
            contact: None,
            wake_at: None,
            open: None,
            scripts: VecDeque::new(),
            probes: VecDeque::new(),
            stopped: false,
            echo: None,
        }
    }

    pub(super) fn stream(&self) -> Stream {
        Stream::Client(self.id.0)
    }

    /// Operations not yet completed or to be begun for certain.
    pub(super) fn open(&self) -> usize {
        usize::from(self.open.is_some()) + self.scripts.len() + self.probes.len()
    }

    /// Wants to be woken at `at`, and not before.
    pub(super) fn sleep(&mut self, at: Time, effects: &mut Vec<ClientEffect>) {
        self.wake_at = Some(at);
        effects.push(ClientEffect::Wake { client: self.id, at });
    }

    pub(super) fn wake(&mut self, turn: &mut Turn<'_>) {
        if self.wake_at != Some(turn.now) {
            return;
        }
        self.wake_at = None;
        match &mut self.open {
            None => self.begin_next(turn),
            Some(open) if open.deadline <= turn.now => self.give_up(turn),
            Some(open) => {
                // Silence: the node may be down or cut off. Who is loyal asks it again.
                if open.waiting.is_some() && !open.stay && !open.loyal {
                    self.look_further(turn);
                }
                self.attempt(turn);
            }
        }
    }

    pub(super) fn invoke(&mut self, script: Script, turn: &mut Turn<'_>) {
        self.scripts.push_back(script);
        if self.open.is_none() {
            self.begin_next(turn);
        }
    }

    pub(super) fn stop(&mut self, now: Time, effects: &mut Vec<ClientEffect>) {
        self.stopped = true;
        self.probes = match self.drive {
            // First a read: it needs a commit in the leader's own term, and nobody else's write may help it.
            Drive::Workload | Drive::LoyalWriter => VecDeque::from([Probe::Read, Probe::Write, Probe::Read]),
            Drive::LoyalReader => VecDeque::from([Probe::Read]),
            Drive::Script => VecDeque::new(),
        };
        if self.open.is_none() && !self.probes.is_empty() {
            self.sleep(now + LEAST, effects);
        }
    }

    pub(super) fn reply(
        &mut self,
        from: NodeId,
        token: Token,
        result: &Result<Outcome, Refusal>,
        turn: &mut Turn<'_>,
    ) {
        let Some(open) = self.open.as_mut().filter(|open| open.first_token <= token) else {
            return;
        };
        open.heard = true;
        match (result, &open.stage) {
            (Ok(Outcome::Registered(session)), Stage::Registering) => {
                (self.session, self.sequence) = (Some(*session), 0);
                self.contact = Some(from);
                open.target = if open.stay { open.target } else { from };
                self.ask(turn);
            }
            (Ok(Outcome::Answer(answer)), Stage::Asking(_)) => {
                self.contact = Some(from);
                self.complete(Completion::Ok(answer.clone()), turn);
            }
            (Ok(Outcome::UnknownSession | Outcome::Superseded | Outcome::Malformed), Stage::Asking(_)) => {
                // This attempt did nothing. An earlier one may have, while the session still stood.
                self.session = self.session.filter(|_| *result != Ok(Outcome::UnknownSession));
                let completion = open.without_answer();
                self.complete(completion, turn);
            }
            // No answer to what was asked: servers in their right mind do not say so. The time-out will come.
            (Ok(_), _) => {}
            (Err(refusal), _) => {
                if !matches!(refusal, Refusal::Unknown { .. }) {
                    open.undecided.retain(|undecided| *undecided != token);
                }
                if open.waiting.is_some_and(|newest| newest <= token) {
                    let leader = match *refusal {
                        Refusal::NotLeader { leader } | Refusal::Unknown { leader } => leader,
                        // It has too much to do.
                        _ => None,
                    };
                    self.refused(leader, turn);
                }
            }
        }
    }

    /// The node asked last has refused: try the hint, or somebody else, a little later.
    fn refused(&mut self, leader: Option<NodeId>, turn: &mut Turn<'_>) {
        let stream = self.stream();
        let open = self.open.as_mut().expect("an operation was refused");
        // Two servers that each take the other for the leader would send it back and forth: every other time it looks
        // for itself.
        let trusts = open.refusals.is_multiple_of(2);
        let hint =
            leader.filter(|leader| trusts && *leader != open.target && leader.get() <= turn.shared.nodes);
        if !open.stay {
            match hint {
                Some(leader) => (open.target, self.contact) = (leader, Some(leader)),
                // It has no better idea, but it answers.
                None if open.loyal => {}
                None => self.look_further(turn),
            }
        }
        let open = self.open.as_mut().expect("it is still open");
        open.waiting = None;
        // From a sixteenth of the time-out, doubling: soon enough for a hint, rare enough for an election.
        let most = Span((turn.shared.attempt_timeout.0 >> 4) << open.refusals.min(4)).max(LEAST);
        open.refusals += 1;
        let pause = Span(turn.choice.between(stream, most.0.div_ceil(2), most.0));
        // An attempt without the time for a refusal would only turn what surely failed into what nobody knows.
        let room = Span(turn.shared.attempt_timeout.0 / 4);
        let again = turn.now + pause;
        let at = if again + room <= open.deadline { again } else { open.deadline.max(turn.now + LEAST) };
        self.sleep(at, turn.effects);
    }

    /// Turns to the next server. Whoever is silent, refuses or points to another, in the end everybody is asked.
    fn look_further(&mut self, turn: &Turn<'_>) {
        let open = self.open.as_mut().expect("an operation looks for a server");
        open.scan = turn.shared.next_node(open.scan);
        if open.scan == open.target {
            open.scan = turn.shared.next_node(open.scan);
        }
        (open.target, self.contact) = (open.scan, None);
    }

    /// Begins what is to be done next, if there is anything.
    fn begin_next(&mut self, turn: &mut Turn<'_>) {
        assert!(self.open.is_none(), "a client has one operation at a time");
        let Some(task) = self.next_task(turn) else {
            return;
        };
        self.begun += 1;
        let stream = self.stream();
        let strays = self.drive == Drive::Workload && turn.choice.chance(stream, turn.shared.stray);
        // Whoever may answer is as good as anybody else.
        let anybody = matches!(task.mode, ReadMode::Follower | ReadMode::Stale);
        let known = task.node.or(self.contact.filter(|_| !strays && !anybody));
        let target = known.unwrap_or_else(|| turn.shared.any_node(turn.choice, stream));
        if let Some((node, request, mode)) = self.echo.take() {
            let token = turn.shared.token();
            turn.effects.push(ClientEffect::Send { client: self.id, to: node, token, request, mode });
        }
        let operation = turn.shared.operation();
        turn.effects.push(ClientEffect::History(HistoryEvent::Invoked {
            operation,
            client: self.id,
            command: task.command.clone(),
            mode: task.mode,
            at: turn.now,
        }));
        turn.retire_keys();
        self.open = Some(Open {
            operation,
            command: task.command,
            mode: task.mode,
            place: task.place,
            probe: task.probe,
            stay: task.stay,
            loyal: self.drive.is_loyal() && task.probe.is_none(),
            // The last operations are not given up: it is for the checker to lose patience.
            deadline: task.probe.map_or(turn.now + turn.shared.operation_timeout, |_| Time(u64::MAX)),
            stage: Stage::Registering,
            target,
            scan: NodeId::new(turn.shared.nodes),
            first_token: turn.shared.next_token,
            waiting: None,
            undecided: Vec::new(),
            refusals: 0,
            heard: false,
        });
        self.ask(turn);
    }

    fn next_task(&mut self, turn: &mut Turn<'_>) -> Option<Task> {
        if let Some(Script { command, mode, node, stay }) = self.scripts.pop_front() {
            return Some(Task { command, mode, place: None, node, stay, probe: None });
        }
        let author = Author { client: self.id, number: self.begun };
        if let Some(probe) = self.probes.pop_front() {
            let slot = self.id.0 as usize;
            let (command, place) =
                turn.shared.generator.probe(author, slot, probe == Probe::Write, turn.choice);
            let (mode, place) = (ReadMode::Leader, Some(place));
            return Some(Task { command, mode, place, node: None, stay: false, probe: Some(probe) });
        }
        let over = self.stopped || turn.shared.stop.is_some_and(|stop| stop <= turn.now);
        if over || self.drive == Drive::Script {
            return None;
        }
        let (command, place) =
            turn.shared.generator.command(author, self.drive == Drive::LoyalReader, turn.choice);
        let mode = if command.is_read() {
            turn.shared.read_mode(turn.choice, self.stream())
        } else {
            ReadMode::Leader
        };
        Some(Task { command, mode, place: Some(place), node: None, stay: false, probe: None })
    }

    /// Asks for the operation under way, as soon as there is a session if it needs one.
    fn ask(&mut self, turn: &mut Turn<'_>) {
        let open = self.open.as_mut().expect("an operation is to be asked for");
        if self.session.is_some() || open.command.is_read() {
            self.sequence += 1;
            open.stage = Stage::Asking(Request {
                session: self.session.unwrap_or(SessionId::ZERO),
                sequence: self.sequence,
                operation: Operation::Command(open.command.clone()),
            });
            open.first_token = turn.shared.next_token;
            open.undecided.clear();
        }
        self.attempt(turn);
    }

    /// Sends the request of the operation under way to its target, perhaps twice.
    fn attempt(&mut self, turn: &mut Turn<'_>) {
        let stream = self.stream();
        let open = self.open.as_mut().expect("an operation is to be attempted");
        let request = match &open.stage {
            Stage::Asking(request) => request.clone(),
            Stage::Registering => {
                let number = u64::from(self.id.0);
                Request { session: SessionId::ZERO, sequence: number, operation: Operation::Register }
            }
        };
        open.waiting = Some(turn.shared.next_token);
        let twice = self.drive != Drive::Script && turn.choice.chance(stream, turn.shared.resend);
        let copies = if twice { 2 } else { 1 };
        for _ in 0..copies {
            let token = turn.shared.token();
            open.undecided.push(token);
            let request = request.clone();
            let (client, to, mode) = (self.id, open.target, open.mode);
            turn.effects.push(ClientEffect::Send { client, to, token, request, mode });
        }
        let at = (turn.now + turn.shared.attempt_timeout).min(open.deadline.max(turn.now + LEAST));
        self.sleep(at, turn.effects);
    }

    /// Nobody has answered in time.
    fn give_up(&mut self, turn: &mut Turn<'_>) {
        let open = self.open.as_ref().expect("an operation is given up");
        let completion = open.without_answer();
        self.contact = match self.drive {
            Drive::LoyalWriter | Drive::LoyalReader if open.heard => self.contact,
            Drive::LoyalWriter | Drive::LoyalReader => Some(turn.shared.next_node(open.target)),
            Drive::Workload | Drive::Script => None,
        };
        self.complete(completion, turn);
    }

    /// The operation under way is over.
    fn complete(&mut self, completion: Completion, turn: &mut Turn<'_>) {
        let open = self.open.take().expect("an operation is completed");
        if let Some(place) = open.place {
            turn.shared.generator.ended(place, &open.command, &completion);
        }
        let answered = matches!(completion, Completion::Ok(_));
        if let Stage::Asking(request) = open.stage
            && answered
            && self.drive != Drive::Script
            && turn.choice.chance(self.stream(), turn.shared.resend)
        {
            self.echo = Some((open.target, request, open.mode));
        }
        // Whose session is gone has not yet seen the cluster alive, and tries again.
        if let Some(probe) = open.probe.filter(|_| !answered) {
            self.probes.push_front(probe);
        }
        turn.effects.push(ClientEffect::History(HistoryEvent::Completed {
            operation: open.operation,
            client: self.id,
            completion,
            at: turn.now,
        }));
        turn.retire_keys();
        let over = self.stopped || self.drive == Drive::Script;
        let pause = if !self.scripts.is_empty() {
            LEAST
        } else if !self.probes.is_empty() {
            // Whoever waits for the last operations does not wait for thinking.
            if answered { LEAST } else { turn.shared.attempt_timeout }
        } else if !over {
            turn.shared.think.draw(turn.choice, self.stream())
        } else {
            return;
        };
        self.sleep(turn.now + pause.max(LEAST), turn.effects);
    }
}

impl Open {
    /// How it ends if nobody answers: a read that nobody saw has no effect, nor has a write that was never sent, or
    /// whose every attempt was refused by a node that did not lead.
    fn without_answer(&self) -> Completion {
        let never = self.undecided.is_empty() || matches!(self.stage, Stage::Registering);
        if never || self.command.is_read() { Completion::Fail } else { Completion::Info }
    }
}
