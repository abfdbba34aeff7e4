//! What good calls notice of hostile ones.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::attack_case::Case;
use crate::soak;
use support::harness::{load, returned};

/// Good calls in each row of the table.
const GOOD: usize = 100;

/// A good call, timed; none when it did not do what it should.
type Good = Box<dyn Fn() -> Option<Duration>>;

/// One that is over at once, and one that works for some milliseconds.
fn good() -> [(&'static str, Good); 2] {
    let timed = |right: Box<dyn Fn() -> bool>| -> Good {
        Box::new(move || {
            let start = Instant::now();
            right().then(|| start.elapsed())
        })
    };
    let (echo, counter) = (load("echo", ""), load("counter", ""));
    let quick = move || {
        let report = echo.session().run(b"still here");
        report.is_ok_and(|report| returned(&report) == "still here")
    };
    let long = move || {
        let report = counter.session().wave("work(10000000)");
        report.is_ok_and(|report| report.outcome.returned().is_some())
    };
    [
        ("echo", timed(Box::new(quick))),
        ("work", timed(Box::new(long))),
    ]
}

/// Good calls while nothing else runs; beside hostile ones that leave it a processor; and beside as many as there are
/// processors, where the kernel's scheduler decides who waits.
pub(crate) fn print(calls: usize) -> usize {
    let cases = soak::quick();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "\n{:<38} {:>8} {:>8} {:>9} {:>6}",
        format!("{GOOD} good calls"),
        "p50 ms",
        "p99 ms",
        "x alone",
        "failed"
    );
    let mut wrong = 0;
    for (name, good) in good() {
        good();
        let alone = among(&cases, 0, 0, &good);
        let first = show(&format!("{name}, alone"), &alone, None);
        for threads in [processors.saturating_sub(1).max(1), processors] {
            let busy = among(&cases, calls, threads, &good);
            let what = format!("{name}, {calls} hostile ones, {threads} at a time");
            show(&what, &busy, Some(first));
            wrong += busy.wrong + (GOOD - busy.times.len());
        }
        wrong += GOOD - alone.times.len();
    }
    wrong
}

/// What came of good calls among hostile ones.
struct Among {
    times: Vec<Duration>,
    /// Hostile ones that came to something else than expected.
    wrong: usize,
}

/// Good calls spread evenly over so many hostile ones.
fn among(cases: &[Case], calls: usize, threads: usize, good: &Good) -> Among {
    let (next, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        let attackers = (0..threads).map(|_| {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= calls {
                        return;
                    }
                    wrong.fetch_add(soak::is_wrong(cases, n), Ordering::SeqCst);
                }
            })
        });
        let _running: Vec<_> = attackers.collect();
        for n in 0..GOOD {
            while next.load(Ordering::SeqCst) < calls * n / GOOD {
                std::thread::sleep(Duration::from_micros(100));
            }
            times.extend(good());
        }
    });
    times.sort();
    Among {
        times,
        wrong: wrong.into_inner(),
    }
}

/// Prints a row; the 99th percentile in milliseconds.
fn show(what: &str, among: &Among, alone: Option<f64>) -> f64 {
    let at = |part: usize| {
        let time = among.times.get(among.times.len() * part / 100);
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    let (p50, p99) = (at(50), at(99));
    let ratio = alone.map_or(String::new(), |alone| format!("{:.1}", p99 / alone));
    let failed = GOOD - among.times.len();
    println!("{what:<38} {p50:>8.3} {p99:>8.3} {ratio:>9} {failed:>6}");
    p99
}
