//! `wasi:random`: numbers of the system, or numbers from a seed: the output of BLAKE3, which is the same in every version
//! and on every machine.

use tollgate_capability::{HostFailure, Price, WASI_CALL_PRICE, Work};
use tollgate_policy::Random;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use super::door::Door;

/// A number of the system takes a call of it; the bytes of either source take 5 to 20 ns each.
const NUMBERS: Price = Price::of_call(WASI_CALL_PRICE).per_byte(10);

/// The most random bytes that a guest may ask for at once: they are made in host memory.
const MAX_BYTES: u64 = 64 << 10;

/// Numbers that follow from a seed and their purpose.
struct Seeded(blake3::OutputReader);

impl Seeded {
    fn new(seed: u64, purpose: &str) -> Seeded {
        let mut hasher = blake3::Hasher::new_derive_key("tollgate 2026-11 wasi:random");
        hasher
            .update(&seed.to_le_bytes())
            .update(purpose.as_bytes());
        Seeded(hasher.finalize_xof())
    }
}

/// One source of numbers.
enum Source {
    System,
    Seeded(Box<Seeded>),
}

impl Source {
    fn fill(&mut self, bytes: &mut [u8]) -> wasmtime::Result<()> {
        match self {
            Source::System => getrandom::fill(bytes)
                .map_err(|error| HostFailure(format!("no random numbers: {error}")).into()),
            Source::Seeded(seeded) => {
                seeded.0.fill(bytes);
                Ok(())
            }
        }
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn list(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        if length > MAX_BYTES {
            wasmtime::bail!("{length} random bytes at once are more than {MAX_BYTES}");
        }
        let mut bytes = vec![0; usize::try_from(length)?];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The sources of a store.
pub(super) struct Sources {
    secure: Source,
    insecure: Source,
    /// Kept: the guest gets the same one each time.
    seed: (u64, u64),
}

impl Sources {
    /// The sources that the policy grants.
    fn of(random: &Random) -> wasmtime::Result<Sources> {
        let source = |purpose| match random {
            Random::Seed(seed) => Source::Seeded(Box::new(Seeded::new(*seed, purpose))),
            Random::Real => Source::System,
        };
        let mut seed = source("seed");
        Ok(Sources {
            secure: source("secure"),
            insecure: source("insecure"),
            seed: (seed.number()?, seed.number()?),
        })
    }
}

impl Door<'_> {
    /// The sources, made at the first use, for a call that asks for `length` bytes.
    fn sources(&mut self, length: u64) -> wasmtime::Result<&mut Sources> {
        let bytes = length.min(MAX_BYTES);
        let state = self.enter(&NUMBERS, Work { bytes, entries: 0 })?;
        let made = match state.wasi.random.take() {
            Some(made) => made,
            None => Box::new(Sources::of(&state.call.granted.wasi.grant.random)?),
        };
        Ok(state.wasi.random.insert(made))
    }
}

impl random::Host for Door<'_> {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.sources(length)?.secure.list(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.sources(8)?.secure.number()
    }
}

impl insecure::Host for Door<'_> {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.sources(length)?.insecure.list(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.sources(8)?.insecure.number()
    }
}

impl insecure_seed::Host for Door<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok(self.sources(16)?.seed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// Numbers and bytes come from one stream, and each seed and purpose has another.
    #[test]
    fn numbers_and_bytes_are_of_one_stream() {
        let seeded = |seed, purpose| Source::Seeded(Box::new(Seeded::new(seed, purpose)));
        let filled = seeded(1, "a").list(12).unwrap();
        let mut again = seeded(1, "a");
        assert_eq!(again.list(4).unwrap(), filled[..4]);
        assert_eq!(again.number().unwrap().to_le_bytes(), filled[4..]);
        for mut other in [seeded(2, "a"), seeded(1, "b"), Source::System] {
            assert_ne!(other.list(12).unwrap(), filled);
        }
        assert!(again.list(MAX_BYTES + 1).is_err());
    }
}
