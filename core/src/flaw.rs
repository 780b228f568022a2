//! The seam for planted bugs: a named, deliberate deviation at the place where the right code stands.
//!
//! A checker that has never caught anything proves nothing. So the core can be built *wrong*, one named flaw at
//! a time, and the simulator must find it. The seam is a type parameter, not a cargo feature: features unify
//! over a workspace, types do not. For [`Sound`], the default everywhere, [`Flaws::has`] is a constant `false`
//! and the compiler removes the flawed branch; the real node never names another type.

/// Which flaws are planted in a node.
pub trait Flaws: Copy {
    /// Whether nothing is planted, so that the node's own assertions hold. A flawed node breaks them on
    /// purpose, and it is for the checkers outside to notice.
    const SOUND: bool;

    /// Whether `flaw` is planted.
    fn has(self, flaw: Flaw) -> bool;
}

/// No flaws: the node as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sound;

impl Flaws for Sound {
    const SOUND: bool = true;

    #[inline(always)]
    fn has(self, _: Flaw) -> bool {
        false
    }
}

/// A set of planted flaws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted(u128);

impl Planted {
    /// These flaws and no others.
    pub fn new(flaws: impl IntoIterator<Item = Flaw>) -> Self {
        Self(flaws.into_iter().fold(0, |set, flaw| set | 1 << flaw as u32))
    }
}

impl Flaws for Planted {
    const SOUND: bool = false;

    #[inline]
    fn has(self, flaw: Flaw) -> bool {
        self.0 & (1 << flaw as u32) != 0
    }
}

/// A deviation. The simulator's table of planted bugs says where each really happened and who must catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Grants a vote without writing it down.
    VoteNotPersisted,
    /// Sends a granted vote before the write is durable.
    VoteReplyNotGated,
    /// Sends RequestVote before the own vote is durable.
    CampaignNotGated,
    /// Who campaigns does not write down its vote for itself, and has it to give.
    OwnVoteForgotten,
    /// Grants to whoever asks, also when the vote of the term is given.
    VotesTwice,
    /// A step down within a term forgets the vote.
    VoteForgottenAtStepDown,
    /// Enters a higher term without writing it down.
    TermNotPersisted,
    /// Grants to candidates with any log.
    NoUpToDateCheck,
    /// Compares the last index before the last term.
    IndexBeforeTerm,
    /// Wants neither the last index nor the last term to be lower.
    IndexAndTerm,
    /// Compares a candidate's log with what of the own is durable.
    StaleViewOfOwnLog,
    /// Counts vote replies of any term.
    StaleVoteCounted,
    /// Counts vote replies, not voters.
    DuplicateVoteCounted,
    /// A leader that stepped down takes office again in the same term when a late vote arrives.
    ElectedTwice,
    /// A restart forgets the vote.
    AmnesiaAtRestart,
    /// A refused pre-vote does not tell of a higher term.
    RefusedPreVoteTellsNothing,
    /// A pre-vote of an older term gets no answer.
    OlderPreVoteUnanswered,
    /// A leader of an older term gets no answer.
    OlderLeaderUnanswered,
    /// Half of the voters is a quorum.
    HalfIsQuorum,
    /// Commits an earlier term's entry by counting replicas (Raft Figure 8).
    CommitsEarlierTerm,
    /// Nothing is committed while the first entry that is not is of an earlier term.
    CommitStopsAtEarlierTerm,
    /// What the voter in the middle of the list holds is taken for what a majority holds.
    UnsortedQuorum,
    /// Acknowledges entries before they are durable.
    AckNotGated,
    /// The leader counts itself before its own write is durable.
    LeaderCountsUnpersisted,
    /// Truncates the log at every AppendEntries.
    TruncatesAlways,
    /// Takes entries without looking at the term before them.
    NoPrevTermCheck,
    /// A follower commits to the leader's commit index, whatever it has verified of its log.
    CommitsUnverified,
    /// A follower commits as far as its log goes when it refuses a message.
    CommitsAtRefusal,
    /// A refusal hints at the own commit index, not at where the logs may agree: legal, but it takes away what
    /// masks the two flaws around it.
    ConservativeHint,
    /// A leader goes on feeding a follower that has lost what it acknowledged.
    BrokenPromiseForgiven,
    /// An acknowledgement speaks of the whole log, not of what the message verified.
    AcksWholeLog,
    /// AppendEntries of an older term are obeyed, even by a leader.
    StaleAppendObeyed,
    /// Acknowledgements of older terms count.
    StaleAckCounted,
    /// Match index is assigned, not raised.
    MatchRegresses,
    /// Next index is not raised with match index.
    NextNotRaised,
    /// Commit index is assigned, not raised.
    CommitRegresses,
    /// Next index is not lowered at a refusal.
    NoBacktracking,
    /// A follower that needs the last entry that was compacted away gets an empty message instead of a snapshot.
    EmptyAppendAtBase,
    /// A message that is full leaves out what does not fit, and goes on with what does.
    PacksWithGap,
    /// A leader takes all that is proposed, however much waits to be committed.
    AcceptsWithoutLimit,
    /// What a leader has under way is reckoned down only for what clients proposed.
    UncommittedBytesLeak,
    /// A leader answers reads without confirming that it leads.
    ReadUnconfirmed,
    /// A new leader reads at its commit index before it has committed in its term.
    ReadBeforeOwnCommit,
    /// A read is answered before its index is applied.
    ReadBeforeApply,
    /// Any reply confirms any read round.
    AnyRoundConfirms,
    /// All questions that a follower asks have one name.
    QuestionsShareName,
    /// The refusal of an older leader's message has the round of it, and the new term.
    StaleRefusalEchoesRound,
    /// A retried request is applied again.
    NoDeduplication,
    /// Requests are deduplicated by sequence number alone.
    DeduplicatesAcrossSessions,
    /// Only the leader consults its session table; followers apply every entry.
    DeduplicatesOnLeader,
    /// Entries are applied when they are in the log, committed or not.
    AppliesUncommitted,
    /// A write is answered when appended, not when committed.
    AnswersBeforeCommit,
    /// No no-op entry at the start of a term.
    NoNoop,
    /// Every election timeout is the shortest.
    NoJitter,
    /// A follower grants a vote only to a strictly newer log.
    StrictlyNewerLog,
    /// The order in which followers are served depends on where memory was allocated.
    AddressLeak,
    /// A lease lasts longer than a voter's promise.
    LeaseOutlastsPromise,
    /// Voters are loyal to nobody, so that a lease rests on nothing.
    LeaseWithoutPromise,
    /// A restarted voter does not keep what it may have promised before.
    PromiseForgottenAtRestart,
    /// A voter forgets what it promised when it sees a higher term.
    PromiseForgottenAtTerm,
    /// A lease counts from when the answers arrived.
    LeaseFromReceipt,
    /// A leader that hands over keeps its lease.
    LeaseSurvivesTransfer,
    /// Leadership is handed to a voter that does not hold all of the log.
    TransferToLaggard,
    /// A leader that hands over waits for ever.
    TransferNeverExpires,
    /// Who is asked to campaign asks for pre-votes first, which those who hear the leader refuse.
    TransferAsksFirst,
    /// TimeoutNow of an older term is obeyed.
    StaleTimeoutNowObeyed,
    /// A candidate that was asked to campaign gets votes whatever its log.
    TransferSkipsLogCheck,
    /// In a joint configuration only the new half counts.
    OnlyNewMajority,
    /// In a joint configuration one majority of all its voters counts.
    MajorityOfUnion,
    /// Learners count as voters.
    LearnersCounted,
    /// A change is taken before the leader has committed an entry of its own term.
    ChangeBeforeOwnCommit,
    /// A change is taken before the last one is committed.
    ChangeBeforeLastCommitted,
    /// Any change takes a single step.
    NoJointPhase,
    /// The joint configuration is left before it is committed.
    LeavesJointEarly,
    /// A configuration counts from its commit on.
    ConfigurationOnCommit,
    /// A restart falls back to the configuration before a joint one.
    JointDroppedAtRestart,
    /// A configuration stays in force when its entry is truncated.
    MembershipNotRolledBack,
    /// A leader that has removed itself leads on.
    RemovedLeaderStays,
    /// Only a voter of the latest configuration may campaign.
    RemovedCannotCampaign,
    /// A learner refuses to vote.
    LearnerRefusesToVote,
    /// A snapshot carries the configuration of the one before it.
    SnapshotWithOldMembership,
    /// A snapshot is installed also when the log goes further.
    InstallsStaleSnapshot,
    /// A snapshot takes the place of all entries, also of those that go on from it.
    InstallDiscardsSuffix,
    /// A log that is long enough is kept, though it conflicts with the snapshot.
    ConflictingLogKept,
    /// A snapshot brings its term along.
    SnapshotRestoresTerm,
    /// A message that begins before what was compacted away is taken for a conflict.
    CompactedIsConflict,
    /// An append that begins with the first entry of all is taken, also when that was compacted away: once more, behind
    /// what is there.
    FirstAppendTakenAgain,
    /// A chunk of a snapshot is not sent again.
    ChunkSentOnce,
    /// Heartbeats end with the first follower that is being sent a snapshot.
    HeartbeatsEndAtSnapshot,
    /// Chunks of a snapshot are put together as they come.
    ChunkOffsetIgnored,
    /// Chunks of one snapshot are put together with those of another.
    SnapshotsMixed,
    /// Whoever is asked answers reads from its own state.
    FollowerReadsLocally,
    /// A stale GET takes the first key at or after its own for a hit.
    StaleGetSeeks,
    /// A member that has lost its disk starts anew under its old identity.
    WipedNodeWelcome,
    /// A snapshot leaves the session table out.
    SessionsNotInSnapshot,
    /// A snapshot leaves out when each session was last used: whoever restores it takes that for its opening.
    LastUseNotInSnapshot,
    /// A request of an expired session opens it again, and runs.
    ExpiredSessionRecreated,
    /// The log that a snapshot replaces is deleted before the snapshot is durable.
    LogDeletedBeforeSnapshot,
    /// Recovery cuts the log at the first damaged record, wherever it stands.
    CutsAtFirstDamage,
    /// The directory is not synced after a file got its name.
    DirectoryNotSynced,
}
