//! Where a row is played: a good guest beside it all the time, another one after each attack, and the footprint
//! of the process before and after.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tollgate::blocking::Provider;

use crate::harness::{Footprint, load, returned};

/// Resident memory may differ by this many KiB after an attack.
const MEMORY: i64 = 2 << 10;

/// How long the host may take to be back: a thread that did blocking work for it ends 10 seconds after it.
const PATIENCE: Duration = Duration::from_secs(15);

/// How far a process is from where it was.
#[derive(Clone, Copy, Default)]
pub(crate) struct Drift {
    pub(crate) kib: i64,
    pub(crate) descriptors: i64,
    pub(crate) threads: i64,
    pub(crate) maps: i64,
}

impl Drift {
    fn since(before: &Footprint) -> Drift {
        let now = Footprint::now();
        let more = |now: usize, before: usize| now as i64 - before as i64;
        Drift {
            kib: (now.resident - before.resident) >> 10,
            descriptors: more(now.descriptors, before.descriptors),
            threads: more(now.threads, before.threads),
            maps: more(now.maps, before.maps),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.kib > MEMORY || self.descriptors > 0 || self.threads > 0 || self.maps > 0
    }
}

/// The good guests.
pub(crate) struct Stage {
    next: Provider,
    sibling: Sibling,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        Stage {
            next: load("echo", ""),
            sibling: Sibling::start(),
        }
    }

    /// Whether a good guest's call succeeds now.
    pub(crate) fn next_succeeds(&self) -> bool {
        let report = self.next.session().run(b"still here");
        report.is_ok_and(|report| returned(&report) == "still here")
    }

    /// What the process holds while no guest runs.
    pub(crate) fn footprint(&self) -> Footprint {
        let _still = self.sibling.turn.lock();
        Footprint::now()
    }

    /// How far the process is from there when it has had the time to come back.
    pub(crate) fn drift(&self, before: &Footprint) -> Drift {
        let _still = self.sibling.turn.lock();
        let start = Instant::now();
        loop {
            let drift = Drift::since(before);
            if !drift.is_over() || start.elapsed() > PATIENCE {
                return drift;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How many calls the sibling has made.
    pub(crate) fn sibling_calls(&self) -> u64 {
        self.sibling.state.calls.load(Ordering::SeqCst)
    }

    /// Whether it goes on from so many calls, and none of them went wrong.
    pub(crate) fn sibling_is_well(&self, calls: u64) -> bool {
        let start = Instant::now();
        // The one under way may be the last one, so two more.
        while self.sibling_calls() < calls + 2 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let wrong = self.sibling.state.wrong.load(Ordering::SeqCst);
        self.sibling_calls() >= calls + 2 && !wrong
    }
}

/// A guest with a memory, called all the time by a thread of its own: in one session, so that whatever reached
/// into its store would be noticed.
struct Sibling {
    state: Arc<State>,
    turn: Arc<Mutex<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    calls: AtomicU64,
    wrong: AtomicBool,
    stop: AtomicBool,
}

impl Sibling {
    fn start() -> Sibling {
        let (state, turn) = (Arc::new(State::default()), Arc::new(Mutex::new(())));
        let (mine, its_turn) = (Arc::clone(&state), Arc::clone(&turn));
        let mut session = load("counter", "").session();
        let thread = std::thread::spawn(move || {
            while !mine.stop.load(Ordering::SeqCst) {
                {
                    let _running = its_turn.lock().unwrap_or_else(PoisonError::into_inner);
                    let number = mine.calls.fetch_add(1, Ordering::SeqCst) + 1;
                    let said = session.wave("next()").ok();
                    let said = said.and_then(|report| report.outcome.returned());
                    if said != Some(number.to_string()) {
                        mine.wrong.store(true, Ordering::SeqCst);
                    }
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Sibling {
            state,
            turn,
            thread: Some(thread),
        }
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
