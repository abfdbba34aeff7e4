//! Random numbers from a seed: the output of BLAKE3, which is the same in every version and on every machine.

use std::convert::Infallible;

use rand_core::TryRng;

/// Numbers that follow from a seed and their purpose.
pub(super) struct Seeded(blake3::OutputReader);

impl Seeded {
    pub(super) fn new(seed: u64, purpose: &str) -> Seeded {
        let mut hasher = blake3::Hasher::new_derive_key("tollgate 2026-11 wasi:random");
        hasher
            .update(&seed.to_le_bytes())
            .update(purpose.as_bytes());
        Seeded(hasher.finalize_xof())
    }

    pub(super) fn number(mut self) -> u128 {
        u128::from_le_bytes(self.bytes())
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says so by failing")]

    use super::*;

    /// Numbers and bytes come from one stream.
    #[test]
    fn numbers_and_bytes_are_of_one_stream() {
        let mut filled = [0; 12];
        Seeded::new(1, "a").try_fill_bytes(&mut filled).unwrap();
        let mut again = Seeded::new(1, "a");
        assert_eq!(again.try_next_u32().unwrap().to_le_bytes(), filled[..4]);
        assert_eq!(again.try_next_u64().unwrap().to_le_bytes(), filled[4..]);
        for mut other in [Seeded::new(2, "a"), Seeded::new(1, "b")] {
            let mut bytes = [0; 12];
            other.try_fill_bytes(&mut bytes).unwrap();
            assert_ne!(bytes, filled);
        }
    }
}
