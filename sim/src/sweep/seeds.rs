//! The seeds of a batch, and how a sweep is parted among machines.

use serde::Serialize;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::str::FromStr;

/// One of several machines that share a sweep, written `K/N`, with K from 1 to N.
///
/// It runs, of every scenario, the seeds that leave the remainder K - 1 when they are divided by N. So each seed
/// belongs to one shard, whatever else is swept; the shards of one sweep differ by at most one seed in what they
/// have of a scenario; and seeds that are added later change nothing for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: NonZeroU64,
    of: NonZeroU64,
}

/// A text that is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// It is not of the form `K/N`.
    #[error("a shard is written K/N, as in 1/4 for the first of four")]
    Form,
    /// There is no such shard of so many.
    #[error("the shards of {of} are 1/{of} to {of}/{of}: there is no shard {number}")]
    Number {
        /// Which was asked for.
        number: u64,
        /// Of how many.
        of: NonZeroU64,
    },
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (number, of) = text.split_once('/').ok_or(ShardError::Form)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(number) || !digits(of) {
            return Err(ShardError::Form);
        }
        let number: u64 = number.parse().map_err(|_| ShardError::Form)?;
        let of: NonZeroU64 = of.parse().map_err(|_| ShardError::Form)?;
        match NonZeroU64::new(number) {
            Some(number) if number <= of => Ok(Self { number, of }),
            _ => Err(ShardError::Number { number, of }),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Serialize for Shard {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Seeds at equal distances, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    step: NonZeroU64,
    count: u64,
}

impl Seeds {
    /// One seed.
    pub fn only(seed: u64) -> Self {
        Self { first: seed, step: NonZeroU64::MIN, count: 1 }
    }

    /// Those of `range` that belong to `shard`.
    pub fn of_shard(range: &Range<u64>, shard: Shard) -> Self {
        let Range { start, end } = *range;
        let step = shard.of;
        let wanted = shard.number.get() - 1;
        // How far the first that leaves the wanted remainder lies behind the start.
        let ahead = match (wanted, start % step) {
            (wanted, remainder) if remainder <= wanted => wanted - remainder,
            (wanted, remainder) => step.get() - remainder + wanted,
        };
        match start.checked_add(ahead) {
            Some(first) if first < end => Self { first, step, count: (end - first).div_ceil(step.get()) },
            _ => Self { first: start, step, count: 0 },
        }
    }

    /// How many they are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The seed of this position, which is below [`Seeds::len`].
    pub fn at(&self, position: u64) -> u64 {
        assert!(position < self.count, "there are {} seeds, and none of position {position}", self.count);
        self.first + position * self.step.get()
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = u64> {
        (0..self.count).map(move |position| self.at(position))
    }
}

impl From<Range<u64>> for Seeds {
    fn from(Range { start, end }: Range<u64>) -> Self {
        Self { first: start, step: NonZeroU64::MIN, count: end.saturating_sub(start) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shard(number: u64, of: u64) -> Shard {
        format!("{number}/{of}").parse().unwrap()
    }

    #[test]
    fn a_shard_is_a_number_of_a_number_and_a_wrong_one_is_answered_with_what_is_right() {
        let cases = [
            "1/1",
            "2/3",
            "3/3",
            "0/3",
            "4/3",
            "1/0",
            "0/0",
            "x",
            "",
            "/",
            "1/",
            "/3",
            "1/2/3",
            "+1/3",
            "-1/3",
            "1 / 3",
            "1.5/3",
            "99999999999999999999/3",
        ];
        let lines: Vec<String> = cases
            .iter()
            .map(|text| match text.parse::<Shard>() {
                Ok(shard) => format!("{text:?} is {shard}"),
                Err(error) => format!("{text:?}: {error}"),
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
            "1/1" is 1/1
            "2/3" is 2/3
            "3/3" is 3/3
            "0/3": the shards of 3 are 1/3 to 3/3: there is no shard 0
            "4/3": the shards of 3 are 1/3 to 3/3: there is no shard 4
            "1/0": a shard is written K/N, as in 1/4 for the first of four
            "0/0": a shard is written K/N, as in 1/4 for the first of four
            "x": a shard is written K/N, as in 1/4 for the first of four
            "": a shard is written K/N, as in 1/4 for the first of four
            "/": a shard is written K/N, as in 1/4 for the first of four
            "1/": a shard is written K/N, as in 1/4 for the first of four
            "/3": a shard is written K/N, as in 1/4 for the first of four
            "1/2/3": a shard is written K/N, as in 1/4 for the first of four
            "+1/3": a shard is written K/N, as in 1/4 for the first of four
            "-1/3": a shard is written K/N, as in 1/4 for the first of four
            "1 / 3": a shard is written K/N, as in 1/4 for the first of four
            "1.5/3": a shard is written K/N, as in 1/4 for the first of four
            "99999999999999999999/3": a shard is written K/N, as in 1/4 for the first of four
        "#);
    }

    #[test]
    fn a_seed_belongs_to_the_shard_of_its_remainder() {
        let seeds = |number, of| Seeds::of_shard(&(5..15), shard(number, of)).iter().collect::<Vec<_>>();
        assert_eq!(
            [seeds(1, 3), seeds(2, 3), seeds(3, 3)],
            [vec![6, 9, 12], vec![7, 10, 13], vec![5, 8, 11, 14]]
        );
        assert_eq!(seeds(1, 1), (5..15).collect::<Vec<_>>());
        assert_eq!(seeds(20, 20), Vec::<u64>::new());
    }

    #[test]
    fn the_last_seeds_of_all_have_their_shard_too() {
        let range = u64::MAX - 3..u64::MAX;
        let of = u64::MAX;
        assert_eq!(Seeds::of_shard(&range, shard(of, of)).iter().collect::<Vec<_>>(), [u64::MAX - 1]);
        assert!(Seeds::of_shard(&range, shard(1, of)).is_empty());
        assert_eq!(Seeds::only(u64::MAX).iter().collect::<Vec<_>>(), [u64::MAX]);
        assert_eq!(Seeds::from(0..u64::MAX).len(), u64::MAX);
    }

    proptest! {
        /// Together the shards are the range, each seed once, and none has two more than another.
        #[test]
        fn shards_part_a_range_fairly(start in 0u64..1_000, length in 0u64..200, of in 1u64..40) {
            let range = start..start + length;
            let shards: Vec<Vec<u64>> =
                (1..=of).map(|number| Seeds::of_shard(&range, shard(number, of)).iter().collect()).collect();
            let lengths = shards.iter().map(Vec::len);
            prop_assert!(lengths.clone().max() <= lengths.min().map(|least| least + 1));
            let mut all = shards.concat();
            all.sort_unstable();
            prop_assert_eq!(all, range.collect::<Vec<_>>());
        }
    }
}
