//! Percentiles.

/// The least of `sorted` that so many of a hundred do not exceed; `None` if there is none at all.
pub(crate) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<u32> = (1..=50).collect();
        assert_eq!([0, 50, 99, 100].map(|percent| percentile(&values, percent)), [1, 25, 50, 50].map(Some));
        assert_eq!(percentile(&values[..1], 50), Some(1));
        assert_eq!(percentile::<u32>(&[], 50), None);
    }
}
