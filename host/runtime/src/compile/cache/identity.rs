//! The engine that code was compiled for, and the rules that its component was vetted by: wasmtime's version and settings,
//! this machine's processor, this library and its limits of shape.

use std::hash::{Hash as _, Hasher};

use tollgate_component::{SHAPE_LIMITS, ShapeLimit};
use wasmtime::Engine;

use super::entry::FORMAT;

/// Key-derivation context: keeps this digest apart from every other use of blake3.
const CONTEXT: &str = "tollgate 2026 cache: identity of an engine";

/// The identity of an engine.
///
/// wasmtime lists the dependencies of its compiled code: the target and the compiler's flags, those of the processor
/// among them, the tunables (fuel, guard pages …), the proposals, and its full version. When it loads code it compares
/// only the major version, so it would continue to execute code of a compiler with a known hole after the update. This
/// identity prevents that.
///
/// An entry also has the findings on its component under limits of shape. Under other limits the component is vetted
/// again.
pub(super) fn of(engine: &Engine) -> [u8; blake3::OUT_LEN] {
    with(engine, SHAPE_LIMITS)
}

fn with(engine: &Engine, limits: &[&ShapeLimit]) -> [u8; blake3::OUT_LEN] {
    let mut feed = Feed(blake3::Hasher::new_derive_key(CONTEXT));
    FORMAT.hash(&mut feed);
    env!("CARGO_PKG_VERSION").hash(&mut feed);
    engine.precompile_compatibility_hash().hash(&mut feed);
    for limit in limits {
        (limit.name, limit.most).hash(&mut feed);
    }
    *feed.0.finalize().as_bytes()
}

/// Feeds the hashed data to blake3, a digest without known collisions.
struct Feed(blake3::Hasher);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The 64-bit result is never used.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;
    use crate::engine::metering::Metering;
    use crate::engine::{Engines, compiling};

    #[test]
    fn all_engines_of_a_profile_are_one_and_others_are_not() {
        let ours = of(&compiling(Metering::Fuel).unwrap());
        let engines = Engines::new(Metering::Fuel, 4, 9);
        for unit in [
            engines.pooled(512 << 10).unwrap(),
            engines.pooled(64 << 10).unwrap(),
            engines.on_demand(512 << 10).unwrap(),
        ] {
            assert_eq!(of(&unit.engine), ours);
        }
        assert_ne!(of(&compiling(Metering::DeadlineOnly).unwrap()), ours);
        let mut config = wasmtime::Config::new();
        assert_ne!(of(&Engine::new(&config).unwrap()), ours);
        config.consume_fuel(true);
        assert_ne!(of(&Engine::new(&config).unwrap()), ours);
    }

    /// An entry whose component was vetted by other rules has another name, and is not found.
    #[test]
    fn other_limits_of_shape_are_another_identity() {
        let engine = compiling(Metering::Fuel).unwrap();
        assert_eq!(with(&engine, SHAPE_LIMITS), of(&engine));
        for number in 0..SHAPE_LIMITS.len() {
            let mut limit = SHAPE_LIMITS[number].clone();
            limit.most -= 1;
            let mut limits = SHAPE_LIMITS.to_vec();
            limits[number] = &limit;
            assert_ne!(with(&engine, &limits), of(&engine), "{}", limit.name);
        }
    }
}
