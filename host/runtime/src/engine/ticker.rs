//! The clock of an engine that does not count fuel: a thread that interrupts its guests while there are any.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle, park, sleep};
use std::time::Duration;

use wasmtime::Engine;

/// The interval at which guests yield their thread. A deadline is overshot by at most this and the machine's delay; a
/// tenth of it would wake a processor ten thousand times a second.
const TICK: Duration = Duration::from_millis(1);

/// A clock, whose thread ends when this is dropped.
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// Calls under way.
    calls: AtomicU64,
    over: AtomicBool,
}

/// A call under way. The clock runs while it exists.
pub(crate) struct Ticking(Arc<State>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> io::Result<Ticker> {
        let state = Arc::new(State::default());
        let seen = Arc::clone(&state);
        let run = move || {
            while !seen.over.load(Ordering::SeqCst) {
                if seen.calls.load(Ordering::SeqCst) == 0 {
                    // A call that began, or a drop, after this load has already unparked this thread.
                    park();
                } else {
                    sleep(TICK);
                    engine.increment_epoch();
                }
            }
        };
        let thread = Builder::new()
            .name("tollgate-clock".to_owned())
            .spawn(run)?;
        Ok(Ticker {
            state,
            thread: Some(thread),
        })
    }

    /// Runs the clock until the returned guard is dropped.
    pub(crate) fn tick(&self) -> Ticking {
        let state = Arc::clone(&self.state);
        if state.calls.fetch_add(1, Ordering::SeqCst) == 0
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        Ticking(state)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread checks `over` within a tick, and nothing in it panics.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_while_there_are_calls() {
        let ticker = Ticker::start(Engine::default()).unwrap();
        let calls = || ticker.state.calls.load(Ordering::SeqCst);
        let (first, second) = (ticker.tick(), ticker.tick());
        assert_eq!(calls(), 2);
        drop(first);
        assert_eq!(calls(), 1);
        drop(second);
        assert_eq!(calls(), 0);
    }
}
