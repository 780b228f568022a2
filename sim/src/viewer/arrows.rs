//! Messages between nodes as arrows: what was sent and what became of it stand on different lines of the trace.

use crate::network::Cause;
use crate::replica::MessageFacts;
use crate::time::Time;
use seaworthy_core::types::NodeId;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    /// It was under way when the run ended.
    Flying,
    /// It arrived.
    Arrived,
    /// It was lost as soon as it was sent.
    Lost,
    /// It was lost where it would have arrived.
    Missed,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    message: MessageFacts,
    sent: Time,
    /// When it arrives, or should have.
    arrival: Time,
    /// The line that says that it was sent, or that it was lost at once.
    line: usize,
    /// The line that says how it ended, if there is another.
    end: Option<usize>,
    fate: Fate,
}

/// As a list, because a run has many: sender, addressee, when it was sent, when it arrives, the two lines, its fate,
/// and what it is.
impl Serialize for Arrow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { message, sent, arrival, line, end, fate } = self;
        let (from, to) = (message.from.get(), message.to.get());
        (from, to, sent.0, arrival.0, line, end, fate, message.kind).serialize(serializer)
    }
}

/// All arrows so far.
#[derive(Debug, Default)]
pub(super) struct Arrows {
    arrows: Vec<Arrow>,
    /// By sender and addressee, the places of those that are under way.
    flying: BTreeMap<(NodeId, NodeId), Vec<usize>>,
}

impl Arrows {
    /// A message left and will arrive.
    pub(super) fn sent(&mut self, line: usize, at: Time, message: MessageFacts, arrival: Time) {
        self.flying.entry((message.from, message.to)).or_default().push(self.arrows.len());
        self.arrows.push(Arrow { message, sent: at, arrival, line, end: None, fate: Fate::Flying });
    }

    /// A message arrived.
    pub(super) fn delivered(&mut self, line: usize, at: Time, message: MessageFacts) {
        self.end(line, at, message, |arrival| arrival <= at, Fate::Arrived);
    }

    /// A message is lost: when it was sent, or when it would have arrived.
    pub(super) fn lost(&mut self, line: usize, at: Time, message: MessageFacts, cause: Cause) {
        let missed = match cause {
            // It may have waited for a node that was paused and then crashed, or been held back; the link may have been
            // cut while it was on it.
            Cause::Down | Cause::Cut => self.end(line, at, message, |arrival| arrival <= at, Fate::Missed),
            Cause::Luck | Cause::Rule | Cause::Full => false,
        };
        if !missed {
            self.arrows.push(Arrow { message, sent: at, arrival: at, line, end: None, fate: Fate::Lost });
        }
    }

    /// In the order in which they were sent.
    pub(super) fn finish(self) -> Vec<Arrow> {
        self.arrows
    }

    /// Ends the flight of the message that says the same and was due first. Says whether there was one.
    fn end(
        &mut self,
        line: usize,
        at: Time,
        message: MessageFacts,
        is_due: impl Fn(Time) -> bool,
        fate: Fate,
    ) -> bool {
        let arrows = &mut self.arrows;
        let Some(flying) = self.flying.get_mut(&(message.from, message.to)) else { return false };
        let same = |place: &usize| arrows[*place].message == message && is_due(arrows[*place].arrival);
        let first = flying.iter().copied().filter(same).min_by_key(|place| arrows[*place].arrival);
        let Some(place) = first else { return false };
        flying.retain(|other| *other != place);
        let arrow = &mut arrows[place];
        (arrow.arrival, arrow.end, arrow.fate) = (at, Some(line), fate);
        true
    }
}
