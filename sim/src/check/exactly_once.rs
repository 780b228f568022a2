//! A client's request runs once, however often it is sent (thesis §6.3): at one index of the log, on every
//! node, in every life of a node.

use super::chain::slot;
use super::violation;
use crate::observation::{Property, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, SessionId};
use std::collections::BTreeMap;

/// Which request ran where.
#[derive(Clone, Debug, Default)]
pub(super) struct ExactlyOnce {
    /// By index: what ran there, so that the other nodes' turns are one comparison.
    ran: Vec<Option<(SessionId, u64)>>,
    /// By session: sequence and index, ascending by sequence.
    sessions: BTreeMap<SessionId, Vec<(u64, LogIndex)>>,
}

impl ExactlyOnce {
    /// A node has run the command of a request. Requests without a session are not told apart.
    pub(super) fn on_executed(
        &mut self,
        node: NodeId,
        id: EntryId,
        request: (SessionId, u64),
    ) -> Result<(), Violation> {
        let (session, sequence) = request;
        let place = slot(id.index);
        if session == SessionId::ZERO || self.ran.get(place) == Some(&Some(request)) {
            return Ok(());
        }
        let requests = self.sessions.entry(session).or_default();
        match requests.binary_search_by_key(&sequence, |request| request.0) {
            Err(position) => requests.insert(position, (sequence, id.index)),
            Ok(position) if requests[position].1 == id.index => {}
            Ok(position) => {
                let first = requests[position].1;
                let detail = format!(
                    "{node} ran request {sequence} of session {session} at {id}, \
                     but it had run at index {first}"
                );
                return Err(violation(Property::ExactlyOnce, node, detail));
            }
        }
        if self.ran.len() <= place {
            self.ran.resize(place + 1, None);
        }
        self.ran[place] = Some(request);
        Ok(())
    }

    /// Where a request ran.
    pub(super) fn index_of(&self, session: SessionId, sequence: u64) -> Option<LogIndex> {
        let requests = self.sessions.get(&session)?;
        let position = requests.binary_search_by_key(&sequence, |request| request.0).ok()?;
        Some(requests[position].1)
    }
}
