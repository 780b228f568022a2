//! Raft and a replicated key-value store as state machines without clock, randomness, I/O or threads.
//!
//! Nothing here runs by itself. Whoever drives a server, the simulator or a real one, calls
//! [`Member::step`](member::Member::step) with the time and one thing that happened, and carries out what comes
//! back: writes for the disk, messages for the network, replies for the clients. The crate is `no_std` and needs
//! an allocator.
//!
//! # Example
//! Three servers, and a driver that is all there is to one: a disk that never loses anything, a network that never
//! does either.
//!
//! ```
//! use seaworthy_core::config::Config;
//! use seaworthy_core::kv::{Command, Limits};
//! use seaworthy_core::member::{Effects, Input, Member, ReadMode, founding_disk};
//! use seaworthy_core::membership::Membership;
//! use seaworthy_core::state_machine::{Operation, Outcome, Request};
//! use seaworthy_core::types::{Instant, NodeId, SessionId, Token};
//! # extern crate alloc;
//! use alloc::collections::VecDeque;
//!
//! let now = Instant(0);
//! let ids = [1, 2, 3].map(NodeId::new);
//! let mut disks = ids.map(|_| founding_disk(Membership::new(ids), Limits::default()));
//! let mut members = ids.map(|id| {
//!     let disk = &disks[id.get() as usize - 1];
//!     Member::new(Config::new(id, id.get()), disk, now).expect("the defaults fit together")
//! });
//!
//! // Gives node 1 one input and drives the cluster until it is quiet. Returns the last reply to a client.
//! let mut drive = |input| {
//!     let mut inputs = VecDeque::from([(0, input)]);
//!     let mut answer = None;
//!     while let Some((at, input)) = inputs.pop_front() {
//!         let mut effects = Effects::default();
//!         members[at].step(now, input, &mut effects);
//!         for write in effects.writes {
//!             disks[at].persist(write.record);
//!             inputs.push_back((at, Input::Persisted { seq: write.seq }));
//!         }
//!         // Every write is durable by now, so no message has to wait for one.
//!         for send in effects.sends {
//!             let to = ids.iter().position(|id| *id == send.message.to).expect("only members are written to");
//!             inputs.push_back((to, Input::Message(send.message)));
//!         }
//!         answer = effects.replies.pop().or(answer);
//!     }
//!     answer.map(|reply| reply.result.expect("node 1 leads"))
//! };
//!
//! drive(Input::Campaign);
//! let mut ask = |session, sequence, operation| {
//!     let request = Request { session, sequence, operation };
//!     drive(Input::Request { token: Token(sequence), request, mode: ReadMode::Leader })
//! };
//! let opened = ask(SessionId::ZERO, 0, Operation::Register);
//! let Some(Outcome::Registered(session)) = opened else { panic!("no session: {opened:?}") };
//! let command = |line| Operation::Command(Command::parse(line).expect("it is a command"));
//! ask(session, 1, command("SET ship seaworthy"));
//! let Some(Outcome::Answer(answer)) = ask(session, 2, command("GET ship")) else { panic!("no answer") };
//! assert_eq!(answer.to_string(), "\"seaworthy\"");
//! let entries = disks.map(|disk| disk.log.entries().len());
//! assert_eq!(entries, [3, 3, 3]); // the leader's no-op entry, the session, the SET
//! ```
//!
//! # The protocol
//! **Terms and elections** (Raft §5.1, §5.2). Time is cut into terms. A node that hears no leader for an election
//! timeout asks everybody whether they would vote for it (PreVote, thesis §9.6); if a majority would, it enters the
//! next term, votes for itself and asks for votes. A voter votes once in a term, and only for a log that is at
//! least as up to date as its own (Raft §5.4.1). A majority of votes makes a leader, and there is at most one in a
//! term. Random timeouts keep candidates apart.
//!
//! **Replication** (Raft §5.3). Only the leader takes writes. It appends them to its log and sends them on with the
//! identity of the entry before them; a follower that does not hold that entry refuses, and the leader goes back to
//! where the logs agree. What conflicts with the leader's log is cut.
//!
//! **Commit** (Raft §5.4.2). An entry of the leader's own term is committed when a majority holds it durably; an
//! earlier term's only together with a later one of the leader's own. The first such entry is a no-op entry that
//! each leader appends when it takes office (thesis §6.4). What is committed is in the log of every later leader.
//!
//! **Apply** (thesis §6.3). Committed entries go through the session table into the key-value store, in order, on
//! every node. A request carries its client's session and a sequence number, so that a retry is answered from the
//! table and does not run again.
//!
//! **Read** (thesis §6.4). A read writes nothing. The leader notes its commit index, waits until a majority has
//! answered a message that it sent after the read arrived, and answers once that index is applied. A follower asks the
//! leader for the index and answers itself. Under a lease the leader answers at once: whoever answers a leader helps
//! nobody else for an election timeout, and clocks keep to a stated bound (thesis §6.4.1). Which of these is the
//! client's choice.
//!
//! **Snapshots** (Raft §7). Now and then a node writes down its state and forgets the log before it, once that is
//! durable. A follower that needs what has gone gets the snapshot, in chunks; equal states are equal bytes, so that the
//! next leader goes on where the last one stopped.
//!
//! **Membership** (thesis §4). A configuration is an entry, in force as soon as it is appended and taken back with it.
//! A change of one voter is one entry; any other goes through a joint configuration, in which majorities of both halves
//! must agree, and which the leader leaves by itself. Newcomers learn before they vote. One change at a time, and none
//! before the leader has committed in its own term.
//!
//! **Handing over** (thesis §3.10). The leader brings the target level, tells it to campaign, and holds proposals back
//! until another leads or the time is up.
//!
//! **Sessions expire** by the log alone: after so many entries without use, or as the least recently used of too many.
//! What a client asks of an expired session is refused, never run again.
//!
//! # The contract of effects
//! > Writes form one ordered queue; a send leaves only when the write that it names is durable; all else may happen
//! > in any order, late, or, after a crash, not at all.
//!
//! - Each [`Write`](effect::Write) has a number, consecutive since the node's start. The driver may batch and delay
//!   writes; it never reorders them. [`Input::Persisted`](member::Input::Persisted) with a number says that all up to
//!   it are durable.
//! - Each [`Send`](effect::Send) names the write that it waits for; 0 waits for none. Granted votes, RequestVote and
//!   accepting answers to AppendEntries and to snapshots wait. AppendEntries, refusals, reads and everything about
//!   PreVote do not.
//! - A crash leaves a prefix of the queue that holds at least what was reported durable. A node is built from that
//!   alone, a [`Durable`](durable::Durable).
//! - [`deadline`](member::Member::deadline) says when a timeout is due. It may move with every step; a timeout that
//!   comes early does nothing.
//! - A step is total: no peer and no client can make it panic. Only a driver that breaks this contract can.
//!
//! # The map
//! In the order in which to read, which is that of the `mod` lines:
//!
//! | module | what it is |
//! |---|---|
//! | [`types`], [`message`] | the words of the protocol, and what nodes say to each other |
//! | [`input`], [`effect`], [`durable`] | what can happen to a node, what it asks of the world, what its disk holds |
//! | [`config`], [`log`], [`quorum`], [`membership`], [`snapshot`] | the leaves; they know no node |
//! | [`node`] | consensus; each of its activities is a file: `election`, `replication` and `append`, `read` and `lease`, `snapshot`, `reconfiguration`, `transfer` |
//! | [`view`] | what can be seen of a node from outside |
//! | [`kv`], [`state_machine`] | commands and values, and sessions above them |
//! | [`storage`] | the bytes of a disk, how they are written, and what is recovered from them |
//! | [`member`] | all of it as one server; begin here to use the crate |
//! | [`flaw`] | bugs planted on purpose, to test whoever tests this |
//!
//! # Invariants
//! The node asserts them after every step, also in release, at the cost of a few comparisons:
//!
//! - only what is in the log is committed, and only what is in the log is durable in it;
//! - the log holds no term that has not begun, and its terms never descend;
//! - it goes on from the snapshot without a gap, and the snapshot holds only what is committed;
//! - the configuration in force stands in the log, or in the snapshot;
//! - a leader knows itself, and `matched < next` for each of its followers;
//! - a contact round is answered only after it began.
//!
//! What several nodes owe each other (Raft Figure 3) no node can assert: the simulator's checkers do.
//!
//! # Caveats
//! Where this is not word for word the paper:
//!
//! - **No-op entry.** Logs hold entries that no client asked for: one for each time that a leader took office.
//! - **PreVote** ([`Config::pre_vote`](config::Config::pre_vote)). A pre-vote refused by a later term carries that
//!   term, and the asker adopts it.
//! - **CheckQuorum and loyalty** ([`Config::check_quorum`](config::Config::check_quorum)). A leader that a majority
//!   has not answered for the longest election timeout steps down (thesis §6.2). A node that has heard a leader
//!   within the shortest one grants no pre-vote, and ignores RequestVote of a later term: it does not even adopt the
//!   term, which Raft §5.1 would have it do (thesis §4.2.3).
//! - **A candidate's own vote** counts once it is durable, like anybody's. RequestVote waits for the candidate's vote
//!   and log.
//! - **One AppendEntries** serves as heartbeat and for replication, and its round confirms reads: any answer of the
//!   current term does, also a refusal.
//! - **The leader's AppendEntries waits for nothing**: it replicates what it has not written yet, and counts itself
//!   once it has (thesis §10.2.1).
//! - **The commit index travels with the next message**: nothing is sent because it rose, so that a follower learns
//!   of it with the next entries or heartbeat.
//! - **A refusal carries a hint**, an entry of the follower after which nothing can match, and the leader answers
//!   with the like from its own log: they skip terms, not single entries (Raft §5.3, end).
//! - **Requests of an older term** are answered by [`Body::Stale`](message::Body::Stale), whatever they ask.
//! - **A retry** of a request whose entry is under way waits for that entry; it is not appended again.
//! - **After a restart** the commit index is that of the snapshot, and the log is applied from there.
//! - **A configuration is in force when appended** (thesis §4.1), unlike in etcd, where it is when applied. Whoever
//!   votes in either of the last two configurations of its log may campaign, and a learner votes when it is asked.
//! - **A disk without a snapshot is blank.** Founding members start from a snapshot before the first entry. A blank node
//!   votes for nobody and is given a snapshot only if it is no voter and has acknowledged nothing: a server that lost
//!   its disk must come back under a new identity.
//! - **A snapshot whose last entry the log holds** is not installed: the commit index rises instead, and no newer entry
//!   is lost.
//! - **A leader that removed itself** hands over to the most advanced voter when that is committed.
//! - **Terms above 2⁶³ − 1** are ignored: no correct cluster gets there.
//!
//! # What it does not do
//! - It opens no file and no socket. [`storage`] says which bytes go where; somebody else puts them there.
//! - The whole log after the last snapshot, and the state, are in memory.
//! - It has no witnesses, no priorities, and no configuration of more than two halves.
//! - A node trusts what its peers say, and a disk that makes sense: faults are crashes, delays and losses, not lies.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod types;
pub mod message;
pub mod input;
pub mod effect;
pub mod durable;
pub mod config;
pub mod log;
pub mod quorum;
pub mod membership;
pub mod snapshot;
pub mod node;
pub mod view;
pub mod kv;
pub mod state_machine;
pub mod storage;
pub mod member;
pub mod flaw;

pub use node::Node;
