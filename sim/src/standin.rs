//! Stand-ins for what other branches bring. Gone with the merge.
#![allow(missing_docs, dead_code)]
use crate::choice::{Choice, Stream};
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::observation::{Fact, Property, View, Violation};
use crate::scenario::model::{Action, Predicate, Scenario};
use crate::scenario::scalar::Target;
use crate::time::{Span, Time};
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::Refusal;
use seaworthy_core::membership::Membership;
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::types::{NodeId, SessionId, Term, Token};
use std::collections::BTreeMap;

pub fn parse_command(text: &str) -> Result<Command, String> {
    Ok(Command::Get { key: text.into() })
}
pub struct Checkers;
impl Checkers {
    pub fn new(_: &[NodeId], _: &Membership) -> Self {
        Self
    }
    pub fn observe(&mut self, _: &Fact<'_>) -> Result<(), Violation> {
        Ok(())
    }
    pub fn unsettled(&self) -> Option<String> {
        None
    }
    pub fn is_settled(&self) -> bool {
        true
    }
    pub fn is_undecided(&self) -> bool {
        false
    }
}
#[derive(Debug, Clone)]
pub enum ClientEffect {
    Send { client: ClientId, to: NodeId, token: Token, request: Request },
    Wake { client: ClientId, at: Time },
    History(HistoryEvent),
}
/// Each client writes; each wake is an attempt.
pub struct Clients {
    count: u32,
    nodes: u64,
    stopped: bool,
    token: u64,
    operation: u64,
    open: BTreeMap<ClientId, (OperationId, u64, Token)>,
}
impl Clients {
    pub fn new(s: &Scenario) -> Self {
        Self {
            count: s.workload.as_ref().map_or(0, |w| w.clients),
            nodes: s.cluster.nodes,
            stopped: false,
            token: 0,
            operation: 0,
            open: BTreeMap::new(),
        }
    }
    pub fn start(&mut self, choice: &mut Choice, out: &mut Vec<ClientEffect>) {
        for client in 1..=self.count {
            let at = Time(choice.below(Stream::Client(client), 1_000_000));
            out.push(ClientEffect::Wake { client: ClientId(client), at });
        }
    }
    pub fn wake(&mut self, now: Time, client: ClientId, choice: &mut Choice, out: &mut Vec<ClientEffect>) {
        if !self.open.contains_key(&client) {
            if self.stopped {
                return;
            }
            let operation = OperationId(self.operation);
            self.operation += 1;
            let command = Command::Set { key: "k".into(), value: "v".into() };
            out.push(ClientEffect::History(HistoryEvent::Invoked { operation, client, command, at: now }));
            self.open.insert(client, (operation, 1, Token(0)));
        }
        self.token += 1;
        let token = Token(self.token);
        let open = self.open.get_mut(&client).unwrap();
        open.2 = token;
        let to = NodeId::new(1 + choice.below(Stream::Client(client.0), self.nodes));
        let request = Request { session: SessionId::ZERO, sequence: 1, operation: Operation::Register };
        out.push(ClientEffect::Send { client, to, token, request });
        out.push(ClientEffect::Wake { client, at: now + Span::millis(300) });
    }
    #[allow(clippy::too_many_arguments)]
    pub fn reply(
        &mut self,
        now: Time,
        client: ClientId,
        _: NodeId,
        _token: Token,
        result: &Result<Outcome, Refusal>,
        _: &mut Choice,
        out: &mut Vec<ClientEffect>,
    ) {
        if result.is_ok()
            && let Some((operation, ..)) = self.open.remove(&client)
        {
            out.push(ClientEffect::History(HistoryEvent::Completed {
                operation,
                client,
                completion: Completion::Ok(Answer::Ok),
                at: now,
            }));
        }
    }
    #[allow(clippy::too_many_arguments)]
    pub fn invoke(
        &mut self,
        now: Time,
        client: ClientId,
        _: Command,
        _: Option<NodeId>,
        _: bool,
        choice: &mut Choice,
        out: &mut Vec<ClientEffect>,
    ) {
        self.wake(now, client, choice, out);
    }
    pub fn stop(&mut self, _: Time, _: &mut Vec<ClientEffect>) {
        self.stopped = true;
    }
    pub fn open(&self) -> usize {
        self.open.len()
    }
}
pub struct Nemeses;
impl Nemeses {
    pub fn new(_: &Scenario) -> Self {
        Self
    }
    pub fn start(&mut self, _: &mut Choice) -> Vec<(usize, Time)> {
        Vec::new()
    }
    pub fn wake(
        &mut self,
        _: usize,
        _: Time,
        _: &Status,
        _: &mut Choice,
        _: &mut Vec<Action>,
    ) -> Option<Time> {
        None
    }
}
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub nodes: Vec<NodeStatus>,
}
#[derive(Clone, Copy, Debug)]
pub struct NodeStatus {
    pub node: NodeId,
    pub up: bool,
    pub paused: bool,
    pub leads: Option<Term>,
}
pub fn resolve(target: Target, status: &Status, choice: &mut Choice, stream: Stream) -> Vec<NodeId> {
    match target {
        Target::Node(n) => vec![NodeId::new(n)],
        Target::Leader => status.nodes.iter().filter(|n| n.leads.is_some()).map(|n| n.node).collect(),
        Target::Any => vec![NodeId::new(1 + choice.below(stream, status.nodes.len() as u64))],
        _ => status.nodes.iter().map(|n| n.node).collect(),
    }
}
pub struct Standing<'a> {
    pub nodes: Vec<(bool, &'a View)>,
    pub log_terms: &'a dyn Fn(NodeId) -> Vec<Term>,
    pub elections: u64,
    pub answered: u64,
    pub last_completions: &'a BTreeMap<ClientId, Completion>,
    pub violated: Option<Property>,
}
pub fn holds(predicate: &Predicate, standing: &Standing<'_>) -> Result<(), String> {
    match predicate {
        Predicate::ElectionsAtLeast(n) if standing.elections < *n => Err("too few elections".into()),
        Predicate::AnsweredAtLeast(n) if standing.answered < *n => Err("too few answers".into()),
        Predicate::Violated(p) => Err(format!("{p:?} was not violated")),
        _ => Ok(()),
    }
}
