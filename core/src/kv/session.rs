//! Client sessions (thesis §6.3): a request that arrives twice is run once.
//!
//! A client numbers its requests and has one under way at a time, so that its newest is all that a session must
//! remember. The table is part of the replicated state: it changes by entries alone, and has its share in the hash.

use super::answer::{Answer, Kind};
use super::digest::{Digest, Item};
use crate::flaw::{Flaw, Flaws};
use crate::types::SessionId;
use alloc::collections::BTreeMap;

/// The open sessions.
///
/// * `digest` is the hash of the items of `open`: one for each session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<SessionId, Session>,
    digest: Digest,
}

/// What is remembered of one client.
#[derive(Clone, Debug, Default)]
struct Session {
    /// Its newest request that ran.
    last: Option<Last>,
}

#[derive(Clone, Debug)]
struct Last {
    sequence: u64,
    answer: Answer,
}

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Run it, and [`Sessions::record`] its answer.
    Run,
    /// Do nothing: it has run, and answered this.
    Answered(Answer),
    /// Do nothing: the session has gone on.
    Superseded,
    /// Do nothing: there is no such session.
    Unknown,
}

impl Sessions {
    /// Opens the session `id`.
    pub(crate) fn open(&mut self, id: SessionId) {
        self.put(id, Session::default());
    }

    /// What is to be done with the request `sequence` of the session `id`. A client may give up on a request and go
    /// on, so the numbers may have gaps.
    pub(crate) fn admit(&self, flaws: impl Flaws, id: SessionId, sequence: u64) -> Admission {
        let Some(session) = self.open.get(&id) else {
            return Admission::Unknown;
        };
        if flaws.has(Flaw::NoDeduplication) {
            return Admission::Run;
        }
        let remembered = if flaws.has(Flaw::DeduplicatesAcrossSessions) {
            let lasts = self.open.values().filter_map(|session| session.last.as_ref());
            lasts.into_iter().find(|last| last.sequence == sequence).or(session.last.as_ref())
        } else {
            session.last.as_ref()
        };
        match remembered {
            Some(last) if sequence == last.sequence => Admission::Answered(last.answer.clone()),
            Some(last) if sequence < last.sequence => Admission::Superseded,
            _ => Admission::Run,
        }
    }

    /// Remembers what the request `sequence` of the open session `id` answered, and forgets the one before it.
    pub(crate) fn record(&mut self, id: SessionId, sequence: u64, answer: Answer) {
        assert!(self.open.contains_key(&id), "only a request of an open session runs");
        self.put(id, Session { last: Some(Last { sequence, answer }) });
    }

    /// The table's share in the hash of the state.
    pub(crate) fn hash(&self) -> u64 {
        self.digest.get()
    }

    fn put(&mut self, id: SessionId, session: Session) {
        self.digest.add(session.item(id));
        if let Some(before) = self.open.insert(id, session) {
            self.digest.remove(before.item(id));
        }
    }
}

impl Session {
    fn item(&self, id: SessionId) -> Item {
        match &self.last {
            None => Item::session(id.0).number(0),
            Some(last) => answer_item(Item::session(id.0).number(1).number(last.sequence), &last.answer),
        }
    }
}

/// `item` with an answer as its last parts.
fn answer_item(item: Item, answer: &Answer) -> Item {
    let kind_number = |kind: &Kind| match kind {
        Kind::String => 1,
        Kind::Hash => 2,
        Kind::Set => 3,
    };
    match answer {
        Answer::Ok => item.number(1),
        Answer::Nil => item.number(2),
        Answer::Value(value) => item.number(3).part(value),
        Answer::Integer(number) => item.number(4).number(*number),
        Answer::Boolean(whether) => item.number(5).number(u64::from(*whether)),
        Answer::Pairs(pairs) => {
            pairs.iter().fold(item.number(6).number(pairs.len() as u64), |item, (field, value)| {
                item.part(field).part(value)
            })
        }
        Answer::Members(members) => {
            members.iter().fold(item.number(7).number(members.len() as u64), |item, member| item.part(member))
        }
        Answer::Type(kind) => item.number(8).number(kind.as_ref().map_or(0, kind_number)),
        Answer::WrongType { holds } => item.number(9).number(kind_number(holds)),
        Answer::TooLarge => item.number(10),
    }
}
