//! A fleet of any size, simulated from measured figures: `simulate SERVER_US CALL_MS WORKERS CORES LOAD`, the microseconds of one
//! processor of the server for a call, the time of a call, the workers and their processors, and the load as a part of what
//! the fleet can do at most. docs/fleet-size.md has its results.
//!
//! The server handles one message of a stream at a time, and each call passes it twice: submitted and given to a worker, then ended. A
//! worker is its processors, and takes the calls as they come. Calls come at random times; the random numbers are the same in
//! each run.

#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "it is a program that measures"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Calls that are simulated.
const CALLS: usize = 200_000;

/// A call between two steps, by the time of the next one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    nanos: u64,
    call: usize,
    is_made: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Result<Vec<f64>, _> = std::env::args().skip(1).map(|it| it.parse()).collect();
    let [server_us, call_ms, workers, cores, load] = arguments?[..] else {
        return Err("simulate SERVER_US CALL_MS WORKERS CORES LOAD".into());
    };
    let half = (server_us * 500.0) as u64;
    let made = (call_ms * 1e6) as u64;
    let places = (workers * cores) as usize;
    let of_server = 1e6 / server_us;
    let of_workers = places as f64 * 1e3 / call_ms;
    let rate = load * of_server.min(of_workers);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        ((random >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    };
    let (mut steps, mut arrived, mut at) = (BinaryHeap::new(), Vec::new(), 0.0);
    for call in 0..CALLS {
        at -= uniform().ln() / rate * 1e9;
        arrived.push(at as u64);
        steps.push(Reverse(Step {
            nanos: at as u64,
            call,
            is_made: false,
        }));
    }
    let mut free: BinaryHeap<Reverse<u64>> = (0..places).map(|_| Reverse(0)).collect();
    let (mut server, mut times) = (0, Vec::new());
    // The server takes messages in the order in which they come.
    while let Some(Reverse(step)) = steps.pop() {
        server = server.max(step.nanos) + half;
        if step.is_made {
            times.push(server - arrived[step.call]);
            continue;
        }
        let Some(Reverse(place)) = free.pop() else {
            return Err("no worker".into());
        };
        let end = place.max(server) + made;
        free.push(Reverse(end));
        steps.push(Reverse(Step {
            nanos: end,
            is_made: true,
            ..step
        }));
    }
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100] as f64 / 1e6;
    println!(
        "server {of_server:.0}/s, workers {of_workers:.0}/s; at {rate:.0}/s: p50 {:.2} ms, p99 {:.2} ms beyond a call of {call_ms} ms",
        at(50) - call_ms,
        at(99) - call_ms,
    );
    Ok(())
}
