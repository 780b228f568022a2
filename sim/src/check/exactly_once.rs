//! A client's request runs once, however often it is sent (thesis §6.3): at one index of the log, on every
//! node, in every life of a node. And requests of one session run in the order of their numbers, so that it is
//! enough to remember the latest of each: what comes after that with a lower number has run before, or was given up.

use super::violation;
use super::window::Window;
use crate::observation::{Property, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, SessionId};
use std::collections::BTreeMap;

/// Which request ran where.
#[derive(Clone, Debug)]
pub(super) struct ExactlyOnce {
    /// By index: what ran there, so that the other nodes' turns are one comparison.
    ran: Window<Option<(SessionId, u64)>>,
    /// By session: sequence and index, ascending in both. The latest is kept, and all that are in `ran`.
    sessions: BTreeMap<SessionId, Vec<(u64, LogIndex)>>,
}

/// Where a request ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// There.
    At(LogIndex),
    /// If it did, that is forgotten.
    LongAgo,
    /// Nowhere.
    Never,
}

/// How many sessions are remembered that have done nothing for as long as the logs go back.
const IDLE_SESSIONS: usize = 10_000;

impl ExactlyOnce {
    pub(super) fn new() -> Self {
        Self { ran: Window::new(LogIndex(1)), sessions: BTreeMap::new() }
    }

    /// A node has run the command of a request. Requests without a session are not told apart.
    pub(super) fn on_executed(
        &mut self,
        node: NodeId,
        id: EntryId,
        request: (SessionId, u64),
    ) -> Result<(), Violation> {
        let (session, sequence) = request;
        if session == SessionId::ZERO || self.ran.get(id.index) == Some(&Some(request)) {
            return Ok(());
        }
        let Some(ran) = self.ran.reach(id.index) else { return Ok(()) };
        let requests = self.sessions.entry(session).or_default();
        let place = requests.partition_point(|(other, _)| *other < sequence);
        let before = place.checked_sub(1).map(|before| requests[before]);
        let failure = |what: String| {
            let detail = format!("{node} ran request {sequence} of session {session} at {id}, but {what}");
            Err(violation(Property::ExactlyOnce, node, detail))
        };
        match requests.get(place) {
            Some((other, first)) if *other == sequence && *first != id.index => {
                return failure(format!("it had run at index {first}"));
            }
            Some((other, first)) if *other != sequence && *first < id.index => {
                return failure(format!("the session had gone on to request {other} at index {first}"));
            }
            _ => {}
        }
        if let Some((other, later)) = before.filter(|(_, index)| id.index < *index) {
            return failure(format!("request {other} had run at index {later}"));
        }
        if requests.get(place).is_none_or(|(other, _)| *other != sequence) {
            requests.insert(place, (sequence, id.index));
        }
        *ran = Some(request);
        Ok(())
    }

    /// Where a request ran.
    pub(super) fn find(&self, session: SessionId, sequence: u64) -> Ran {
        let Some(requests) = self.sessions.get(&session) else { return Ran::Never };
        match requests.binary_search_by_key(&sequence, |request| request.0) {
            Ok(position) => Ran::At(requests[position].1),
            Err(0) if LogIndex(1) < self.ran.base() => Ran::LongAgo,
            Err(_) => Ran::Never,
        }
    }

    /// Forgets the requests before `floor`, but for the latest of each session that may come again.
    pub(super) fn forget_before(&mut self, floor: LogIndex) {
        self.ran.forget_before(floor);
        let latest = |requests: &Vec<(u64, LogIndex)>| requests.last().expect("a session ran something").1;
        let idle = self.sessions.values().filter(|requests| latest(requests) < floor).count();
        self.sessions.retain(|_, requests| {
            let gone = requests.partition_point(|(_, index)| *index < floor).min(requests.len() - 1);
            requests.drain(..gone);
            idle <= IDLE_SESSIONS || floor <= latest(requests)
        });
    }

    /// How much is kept.
    pub(super) fn len(&self) -> usize {
        self.ran.len() + self.sessions.values().map(Vec::len).sum::<usize>()
    }
}
