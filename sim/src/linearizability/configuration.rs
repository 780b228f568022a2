//! One way in which everything seen so far of a key can have come about.

use super::model::State;

/// A state that the key can be in, and what had to take effect to bring it there.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) state: State,
    pub(super) past: Past,
}

/// What took effect in a configuration. Its two lists run beside those of the frontier: `claims` beside the open
/// operations, `used` beside the lost ones.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// What became of each open operation.
    pub(super) claims: Vec<Claim>,
    /// How many of each lot of lost operations took effect.
    pub(super) used: Vec<u32>,
}

/// What became of an operation whose answer is not known yet. The answers are positions in the list that the frontier
/// keeps for the operation.
///
/// - Done: it took effect, and must give the one answer.
/// - Not done: it has not taken effect, and still may. But there were moments since its invocation when it could have
///   done so without anybody being able to tell, and then would have given one of the answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) is_done: bool,
    pub(super) answers: Positions,
}

/// A set of small numbers. Those below 64 need no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    low: u64,
    high: Vec<u64>,
}

impl Configuration {
    /// Whether every future that `other` allows is allowed by this one, so that `other` need not be kept.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.state == other.state && self.past.covers(&other.past)
    }
}

impl Past {
    /// Whether, from the same state, every future of `other` is one of this: every open operation has at least the
    /// same liberty, and no lost operation was spent that `other` still has.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.used.iter().zip(&other.used).all(|(mine, others)| mine <= others)
            && self.claims.iter().zip(&other.claims).all(|(mine, others)| mine.covers(others))
    }
}

impl Claim {
    /// Of an operation that took effect with the answer at a position.
    pub(super) fn done(answer: usize) -> Self {
        let mut answers = Positions::default();
        answers.insert(answer);
        Self { is_done: true, answers }
    }

    /// Whether whatever the future holds that fits `other` fits this too.
    ///
    /// A done operation is covered by one that is not done but can claim the same answer: it passes the same
    /// completions, and is at greater liberty in every other future.
    fn covers(&self, other: &Self) -> bool {
        (other.is_done || !self.is_done) && self.answers.includes(&other.answers)
    }
}

impl Positions {
    pub(super) fn insert(&mut self, position: usize) {
        let (word, bit) = (position / 64, 1 << (position % 64));
        match word.checked_sub(1) {
            None => self.low |= bit,
            Some(word) => {
                if self.high.len() <= word {
                    self.high.resize(word + 1, 0);
                }
                self.high[word] |= bit;
            }
        }
    }

    pub(super) fn contains(&self, position: usize) -> bool {
        let word = match (position / 64).checked_sub(1) {
            None => self.low,
            Some(word) => self.high.get(word).copied().unwrap_or(0),
        };
        word >> (position % 64) & 1 == 1
    }

    fn includes(&self, other: &Self) -> bool {
        let has_all = |mine: u64, others: u64| others & !mine == 0;
        has_all(self.low, other.low)
            && other
                .high
                .iter()
                .enumerate()
                .all(|(word, others)| has_all(self.high.get(word).copied().unwrap_or(0), *others))
    }
}

#[test]
fn a_set_of_positions_is_a_set() {
    let mut set = Positions::default();
    let mut more = Positions::default();
    for position in [0, 63, 64, 200] {
        more.insert(position);
        assert!(!set.contains(position) && more.contains(position));
        assert!(more.includes(&set) && !set.includes(&more));
        set.insert(position);
        assert!(set.includes(&more) && set.contains(position) && !set.contains(position + 1));
    }
}
