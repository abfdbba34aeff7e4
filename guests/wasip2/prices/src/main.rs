//! A WASI command that calls one function of the host again and again: `prices FUNCTION TIMES SIZE`. The host measures
//! the time and the fuel that it takes, and compares them with a run of no times. Resources are made before the loop
//! where the function does not make them, and are dropped in it where it does; with a fourth argument, `hold`, they stay.

mod answers;
mod files;
mod http;
mod streams;

use std::env;
use std::hint::black_box;
use std::mem::forget;
use std::sync::atomic::{AtomicBool, Ordering};

use wasip2::cli::{environment, stderr, stdin};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::io::poll::poll;
use wasip2::random::{insecure, insecure_seed, random};
use wasip2::sockets::{
    instance_network::instance_network, ip_name_lookup, network, tcp_create_socket,
    udp_create_socket,
};

fn main() {
    let args: Vec<String> = env::args().collect();
    let number = |at: usize| args.get(at).and_then(|arg| arg.parse().ok());
    let (Some(function), Some(times), Some(size)) = (args.get(1), number(2), number(3)) else {
        return;
    };
    HOLD.store(
        args.get(4).is_some_and(|arg| arg == "hold"),
        Ordering::Relaxed,
    );
    call(function, times, usize::try_from(size).unwrap_or_default());
}

/// Whether the result of a function stays.
static HOLD: AtomicBool = AtomicBool::new(false);

fn again<T>(times: u64, mut function: impl FnMut() -> T) {
    let hold = HOLD.load(Ordering::Relaxed);
    for _ in 0..times {
        let made = black_box(function());
        if hold {
            forget(made);
        }
    }
}

fn call(function: &str, times: u64, size: usize) {
    match function {
        "wall-clock.now" => again(times, wall_clock::now),
        "wall-clock.resolution" => again(times, wall_clock::resolution),
        "monotonic-clock.now" => again(times, monotonic_clock::now),
        "monotonic-clock.resolution" => again(times, monotonic_clock::resolution),
        "monotonic-clock.subscribe" => {
            again(times, || monotonic_clock::subscribe_duration(1_000_000_000));
        }
        "monotonic-clock.subscribe-instant" => {
            again(times, || monotonic_clock::subscribe_instant(u64::MAX));
        }
        "random.bytes" => again(times, || random::get_random_bytes(size as u64)),
        "random.u64" => again(times, random::get_random_u64),
        "insecure.bytes" => again(times, || insecure::get_insecure_random_bytes(size as u64)),
        "insecure.u64" => again(times, insecure::get_insecure_random_u64),
        "insecure-seed" => again(times, insecure_seed::insecure_seed),
        "environment" => again(times, environment::get_environment),
        "arguments" => again(times, environment::get_arguments),
        "initial-cwd" => again(times, environment::initial_cwd),
        "stdin" => again(times, stdin::get_stdin),
        "stderr" => again(times, stderr::get_stderr),
        "poll" => {
            let timers: Vec<_> = (0..size.max(1))
                .map(|_| monotonic_clock::subscribe_duration(0))
                .collect();
            let list: Vec<_> = timers.iter().collect();
            again(times, || poll(&list));
        }
        "pollable.ready" => {
            let timer = monotonic_clock::subscribe_duration(0);
            again(times, || timer.ready());
        }
        "pollable.block" => {
            let timer = monotonic_clock::subscribe_duration(0);
            again(times, || timer.block());
        }
        "sockets.create" => again(times, || {
            tcp_create_socket::create_tcp_socket(network::IpAddressFamily::Ipv4)
        }),
        "sockets.create-udp" => again(times, || {
            udp_create_socket::create_udp_socket(network::IpAddressFamily::Ipv4)
        }),
        "sockets.network" => again(times, instance_network),
        "sockets.resolve" => {
            let network = instance_network();
            let name = "a".repeat(size.max(1));
            again(times, || ip_name_lookup::resolve_addresses(&network, &name));
        }
        name => match name.split_once('.').map_or("", |(part, _)| part) {
            "stdin" | "stdout" | "error" => streams::call(name, times, size),
            "files" => files::call(name, times, size),
            "incoming" => answers::call(name, times, size),
            _ => http::call(name, times, size),
        },
    }
}

fn unknown(function: &str) {
    println!("unknown: {function}");
}
