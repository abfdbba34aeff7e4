//! Numbers from a seed: the same seed gives the same guests.

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of one guest: of the seed of the run, its attack and its target, so that one row alone has the same.
    pub(crate) fn of(seed: u64, attack: &str, target: &str) -> Random {
        // FNV-1a.
        let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
        for byte in attack.bytes().chain([0]).chain(target.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Random(hash)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`.
    pub(crate) fn within(&mut self, least: u32, most: u32) -> u32 {
        let size = u64::from(most).saturating_sub(u64::from(least)) + 1;
        let offset = self.next() % size;
        u32::try_from(u64::from(least) + offset).unwrap_or(most)
    }

    /// One of `all`.
    pub(crate) fn one<T: Copy>(&mut self, all: &[T], otherwise: T) -> T {
        let at = usize::try_from(self.next() % (all.len().max(1) as u64)).unwrap_or(0);
        all.get(at).copied().unwrap_or(otherwise)
    }
}
