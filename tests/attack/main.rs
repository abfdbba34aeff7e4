//! The attack catalogue, run and measured: `--table [ROWS]`, `--soak N [CALLS]`, `--bystander CALLS`,
//! `--neighbours [ROWS]`, `--overshoot RUNS`, `--prices`. Under `cargo test` all of it, a few rounds each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an attack that is not stopped ends the process, and the table is what it is for"
)]

mod abi;
mod attack_case;
mod budget;
mod bystander;
mod cache;
mod clients;
mod compile;
mod deadline;
mod files;
mod host;
mod load;
mod network;
mod overshoot;
mod prices;
mod server;
mod soak;
mod table;
mod trust;

use std::process::ExitCode;

fn main() -> ExitCode {
    // This program is its own compile worker, its own hostile server and its own victim of `kill -9`.
    tollgate::run_if_worker();
    quiet_about_what_is_meant();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let wrong = match args[..] {
        [server::FLAG] => {
            server::serve();
            0
        }
        [files::FLAG, folder] => files::write_without_end(folder),
        ["--table", ref rows @ ..] => table::print(rows, 10),
        ["--soak", times] => soak::print(times.parse().unwrap(), 100_000),
        ["--soak", times, calls] => soak::print(times.parse().unwrap(), calls.parse().unwrap()),
        ["--bystander", calls] => bystander::print(calls.parse().unwrap()),
        ["--neighbours", ref rows @ ..] => bystander::neighbours(rows),
        ["--prices"] => prices::print(),
        ["--overshoot", runs] => overshoot::print(runs.parse().unwrap()),
        // The arguments of `cargo test`. A name that it filters by is one of the other tests.
        _ if args.iter().any(|arg| !arg.starts_with('-')) => 0,
        _ => soak::print(2, 1_000) + overshoot::print(2),
    };
    match wrong {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A51-host-panic panics in a host function, on purpose and many times.
fn quiet_about_what_is_meant() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<&str>();
        if !text.is_some_and(|text| text.starts_with("the host's own mistake")) {
            usual(panic);
        }
    }));
}
