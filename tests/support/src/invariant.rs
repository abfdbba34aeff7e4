//! The invariant of every attack (docs/security/attacks.md): while it is made, a good guest's calls beside it go on;
//! after it, the next call succeeds, and the process holds of memory, descriptors, threads, memory maps and tasks what
//! it held before.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tollgate::blocking::{self, Provider};

use crate::counting::held;
use crate::harness::{load, returned, tokio, wait};

/// Resident memory may differ by this many KiB after all the times that an attack is measured: pages come and go with
/// the kernel and the allocator. Three times are measured in the suite, so this alone would let 680 KiB an attack pass.
const MEMORY: i64 = 2 << 10;

/// What is allocated may differ by this many bytes after the same times: lists that all calls share grow by doubling.
/// A guest's memory and code are no part of it, and are seen as memory maps.
const HEAP: i64 = 64 << 10;

/// How long the host may take to be back: a thread that did blocking work for it ends 10 seconds after it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asserts that nothing is left of an attack, however often it is made.
pub fn holds(mut attack: impl FnMut()) {
    let stage = Stage::new();
    let (drift, broken) = stage.play(2, 3, || {
        attack();
        assert!(stage.next_succeeds(), "the next call does not succeed");
    });
    assert!(broken.is_none(), "{}: {drift:?}", broken.unwrap());
}

/// What the process holds of the system, and of the work it was given.
#[derive(Clone, Copy)]
pub struct Footprint {
    kib: i64,
    heap: i64,
    descriptors: i64,
    threads: i64,
    maps: i64,
    tasks: i64,
}

impl Footprint {
    fn now() -> Footprint {
        // Before what is read here is held itself.
        let heap = held();
        let count = |path: &str| std::fs::read_dir(path).unwrap().count() as i64;
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: i64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        // What was told to end does when it is next given the thread.
        wait(tokio::task::yield_now());
        let tasks = tokio().metrics().num_alive_tasks() + blocking::alive_tasks();
        Footprint {
            kib: pages * 4,
            heap,
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            maps: maps.lines().count() as i64,
            tasks: tasks as i64,
        }
    }
}

/// How far a process is from where it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drift {
    /// Resident memory, in KiB.
    pub kib: i64,
    /// Bytes that are allocated, where the program counts them.
    pub heap: i64,
    /// Open file descriptors.
    pub descriptors: i64,
    /// Threads.
    pub threads: i64,
    /// Memory maps.
    pub maps: i64,
    /// Tasks of the runtimes that are alive.
    pub tasks: i64,
}

impl Drift {
    fn since(before: Footprint) -> Drift {
        let now = Footprint::now();
        Drift {
            kib: now.kib - before.kib,
            heap: now.heap - before.heap,
            descriptors: now.descriptors - before.descriptors,
            threads: now.threads - before.threads,
            maps: now.maps - before.maps,
            tasks: now.tasks - before.tasks,
        }
    }

    /// Whether it is more than the invariant allows.
    pub fn is_over(&self) -> bool {
        let counts = [self.descriptors, self.threads, self.maps, self.tasks];
        self.kib > MEMORY || self.heap > HEAP || counts.iter().any(|more| *more > 0)
    }
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Drift {
            kib,
            descriptors,
            threads,
            maps,
            tasks,
            ..
        } = self;
        write!(
            f,
            "{kib:>5} {descriptors:>2} {threads:>2} {maps:>2} {tasks:>2}"
        )
    }
}

/// The good guests.
pub struct Stage {
    next: Provider,
    sibling: Sibling,
}

impl Stage {
    /// Loads the good guests and starts to call one of them.
    pub fn new() -> Stage {
        Stage {
            next: load("echo", ""),
            sibling: Sibling::start(),
        }
    }

    /// Whether a good guest's call succeeds now.
    pub fn next_succeeds(&self) -> bool {
        let report = self.next.session().run(b"still here");
        report.is_ok_and(|report| returned(&report) == "still here")
    }

    /// Makes an attack so many times, after a warm-up in which the pool, the threads and the allocator get what
    /// they keep. How far the process is from where it was then, and what of the invariant does not hold.
    pub fn play(
        &self,
        warm_up: usize,
        times: usize,
        mut attack: impl FnMut(),
    ) -> (Drift, Option<&'static str>) {
        let calls = self.sibling_calls();
        (0..warm_up).for_each(|_| attack());
        let mut drift = Drift::default();
        // What the allocator keeps for a thread comes with the first time that two of them need it at once,
        // which may be late. A leak is there every time.
        for _ in 0..4 {
            let before = self.footprint();
            (0..times).for_each(|_| attack());
            drift = self.drift(before);
            if !drift.is_over() {
                break;
            }
        }
        let broken = if drift.is_over() {
            Some("something is left of it")
        } else if !self.sibling_is_well(calls) {
            Some("the call beside it went wrong")
        } else {
            None
        };
        (drift, broken)
    }

    /// What the process holds while no guest runs.
    pub fn footprint(&self) -> Footprint {
        let _still = self.sibling.turn.lock();
        Footprint::now()
    }

    /// How far the process is from there when it has had the time to come back.
    pub fn drift(&self, before: Footprint) -> Drift {
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
    pub fn sibling_calls(&self) -> u64 {
        self.sibling.state.calls.load(Ordering::SeqCst)
    }

    /// Whether it goes on from so many calls, and none of them went wrong.
    fn sibling_is_well(&self, calls: u64) -> bool {
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
