//! The invariant of every attack (docs/security/attacks.md): while it runs, the calls of a good guest beside it
//! continue; after it, the next call succeeds, and the process holds as much memory and as many descriptors, threads,
//! memory maps and tasks as before.

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

/// Allocated bytes may differ by this much after the same times: lists that all calls share grow by doubling. The
/// memory and the code of a guest are no part of it; they show as memory maps.
const HEAP: i64 = 64 << 10;

/// The time that the host may take to settle: a thread that did blocking work ends 10 seconds after it.
const PATIENCE: Duration = Duration::from_secs(15);

/// The time in which memory settles that no thread, task, descriptor or map holds. Memory that is not back by then is
/// not back later: the attack is made again, and a leak shows once more.
const MEMORY_PATIENCE: Duration = Duration::from_millis(200);

/// Asserts that an attack leaves nothing behind, however often it is made.
pub fn holds(mut attack: impl FnMut()) {
    let stage = Stage::new();
    let (drift, broken) = stage.play(2, 3, || {
        attack();
        assert!(stage.next_succeeds(), "the next call does not succeed");
    });
    assert!(broken.is_none(), "{}: {drift:?}", broken.unwrap());
}

/// The resources of the system and the tasks that the process holds.
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
        // Read first, before the readings below allocate.
        let heap = held();
        let count = |path: &str| std::fs::read_dir(path).unwrap().count() as i64;
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: i64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        // A cancelled task ends when it is next given the thread.
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

/// The difference of a process from an earlier footprint.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drift {
    /// Resident memory, in KiB.
    pub kib: i64,
    /// Bytes allocated, if the program counts them.
    pub heap: i64,
    /// Open file descriptors.
    pub descriptors: i64,
    /// Threads.
    pub threads: i64,
    /// Memory maps.
    pub maps: i64,
    /// Live tasks of the runtimes.
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

    /// Whether the difference is more than the invariant allows.
    pub fn is_over(&self) -> bool {
        self.kib > MEMORY || self.heap > HEAP || self.counts_more()
    }

    /// Whether one of the counts of single objects is larger.
    fn counts_more(&self) -> bool {
        let counts = [self.descriptors, self.threads, self.maps, self.tasks];
        counts.iter().any(|more| *more > 0)
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
        let stage = Stage {
            next: load("echo", ""),
            sibling: Sibling::start(),
        };
        // Its first call acquires the memory that its thread and its session keep.
        let start = Instant::now();
        while stage.sibling_calls() < 2 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        stage
    }

    /// Whether a call of a good guest succeeds now.
    pub fn next_succeeds(&self) -> bool {
        let report = self.next.session().run(b"still here");
        report.is_ok_and(|report| returned(&report) == "still here")
    }

    /// Makes an attack `times` times, after a warm-up in which the pool, the threads and the allocator acquire the
    /// resources that they keep. Returns the drift since then, and the parts of the invariant that do not hold.
    pub fn play(
        &self,
        warm_up: usize,
        times: usize,
        mut attack: impl FnMut(),
    ) -> (Drift, Option<&'static str>) {
        let calls = self.sibling_calls();
        (0..warm_up).for_each(|_| attack());
        let mut drift = Drift::default();
        // The allocator acquires memory for a thread when two threads first need it at once, which may be late. A leak
        // shows every time.
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

    /// The footprint of the process while no guest runs.
    pub fn footprint(&self) -> Footprint {
        let _still = self.sibling.turn.lock();
        Footprint::now()
    }

    /// The drift of the process since `before`, after it has had the time to settle.
    pub fn drift(&self, before: Footprint) -> Drift {
        let _still = self.sibling.turn.lock();
        let start = Instant::now();
        loop {
            let drift = Drift::since(before);
            let patience = match drift.counts_more() {
                true => PATIENCE,
                false => MEMORY_PATIENCE,
            };
            if !drift.is_over() || start.elapsed() > patience {
                return drift;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The number of calls that the sibling has made.
    pub fn sibling_calls(&self) -> u64 {
        self.sibling.state.calls.load(Ordering::SeqCst)
    }

    /// Whether the sibling continues after `calls` calls, none of which failed.
    fn sibling_is_well(&self, calls: u64) -> bool {
        let start = Instant::now();
        // The call under way may be the last one, so two more are required.
        while self.sibling_calls() < calls + 2 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let wrong = self.sibling.state.wrong.load(Ordering::SeqCst);
        self.sibling_calls() >= calls + 2 && !wrong
    }
}

/// A guest with a memory, called all the time by a thread of its own, in one session, so that any intrusion into its
/// store would be noticed.
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
