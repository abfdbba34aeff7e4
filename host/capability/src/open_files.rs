//! The descriptors that guests hold: files and connections, counted for each store and for the runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The descriptors that all guests of a runtime may hold together, if the system does not say how many there are.
#[cfg(not(unix))]
const UNKNOWN: u64 = 512;

/// The descriptors of a runtime that are left for guests.
#[derive(Clone)]
pub struct Descriptors(Arc<AtomicU64>);

impl Default for Descriptors {
    /// Half of the descriptors that the process may open. The other half is for the program: listeners, connections of
    /// its own, folders.
    fn default() -> Descriptors {
        Descriptors::new(most() / 2)
    }
}

impl Descriptors {
    /// A budget of `most` descriptors.
    pub fn new(most: u64) -> Descriptors {
        Descriptors(Arc::new(AtomicU64::new(most)))
    }
}

#[cfg(unix)]
fn most() -> u64 {
    use rustix::process::{Resource, getrlimit};
    // None is unlimited.
    getrlimit(Resource::Nofile).current.unwrap_or(1 << 20)
}

#[cfg(not(unix))]
fn most() -> u64 {
    2 * UNKNOWN
}

/// The descriptors of one store. Clones are of the same store.
#[derive(Clone)]
pub struct OpenFiles {
    left: Descriptors,
    of_runtime: Descriptors,
}

/// A descriptor that is counted until this is dropped.
pub struct Open {
    _of_store: Taken,
    _of_runtime: Taken,
}

struct Taken(Descriptors);

impl Taken {
    fn take(from: &Descriptors) -> Option<Taken> {
        let one_less = |left: u64| left.checked_sub(1);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        from.0.fetch_update(set, get, one_less).ok()?;
        Some(Taken(from.clone()))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl OpenFiles {
    /// The descriptors of a store, at most `most`.
    pub fn new(most: u32, of_runtime: &Descriptors) -> OpenFiles {
        OpenFiles {
            left: Descriptors::new(most.into()),
            of_runtime: of_runtime.clone(),
        }
    }

    /// Counts one more. `None` if the store, or all guests of the runtime together, hold as many as they may.
    pub fn take(&self) -> Option<Open> {
        Some(Open {
            _of_store: Taken::take(&self.left)?,
            _of_runtime: Taken::take(&self.of_runtime)?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_store_and_a_runtime_have_so_many() {
        let runtime = Descriptors::new(3);
        let (one, two) = (OpenFiles::new(2, &runtime), OpenFiles::new(2, &runtime));
        let first = one.take().unwrap();
        let _second = one.take().unwrap();
        assert!(one.take().is_none(), "the store's are used up");
        let _third = two.take().unwrap();
        assert!(two.take().is_none(), "the runtime's are used up");
        drop(first);
        // A refusal takes none.
        assert!(two.take().is_some());
    }
}
