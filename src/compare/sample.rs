//! The objects whose content is read: all, none, or a random share that is the same after a restart.

use crate::object::ObjectKey;

/// A share of all objects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The share in percent.
    pub percent: f64,
    /// The seed of the random choice.
    pub seed: u64,
}

impl Sample {
    /// Whether the object is in the share. The result depends only on the share, the seed and the key.
    pub fn takes(&self, key: &ObjectKey) -> bool {
        if self.percent >= 100.0 || self.percent <= 0.0 {
            return self.percent > 0.0;
        }
        let bytes = key.to_bytes();
        let words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        // Library and id both count, because otherwise an object that many libraries share would be chosen in all or
        // none.
        let seed =
            words.fold(self.seed, |seed, word| (seed ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
        fastrand::Rng::with_seed(seed).f64() * 100.0 < self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(sample: Sample) -> Vec<bool> {
        let mut random = fastrand::Rng::with_seed(3);
        let key = |_| ObjectKey::from_bytes(&std::array::from_fn(|_| random.u8(..)));
        (0..20_000).map(key).map(|key| sample.takes(&key)).collect()
    }

    fn count(percent: f64, seed: u64) -> usize {
        taken(Sample { percent, seed }).into_iter().filter(|taken| *taken).count()
    }

    #[test]
    fn none_and_all_are_exact_and_the_rest_comes_near() {
        assert_eq!((count(0.0, 1), count(100.0, 1)), (0, 20_000));
        for (percent, low, high) in [(1.0, 120, 280), (50.0, 9_600, 10_400), (99.0, 19_700, 19_900)] {
            let count = count(percent, 7);
            assert!((low..=high).contains(&count), "{percent}%: {count}");
        }
    }

    #[test]
    fn a_choice_stays_and_another_seed_makes_another() {
        let sample = Sample { percent: 30.0, seed: 5 };
        assert_eq!(taken(sample), taken(sample));
        assert_ne!(taken(sample), taken(Sample { seed: 6, ..sample }));
    }

    #[test]
    fn an_object_that_many_libraries_share_is_chosen_for_each_on_its_own() {
        let sample = Sample { percent: 50.0, seed: 1 };
        let key = |library: u8| {
            let mut bytes = [9; ObjectKey::LEN];
            bytes[0] = library;
            ObjectKey::from_bytes(&bytes)
        };
        let taken = (0..=255).filter(|library| sample.takes(&key(*library))).count();
        assert!((90..166).contains(&taken), "{taken}");
    }
}
