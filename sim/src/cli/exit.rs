//! The exit codes: what a script may rely on.

use seaworthy_sim::planted::figures;
use seaworthy_sim::run::Verdict;
use seaworthy_sim::sweep::Summary;
use std::process::ExitCode;

/// How a command ended, from the mildest to the gravest: where several things happened, the gravest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// Everything as expected.
    Ok,
    /// Nothing ran.
    NothingRan,
    /// Cut off by a budget, undecided.
    Undecided,
    /// A violation, or an expectation missed.
    Failed,
    /// Bad usage or bad input.
    BadInput,
    /// The same run came out differently.
    NotDeterministic,
    /// The simulator itself failed.
    Internal,
    /// The user had enough.
    Interrupted,
}

impl Exit {
    /// The code that the process exits with.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::BadInput => 2,
            Self::Undecided => 3,
            Self::NothingRan => 4,
            Self::NotDeterministic => 5,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl From<&Summary> for Exit {
    /// The gravest of all that happened.
    fn from(summary: &Summary) -> Self {
        let tally = &summary.tally;
        let happened = [
            (summary.interrupted, Self::Interrupted),
            (tally.panics > 0, Self::Internal),
            (tally.not_deterministic > 0, Self::NotDeterministic),
            (tally.violations + tally.expectations > 0, Self::Failed),
            (tally.cutoffs > 0, Self::Undecided),
            (tally.runs == 0, Self::NothingRan),
        ];
        happened.into_iter().filter_map(|(so, exit)| so.then_some(exit)).max().unwrap_or(Self::Ok)
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok => Self::Ok,
            Verdict::Violation | Verdict::Expectation => Self::Failed,
            Verdict::Cutoff => Self::Undecided,
        }
    }
}

impl From<figures::Verdict> for Exit {
    fn from(verdict: figures::Verdict) -> Self {
        match verdict {
            figures::Verdict::Found => Self::Ok,
            figures::Verdict::Interrupted => Self::Interrupted,
            figures::Verdict::Missed | figures::Verdict::Misattributed => Self::Failed,
            figures::Verdict::Panicked => Self::Internal,
        }
    }
}
