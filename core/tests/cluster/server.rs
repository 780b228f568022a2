//! One server: a node while it is up, and what survives it.

use super::Options;
use seaworthy_core::Node;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{Send, Write};
use seaworthy_core::flaw::{Flaws, Sound};
use seaworthy_core::types::{Instant, NodeId, WriteSeq};
use std::collections::VecDeque;

/// A node, its disk and what is between them.
#[derive(Debug)]
pub(crate) struct Server<F: Flaws = Sound> {
    id: NodeId,
    options: Options,
    /// How often it was started again.
    lives: u64,
    /// `None` while it is down.
    pub(crate) node: Option<Node<F>>,
    pub(crate) disk: Durable,
    /// Issued and not yet durable, in order.
    pub(crate) queue: VecDeque<Write>,
    /// Every write up to here is on the disk.
    pub(super) written: WriteSeq,
    /// Every write up to here is on the disk, and the node knows.
    pub(super) durable: WriteSeq,
    /// What waits for its write.
    pub(super) held: Vec<Send>,
    pub(crate) auto_persist: bool,
}

impl<F: Flaws> Server<F> {
    /// A server that is down.
    pub(super) fn new(id: NodeId, options: &Options, disk: Durable) -> Self {
        Self {
            id,
            options: options.clone(),
            lives: 0,
            node: None,
            disk,
            queue: VecDeque::new(),
            written: WriteSeq::ZERO,
            durable: WriteSeq::ZERO,
            held: Vec::new(),
            auto_persist: options.auto_persist,
        }
    }

    /// The node, which must be up.
    pub(super) fn node(&self) -> &Node<F> {
        self.node.as_ref().expect("the test looks at a node that is up")
    }

    /// Whether a node that is up waits for its disk.
    pub(super) fn is_behind(&self) -> bool {
        self.node.is_some() && (!self.queue.is_empty() || self.durable < self.written)
    }

    pub(super) fn start(&mut self, now: Instant, flaws: F) {
        let node = Node::with_flaws(self.options.config(self.id, self.lives), &self.disk, now, flaws);
        self.node = Some(node.expect("the options of a test make sense"));
        self.written = WriteSeq::ZERO;
        self.durable = WriteSeq::ZERO;
    }

    /// Puts the next `count` writes on the disk without telling the node.
    pub(super) fn write(&mut self, count: usize) {
        let count = count.min(self.queue.len());
        for write in self.queue.drain(..count) {
            self.written = write.seq;
            self.disk.persist(write.record);
        }
    }

    /// Ends the node. Says which writes are lost.
    pub(super) fn stop(&mut self) -> Vec<WriteSeq> {
        self.lives += 1;
        self.held.clear();
        self.node = None;
        self.queue.drain(..).map(|write| write.seq).collect()
    }
}
