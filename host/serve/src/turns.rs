//! Turns: one caller has so many calls at once that others find slots, and its further calls wait for its own.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::bounds::Bounds;

/// The turns of one caller.
#[derive(Debug)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    /// Places of calls that wait.
    places: Semaphore,
}

/// A turn, which is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

impl Turns {
    pub(crate) fn new(bounds: &Bounds) -> Turns {
        let turns = bounds.turns.clamp(1, Semaphore::MAX_PERMITS);
        Turns {
            free: Arc::new(Semaphore::new(turns)),
            places: Semaphore::new(bounds.waiting.min(Semaphore::MAX_PERMITS)),
        }
    }

    /// The next turn, in the order in which they were asked for; `None` if too many wait, or this one for too long.
    pub(crate) async fn take(&self, bounds: &Bounds) -> Option<Turn> {
        if let Ok(turn) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(Turn(turn));
        }
        let _place = self.places.try_acquire().ok()?;
        let turn = Arc::clone(&self.free).acquire_owned();
        let turn = timeout(bounds.turn_time, turn).await.ok()?.ok()?;
        Some(Turn(turn))
    }
}
