//! Servers of one process, connected by channels.

use super::Network;
use crate::lock::locked;
use crate::server::Handle;
use seaworthy_core::message::Message;
use seaworthy_core::types::NodeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Connects the servers that are plugged in. Its clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct Switch(Arc<Mutex<BTreeMap<NodeId, Handle>>>);

impl Switch {
    /// One with nobody plugged in.
    pub fn new() -> Self {
        Self::default()
    }

    /// The way out for a server.
    pub fn outlet(&self) -> Outlet {
        Outlet(self.clone())
    }

    /// From now on a server gets what is sent to it.
    pub fn plug(&self, handle: Handle) {
        self.sockets().insert(handle.id(), handle);
    }

    /// From now on what is sent to a server is lost.
    pub fn unplug(&self, node: NodeId) {
        self.sockets().remove(&node);
    }

    /// The servers that are plugged in.
    pub fn handles(&self) -> Vec<Handle> {
        self.sockets().values().cloned().collect()
    }

    /// A server that is plugged in.
    pub fn handle(&self, node: NodeId) -> Option<Handle> {
        self.sockets().get(&node).cloned()
    }

    fn sockets(&self) -> MutexGuard<'_, BTreeMap<NodeId, Handle>> {
        locked(&self.0)
    }
}

/// The way out of a server that is plugged into a [`Switch`].
#[derive(Clone, Debug)]
pub struct Outlet(Switch);

impl Network for Outlet {
    fn send(&self, message: Message) {
        if let Some(handle) = self.0.handle(message.to) {
            // A full queue loses what comes on top, like any network.
            let _ = handle.try_deliver(message);
        }
    }
}
