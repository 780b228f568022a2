//! The Raft paper, and of the thesis what goes beyond it, sentence by sentence: each test is named by its claim and cites its place.
//!
//! They drive one node, with the test in the roles of all its peers, and a small cluster where a claim is about
//! several. PreVote, CheckQuorum and the loyalty of voters (thesis §9.6, §6.2, §4.2.3) go beyond the paper and are
//! switched off here, but where a claim is about them. Two more deviations are the paper's own words elsewhere: a leader appends a no-op entry at the
//! start of its term (Raft §8), and followers learn the commit index with the next message that they are sent.

#[path = "paper/candidates.rs"]
mod candidates;
mod cluster;
#[path = "paper/followers.rs"]
mod followers;
#[path = "paper/handover.rs"]
mod handover;
#[path = "paper/leaders.rs"]
mod leaders;
#[path = "paper/membership.rs"]
mod membership;
#[path = "paper/reads.rs"]
mod reads;
#[path = "paper/safety.rs"]
mod safety;
#[path = "paper/snapshots.rs"]
mod snapshots;
#[path = "paper/state.rs"]
mod state;
#[path = "paper/terms.rs"]
mod terms;
