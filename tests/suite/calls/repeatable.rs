//! A call is repeatable: nothing that a guest sees or is charged depends on the machine, the engine, the pool, or the calls
//! before it.

use serde_json::Value as Json;
use tempfile::TempDir;
use tollgate::blocking;
use tollgate::embed::CommandInput;
use tollgate::value::{Type, Value};

use super::warm::is_ready;
use support::harness::{ALL, builder, policy, root, source};
use support::http_server::{Server, response};
use support::skip::fuel_is_counted;

/// NaNs with a payload, one of each sign, quiet and signalling.
const PAYLOADS_32: [u32; 4] = [0x7fa0_1234, 0xffa0_1234, 0x7fc0_1234, 0xffc0_1234];
const PAYLOADS_64: [u64; 4] = [
    0x7ff4_0000_0000_1234,
    0xfff4_0000_0000_1234,
    0x7ff8_0000_0000_1234,
    0xfff8_0000_0000_1234,
];

/// x86 and Arm differ in the sign and the payload of a computed NaN.
#[test]
fn each_nan_that_is_computed_is_the_canonical_one() {
    if !fuel_is_counted() {
        return;
    }
    let provider = support::harness::load("nans", "");
    let functions: Vec<_> = provider.functions().cloned().collect();
    assert!(functions.len() > 40, "{}", functions.len());
    for function in functions {
        for (small, large) in PAYLOADS_32.into_iter().zip(PAYLOADS_64) {
            let given = match function.params[0].ty {
                Type::U32 => Value::U32(small),
                _ => Value::U64(large),
            };
            let canonical = match function.result {
                Some(Type::U32) => Value::U32(0x7fc0_0000),
                _ => Value::U64(0x7ff8_0000_0000_0000),
            };
            let report = provider
                .session()
                .invoke(&function.name, std::slice::from_ref(&given));
            let report = report.unwrap();
            let returned = report.outcome.returned();
            assert_eq!(
                returned,
                Some(Some(canonical)),
                "{} {given:?}",
                function.name
            );
        }
    }
}

/// The way to call a guest of the corpus.
enum Act {
    Run(&'static str),
    Wave(&'static str),
    Command(&'static [&'static str]),
    /// A command with its standard input.
    Script(&'static str, &'static str),
}

/// A guest, its policy, and a call whose result depends on much of the state that a guest can see.
const CORPUS: &[(&str, &str, Act)] = &[
    ("echo", "", Act::Run("hello")),
    (
        "checksums",
        "grants = { log = true, hash = true, files = [{ root = \"data\", path = \"samples/files\", access = \"read\" }] }",
        Act::Run("data"),
    ),
    (
        "own-prices",
        "grants = { log = true, hash = true, store = true, config = { url = \"http://127.0.0.1:1/\" }, files = [{ root = \"data\", path = \"samples/files\", access = \"read\" }], http = [{ url = \"http://127.0.0.1:1/**\", networks = [\"loopback\"] }] }",
        Act::Run("store.list-keys 2 3"),
    ),
    (
        "registry-releases",
        "grants = { config = { package = \"waybill\" }, files = [{ root = \"index\", path = \"samples/index\", access = \"read\" }] }",
        Act::Wave("resolve(\"^1\", \"linux/x86_64\")"),
    ),
    (
        "ledger-csv",
        "grants = { log = true, config = {} }",
        Act::Wave("parse([110, 111])"),
    ),
    ("counter", "", Act::Wave("grow(3)")),
    (
        "courier",
        "grants.http = [{ url = \"URL/**\", networks = [\"loopback\"] }]",
        Act::Run("GET URL/a\nx-one: 1\n\n"),
    ),
    (
        "registry-remote",
        "grants = { hash = true, config = { registry = \"URL/index/\", package = \"waybill\" }, \
         http = [{ url = \"URL/**\", networks = [\"loopback\"] }] }",
        Act::Wave("list-versions()"),
    ),
    (
        "standard-store",
        "grants = { store = true, config = { region = \"eu\" } }",
        Act::Run("keep b 30"),
    ),
    (
        "versions-only",
        "grants.config = { versions = \"1.0.0, 1.1.0\" }",
        Act::Wave("list-versions()"),
    ),
    ("wasi-provider", "grants.wasi = \"inert\"", Act::Run("7")),
    ("wasi-provider", "grants.wasi = \"inert\"", Act::Run("0")),
    ("std-fs", "EMPTY", Act::Command(&["std-fs", "/"])),
    (
        "file-script",
        "EMPTY",
        Act::Script(
            "file-script",
            "mkdir b\nmkdir a\nopen 0 f create,exclusive write -\nwrite 0 0 text\nlist .\nstat f -\n\
             symlink f c\nreadlink c\nis f - c follow\nrename a d\nlist .\nunlink none\nrmdir d\n",
        ),
    ),
    (
        "http-client",
        "grants.wasi = \"inert\"\ngrants.http = [{ url = \"URL/**\", networks = [\"loopback\"] }]",
        Act::Command(&["http-client", "get", "URL/a"]),
    ),
    (
        "http-client",
        "grants.wasi = \"inert\"",
        Act::Command(&["http-client", "headers"]),
    ),
    ("raw-files", "WASI", Act::Command(&["raw-files", "random"])),
    (
        "raw-files",
        "WASI",
        Act::Command(&["raw-files", "read", "data/file", "4", "2"]),
    ),
    ("hostile", "ALL", Act::Run("recurse")),
    ("hostile", "ALL", Act::Run("spin")),
    ("hostile", "ALL", Act::Run("grow")),
    ("hostile", "ALL", Act::Run("log-flood-tiny 500")),
    ("hostile", "ALL", Act::Run("store-churn 60000 20")),
    ("traps", "", Act::Wave("unreachable()")),
    ("nans", "", Act::Wave("f64-made(1)")),
    (
        "hello-command",
        "grants.wasi = \"inert\"",
        Act::Command(&["hello-command"]),
    ),
    (
        "prices",
        "WASI",
        Act::Command(&["prices", "monotonic-clock.now", "10", "0"]),
    ),
    (
        "prices",
        "WASI",
        Act::Command(&["prices", "random.bytes", "3", "100"]),
    ),
    (
        "prices",
        "WASI",
        Act::Command(&["prices", "files.list-entries", "2", "0"]),
    ),
    (
        "prices",
        "WASI",
        Act::Command(&["prices", "files.hash", "1", "0"]),
    ),
    (
        "prices",
        "WASI",
        Act::Command(&["prices", "fields.entries", "2", "50"]),
    ),
];

/// Samples that are not called here, each with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "feed-reader",
        "it needs an interface of the embedding program, and is called by the example that has it",
    ),
    (
        "web",
        "it answers requests, and each of its answers is compared in `serve::proxy`",
    ),
];

/// No sample and no guest of WASI is added without a call here, or a reason.
#[test]
fn every_sample_is_called_twice() {
    let mut missing = Vec::new();
    for folder in ["guests/providers", "guests/wasip2"] {
        for entry in root().join(folder).read_dir().unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_called = CORPUS.iter().any(|(guest, ..)| *guest == name);
            let is_left_out = LEFT_OUT.iter().any(|(guest, _)| *guest == name);
            if is_called == is_left_out {
                missing.push(name);
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}

/// A file of a registry's index, with one version.
const INDEX: &str = "{\"name\":\"waybill\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"00\",\"features\":{},\"yanked\":false}\n";

/// The report of one call without the times in it, which are measured. `URL` is that of a server in the act.
fn report(provider: &blocking::Provider, guest: &str, act: &Act, url: &str) -> Json {
    let mut session = provider.session();
    let at = |text: &str| text.replace("URL", url);
    let input = |args: &[&str], stdin: &str| CommandInput {
        args: args.iter().map(|arg| at(arg)).collect(),
        stdin: stdin.into(),
    };
    let mut json = match act {
        Act::Run(input) => session.run(at(input).as_bytes()).unwrap().to_json(),
        Act::Wave(call) => session.wave(&at(call)).unwrap().to_json(),
        Act::Command(args) => session.command(input(args, "input")).unwrap().to_json(),
        Act::Script(name, script) => session.command(input(&[name], script)).unwrap().to_json(),
    };
    let usage = json["usage"].as_object_mut().unwrap();
    usage.retain(|name, _| !name.ends_with("_us"));
    // The host remembers each file whose identity was asked for, and a file system gives the number of a file that is gone to a new
    // one, or does not.
    if guest == "std-fs" {
        usage.remove("host_memory_peak");
    }
    json
}

/// Asserts that two reports are the same, by the lines in which they differ.
fn assert_same(guest: &str, one: &Json, other: &Json) {
    let [one, other] = [one, other].map(|report| serde_json::to_string_pretty(report).unwrap());
    let lines = one.lines().zip(other.lines());
    let differ: Vec<_> = lines.filter(|(one, other)| one != other).collect();
    assert_eq!(differ, [], "{guest}");
    assert_eq!(one.len(), other.len(), "{guest}");
}

/// Every call gives the same report in two engines, from the pool and without it, with other guests
/// before it in the same slot, and in folders of another past.
#[test]
fn every_report_is_the_same_twice() {
    let folders = [&["a", "b", "c", "d"], &["d", "c", "a", "b"]].map(|order| {
        let folder = TempDir::new().unwrap();
        for name in order {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::fs::write(folder.path().join("file"), "contents").unwrap();
        folder
    });
    let [one, two] = [4, 9].map(|guests| {
        let runtime = builder().concurrency(guests).build();
        blocking::Runtime::from(runtime)
    });
    let server = Server::saying(response("200 OK", "", INDEX));
    let url = format!("http://127.0.0.1:{}", server.port());
    let mut ready = 0;
    for (guest, text, act) in CORPUS {
        let fuel: u64 = if *text == "EMPTY" {
            10_000_000_000
        } else {
            20_000_000
        };
        // Each run writes into an empty folder.
        let empty = [(); 4].map(|()| TempDir::new().unwrap());
        let text = |folder: &TempDir, number: usize, more: &str| {
            let text = match *text {
                "ALL" => ALL.to_owned(),
                "WASI" => format!(
                    "grants.wasi = {{ preopens = [\"data\"], random = {{ seed = 7 }} }}\n\
                     grants.files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}]",
                    folder.path().display()
                ),
                "EMPTY" => format!(
                    "grants.wasi = {{ preopens = [{{ root = \"data\", at = \"/\" }}] }}\n\
                     grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\", max-files = 10_000 }}]",
                    empty[number].path().display()
                ),
                text => text.replace("URL", &url),
            };
            let limits = "limits.deadline = \"60s\"\nlimits.host-calls = 1_000_000";
            format!("{text}\n{limits}\nlimits.fuel = {fuel}\n{more}")
        };
        let load = |runtime: &blocking::Runtime, text: &str| {
            runtime.load(&source(guest), &policy(text)).unwrap()
        };
        let report = |runtime, text: &str| report(&load(runtime, text), guest, act, &url);
        let first = report(&one, &text(&folders[0], 0, ""));
        // No pool holds such a table.
        let more = "limits.table-elements = 2_000_000";
        let mut unpooled = report(&two, &text(&folders[1], 1, more));
        unpooled["limits"]["table_elements"] = first["limits"]["table_elements"].clone();
        assert_same(guest, &first, &unpooled);
        let again = report(&one, &text(&folders[1], 2, ""));
        assert_same(guest, &first, &again);
        // In an instance that was made before the call.
        let warm = load(&one, &text(&folders[0], 3, "")).warm(1);
        ready += usize::from(is_ready(&warm));
        assert_same(guest, &first, &self::report(&warm, guest, act, &url));
    }
    // None of them calls the host before it is called.
    assert_eq!(ready, CORPUS.len());
    // Three guests send one, four times.
    assert_eq!(server.requests().len(), 12);
}
