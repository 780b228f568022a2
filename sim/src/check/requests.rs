//! What clients have asked of the nodes and nobody has answered yet.

use super::ghost::position;
use crate::observation::Asks;
use seaworthy_core::types::{NodeId, SessionId, Token};
use std::collections::BTreeSet;

/// The open requests of all nodes.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    /// By number, from 1.
    nodes: Vec<Open>,
}

/// Those of one node: a handful, as a rule, so that to look through them costs less than to keep them in order.
#[derive(Clone, Debug, Default)]
struct Open {
    reads: Vec<Token>,
    /// With what tells one from another: a request that is sent again is the same.
    writes: Vec<(Token, (SessionId, u64))>,
    /// What was asked in the step that is under way.
    new: Option<(Token, Asks)>,
    /// The same, once it has been granted in that very step.
    granted_at_once: Option<Asks>,
}

impl Requests {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes: vec![Open::default(); nodes] }
    }

    /// A request has come to a node, whose step follows.
    pub(super) fn ask(&mut self, node: NodeId, token: Token, asks: Asks) {
        let open = &mut self.nodes[position(node)];
        open.new = Some((token, asks));
        match asks {
            Asks::Read(_) => open.reads.push(token),
            Asks::Write { session, sequence } => open.writes.push((token, (session, sequence))),
        }
    }

    /// A node has answered, in the step that is under way. Others than clients ask too, and are not known here.
    pub(super) fn reply(&mut self, node: NodeId, token: Token, granted: bool) {
        let open = &mut self.nodes[position(node)];
        if let Some(position) = open.reads.iter().position(|read| *read == token) {
            open.reads.swap_remove(position);
        } else if let Some(position) = open.writes.iter().position(|(write, _)| *write == token) {
            open.writes.swap_remove(position);
        }
        let new = open.new.filter(|(new, _)| granted && *new == token);
        open.granted_at_once = open.granted_at_once.or(new.map(|(_, asks)| asks));
    }

    /// The step is over.
    pub(super) fn step(&mut self, node: NodeId) {
        let open = &mut self.nodes[position(node)];
        (open.new, open.granted_at_once) = (None, None);
    }

    /// A node owes nobody an answer any more.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.nodes[position(node)] = Open::default();
    }

    /// What was asked and granted in the step that is under way.
    pub(super) fn granted_at_once(&self, node: NodeId) -> Option<Asks> {
        self.nodes[position(node)].granted_at_once
    }

    /// How many reads a node has not answered.
    pub(super) fn reads(&self, node: NodeId) -> usize {
        self.nodes[position(node)].reads.len()
    }

    /// How many writes a node has not answered beyond `some`, each counted once however often it was sent.
    pub(super) fn writes_beyond(&self, node: NodeId, some: u64) -> u64 {
        let writes = &self.nodes[position(node)].writes;
        if writes.len() as u64 <= some {
            return 0;
        }
        let different: BTreeSet<_> = writes.iter().map(|(_, request)| request).collect();
        (different.len() as u64).saturating_sub(some)
    }

    /// How much is remembered.
    pub(super) fn len(&self) -> usize {
        self.nodes.iter().map(|open| open.reads.len() + open.writes.len()).sum()
    }
}
