//! A node's own clock: ahead, too fast, and sometimes set forward, but never going back.

use crate::time::{Span, Time};
use seaworthy_core::types::Instant;

/// A clock as a function of world time: `offset + time × (1 + drift)`, rounded down.
///
/// Invariants:
/// - the offset never shrinks and the rate is above zero, so that what is read never goes back, not across a
///   jump nor across a restart of the node.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    offset: u64,
    /// Millionths of a local nanosecond in a nanosecond.
    rate: u64,
}

const WHOLE: u64 = 1_000_000;

impl Clock {
    /// A clock that is `offset` ahead at the start and runs faster than time by `drift_ppm` millionths.
    ///
    /// # Panics
    /// If it would stand still or run backwards.
    pub fn new(offset: Span, drift_ppm: i64) -> Self {
        let rate = WHOLE.saturating_add_signed(drift_ppm);
        assert!(0 < rate, "a clock runs forward");
        Self { offset: offset.0, rate }
    }

    /// What the clock shows at `time`.
    pub fn read(&self, time: Time) -> Instant {
        if self.rate == WHOLE {
            return Instant(time.0.saturating_add(self.offset));
        }
        let ran = u128::from(time.0) * u128::from(self.rate) / u128::from(WHOLE);
        Instant(u64::try_from(ran).unwrap_or(u64::MAX).saturating_add(self.offset))
    }

    /// The earliest time at which the clock shows `local` or more, if it does not jump before. `None` if that is
    /// later than time goes.
    pub fn earliest(&self, local: Instant) -> Option<Time> {
        let needed = local.0.saturating_sub(self.offset);
        let time = if self.rate == WHOLE {
            needed
        } else {
            let time = (u128::from(needed) * u128::from(WHOLE)).div_ceil(u128::from(self.rate));
            u64::try_from(time).ok()?
        };
        (local < Instant::NEVER).then_some(Time(time))
    }

    /// Sets the clock forward.
    pub fn jump(&mut self, by: Span) {
        self.offset = self.offset.saturating_add(by.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400_000_000_000;

    proptest! {
        #[test]
        fn the_inverse_gives_the_earliest_time_that_reaches_a_reading(
            offset in 0..DAY, drift in -500_000i64..=1_000_000, local in 0..DAY,
        ) {
            let clock = Clock::new(Span(offset), drift);
            let time = clock.earliest(Instant(local)).expect("a day is not for ever");
            prop_assert!(clock.read(time) >= Instant(local));
            if time > Time::ZERO {
                prop_assert!(clock.read(Time(time.0 - 1)) < Instant(local));
            }
        }

        #[test]
        fn a_clock_never_goes_back(
            drift in -500_000i64..=1_000_000,
            steps in prop::collection::vec((0u64..1_000_000, prop::option::of(0u64..DAY)), 1..50),
        ) {
            let mut clock = Clock::new(Span::ZERO, drift);
            let (mut time, mut shown) = (Time::ZERO, Instant(0));
            for (passed, jump) in steps {
                time = time + Span(passed);
                if let Some(by) = jump {
                    clock.jump(Span(by));
                }
                prop_assert!(shown <= clock.read(time));
                shown = clock.read(time);
            }
        }
    }

    #[test]
    fn never_is_never() {
        assert_eq!(Clock::new(Span::ZERO, 0).earliest(Instant::NEVER), None);
        assert_eq!(Clock::new(Span::ZERO, -500_000).earliest(Instant(u64::MAX - 1)), None);
    }
}
