//! Good calls beside hostile ones.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::attack_case::Case;
use crate::{soak, table};
use support::harness::{load, returned};

/// Good calls in each row of the table.
const GOOD: usize = 100;

/// Good calls beside each row of the catalogue: the tenth of them from the slowest is the 99th percentile.
const BESIDE: usize = 1_000;

/// A good call, timed; none when its result was wrong.
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
/// processors, where the kernel's scheduler selects the calls that wait.
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

/// Good calls beside each row of the catalogue, which one other thread plays without end. The ratios are of the 99th
/// percentiles; a machine with a processor to spare is expected to keep them at 3.
pub(crate) fn neighbours(wanted: &[&str]) -> usize {
    const PAUSE: Duration = Duration::from_millis(2);
    let good = good();
    let paced = |good: &Good| {
        let times = (0..BESIDE).filter_map(|_| {
            std::thread::sleep(PAUSE);
            good()
        });
        let mut times: Vec<_> = times.collect();
        times.sort();
        times
    };
    let alone = good.each_ref().map(|(_, good)| {
        good();
        at(&paced(good), 99)
    });
    println!(
        "{:<24} {:>12} {:>8} {:>12} {:>8} {:>7}",
        "beside", "echo p99 ms", "x alone", "work p99 ms", "x alone", "failed"
    );
    let mut wrong = 0;
    for row in table::rows() {
        if !(wanted.is_empty() || wanted.iter().any(|part| row.id.contains(part))) {
            continue;
        }
        let cases = (row.cases)();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let attacks = scope.spawn(|| {
                let rounds = (0..).take_while(|_| !over.load(Ordering::SeqCst));
                rounds.map(|n| soak::is_wrong(&cases, n)).sum::<usize>()
            });
            let beside = good.each_ref().map(|(_, good)| paced(good));
            over.store(true, Ordering::SeqCst);
            let failed: usize = beside.iter().map(|times| BESIDE - times.len()).sum();
            let [echo, work] = beside.each_ref().map(|times| at(times, 99));
            println!(
                "{:<24} {echo:>12.3} {:>8.1} {work:>12.3} {:>8.1} {failed:>7}",
                row.id,
                echo / alone[0],
                work / alone[1],
            );
            wrong += failed + attacks.join().unwrap();
        });
    }
    wrong
}

/// A percentile of sorted times, in milliseconds.
fn at(times: &[Duration], part: usize) -> f64 {
    let time = times.get(times.len() * part / 100);
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// The results of good calls among hostile ones.
struct Among {
    times: Vec<Duration>,
    /// Hostile ones that came to something else than expected.
    wrong: usize,
}

/// Good calls spread evenly over `calls` hostile ones.
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
    let (p50, p99) = (at(&among.times, 50), at(&among.times, 99));
    let ratio = alone.map_or(String::new(), |alone| format!("{:.1}", p99 / alone));
    let failed = GOOD - among.times.len();
    println!("{what:<38} {p50:>8.3} {p99:>8.3} {ratio:>9} {failed:>6}");
    p99
}
