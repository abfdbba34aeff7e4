//! The time from its deadline to the end of a call, for calls that do different things then.

use std::time::{Duration, Instant};

use tollgate::blocking::Provider;

use crate::attack_case::kind;
use crate::network;
use support::clock::CLOCK;
use support::harness::{ALL, load};

const DEADLINE: Duration = Duration::from_millis(50);

/// More than any of these can use up before its deadline.
const LIMITS: &str = "limits.deadline = \"50ms\"\nlimits.fuel = 1_000_000_000_000\n\
                      limits.host-calls = 4_000_000_000";

/// Prints the overshoot of each, over `runs` calls. Returns the number of calls that did not end by the deadline.
pub(crate) fn print(runs: usize) -> usize {
    let hostile = load("hostile", &format!("{ALL}\n{LIMITS}"));
    let sleeper = load("sleeper", &format!("{CLOCK}\n{LIMITS}"));
    let composed = load("transcode", LIMITS);
    let (reader, [drip, bytes]) = network::endless(LIMITS);
    println!(
        "{:<36} {:>5} {:>8} {:>8} {:>8}",
        "overshoot of a deadline of 50 ms", "calls", "p50 ms", "p99 ms", "max ms"
    );
    let mut wrong = 0;
    for (what, provider, input) in [
        ("endless loop", &hostile, "spin"),
        ("endless fill of 120 MiB", &hostile, "fill 125829120"),
        ("endless copy within 120 MiB", &hostile, "copy 125829120"),
        ("host call that sleeps", &sleeper, "once(60000)"),
        (
            "28 MiB between components, to UTF-16",
            &composed,
            "pass(0, 1, 2, 29360124, 4000000000)",
        ),
        (
            "28 MiB between components, to UTF-8",
            &composed,
            "pass(1, 0, 1, 29360124, 4000000000)",
        ),
        (
            "28 MiB between components, to Latin-1",
            &composed,
            "pass(0, 2, 1, 29360124, 4000000000)",
        ),
        ("HTTP body that drips", &reader, &drip),
        ("HTTP body in chunks of a byte", &reader, &bytes),
        (
            "a million tiny host calls",
            &hostile,
            "log-flood-tiny 4000000000",
        ),
    ] {
        let mut over: Vec<Duration> = (0..runs)
            .map(|_| {
                let start = Instant::now();
                let got = once(provider, input);
                let late = start.elapsed().saturating_sub(DEADLINE);
                if got != "deadline" {
                    println!("WRONG  {what}: {got}");
                    wrong += 1;
                }
                late
            })
            .collect();
        over.sort();
        let ms = |part: f64| over[(part * (runs - 1) as f64) as usize].as_secs_f64() * 1e3;
        println!(
            "{what:<36} {runs:>5} {:>8.2} {:>8.2} {:>8.2}",
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
    }
    println!("{}", reference());
    wrong
}

/// The time of the machine for the longest instruction, which cannot be interrupted.
fn reference() -> String {
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(vec![1_u8; 120 << 20]);
            start.elapsed()
        })
        .collect();
    times.sort();
    let [median, most] = [times[10], times[19]].map(|time| time.as_secs_f64() * 1e3);
    format!("this machine fills 120 MiB of new memory in {median:.0} ms, or {most:.0} at most")
}

fn once(provider: &Provider, input: &str) -> String {
    let mut session = provider.session();
    if input.ends_with(')') {
        kind(&session.wave(input))
    } else {
        kind(&session.run(input.as_bytes()))
    }
}
