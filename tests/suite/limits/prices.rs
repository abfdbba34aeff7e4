//! Host work is paid for in fuel: each function of WASI and of our own interfaces, and each helper of the engine.
//! A59-host-work.

use tempfile::TempDir;
use tollgate::Report;
use tollgate::blocking::Provider;
use tollgate::embed::CommandInput;
use tollgate::report::{ExitCode, Usage};

use support::harness::{attack_by, counts_fuel, load, wave};
use support::host_work::{HostWork, OWN, WASI, granting_own};
use support::http_server::{Server, response};
use support::skip::fuel_is_counted;
use support::wasi_client::all_of;
use support::wasi_command::stdout;

fn prices(provider: &Provider, function: &str, times: u64, size: u64) -> Usage {
    let (times, size) = (times.to_string(), size.to_string());
    let args = ["prices", function, &times, &size];
    let input = CommandInput {
        args: args.map(str::to_owned).into(),
        stdin: vec![b'x'; 100_000].into(),
    };
    let report: Report<(), ExitCode> = provider.session().command(input).unwrap();
    assert!(report.outcome.fault().is_none(), "{function}: {report:?}");
    assert!(!stdout(&report).starts_with("unknown"), "{function}");
    report.usage
}

/// Names whose system calls cost more than that of other files, and the fuel of one round at least.
const DEARER: &[(&str, u64)] = &[
    ("files.make-and-remove", 2 * 50_000),
    ("files.same", 2 * 30_000),
    ("files.rename", 2 * 60_000),
];

/// No function is free, and none that moves bytes moves them for free.
#[test]
fn every_function_of_wasi_has_a_price() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("file"), vec![b'x'; 100_000]).unwrap();
    let server = Server::saying(response("200 OK", "x-answer: 42\r\n", &"x".repeat(100_000)));
    let provider = load(
        "prices",
        &format!(
            "{}\ngrants.wasi = {{ preopens = [\"data\"], env = {{ SERVER = \"127.0.0.1:{}\" }} }}\n\
             grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\" }}]",
            all_of(&server, ""),
            server.port(),
            folder.path().display()
        ),
    );
    let mut wrong = Vec::new();
    for HostWork {
        name, calls, sizes, ..
    } in WASI
    {
        let size = sizes.last().copied().unwrap();
        let base = prices(&provider, name, 0, size);
        let once = prices(&provider, name, 1, size);
        // A guest that frees its results makes exactly the calls that the row names.
        let made = once.host_calls - base.host_calls;
        if made != *calls {
            wrong.push(format!("{name}: {made} calls"));
        }
        let synced = once.syncs - base.syncs;
        if synced != u64::from(name.starts_with("files.sync")) {
            wrong.push(format!("{name}: {synced} syncs"));
        }
        if counts_fuel() {
            let fuel = once.fuel - base.fuel;
            let moved = if MOVES_NONE.contains(name) { 0 } else { size };
            let dearer = DEARER.iter().find(|(dearer, _)| dearer == name);
            let least = dearer.map_or(calls * 4_000, |(_, least)| *least);
            if fuel < least.max(moved) {
                wrong.push(format!("{name} {size}: {fuel} fuel"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Functions whose size is no number of bytes that they move: zeroes are written 8 bytes at once, parts of a path and
/// fields are entries, a file grows by a hole, a read-ahead is the kernel's.
const MOVES_NONE: &[&str] = &[
    "stdout.write-zeroes",
    "stdout.write-zeroes-and-flush",
    "files.set-size",
    "files.advise",
];

/// The names whose size is no number of bytes: headers, parts of a path, keys.
const NO_BYTES: &[&str] = &[
    "http.send",
    "files.stat",
    "store.list-keys",
    "keyvalue.list-keys",
];

/// The same of our own interfaces.
#[test]
fn every_function_of_our_own_has_a_price() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("file"), vec![b'x'; 500_000]).unwrap();
    let server = Server::saying(response("200 OK", "x-answer: 42\r\n", "hello"));
    let provider = load("own-prices", &granting_own(&server, folder.path(), "true"));
    let mut wrong = Vec::new();
    for own in OWN {
        let HostWork {
            name, calls, sizes, ..
        } = own.work;
        let size = sizes.last().copied().unwrap();
        let usage = |times: u64| {
            let input = format!("{name} {times} {size}");
            let report = provider.session().run(input.as_bytes()).unwrap();
            assert!(
                matches!(report.outcome, tollgate::Outcome::Returned(_)),
                "{name}: {:?}",
                report.outcome
            );
            report.usage
        };
        // Keys are made by the first run.
        let _ = usage(0);
        let (base, once) = (usage(0), usage(1));
        let made = once.host_calls - base.host_calls;
        if made != calls {
            wrong.push(format!("{name}: {made} calls"));
        }
        let synced = once.syncs - base.syncs;
        if synced != u64::from(name == "files.write") {
            wrong.push(format!("{name}: {synced} syncs"));
        }
        if counts_fuel() {
            let fuel = once.fuel - base.fuel;
            let moved = if NO_BYTES.contains(&name) { 0 } else { size };
            if fuel < (calls * 500).max(moved) {
                wrong.push(format!("{name} {size}: {fuel} fuel"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A change of a store in a file is made durable; one in memory is not.
#[test]
fn changes_of_a_store_in_a_file_are_syncs() {
    let (folder, kept) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = Server::saying(response("200 OK", "x-answer: 42\r\n", "hello"));
    let in_file = format!(
        "{{ path = \"{}/store\", namespace = \"prices\" }}",
        kept.path().display()
    );
    for (store, each) in [("true", 0), (&*in_file, 1)] {
        let provider = load("own-prices", &granting_own(&server, folder.path(), store));
        let syncs = |times: u64| {
            let input = format!("store.set {times} 1");
            provider
                .session()
                .run(input.as_bytes())
                .unwrap()
                .usage
                .syncs
        };
        let _ = syncs(0);
        assert_eq!(syncs(3) - syncs(0), 3 * each, "{store}");
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
