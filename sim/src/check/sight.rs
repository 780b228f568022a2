//! How much the checkers may look at: a measure of what each way of looking finds.

use serde::Serialize;

/// What the checkers of a run look at. Less than everything finds less, or later: it is for measuring how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Everything.
    #[default]
    All,
    /// What nodes say and what they are, but no disk: a promise that was not kept shows only in what comes of it.
    Nodes,
    /// What clients see: the answers, and that there are any.
    Clients,
}

/// Every sight, the sharpest first.
pub const SIGHTS: [Sight; 3] = [Sight::All, Sight::Nodes, Sight::Clients];
