//! How the servers of a cluster are set up, and what is on their disks before their first start.

use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::HardState;
use seaworthy_core::log::Log;
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Entry, Payload};
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, Term};

/// The set-up of a cluster. Its servers are numbered: the voters first, then the learners, then the blank ones.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Founders with a vote.
    pub(crate) nodes: u64,
    /// Founders without.
    pub(crate) learners: u64,
    /// Servers that belong to nothing yet, with nothing on their disks.
    pub(crate) blank: u64,
    /// Whether every write is durable as soon as it is issued.
    pub(crate) auto_persist: bool,
    /// The settings of each node, but for its identity and its seed.
    pub(crate) config: Config,
}

impl Default for Options {
    fn default() -> Self {
        // What a snapshot stands for leaves the log at once, unless a test wants otherwise.
        let config = Config { trailing_entries: 0, ..Config::new(NodeId::new(1), 0) };
        Self { nodes: 3, learners: 0, blank: 0, auto_persist: true, config }
    }
}

impl Options {
    /// The paper's own Raft: no PreVote, no CheckQuorum, no loyalty of voters.
    pub(crate) fn paper(nodes: u64) -> Self {
        Self { nodes, ..Self::default() }.with(|config| {
            config.pre_vote = false;
            config.check_quorum = false;
        })
    }

    /// These, with other settings.
    pub(crate) fn with(mut self, set: impl FnOnce(&mut Config)) -> Self {
        set(&mut self.config);
        self
    }

    /// The settings of node `id` in the life that follows `lives` others: the seed is another one in each.
    pub(crate) fn config(&self, id: NodeId, lives: u64) -> Config {
        Config { id, seed: lives << 32 | id.get(), ..self.config.clone() }
    }

    /// The configuration that the founders start with.
    pub(crate) fn membership(&self) -> Membership {
        let learners = (self.nodes + 1..=self.nodes + self.learners).map(NodeId::new).collect();
        Membership { learners, ..Membership::new((1..=self.nodes).map(NodeId::new)) }
    }

    /// Every server, and what is on its disk.
    pub(crate) fn disks(&self) -> impl Iterator<Item = (NodeId, Durable)> {
        let founders = self.nodes + self.learners;
        let founding = founding(self.membership());
        let disk = move |id| if id <= founders { founding.clone() } else { Durable::default() };
        (1..=founders + self.blank).map(move |id| (NodeId::new(id), disk(id)))
    }
}

/// The disk of a founder.
pub(crate) fn founding(membership: Membership) -> Durable {
    Durable::founding(membership, state(LogIndex::ZERO))
}

/// The disk of a founder of a cluster of `nodes`, with a log of `terms`, from index 1, and no vote. Entries of the same
/// identity are the same.
pub(crate) fn disk(nodes: u64, term: u64, terms: &[u64]) -> Durable {
    let hard_state = HardState { term: Term(term), vote: None };
    let membership = Membership::new((1..=nodes).map(NodeId::new));
    Durable { hard_state, log: log(terms), ..founding(membership) }
}

/// The log whose entries have these terms, from index 1.
pub(crate) fn log(terms: &[u64]) -> Log {
    Log::new((1..).zip(terms).map(|(index, term)| entry(*term, index)).collect())
}

/// An entry whose payload is a function of its identity.
pub(crate) fn entry(term: u64, index: u64) -> Entry {
    Entry { id: EntryId::new(term, index), payload: Payload::Data(Bytes::from(&*format!("e{index}"))) }
}

/// What the log up to `index` comes to, in the bytes of the tests' state machine. Nothing comes to nothing.
pub(crate) fn state(index: LogIndex) -> Bytes {
    if index == LogIndex::ZERO { Bytes::default() } else { Bytes::from(&*format!("state of {index}")) }
}
