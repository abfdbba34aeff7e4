//! The price table: for each host function, and for each helper of the engine, the time that 1,000 fuel buy at its worst
//! argument. A guest's own code takes 0.22 µs for it; the goal is ten times as much.

use std::fmt::Write as _;
use std::time::Duration;

use tempfile::TempDir;
use tollgate::blocking::Provider;
use tollgate::embed::CommandInput;
use tollgate::{Outcome, Report};

use support::harness::{all_but, load};
use support::host_work::{OWN, WASI, granting_own};
use support::http_client::with_credential;
use support::http_server::{Server, response};
use support::wasi_client::all_of;

/// The most that 1,000 fuel may buy, in µs.
const GOAL: f64 = 2.2;

/// No call ends by these.
const LIMITS: &str = "limits.deadline = \"60s\"\nlimits.fuel = 1_000_000_000_000\nlimits.host-calls = 4_000_000_000\n\
                      limits.host-memory = \"256MiB\"\nlimits.stdio = \"64MiB\"";

/// The rows of a store in a file, which costs more than one in memory.
const STORED: &[&str] = &["store.get", "store.set", "store.list-keys", "keyvalue.get"];

/// What one component of a composition passes to another: the dearest string of each pair of encodings, and a list.
const COMPOSED: &[(&str, &str)] = &[
    ("UTF-8 to UTF-8", "pass(0, 0, 1"),
    ("UTF-8 to UTF-16", "pass(0, 1, 2"),
    ("UTF-8 to Latin-1", "pass(0, 2, 1"),
    ("UTF-8 to UTF-16, late", "pass(0, 2, 3"),
    ("UTF-16 to UTF-8", "pass(1, 0, 2"),
    ("UTF-16 to UTF-16", "pass(1, 1, 1"),
    ("UTF-16 to Latin-1", "pass(1, 2, 1"),
    ("UTF-16 to UTF-16, late", "pass(1, 2, 3"),
    ("Latin-1 to UTF-8", "pass(2, 0, 1"),
    ("Latin-1 to UTF-16", "pass(2, 1, 1"),
    ("Latin-1 to Latin-1", "pass(2, 2, 1"),
    ("UTF-16 to Latin-1, within", "pass(2, 2, 5"),
    ("list of bytes", "pass(0, 3, 0"),
];

/// Calls of our own interfaces by the guest `hostile`, each in a loop of its own.
const OURS: &[&str] = &[
    "log-flood-tiny 20000",
    "host-call-flood 20000",
    "list-dir data .",
    "store-churn 60000 20",
    "big-arg 8000000",
];

/// Prints the table; the number of rows that miss the goal.
pub(crate) fn print() -> usize {
    println!(
        "{:<34} {:>10} {:>12} {:>10}",
        "host work", "µs a call", "fuel a call", "µs/1,000"
    );
    let folder = TempDir::new().unwrap();
    for number in 0..2_000 {
        std::fs::write(folder.path().join(format!("entry-{number}")), "").unwrap();
    }
    std::fs::write(folder.path().join("file"), vec![b'x'; 1 << 20]).unwrap();
    let mut deep = folder.path().to_owned();
    for _ in 0..200 {
        deep.push("sub");
        std::fs::create_dir(&deep).unwrap();
    }
    let body = "x".repeat(32 << 20);
    let server = Server::saying(response("200 OK", "x-answer: 42\r\n", &body));
    let mut text = format!(
        "{LIMITS}\ngrants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\", max-files = 1_000_000, \
         max-write = \"1000GiB\" }}]\n{}\n[grants.wasi]\npreopens = [\"data\"]\n[grants.wasi.env]\n\
         SERVER = \"127.0.0.1:{}\"\n",
        folder.path().display(),
        all_of(&server, ", max-body = \"1GiB\""),
        server.port()
    );
    for number in 0..100 {
        let _ = writeln!(text, "VARIABLE_{number} = \"a value of some length\"");
    }
    let wasi = load("prices", &text);
    let mut wrong = 0;
    let mut row = |name: String, times: u64, base: Spent, all: Spent| {
        let time = all.time.saturating_sub(base.time).as_secs_f64() * 1e6;
        let fuel = all.fuel.saturating_sub(base.fuel).max(1) as f64;
        let ratio = time / fuel * 1e3;
        let mark = if ratio > GOAL { "  MISSED" } else { "" };
        wrong += usize::from(ratio > GOAL);
        let (time, fuel) = (time / times as f64, fuel / times as f64);
        println!("{name:<34} {time:>10.2} {fuel:>12.0} {ratio:>10.3}{mark}");
    };
    let helpers = load("grow-nothing", LIMITS);
    for name in [
        "memory",
        "table",
        "fill",
        "memory-init",
        "memory-copy",
        "table-fill",
        "table-copy",
        "table-init",
    ] {
        let spent = |times: u64| {
            let call = format!("{name}({times})");
            least(|| Spent::of(&helpers.session().wave(&call).unwrap()))
        };
        row(format!("engine: {name}"), 10_000, spent(0), spent(10_000));
    }
    let composed = load("transcode", LIMITS);
    for (what, call) in COMPOSED {
        for (bytes, times) in [(12, 10_000), (1_200, 10_000), (12_000_000, 3)] {
            let spent = |times: u64| {
                let call = format!("{call}, {bytes}, {times})");
                least(|| Spent::of(&composed.session().wave(&call).unwrap()))
            };
            let name = format!("composed: {what} {bytes}");
            row(name, times, spent(1), spent(times + 1));
        }
    }
    let handles = load("handles", LIMITS);
    let spent = |times: u64| {
        let call = format!("churn({})", times + 1);
        least(|| Spent::of(&handles.session().wave(&call).unwrap()))
    };
    row(
        "engine: resource new, rep, drop".to_owned(),
        10_000,
        spent(0),
        spent(10_000),
    );
    let own = |provider: &Provider, name: &str, times: u64, size: u64| {
        let input = format!("{name} {times} {size}");
        least(|| {
            let report = provider.session().run(input.as_bytes()).unwrap();
            // The row of a function that is refused would be too cheap.
            assert!(matches!(report.outcome, Outcome::Returned(_)), "{input}");
            Spent::of(&report)
        })
    };
    let small = Server::saying(response("200 OK", "x-answer: 42\r\n", "hello"));
    let text = granting_own(&small, folder.path(), "true");
    let provider = load("own-prices", &format!("{LIMITS}\n{text}"));
    for measured in OWN {
        let work = &measured.work;
        for size in work.sizes {
            let (base, all) = (
                own(&provider, work.name, 0, *size),
                own(&provider, work.name, work.rounds, *size),
            );
            row(format!("own: {} {size}", work.name), work.rounds, base, all);
        }
    }
    let kept = TempDir::new().unwrap();
    let store = format!(
        "{{ path = \"{}/store\", namespace = \"prices\" }}",
        kept.path().display()
    );
    let text = granting_own(&small, folder.path(), &store);
    let provider = load("own-prices", &format!("{LIMITS}\n{text}"));
    for name in STORED {
        for size in [1, 500] {
            let (base, all) = (
                own(&provider, name, 0, size),
                own(&provider, name, 20, size),
            );
            row(format!("in a file: {name} {size}"), 20, base, all);
        }
    }
    // The search of a response for a credential.
    let large = Server::saying(response("200 OK", "", &"%2541".repeat(200_000)));
    let secret = with_credential(&large, kept.path());
    let text = format!(
        "{}\ngrants.http = [{secret}]\n{LIMITS}",
        all_but("http").replace("samples/files", &folder.path().display().to_string())
    );
    let searching = load("hostile", &text);
    let spent =
        |input: &str| least(|| Spent::of(&searching.session().run(input.as_bytes()).unwrap()));
    let fetch = format!("http-get http://127.0.0.1:{}/", large.port());
    row(
        "credential search of 1 MB".to_owned(),
        1,
        spent("ping"),
        spent(&fetch),
    );
    let files = format!(
        "{}\ngrants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\" }}]\n{LIMITS}",
        all_but("files"),
        folder.path().display()
    );
    let ours = load("hostile", &files);
    for input in OURS {
        let spent =
            |input: &str| least(|| Spent::of(&ours.session().run(input.as_bytes()).unwrap()));
        row(format!("hostile {input}"), 1, spent("ping"), spent(input));
    }
    for work in WASI {
        for size in work.sizes {
            let spent = |rounds: u64| {
                let args = [work.name, &rounds.to_string() as &str, &size.to_string()];
                least(|| command(&wasi, &args))
            };
            let name = format!("{} {size}", work.name);
            row(name, work.rounds, spent(0), spent(work.rounds));
        }
    }
    wrong
}

#[derive(Clone, Copy)]
struct Spent {
    time: Duration,
    fuel: u64,
}

impl Spent {
    fn of<T, E>(report: &Report<T, E>) -> Spent {
        let usage = &report.usage;
        // The row of a call that ended before its last round would be too cheap.
        if let Some(fault) = report.outcome.fault() {
            panic!("a call that is measured faulted: {fault}");
        }
        Spent {
            time: usage.elapsed,
            fuel: usage.fuel,
        }
    }
}

/// The quickest of five, since the machine does other work as well.
fn least(mut run: impl FnMut() -> Spent) -> Spent {
    (0..5)
        .map(|_| run())
        .min_by_key(|spent| spent.time)
        .unwrap()
}

fn command(provider: &Provider, args: &[&str]) -> Spent {
    let args = std::iter::once(&"prices").chain(args);
    let input = CommandInput {
        args: args.map(|arg| (*arg).to_owned()).collect(),
        stdin: vec![b'x'; 14 << 20].into(),
    };
    let report = provider.session().command(input).unwrap();
    let said = report
        .stdio
        .as_ref()
        .map(|stdio| String::from_utf8_lossy(&stdio.stdout));
    assert!(
        !said.is_some_and(|said| said.starts_with("unknown")),
        "the guest has no such call"
    );
    Spent::of(&report)
}
