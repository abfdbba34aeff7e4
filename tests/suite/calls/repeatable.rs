//! A call is repeatable: nothing that a guest sees or is charged depends on the machine, the engine, the pool, or the calls
//! before it.

use serde_json::Value as Json;
use tempfile::TempDir;
use tollgate::blocking;
use tollgate::embed::CommandInput;
use tollgate::value::{Type, Value};

use support::harness::{ALL, builder, policy, source};
use support::skip::fuel_is_counted;

/// NaNs with a payload, one of each sign, quiet and signalling.
const PAYLOADS_32: [u32; 4] = [0x7fa0_1234, 0xffa0_1234, 0x7fc0_1234, 0xffc0_1234];
const PAYLOADS_64: [u64; 4] = [
    0x7ff4_0000_0000_1234,
    0xfff4_0000_0000_1234,
    0x7ff8_0000_0000_1234,
    0xfff8_0000_0000_1234,
];

/// x86 and Arm differ in the sign and the payload of what they compute.
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

/// How a guest of the corpus is called.
enum Act {
    Run(&'static str),
    Wave(&'static str),
    Command(&'static [&'static str]),
}

/// A guest, its policy, and a call that shows much of what a guest can see.
const CORPUS: &[(&str, &str, Act)] = &[
    ("echo", "", Act::Run("hello")),
    (
        "checksums",
        "grants = { log = true, hash = true, files = [{ root = \"data\", path = \"samples/files\", access = \"read\" }] }",
        Act::Run("data"),
    ),
    (
        "registry-releases",
        "grants = { config = { package = \"waybill\" }, files = [{ root = \"index\", path = \"samples/index\", access = \"read\" }] }",
        Act::Wave("resolve(\"waybill\", \"*\")"),
    ),
    (
        "ledger-csv",
        "grants = { log = true, config = {} }",
        Act::Wave("parse([110, 111])"),
    ),
    ("counter", "", Act::Wave("grow(3)")),
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

/// The report of one call without the times in it, which are measured.
fn report(runtime: &blocking::Runtime, guest: &str, text: &str, act: &Act) -> Json {
    let provider = runtime.load(&source(guest), &policy(text)).unwrap();
    let mut session = provider.session();
    let mut json = match act {
        Act::Run(input) => session.run(input.as_bytes()).unwrap().to_json(),
        Act::Wave(call) => session.wave(call).unwrap().to_json(),
        Act::Command(args) => {
            let input = CommandInput {
                args: args.iter().map(|arg| (*arg).to_owned()).collect(),
                stdin: "input".into(),
            };
            session.command(input).unwrap().to_json()
        }
    };
    let usage = json["usage"].as_object_mut().unwrap();
    usage.retain(|name, _| !name.ends_with("_us"));
    json
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
    for (guest, text, act) in CORPUS {
        let text = |folder: &TempDir, more: &str| {
            let text = match *text {
                "ALL" => ALL.to_owned(),
                "WASI" => format!(
                    "grants.wasi = {{ preopens = [\"data\"], random = {{ seed = 7 }} }}\n\
                     grants.files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}]",
                    folder.path().display()
                ),
                text => text.to_owned(),
            };
            format!("{text}\nlimits.fuel = 20_000_000\n{more}")
        };
        let first = report(&one, guest, &text(&folders[0], ""), act);
        // No pool holds such a table.
        let mut unpooled = report(
            &two,
            guest,
            &text(&folders[1], "limits.table-elements = 2_000_000"),
            act,
        );
        unpooled["limits"]["table_elements"] = first["limits"]["table_elements"].clone();
        assert_eq!(first, unpooled, "{guest}");
        let again = report(&one, guest, &text(&folders[1], ""), act);
        assert_eq!(first, again, "{guest}");
    }
}
