//! The catalogue many times over, hostile calls by the hundred thousand, and good ones among them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::harness::{load, returned};
use crate::invariant::Stage;
use crate::table::{self, COLUMNS};

/// Rows whose attacks take well below a millisecond each and need nothing but a guest.
const QUICK: [u8; 13] = [13, 14, 15, 16, 17, 18, 24, 27, 28, 29, 30, 38, 39];

/// Good calls beside the hostile ones.
const GOOD: usize = 100;

/// Hostile calls at the same time, in the last part.
const THREADS: usize = 2;

/// Prints all three; how much is wrong.
pub(crate) fn print(times: usize, calls: usize) -> usize {
    let wrong = table::print(&[], times);
    let rows = table::rows().into_iter();
    let quick = rows.filter(|row| QUICK.contains(&row.number));
    let cases: Vec<Case> = quick.flat_map(|row| (row.cases)()).collect();
    wrong + drift(&cases, calls) + beside(&cases, calls / 10)
}

/// Whether attack number `n` came to something else than expected.
fn is_wrong(cases: &[Case], n: usize) -> usize {
    let case = &cases[n % cases.len()];
    let got = case.once(n);
    if got != case.expect {
        println!("WRONG  {got} instead of {}", case.expect);
    }
    usize::from(got != case.expect)
}

/// How far the process is from where it was after a tenth of the calls, after two tenths and so on.
fn drift(cases: &[Case], calls: usize) -> usize {
    let stage = Stage::new();
    let mut wrong: usize = (0..calls / 10).map(|n| is_wrong(cases, n)).sum();
    let before = stage.footprint();
    println!("\n{:>13} {COLUMNS}", "hostile calls");
    for part in 1..=10 {
        let numbers = calls * (part - 1) / 10..calls * part / 10;
        wrong += numbers.map(|n| is_wrong(cases, n)).sum::<usize>();
        let last = stage.drift(before);
        println!("{:>13} {last}", calls * part / 10);
        wrong += usize::from(part == 10 && last.is_over());
    }
    wrong
}

/// Good calls while nothing else runs, and then as many spread over so many hostile ones.
fn beside(cases: &[Case], calls: usize) -> usize {
    let good = load("echo", "");
    let failed = AtomicUsize::new(0);
    let call = || {
        let start = Instant::now();
        let report = good.session().run(b"still here");
        if !report.is_ok_and(|report| returned(&report) == "still here") {
            failed.fetch_add(1, Ordering::SeqCst);
        }
        start.elapsed()
    };
    call();
    let idle: Vec<Duration> = (0..GOOD).map(|_| call()).collect();
    let (next, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    let mut busy = Vec::new();
    std::thread::scope(|scope| {
        let attackers = (0..THREADS).map(|_| {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= calls {
                        return over.store(true, Ordering::SeqCst);
                    }
                    wrong.fetch_add(is_wrong(cases, n), Ordering::SeqCst);
                }
            })
        });
        let _running: Vec<_> = attackers.collect();
        while busy.len() < GOOD {
            let due = next.load(Ordering::SeqCst) >= calls * busy.len() / GOOD;
            if due || over.load(Ordering::SeqCst) {
                busy.push(call());
            } else {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
    });
    println!(
        "\n{:<38} {:>8} {:>8}",
        format!("{GOOD} good calls"),
        "p50 ms",
        "p99 ms"
    );
    let [idle, busy] = [("alone", idle), ("", busy)].map(|(what, mut times)| {
        times.sort();
        let [p50, p99] =
            [times[GOOD / 2], times[GOOD * 99 / 100]].map(|time| time.as_secs_f64() * 1e3);
        let beside = format!("beside {calls} hostile ones, {THREADS} at a time");
        let what = if what.is_empty() { &beside } else { what };
        println!("{what:<38} {p50:>8.3} {p99:>8.3}");
        p99
    });
    let failed = failed.into_inner();
    println!(
        "{failed} of the good ones failed; p99 is {:.1} times as long",
        busy / idle
    );
    failed + wrong.into_inner()
}
