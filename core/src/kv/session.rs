//! Client sessions (thesis §6.3): a request that arrives twice is run once.
//!
//! A client numbers its requests and has one under way at a time, so that its newest is all that a session must
//! remember. The table is part of the replicated state: it changes by entries alone, and has its share in the hash.
//!
//! **What a session promises.** While it is open, each of its requests runs at most once, however often it arrives.
//! Once it has expired none of them runs any more, and each is refused as such: a retry that opened the session anew
//! would run what may have run already. Whether it had, nobody remembers; that is for the client to find out.
//!
//! **When a session expires.** When it has not been used for longer than [`Limits::session_lifetime`], or when it is
//! the least recently used one and another is opened above [`Limits::max_sessions`]. Opening it is its first use, and
//! each of its commands that is applied is another, whatever comes of it: a client whose retries arrive is alive. Time
//! is the index of the entry that is applied, which all replicas agree on as they do on no clock.

use super::answer::Answer;
use super::digest::{Digest, Item};
use super::encoding::put_varint;
use crate::flaw::{Flaw, Flaws};
use crate::types::{LogIndex, SessionId};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem;
use core::num::{NonZeroU32, NonZeroU64};

/// How many sessions are remembered, and for how long. Part of the replicated state: the hash tells replicas whose
/// limits differ, and a snapshot brings its own along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions open at a time. One more, and the least recently used one expires.
    pub max_sessions: NonZeroU32,
    /// Entries of the log, of whatever kind, for which a session stays open after the entry that used it last. It
    /// expires with the next one.
    pub session_lifetime: NonZeroU64,
}

impl Default for Limits {
    /// 4,096 sessions, 1,000,000 entries.
    fn default() -> Self {
        Self {
            max_sessions: const { NonZeroU32::new(4_096).expect("it is not zero") },
            session_lifetime: const { NonZeroU64::new(1_000_000).expect("it is not zero") },
        }
    }
}

/// The open sessions.
///
/// * There are at most `limits.max_sessions`.
/// * `recency` holds each session of `open` with the index of its last use, and nothing else.
/// * `digest` is the hash of the limits, and for each session of its last use and of what it has answered.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    limits: Limits,
    open: BTreeMap<SessionId, Session>,
    recency: BTreeSet<(LogIndex, SessionId)>,
    digest: Digest,
}

/// What is remembered of one client.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// The entry that used it last.
    pub(super) last_use: LogIndex,
    /// Its newest request that ran.
    pub(super) last: Option<Last>,
}

/// A request that ran.
#[derive(Clone, Debug)]
pub(super) struct Last {
    sequence: u64,
    answer: Answer,
    /// Its share in the table's hash.
    item: Item,
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

impl Default for Sessions {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Sessions {
    /// No sessions yet.
    pub(crate) fn new(limits: Limits) -> Self {
        let mut digest = Digest::default();
        digest.add(limits.item());
        Self { limits, open: BTreeMap::new(), recency: BTreeSet::new(), digest }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// The open sessions, in order of their identities.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (SessionId, &Session)> {
        self.open.iter().map(|(id, session)| (*id, session))
    }

    /// Expires the sessions whose lifetime has passed by the entry `now`, at the cost of those alone.
    pub(crate) fn expire_unused(&mut self, now: LogIndex) {
        let lifetime = self.limits.session_lifetime.get();
        while let Some((last_use, _)) = self.recency.first()
            && now.0.saturating_sub(last_use.0) > lifetime
        {
            self.expire_least_recently_used();
        }
    }

    /// The entry `now` opens the session `id`.
    pub(crate) fn open(&mut self, id: SessionId, now: LogIndex) {
        if self.is_full() {
            self.expire_least_recently_used();
        }
        self.insert(id, Session { last_use: now, last: None });
    }

    /// What is to be done with the request `sequence` of the session `id` in the entry `now`, which uses the session
    /// if it is open. A client may give up on a request and go on, so the numbers may have gaps.
    pub(crate) fn admit(
        &mut self,
        flaws: impl Flaws,
        id: SessionId,
        sequence: u64,
        now: LogIndex,
    ) -> Admission {
        if flaws.has(Flaw::ExpiredSessionRecreated) && !self.open.contains_key(&id) {
            self.open(id, now);
        }
        let Some(session) = self.open.get_mut(&id) else {
            return Admission::Unknown;
        };
        let last_use = mem::replace(&mut session.last_use, now);
        self.forget_use(id, last_use);
        self.note_use(id, now);
        if flaws.has(Flaw::NoDeduplication) {
            return Admission::Run;
        }
        let own = self.open[&id].last.as_ref();
        let remembered = if flaws.has(Flaw::DeduplicatesAcrossSessions) {
            let lasts = self.open.values().filter_map(|session| session.last.as_ref());
            lasts.into_iter().find(|last| last.sequence == sequence).or(own)
        } else {
            own
        };
        match remembered {
            Some(last) if sequence == last.sequence => Admission::Answered(last.answer.clone()),
            Some(last) if sequence < last.sequence => Admission::Superseded,
            _ => Admission::Run,
        }
    }

    /// Remembers what the request `sequence` of the open session `id` answered, and forgets the one before it.
    pub(crate) fn record(&mut self, id: SessionId, sequence: u64, answer: Answer) {
        let session = self.open.get_mut(&id).expect("only a request of an open session runs");
        let last = Last::new(id, sequence, answer);
        self.digest.add(last.item);
        if let Some(before) = session.last.replace(last) {
            self.digest.remove(before.item);
        }
    }

    /// The table's share in the hash of the state.
    pub(crate) fn hash(&self) -> u64 {
        self.digest.get()
    }

    pub(super) fn is_full(&self) -> bool {
        self.open.len() as u64 >= u64::from(self.limits.max_sessions.get())
    }

    /// Puts in a session, in the place of one with the same identity.
    pub(super) fn insert(&mut self, id: SessionId, session: Session) {
        self.remove(id);
        self.note_use(id, session.last_use);
        session.last.iter().for_each(|last| self.digest.add(last.item));
        self.open.insert(id, session);
    }

    /// Takes out a session, and says whether it was there.
    fn remove(&mut self, id: SessionId) -> bool {
        let Some(session) = self.open.remove(&id) else {
            return false;
        };
        self.forget_use(id, session.last_use);
        session.last.iter().for_each(|last| self.digest.remove(last.item));
        true
    }

    fn expire_least_recently_used(&mut self) {
        if let Some((_, id)) = self.recency.first() {
            let removed = self.remove(*id);
            assert!(removed, "only open sessions are in the order of last uses");
        }
    }

    fn note_use(&mut self, id: SessionId, at: LogIndex) {
        self.recency.insert((at, id));
        self.digest.add(Item::session(id.0).number(at.0));
    }

    fn forget_use(&mut self, id: SessionId, at: LogIndex) {
        self.recency.remove(&(at, id));
        self.digest.remove(Item::session(id.0).number(at.0));
    }
}

impl Limits {
    fn item(self) -> Item {
        Item::limits().number(self.max_sessions.get().into()).number(self.session_lifetime.get())
    }
}

/// Room for most answers, so that a buffer need not grow.
const SMALL_ANSWER: usize = 64;

impl Last {
    /// What the session `id` holds.
    pub(super) fn new(id: SessionId, sequence: u64, answer: Answer) -> Self {
        let mut bytes = Vec::with_capacity(SMALL_ANSWER);
        encode_last(sequence, &answer, &mut bytes);
        Self { sequence, answer, item: Item::answered(id.0).part(&bytes) }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        encode_last(self.sequence, &self.answer, out);
    }
}

/// Appends a request's number and answer, as they stand in a snapshot.
fn encode_last(sequence: u64, answer: &Answer, out: &mut Vec<u8>) {
    put_varint(out, sequence);
    answer.encode(out);
}
