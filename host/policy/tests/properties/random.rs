//! A million cases from a seed. Proptest keeps the data to shrink each case, which makes it several times slower.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The cases of a property for each seed. `TOLLGATE_CASES` sets another number: `just mutants` runs the properties
/// hundreds of times.
const CASES: u64 = 1_000_000;

/// The seed that is always run, so that a failure is reproducible.
const SEED: u64 = 2026;

/// Checks a million generated cases, and another million from the seed in the variable `TOLLGATE_SEED` if it is set. A
/// case that fails is printed with its seed.
pub(crate) fn a_million<C: Debug>(generate: impl Fn(&mut Random) -> C, mut check: impl FnMut(&C)) {
    let given = number_in("TOLLGATE_SEED");
    let cases = number_in("TOLLGATE_CASES").unwrap_or(CASES);
    for seed in [Some(SEED), given].into_iter().flatten() {
        let mut random = Random::new(seed);
        for number in 0..cases {
            let case = generate(&mut random);
            let outcome = catch_unwind(AssertUnwindSafe(|| check(&case)));
            assert!(
                outcome.is_ok(),
                "case {number} of TOLLGATE_SEED={seed}: {case:?}"
            );
        }
    }
}

#[expect(clippy::expect_used, reason = "a number that is none would be no test")]
fn number_in(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number of 64 bits"))
}

/// Steele, Lea and Flood's splitmix64: short, and every seed is good.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number less than `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True in this many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    #[expect(clippy::indexing_slicing, reason = "the index is less than the length")]
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A word for paths and names; some are `.` and `..`.
    pub(crate) fn push_word(&mut self, text: &mut String) {
        for _ in 0..=self.below(8) {
            let letter = self.pick(b"abcdefghijklmnopqrstuvwxyz0123456789-_...");
            text.push(char::from(letter));
        }
    }

    /// Any character; half of the time one of ASCII.
    pub(crate) fn character(&mut self) -> char {
        let end = if self.percent(50) { 0x80 } else { 0x11_0000 };
        char::from_u32(self.below(end) as u32).unwrap_or('\u{fffd}')
    }

    /// A position between two characters of `text`.
    pub(crate) fn boundary(&mut self, text: &str) -> usize {
        let at = self.below(text.len() + 1);
        text.floor_char_boundary(at)
    }
}
