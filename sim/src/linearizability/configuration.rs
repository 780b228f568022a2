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
///
/// Each claim leaves a choice, and the choices are independent: a past stands for all ways to make one choice for each
/// operation. It allows a future exactly if one of these ways does.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// What became of each open operation.
    pub(super) claims: Vec<Claim>,
    /// How many of each lot of lost operations took effect.
    pub(super) used: Vec<u32>,
}

/// What became of an operation whose answer is not known yet: a choice. The answers are positions in the list that the
/// frontier keeps for the operation.
///
/// - Done: it took effect, and must give one of the answers; there is at least one.
/// - Not done: it has not taken effect, and still may. But there were ways and moments since its invocation in which it
///   could have done so, with the same outcome for all others, and then would have given one of the answers.
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

impl Past {
    /// Whether, from the same state, every future of `other` is one of this: every open operation has at least the
    /// same liberty, and no lost operation was spent that `other` still has.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.used.iter().zip(&other.used).all(|(mine, others)| mine <= others)
            && self.claims.iter().zip(&other.claims).all(|(mine, others)| mine.covers(others))
    }

    /// Adds to a list of pasts of the same state, of which none covers another, so that the list allows what it did
    /// and what `past` does. Returns how many comparisons that took.
    ///
    /// Two pasts that differ in a single claim become one, with the choices of both. This invents no future: a way to
    /// choose from the new past makes its choice for that operation from one of the two claims, and all its other
    /// choices are in both pasts. (With two claims at once it would: one choice could come from here, one from there.)
    /// So an operation that is open for long, and has seen the others come in any of their orders, tells no
    /// configurations apart by which of these orders it saw.
    pub(super) fn add_to(mut self, list: &mut Vec<Self>) -> u64 {
        let mut steps = 1;
        let mut next = 0;
        while let Some(other) = list.get(next) {
            steps += 1;
            if other.covers(&self) {
                return steps;
            }
            if self.covers(other) {
                list.swap_remove(next);
            } else if self.merge(other) {
                // What it could not cover or merge with before, it may now.
                list.swap_remove(next);
                next = 0;
            } else {
                next += 1;
            }
        }
        list.push(self);
        steps
    }

    /// How many effects it took, at least. Each further one adds one.
    pub(super) fn effects(&self) -> u64 {
        let done = self.claims.iter().filter(|claim| claim.is_done).count();
        done as u64 + self.used.iter().map(|used| u64::from(*used)).sum::<u64>()
    }

    /// Takes the choices of `other` in, if the two differ in a single claim.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        if self.used != other.used {
            return false;
        }
        let claims = self.claims.iter().zip(&other.claims).enumerate();
        let mut different = claims.filter(|(_, (mine, others))| mine != others);
        let first = different.next().map(|(position, _)| position);
        if different.next().is_some() {
            return false;
        }
        if let Some(position) = first {
            self.claims[position].merge(&other.claims[position]);
        }
        true
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

    /// Adds the choices of `other`: whatever fits one of the two fits this, and nothing else does. For to be not done
    /// with some answers is to have the choice between being done with one of them, and being not done with none.
    fn merge(&mut self, other: &Self) {
        self.is_done &= other.is_done;
        self.answers.merge(&other.answers);
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

    fn merge(&mut self, other: &Self) {
        self.low |= other.low;
        if self.high.len() < other.high.len() {
            self.high.resize(other.high.len(), 0);
        }
        for (mine, others) in self.high.iter_mut().zip(&other.high) {
            *mine |= others;
        }
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
