//! The way to talk to a server that runs in this process.

use super::counters::{Counters, count};
use seaworthy_core::member::{Instruction, Member, ReadMode, Refusal};
use seaworthy_core::membership::Membership;
use seaworthy_core::message::Message;
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};
use seaworthy_core::view::Role;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Where the answer to a request or an instruction goes.
pub(super) type Asker = oneshot::Sender<Result<Outcome, Refusal>>;

/// What a server can be asked.
#[derive(Debug)]
pub(super) enum Ask {
    Request { request: Request, mode: ReadMode, asker: Asker },
    Instruct { instruction: Instruction, asker: Asker },
    Look(oneshot::Sender<Status>),
}

/// The way to talk to one server. Its clones lead to the same server, and none of them keeps it running.
#[derive(Clone, Debug)]
pub struct Handle {
    id: NodeId,
    messages: mpsc::Sender<Message>,
    asks: mpsc::Sender<Ask>,
    patience: Duration,
    counters: Arc<Counters>,
}

/// Why a server does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// It says no.
    Refused(Refusal),
    /// It has stopped. What it was asked may yet take effect, if it was asked before it stopped.
    Stopped,
}

impl Handle {
    pub(super) fn new(
        id: NodeId,
        messages: mpsc::Sender<Message>,
        asks: mpsc::Sender<Ask>,
        patience: Duration,
        counters: Arc<Counters>,
    ) -> Self {
        Self { id, messages, asks, patience, counters }
    }

    /// Who it is.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// How long a healthy cluster takes, at most, to find a new leader; a good while to wait for one.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// What it has done so far.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Gives it a message from a peer, as soon as there is room for it. One that has stopped gets none.
    pub async fn deliver(&self, message: Message) {
        // What is lost is lost on its way.
        let _ = self.messages.send(message).await;
    }

    /// Waits until it stops.
    pub async fn stopped(&self) {
        self.messages.closed().await;
    }

    /// Gives it a message from a peer, if there is room for it. Says whether there was.
    pub fn try_deliver(&self, message: Message) -> bool {
        self.messages.try_send(message).is_ok()
    }

    /// Asks for a command to be run, or a session to be opened. A server that has too much to do says so at once.
    ///
    /// # Errors
    /// It refuses, or has stopped.
    pub async fn request(&self, request: Request, mode: ReadMode) -> Result<Outcome, RequestError> {
        let reads = matches!(&request.operation, Operation::Command(command) if command.is_read());
        count(if reads { &self.counters.reads } else { &self.counters.proposals }, 1);
        let (asker, answer) = oneshot::channel();
        self.outcome(Ask::Request { request, mode, asker }, answer).await
    }

    /// Has it do what an operator wants.
    ///
    /// # Errors
    /// It refuses, or has stopped.
    pub async fn instruct(&self, instruction: Instruction) -> Result<Outcome, RequestError> {
        let (asker, answer) = oneshot::channel();
        self.outcome(Ask::Instruct { instruction, asker }, answer).await
    }

    /// What it looks like from outside.
    ///
    /// # Errors
    /// It has stopped, or has too much to do.
    pub async fn status(&self) -> Result<Status, RequestError> {
        let (asker, answer) = oneshot::channel();
        self.ask(Ask::Look(asker))?;
        answer.await.map_err(|_| RequestError::Stopped)
    }

    async fn outcome(
        &self,
        ask: Ask,
        answer: oneshot::Receiver<Result<Outcome, Refusal>>,
    ) -> Result<Outcome, RequestError> {
        let outcome = match self.ask(ask) {
            Ok(()) => answer.await.map_err(|_| RequestError::Stopped)?.map_err(RequestError::Refused),
            Err(error) => Err(error),
        };
        if let Err(RequestError::Refused(_)) = outcome {
            count(&self.counters.refusals, 1);
        }
        outcome
    }

    fn ask(&self, ask: Ask) -> Result<(), RequestError> {
        self.asks.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RequestError::Refused(Refusal::Overloaded),
            mpsc::error::TrySendError::Closed(_) => RequestError::Stopped,
        })
    }
}

/// What a server looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Who it is.
    pub id: NodeId,
    /// What it is.
    pub role: Role,
    /// Its term.
    pub term: Term,
    /// The leader that it knows of.
    pub leader: Option<NodeId>,
    /// Its commit index.
    pub commit: LogIndex,
    /// The last entry that it has applied.
    pub applied: LogIndex,
    /// The last entry of its log.
    pub last: EntryId,
    /// The last entry of its snapshot; `None` while it is blank.
    pub snapshot: Option<EntryId>,
    /// A hash of its state. Two servers that have applied the same have the same.
    pub state_hash: u64,
    /// The configuration in force.
    pub membership: Membership,
    /// Where each follower stands; empty unless it leads.
    pub followers: Vec<FollowerStatus>,
}

/// What a leader knows of a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerStatus {
    /// Who it is.
    pub node: NodeId,
    /// The log agrees with the leader's up to here, durably.
    pub matched: LogIndex,
}

impl Status {
    pub(super) fn of(member: &Member) -> Self {
        let view = member.view();
        let followers = view
            .followers
            .iter()
            .map(|follower| FollowerStatus { node: follower.node, matched: follower.matched });
        Self {
            id: view.id,
            role: view.role,
            term: view.term,
            leader: view.leader,
            commit: view.commit,
            applied: member.applied(),
            last: view.last,
            snapshot: view.snapshot,
            state_hash: member.machine().hash(),
            membership: view.membership.clone(),
            followers: followers.collect(),
        }
    }

    /// Who could best take over from this leader: the voter that has most of its log.
    pub fn successor(&self) -> Option<NodeId> {
        let voters = self.followers.iter().filter(|follower| self.membership.voters.contains(follower.node));
        voters.max_by_key(|follower| (follower.matched, follower.node)).map(|follower| follower.node)
    }
}
