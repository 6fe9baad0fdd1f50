//! Numbers to choose by: the same seed gives the same choices, everywhere and always.

/// A small generator of numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// One that begins at a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// One for a part of something: a name, or a number of it.
    #[must_use]
    pub fn of(seed: u64, name: &str, number: u64) -> Self {
        // FNV-1a: any spreading function does, as long as it never changes.
        let spread = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, spread);
        Self::new(number.to_le_bytes().into_iter().fold(hash, spread))
    }

    /// A number to begin another generator at.
    pub fn seed(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.seed() % bound).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of several.
    pub fn choose<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        let index = self.below(all.len());
        all.get(index)
    }

    /// One of several texts.
    pub fn pick<'t>(&mut self, all: &[&'t str]) -> &'t str {
        self.choose(all).copied().unwrap_or_default()
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let other = self.below(last + 1);
            all.swap(last, other);
        }
    }
}
