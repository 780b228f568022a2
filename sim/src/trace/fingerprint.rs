//! A running hash over everything that happens in a run.

/// A 64-bit hash of a sequence of words: one multiplication each, of full width and folded, so that every bit
/// of a word reaches every bit of the hash. Not cryptographic: it tells runs apart, nobody attacks it.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint(u64);

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

impl Default for Fingerprint {
    fn default() -> Self {
        Self(SEED)
    }
}

impl Fingerprint {
    /// Takes in a word.
    #[inline]
    pub fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        // The addition keeps a word that meets its own image, whose product is 0, from wiping out the past.
        self.0 = ((product as u64) ^ (product >> 64) as u64).wrapping_add(self.0.rotate_left(23));
    }

    /// Takes in bytes, and how many they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
        self.word(bytes.len() as u64);
    }

    /// The hash so far.
    pub fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(words: &[u64]) -> u64 {
        let mut fingerprint = Fingerprint::default();
        words.iter().for_each(|word| fingerprint.word(*word));
        fingerprint.value()
    }

    #[test]
    fn order_and_length_count() {
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[]), of(&[0]));
        assert_ne!(of(&[0]), of(&[0, 0]));
    }

    proptest! {
        #[test]
        fn one_bit_anywhere_changes_about_half_of_the_hash(
            words in prop::collection::vec(any::<u64>(), 1..6), place in any::<prop::sample::Index>(), bit in 0..64,
        ) {
            let mut other = words.clone();
            other[place.index(words.len())] ^= 1u64 << bit;
            // Padding words give the last change time to spread.
            let (mut words, mut longer) = (words, other);
            words.extend([0, 0]);
            longer.extend([0, 0]);
            let changed = (of(&words) ^ of(&longer)).count_ones();
            prop_assert!((8..=56).contains(&changed), "{} bits", changed);
        }
    }
}
