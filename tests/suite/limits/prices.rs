//! Host work is paid for in fuel: each function of WASI, and each helper of the engine. A59-host-work.

use tempfile::TempDir;
use tollgate::Report;
use tollgate::blocking::Provider;
use tollgate::embed::CommandInput;
use tollgate::report::{ExitCode, Usage};

use support::harness::{attack_by, counts_fuel, load, wave};
use support::skip::fuel_is_counted;
use support::wasi_command::stdout;

/// Each function that the guest `prices` calls: its name there, a size, and the host calls of one time.
const FUNCTIONS: &[(&str, usize, u64)] = &[
    ("wall-clock.now", 0, 1),
    ("monotonic-clock.now", 0, 1),
    ("monotonic-clock.subscribe", 0, 2),
    ("random.bytes", 65_536, 1),
    ("random.u64", 0, 1),
    ("insecure.bytes", 65_536, 1),
    ("insecure-seed", 0, 1),
    ("environment", 0, 1),
    ("arguments", 0, 1),
    ("stdin", 0, 2),
    ("poll", 100, 1),
    ("pollable.ready", 0, 1),
    ("sockets.create", 0, 1),
    ("sockets.network", 0, 2),
    ("stdout.check-write", 0, 1),
    ("stdout.write", 65_536, 2),
    ("stdout.write-and-flush", 4_096, 1),
    ("stdout.write-zeroes", 65_536, 2),
    ("stdout.subscribe", 0, 2),
    ("files.open", 0, 2),
    ("files.stat-at", 10, 1),
    ("files.stat", 0, 1),
    ("files.flags", 0, 1),
    ("files.read", 65_536, 1),
    ("files.write", 1_000, 1),
    ("files.stream-read", 65_536, 1),
    ("files.stream-write", 1_000, 1),
    ("files.stream", 0, 2),
    ("files.set-size", 1_000, 1),
    ("files.sync", 0, 2),
    ("files.list", 0, 2),
    ("files.make-and-remove", 0, 2),
    ("files.rename", 0, 2),
    ("files.readlink", 0, 1),
    ("files.hash", 0, 1),
    ("fields.new", 0, 2),
    ("fields.append", 1_000, 3),
    ("fields.from-list", 100, 2),
    ("fields.entries", 100, 1),
    ("fields.get", 10, 1),
    ("fields.clone-and-append", 10, 3),
    ("request.new", 0, 3),
    ("request.set-path", 8_192, 1),
    ("request.set-authority", 8_192, 1),
    ("request.body", 0, 7),
    ("request.send-denied", 0, 7),
];

fn prices(provider: &Provider, function: &str, times: u64, size: usize) -> Usage {
    let (times, size) = (times.to_string(), size.to_string());
    let args = ["prices", function, &times, &size];
    let input = CommandInput {
        args: args.map(str::to_owned).into(),
        stdin: Vec::new(),
    };
    let report: Report<(), ExitCode> = provider.session().command(input).unwrap();
    assert!(report.outcome.fault().is_none(), "{function}: {report:?}");
    assert!(!stdout(&report).starts_with("unknown"), "{function}");
    report.usage
}

/// No function is free, and none that moves bytes moves them for free.
#[test]
fn every_function_of_wasi_has_a_price() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("file"), vec![b'x'; 100_000]).unwrap();
    let provider = load(
        "prices",
        &format!(
            "grants.wasi = {{ preopens = [\"data\"], env = {{ ONE = \"1\" }} }}\n\
             grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\" }}]",
            folder.path().display()
        ),
    );
    for (function, size, calls) in FUNCTIONS {
        let base = prices(&provider, function, 0, *size);
        let once = prices(&provider, function, 1, *size);
        // A guest that frees what it got makes no more calls than it says here.
        assert_eq!(once.host_calls - base.host_calls, *calls, "{function}");
        if counts_fuel() {
            let fuel = once.fuel - base.fuel;
            assert!(fuel >= calls * 4_000, "{function}: {fuel}");
            let moves = !matches!(
                *function,
                "stdout.write-zeroes" | "files.stat-at" | "fields.append"
            );
            if *size >= 4_096 && moves {
                assert!(fuel >= *size as u64, "{function}: {fuel} for {size}");
            }
        }
    }
}

/// A59-host-work: a memory that grows by nothing calls the engine for a few instructions.
#[test]
fn helpers_of_the_engine_have_a_price() {
    if !fuel_is_counted() {
        return;
    }
    for function in ["memory", "table"] {
        let fuel = |times| {
            let report = wave("grow-nothing", "", &format!("{function}({times})"));
            report.usage.fuel
        };
        let each = (fuel(1_000) - fuel(0)) / 1_000;
        assert!(each >= 400, "{function}: {each}");
        let call = format!("{function}(4000000000)");
        attack_by("grow-nothing", &call, "limits.fuel = 1_000_000").faults("fuel");
    }
    let fill = wave("grow-nothing", "", "fill(10)");
    assert!(fill.usage.fuel > 10 * 65_536 / 10, "{}", fill.usage.fuel);
}
