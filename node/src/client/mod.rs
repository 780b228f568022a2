//! A client: a session, whom to ask, and what to do when nobody answers.
//!
//! ```
//! use seaworthy_core::config::Config;
//! use seaworthy_core::kv::{Command, Limits};
//! use seaworthy_core::member::founding_disk;
//! use seaworthy_core::membership::Membership;
//! use seaworthy_core::types::NodeId;
//! use seaworthy_node::client::{Client, Settings};
//! use seaworthy_node::network::Switch;
//! use seaworthy_node::server::Server;
//! use seaworthy_node::storage::Memory;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = NodeId::new(1);
//! let disk = Memory::new(founding_disk(Membership::new([node]), Limits::default()));
//! let switch = Switch::new();
//! let server = Server::start(Config::new(node, 0), disk, switch.outlet())?;
//! switch.plug(server.handle());
//!
//! let mut client = Client::new(switch, Settings::default());
//! client.execute(Command::parse("HSET ship name:Beagle")?).await?;
//! let answer = client.execute(Command::parse("HGET ship name")?).await?;
//! assert_eq!(answer.to_string(), "\"Beagle\"");
//! # Ok(())
//! # }
//! ```

mod local;

use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::{ReadMode, Refusal};
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::types::{NodeId, SessionId};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{self, Instant};

/// The way from a client to servers.
pub trait Transport: Send + Sync + 'static {
    /// The servers that can be asked, by whatever name the transport knows them.
    fn servers(&self) -> Vec<String>;

    /// Asks one of them once.
    fn execute(
        &self,
        server: &str,
        request: Request,
        mode: ReadMode,
    ) -> impl Future<Output = Result<Outcome, Failure>> + Send;
}

/// What came of asking one server once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing was done. Somebody else may do it: this server, if one is named.
    #[error("the server asked does not lead")]
    NotLeader {
        /// Who may be the leader.
        leader: Option<String>,
    },
    /// Nothing was done. A little later it may be.
    #[error("{0}")]
    Later(String),
    /// Nothing was done: it was not even asked.
    #[error("{0}")]
    Unreachable(String),
    /// Nothing was done: the other side does not speak as this one does, and will not before somebody sees to it.
    #[error("{0}")]
    Foreign(String),
    /// Nothing was done, and nothing ever will be.
    #[error("{0}")]
    Invalid(String),
    /// Nobody knows whether anything was done.
    #[error("{reason}")]
    Lost {
        /// What happened.
        reason: String,
        /// Who may be the leader.
        leader: Option<String>,
    },
}

impl Failure {
    /// What a refusal comes to for a client, in a cluster where `name` is what a server goes by.
    pub fn from_refusal(refusal: Refusal, name: impl Fn(NodeId) -> Option<String>) -> Self {
        match refusal {
            Refusal::NotLeader { leader } => Self::NotLeader { leader: leader.and_then(name) },
            Refusal::Unknown { leader } => {
                Self::Lost { reason: "the leader lost its office".to_owned(), leader: leader.and_then(name) }
            }
            Refusal::Overloaded | Refusal::Busy | Refusal::NotCaughtUp { .. } | Refusal::TransferFailed => {
                Self::Later(refusal_text(refusal))
            }
            other => Self::Invalid(refusal_text(other)),
        }
    }
}

/// A refusal in words.
pub fn refusal_text(refusal: Refusal) -> String {
    match refusal {
        Refusal::NotLeader { leader: Some(leader) } => format!("the server does not lead; {leader} may"),
        Refusal::NotLeader { leader: None } => "the server does not lead".to_owned(),
        Refusal::Unknown { .. } => "the leader lost its office; it may yet be done".to_owned(),
        Refusal::Overloaded => "the server has too much to do".to_owned(),
        Refusal::TooLarge => "the request is larger than an entry may be".to_owned(),
        Refusal::Busy => "another change is under way, or the leader is new".to_owned(),
        Refusal::Change(error) => error.to_string(),
        Refusal::NotCaughtUp { node } => format!("{node} has not caught up with the log yet"),
        Refusal::NotVoter { node } => format!("{node} has no vote"),
        Refusal::TransferFailed => "the server did not take over in time".to_owned(),
    }
}

/// How patient a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long an operation may take, with all its attempts.
    pub operation_timeout: Duration,
    /// How long one server has to answer before another is asked.
    pub attempt_timeout: Duration,
}

impl Default for Settings {
    /// Five seconds, and one.
    fn default() -> Self {
        Self { operation_timeout: Duration::from_secs(5), attempt_timeout: Duration::from_secs(1) }
    }
}

/// Why an operation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nothing was done.
    #[error("not done within the time: {reason}")]
    Unavailable {
        /// What came of the last attempt.
        reason: String,
    },
    /// It may have been done, or may yet be done, once; or never.
    #[error("the outcome is unknown: {reason}")]
    Unknown {
        /// What came of the last attempt.
        reason: String,
    },
    /// Nothing was done, and trying again makes no sense.
    #[error("refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
}

/// A client of a cluster: one operation at a time, each of which runs at most once however often it is sent.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
    settings: Settings,
    session: Option<SessionId>,
    /// The number of the last request within the session.
    sequence: u64,
    /// Who is believed to lead.
    contact: Option<String>,
    /// Whom to ask when nobody has a better idea.
    scan: usize,
}

/// The first pause between two attempts, which doubles from there on.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it doubles.
const PAUSE_DOUBLINGS: u32 = 5;

impl<T: Transport> Client<T> {
    /// A client that has no session yet. It opens one before its first write.
    pub fn new(transport: T, settings: Settings) -> Self {
        let scan = crate::luck::below(1 << 16) as usize;
        Self { transport, settings, session: None, sequence: 0, contact: None, scan }
    }

    /// The way to the servers.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Runs a command. What only reads is linearizable.
    ///
    /// # Errors
    /// If there is no answer within the time, or the servers refuse.
    pub async fn execute(&mut self, command: Command) -> Result<Answer, ClientError> {
        self.execute_by(command, ReadMode::Leader).await
    }

    /// As [`execute`](Self::execute); what only reads is answered on another's word.
    ///
    /// # Errors
    /// If there is no answer within the time, or the servers refuse.
    pub async fn execute_by(&mut self, command: Command, mode: ReadMode) -> Result<Answer, ClientError> {
        let deadline = Instant::now() + self.settings.operation_timeout;
        loop {
            let session = if command.is_read() { SessionId::ZERO } else { self.open(deadline).await? };
            self.sequence += 1;
            let operation = Operation::Command(command.clone());
            let request = Request { session, sequence: self.sequence, operation };
            let (outcome, perhaps) = self.call(&request, mode, deadline).await?;
            match outcome {
                Outcome::Answer(answer) => return Ok(answer),
                Outcome::UnknownSession if !perhaps => self.session = None,
                Outcome::UnknownSession => {
                    self.session = None;
                    return Err(ClientError::Unknown { reason: "the session expired meanwhile".to_owned() });
                }
                other => {
                    return Err(ClientError::Unknown { reason: format!("the server answers {other:?}") });
                }
            }
        }
    }

    /// The session, opened if there is none.
    async fn open(&mut self, deadline: Instant) -> Result<SessionId, ClientError> {
        if let Some(session) = self.session {
            return Ok(session);
        }
        let sequence = crate::luck::word().max(1);
        let request = Request { session: SessionId::ZERO, sequence, operation: Operation::Register };
        match self.call(&request, ReadMode::Leader, deadline).await {
            Ok((Outcome::Registered(session), _)) => {
                self.session = Some(session);
                self.sequence = 0;
                Ok(session)
            }
            Ok((other, _)) => {
                Err(ClientError::Unavailable { reason: format!("the server answers {other:?}") })
            }
            // Whatever has become of the session, what was to be done in it has not been.
            Err(ClientError::Unknown { reason }) => Err(ClientError::Unavailable { reason }),
            Err(error) => Err(error),
        }
    }

    /// Asks one server after the other until there is an outcome. Also says whether an attempt before that one may
    /// have been carried out.
    async fn call(
        &mut self,
        request: &Request,
        mode: ReadMode,
        deadline: Instant,
    ) -> Result<(Outcome, bool), ClientError> {
        let reads = matches!(&request.operation, Operation::Command(command) if command.is_read());
        let mut perhaps = false;
        let mut attempts = 0;
        let mut foreign = BTreeSet::new();
        loop {
            let server = self.target();
            let until = deadline.min(Instant::now() + self.settings.attempt_timeout);
            let attempt = self.transport.execute(&server, request.clone(), mode);
            let failure = match time::timeout_at(until, attempt).await {
                Ok(Ok(outcome)) => {
                    self.contact = Some(server);
                    return Ok((outcome, perhaps));
                }
                Ok(Err(Failure::Invalid(reason))) => return Err(ClientError::Refused { reason }),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::Lost { reason: format!("{server} does not answer"), leader: None },
            };
            perhaps |= !reads && matches!(failure, Failure::Lost { .. });
            let hopeless = matches!(failure, Failure::Foreign(_)) && {
                foreign.insert(server.clone());
                // Nobody is left who would hear another attempt.
                self.transport.servers().iter().all(|server| foreign.contains(server))
            };
            let hinted = self.redirect(&failure, &server, attempts);
            // A first hint costs nothing; servers that send a client back and forth are given time.
            let pause = if hinted && attempts == 0 { Duration::ZERO } else { pause(attempts) };
            attempts += 1;
            if hopeless || deadline <= Instant::now() + pause {
                let reason = failure.to_string();
                return Err(if perhaps {
                    ClientError::Unknown { reason }
                } else if hopeless {
                    ClientError::Refused { reason }
                } else {
                    ClientError::Unavailable { reason }
                });
            }
            time::sleep(pause).await;
        }
    }

    fn target(&self) -> String {
        if let Some(contact) = &self.contact {
            return contact.clone();
        }
        let servers = self.transport.servers();
        servers.get(self.scan % servers.len().max(1)).cloned().unwrap_or_default()
    }

    /// Chooses whom to ask next. Says whether that is a hint.
    fn redirect(&mut self, failure: &Failure, server: &str, attempts: u32) -> bool {
        let hint = match failure {
            Failure::NotLeader { leader } | Failure::Lost { leader, .. } => leader.clone(),
            // It leads, and will have time again.
            Failure::Later(_) | Failure::Invalid(_) => Some(server.to_owned()),
            Failure::Unreachable(_) | Failure::Foreign(_) => None,
        };
        // Two servers that each take the other for the leader would send it back and forth: every other time it looks
        // for itself.
        self.contact = hint.filter(|_| attempts.is_multiple_of(2));
        if self.contact.is_none() {
            self.scan = self.scan.wrapping_add(1);
        }
        self.contact.is_some()
    }
}

/// Longer each time, and never the same for two clients.
fn pause(attempts: u32) -> Duration {
    let most = PAUSE * (1 << attempts.min(PAUSE_DOUBLINGS));
    let half = most.as_millis() as u64 / 2;
    Duration::from_millis(half + crate::luck::below(half + 1))
}
