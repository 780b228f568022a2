//! Random lengths of time, in integers only: a float would tie the fingerprint to the platform's `exp`.

use crate::choice::{Choice, Stream};
use crate::scenario::model::Distribution;
use crate::time::Span;

/// A [`Distribution`], made ready to draw from. Of the possible draws, number 0 is the shortest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampler {
    /// Always the same.
    Constant(Span),
    /// Evenly between two bounds, both included.
    Uniform {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// `median × 2^(slope × z)` for a standard normal z.
    ///
    /// z comes from `QUANTILES` and is cut off beyond one in 65,536 on either side, at ±4.17; the error of z
    /// is below 0.01, so that a quantile is off by less than `0.01 × slope` doublings.
    LogNormal {
        /// The middle, in nanoseconds.
        median: u64,
        /// Doublings for each standard deviation, in 65,536ths.
        slope: u64,
    },
    /// Uniform, but rarely between the end of the range and `tail`.
    HeavyTail {
        /// The shortest.
        min: Span,
        /// The longest usual one.
        max: Span,
        /// The longest.
        tail: Span,
        /// How likely a rare one is, in parts per million.
        ppm: u32,
    },
}

impl From<&Distribution> for Sampler {
    fn from(distribution: &Distribution) -> Self {
        match *distribution {
            Distribution::Constant(span) => Self::Constant(span),
            Distribution::Uniform { min, max } => Self::Uniform { min, max },
            Distribution::LogNormal { median, p99 } if median < p99 => {
                let median = median.0.max(1);
                let doublings = log2(u128::from(p99.0) << 32) - log2(u128::from(median) << 32);
                Self::LogNormal { median, slope: (doublings << 16) / Z99 }
            }
            Distribution::LogNormal { median, .. } => Self::Constant(median),
            Distribution::HeavyTail { min, max, tail, probability } => {
                Self::HeavyTail { min, max, tail, ppm: probability.get() }
            }
        }
    }
}

impl Sampler {
    /// Draws a length of time from `stream`.
    pub fn draw(&self, choice: &mut Choice, stream: Stream) -> Span {
        match *self {
            Self::Constant(span) => span,
            Self::Uniform { min, max } => Span(choice.between(stream, min.0, max.0)),
            Self::LogNormal { median, slope } => {
                let point = choice.below(stream, 1 << 32) as u32;
                let (above, z) = quantile(point);
                Span(scale(median, above, (slope * z) >> 16))
            }
            Self::HeavyTail { min, max, tail, ppm } => {
                if choice.chance(stream, ppm) {
                    Span(choice.between(stream, max.0, tail.0))
                } else {
                    Span(choice.between(stream, min.0, max.0))
                }
            }
        }
    }
}

/// The 99th percentile of the standard normal distribution, in 65,536ths.
const Z99: u64 = 152_460;

/// Upper quantiles of the standard normal distribution, in 65,536ths: four for each halving of the tail, from
/// 1/2 down to 1/65,536. `QUANTILES[4k + j]` leaves the tail `2^-(k+1) × (1 - j/8)`.
const QUANTILES: [u64; 61] = [
    0, 10310, 20882, 32032, 44203, 50884, 58140, 66191, 75389, 80600, 86377, 92917, 100540, 104924, 109834,
    115453, 122076, 125918, 130248, 135235, 141156, 144610, 148519, 153042, 158437, 161597, 165184, 169346,
    174330, 177257, 180588, 184462, 189113, 191851, 194971, 198608, 202983, 205563, 208507, 211943, 216085,
    218531, 221325, 224590, 228531, 230861, 233525, 236642, 240408, 242636, 245187, 248173, 251785, 253924,
    256374, 259244, 262719, 264779, 267138, 269905, 273257,
];

/// Which side of the middle `point` of 2^32 lies on, and how far out in 65,536ths of a standard deviation.
fn quantile(point: u32) -> (bool, u64) {
    let above = point >> 31 == 1;
    let tail = if above { !point } else { point }.max(1 << 16);
    let halvings = tail.leading_zeros() - 1;
    // How far the tail lies below the nearest power of two above it, in quarters of the way to the next.
    let depth = u64::from((1 << (31 - halvings)) - tail);
    let cell_bits = 28 - halvings;
    let cell = 4 * halvings as usize + (depth >> cell_bits) as usize;
    if cell == QUANTILES.len() - 1 {
        return (above, QUANTILES[cell]);
    }
    let rest = depth & ((1 << cell_bits) - 1);
    (above, QUANTILES[cell] + (((QUANTILES[cell + 1] - QUANTILES[cell]) * rest) >> cell_bits))
}

/// `ROOTS[i]` is 2 to the power of 2^-(i+1), in 2^32ths.
const ROOTS: [u64; 16] = {
    let mut roots = [0; 16];
    let mut power: u128 = 2 << 32;
    let mut position = 0;
    while position < roots.len() {
        power = (power << 32).isqrt();
        roots[position] = power as u64;
        position += 1;
    }
    roots
};

/// `value` doubled, or halved, so many 65,536ths of times.
fn scale(value: u64, double: bool, times: u64) -> u64 {
    let mut factor: u128 = 1 << 32;
    for (position, root) in ROOTS.iter().enumerate() {
        if times >> (15 - position) & 1 == 1 {
            factor = (factor * u128::from(*root)) >> 32;
        }
    }
    let whole = u32::try_from(times >> 16).unwrap_or(u32::MAX);
    if double {
        // The product is below 2^98.
        let product = (u128::from(value) * factor) >> 32;
        let room = product.leading_zeros();
        if whole < room { u64::try_from(product << whole).unwrap_or(u64::MAX) } else { u64::MAX }
    } else {
        let product = ((u128::from(value) << 64) / factor) >> 32;
        product.checked_shr(whole).unwrap_or(0) as u64
    }
}

/// The binary logarithm of `value` in 65,536ths, rounded down. `value` is above 0.
fn log2(value: u128) -> u64 {
    let whole = value.ilog2();
    // The mantissa in [1, 2), in 2^63ths; squaring it brings out one binary digit at a time.
    let mut mantissa = if whole > 63 { value >> (whole - 63) } else { value << (63 - whole) };
    let mut logarithm = u64::from(whole);
    for _ in 0..16 {
        mantissa = (mantissa * mantissa) >> 63;
        let digit = mantissa >> 64;
        logarithm = logarithm << 1 | digit as u64;
        mantissa >>= digit;
    }
    logarithm
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(distribution: Distribution) -> Vec<u64> {
        let sampler = Sampler::from(&distribution);
        let mut choice = Choice::seeded(3);
        let mut draws: Vec<u64> = (0..100_000).map(|_| sampler.draw(&mut choice, Stream::Swarm).0).collect();
        draws.sort();
        draws
    }

    fn close(found: u64, wanted: u64) -> bool {
        found.abs_diff(wanted) * 100 <= wanted * 4
    }

    #[test]
    fn log_normal_draws_have_the_median_and_the_99th_percentile_asked_for() {
        for (median, p99) in
            [(5_000_000, 40_000_000), (1_000, 1_000_000_000), (3, 5_000_000), (100_000_000, 110_000_000)]
        {
            let draws = draws(Distribution::LogNormal { median: Span(median), p99: Span(p99) });
            let (half, hundredth) = (draws[50_000], draws[99_000]);
            assert!(close(half, median) || half.abs_diff(median) <= 1, "median {half} of {median}");
            // Of 100,000 draws the 99th percentile itself scatters, the more the wider the distribution is.
            let ratio = (p99 / median).ilog2() as u64;
            let allowed = p99 * (2 + ratio) / 100;
            assert!(hundredth.abs_diff(p99) <= allowed, "p99 {hundredth} of {p99}");
        }
    }

    #[test]
    fn quantiles_of_the_table_are_exact_at_its_points() {
        // The tail 2^-(k+1) × (1 - j/8) as a point of 2^32.
        assert_eq!(quantile(1 << 30), (false, QUANTILES[4]));
        assert_eq!(quantile(!(1 << 30)), (true, QUANTILES[4]));
        assert_eq!(quantile(0), (false, QUANTILES[60]));
        assert_eq!(quantile(u32::MAX), (true, QUANTILES[60]));
        let one_in_a_hundred = (1u64 << 32) / 100;
        let (_, z) = quantile(!(one_in_a_hundred as u32));
        assert!(z.abs_diff(Z99) < 655, "{z} is not within 0.01 of {Z99}");
    }

    #[test]
    fn later_points_never_give_shorter_times() {
        let sampler =
            Sampler::from(&Distribution::LogNormal { median: Span::millis(5), p99: Span::millis(80) });
        let Sampler::LogNormal { median, slope } = sampler else { panic!("{sampler:?}") };
        let spans = (0..=u32::MAX).step_by(40_009).map(|point| {
            let (above, z) = quantile(point);
            scale(median, above, (slope * z) >> 16)
        });
        assert!(spans.is_sorted());
    }

    #[test]
    fn the_calmest_draw_is_the_shortest() {
        let tail = Span::seconds(9);
        let all = [
            Distribution::Constant(Span(7)),
            Distribution::Uniform { min: Span(7), max: Span(70) },
            Distribution::HeavyTail {
                min: Span(7),
                max: Span(70),
                tail,
                probability: crate::scenario::scalar::Ppm::new(999_999),
            },
        ];
        for distribution in all {
            let mut calm = Choice::tape(Vec::new());
            assert_eq!(Sampler::from(&distribution).draw(&mut calm, Stream::Swarm), Span(7));
        }
        let wide = Distribution::LogNormal { median: Span(1_000), p99: Span(2_000) };
        let mut calm = Choice::tape(Vec::new());
        let shortest = Sampler::from(&wide).draw(&mut calm, Stream::Swarm);
        assert!(draws(wide).iter().all(|draw| shortest.0 <= *draw));
    }

    #[test]
    fn the_widest_distribution_saturates() {
        let draws = draws(Distribution::LogNormal { median: Span(1), p99: Span(u64::MAX) });
        assert_eq!(draws.last(), Some(&u64::MAX));
    }

    #[test]
    fn a_heavy_tail_is_as_rare_as_it_says() {
        let probability = crate::scenario::scalar::Ppm::new(100_000);
        let draws = draws(Distribution::HeavyTail {
            min: Span(1),
            max: Span(10),
            tail: Span(1_000_000),
            probability,
        });
        let rare = draws.iter().filter(|draw| **draw > 10).count();
        assert!((9_500..10_500).contains(&rare), "{rare}");
    }
}
