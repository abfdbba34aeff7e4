//! Guests that are not Rust: CPython and SpiderMonkey with a provider in them, under the default limits, and one provider in
//! five languages.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use tollgate::blocking::Provider;
use tollgate::{Outcome, Report, Source};

use support::harness::{blocking, guests, policy, refused, returned};
use support::http_server::{Server, response};

const PYTHON: &str = "polyglot-python";
const JAVASCRIPT: &str = "polyglot-javascript";
const FETCH: &str = "polyglot-fetch";

const INERT: &str = "grants.wasi = \"inert\"";

fn source(guest: &str) -> Source {
    let path: PathBuf = guests().join(format!("{guest}.wasm"));
    assert!(
        path.is_file(),
        "{} is not there; run `./justw guests-polyglot` first",
        path.display()
    );
    Source::file(&path, &tollgate::Limits::default()).unwrap()
}

/// Compiling one takes 10 to 30 seconds, so each is loaded once for all tests.
fn load(guest: &str, policy_text: &str) -> Provider {
    blocking()
        .load(&source(guest), &policy(policy_text))
        .unwrap_or_else(|error| panic!("{guest} does not load: {error}"))
}

fn python() -> &'static Provider {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    PROVIDER.get_or_init(|| load(PYTHON, &format!("{INERT}\ngrants.log = true")))
}

fn javascript() -> &'static Provider {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let grants = "grants.log = true\ngrants.config = { license = \"MIT\" }";
        load(JAVASCRIPT, &format!("{INERT}\n{grants}"))
    })
}

fn run(provider: &Provider, input: &[u8]) -> Report<Vec<u8>> {
    provider.session().run(input).unwrap()
}

/// The typed error that a provider returned.
fn failed(provider: &Provider, input: &[u8]) -> (String, String) {
    match run(provider, input).outcome {
        Outcome::Failed(error) => (error.kind.label().to_owned(), error.message.clone()),
        other => panic!("{other:?}"),
    }
}

fn logged(report: &Report<Vec<u8>>) -> Vec<&str> {
    let lines = report.logs.iter();
    lines.map(|line| line.message.as_str()).collect()
}

#[test]
fn each_is_refused_without_its_grants_and_every_import_is_named() {
    for (guest, wasi, ours) in [
        (PYTHON, 25, &["log"][..]),
        (JAVASCRIPT, 0, &["config", "log"]),
        (FETCH, 18, &[]),
    ] {
        let refusal = refused(&source(guest), "");
        let labels = refusal
            .imports
            .iter()
            .map(|import| import.judgement.label());
        // Nothing that this host does not know: the grants alone are missing.
        assert!(labels.eq(vec!["denied"; wasi + ours.len()]), "{refusal}");
        let names = refusal.imports.iter().map(|import| import.name.as_str());
        assert_eq!(
            names.filter(|name| name.starts_with("wasi:")).count(),
            wasi,
            "{refusal}"
        );
        for name in ours {
            assert!(refusal.to_string().contains(&format!("provider/{name}@")));
        }
    }
    // One grant serves all of WASI, and nothing else with it.
    let refusal = refused(&source(PYTHON), INERT);
    let names: Vec<&str> = refusal.imports.iter().map(|import| &*import.name).collect();
    assert_eq!(names, ["tollgate:provider/log@0.1.0"]);
}

#[test]
fn python_counts_json_lines() {
    let input = r#"{"size": 3, "kind": "file", "path": "a"}
{"size": 4.5, "kind": "file", "path": "b\u2028"}

{"size": null, "kind": "folder", "open": true}
"#;
    let report = run(python(), input.as_bytes());
    let found: serde_json::Value = serde_json::from_str(&returned(&report)).unwrap();
    let expected = serde_json::json!({
        "records": 3,
        "fields": {
            "size": {
                "kinds": { "null": 1, "number": 2 },
                "numbers": { "min": 3.0, "max": 4.5, "mean": 3.75, "median": 3.75 },
            },
            "kind": {
                "kinds": { "string": 3 },
                "texts": { "distinct": 2, "top": "file", "count": 2 },
            },
            "path": {
                "kinds": { "string": 2 },
                "texts": { "distinct": 2, "top": "a", "count": 1 },
            },
            "open": { "kinds": { "boolean": 1 } },
        },
    });
    assert_eq!(found, expected);
    assert_eq!(logged(&report), ["3 records, 4 fields"]);
    let stdio = report.stdio.as_ref().unwrap();
    assert!(stdio.stdout.is_empty() && stdio.stderr.is_empty());
    let report = run(python(), br#"{"lone": "\ud800"}"#);
    assert!(returned(&report).contains(r#""top": "\ud800""#));
}

#[test]
fn python_fails_with_typed_errors() {
    let deep = "[".repeat(100_000);
    for (input, kind, message) in [
        (&b"{\"a\": 1}\n{\"a\": "[..], "invalid-input", "line 2: "),
        (b"[1]", "invalid-input", "line 1: not an object"),
        (b"{\"a\": NaN}", "invalid-input", "line 1: NaN is not JSON"),
        (b"{\"a\": 1e308}", "invalid-input", "out of range"),
        (b"{\"a\": \xff}", "invalid-input", "not UTF-8 at byte 6"),
        (deep.as_bytes(), "invalid-input", "nested deeper than 64"),
        (b"\n", "not-found", "no record"),
    ] {
        let (found, text) = failed(python(), input);
        assert_eq!(found, kind, "{text}");
        assert!(text.contains(message), "{text}");
    }
}

#[test]
fn javascript_normalises_a_manifest() {
    let input = r#"{
        "scripts": { "test": "node --test", "build": "make" },
        "author": "Ada Lovelace <ada@example.com> (https://example.com)",
        "zebra": 1,
        "keywords": ["Wasm", "plugin", "wasm"],
        "repository": "https://example.com/demo.git",
        "version": "1.2.3-rc.1",
        "name": "@example/demo"
    }"#;
    let report = run(javascript(), input.as_bytes());
    // As text, since the order of the keys is under test.
    let expected = r#"{
  "name": "@example/demo",
  "version": "1.2.3-rc.1",
  "license": "MIT",
  "keywords": [
    "plugin",
    "wasm"
  ],
  "author": {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "url": "https://example.com"
  },
  "repository": {
    "type": "git",
    "url": "https://example.com/demo.git"
  },
  "scripts": {
    "build": "make",
    "test": "node --test"
  },
  "zebra": 1
}
"#;
    assert_eq!(returned(&report), expected);
    assert_eq!(logged(&report), ["@example/demo 1.2.3-rc.1"]);
}

#[test]
fn javascript_fails_with_typed_errors() {
    let deep = "[".repeat(100_000);
    for (input, message) in [
        (&b"{\"name\": "[..], "not JSON"),
        (b"{\"name\": \xff}", "not JSON"),
        (b"[]", "the manifest is not an object"),
        (
            b"{\"name\": \"Not A Name\", \"version\": \"1\", \"scripts\": []}",
            "name: not a package name; version: not a semantic version; scripts: not a table",
        ),
        (deep.as_bytes(), "not JSON"),
    ] {
        let (kind, text) = failed(javascript(), input);
        assert_eq!(kind, "invalid-input", "{text}");
        assert!(text.contains(message), "{text}");
    }
}

/// `fetch` does not know this host, and its requests are decided on like those of our own `http`: with a grant it
/// works, without one it throws.
#[test]
fn javascript_fetches_what_is_granted() {
    let server = Server::start(|head, stream| {
        let text = if head.starts_with("GET /slow") {
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome".to_owned()
        } else {
            let kind = "content-type: application/json\r\n";
            response("200 OK", kind, "{\"name\": \"waybill\"}")
        };
        stream.write_all(text.as_bytes())?;
        // Until the other side closes.
        stream.read(&mut [0]).map(drop)
    });
    let at = format!("http://127.0.0.1:{}", server.port());
    let grants = format!("grants.http = [{{ url = \"{at}/**\", networks = [\"loopback\"] }}]");
    let provider = load(
        FETCH,
        &format!("{INERT}\nlimits.deadline = \"2s\"\n{grants}"),
    );

    let urls = format!("{at}/a\n{at}/b\nhttp://other.example/\n");
    let report = run(&provider, urls.as_bytes());
    let answers: Vec<serde_json::Value> = returned(&report)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for answer in &answers[..2] {
        assert_eq!(answer["status"], 200);
        assert_eq!(answer["type"], "application/json");
        assert_eq!(answer["text"], "{\"name\": \"waybill\"}");
    }
    assert!(answers[2]["error"].as_str().unwrap().contains("TypeError"));
    let [denial] = &report.denials[..] else {
        panic!("{:?}", report.denials)
    };
    assert_eq!(denial.target, "http://other.example/");
    assert_eq!(denial.reason.label(), "not-granted");
    server.wait_for_end(2);

    // A fault closes open connections at once, not when the session is dropped.
    let mut session = provider.session();
    let report = session.run(format!("{at}/slow").as_bytes()).unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    server.wait_for_end(3);
    assert!(session.run(b"").is_err());
}

/// The interpreters were started when they were built, so a call does not pay for that: a change that makes
/// it pay shows here long before it meets the default limits (10⁹ fuel, 128 MiB, 1,048,576 elements).
#[test]
fn an_interpreter_costs_little_of_the_default_limits() {
    for (provider, input) in [
        (python(), &b"{\"a\": 1}"[..]),
        (javascript(), b"{\"name\": \"a\", \"version\": \"1.0.0\"}"),
    ] {
        let usage = run(provider, input).usage;
        assert!(usage.fuel < 20_000_000, "{usage:?}");
        assert!(usage.memory_peak < 32 << 20, "{usage:?}");
        assert!(usage.table_peak < 16_384, "{usage:?}");
    }
}

/// An interpreter can be stopped like anything else, and the next call is not the worse for it.
#[test]
fn the_limits_hold_for_interpreters() {
    let input = "{\"name\": \"a\", \"n\": 1}\n".repeat(5_000);
    for (provider, fuel) in [(python(), 10_000_000), (javascript(), 1_000_000)] {
        let mut limits = provider.as_async().limits().clone();
        limits.fuel = fuel;
        let limited = provider.as_async().with_limits(limits).unwrap();
        let tokio = tokio::runtime::Runtime::new().unwrap();
        let report = tokio.block_on(async { limited.session().run(input.as_bytes()).await });
        let report = report.unwrap();
        assert_eq!(report.outcome.label(), "faulted");
        assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    }
    let report = run(python(), input.as_bytes());
    assert!(returned(&report).contains("\"records\": 5000"));
}

/// `tollgate test` runs the cases of any provider.
#[test]
fn the_cases_of_interpreters_pass() {
    for guest in [PYTHON, JAVASCRIPT] {
        let cases = format!("samples/cases/{guest}.toml");
        let component = support::cli::guest(guest);
        let said = support::cli::run(&["test", &component, "--cases", &cases, "--no-policy"]);
        let told = (support::cli::stdout(&said), support::cli::stderr(&said));
        assert_eq!(support::cli::code(&said), 0, "{told:?}");
        assert!(told.0.ends_with(" passed, 0 failed\n"), "{told:?}");
    }
}

/// Whether this guest of C or C++ was not built: `guests/polyglot/build.sh` says why.
fn lacks_clang(guest: &str) -> bool {
    let is_missing = !guests().join(format!("{guest}.wasm")).is_file();
    if is_missing {
        support::skip::skip(&format!(
            "{guest} is not built: there is no clang for wasm32-wasi, and only root can install it"
        ));
    }
    is_missing
}

/// The same cases pass with the provider in each language: results, errors and their lines are equal to the byte.
#[test]
fn one_provider_in_five_languages_gives_the_same() {
    for guest in [
        "ledger-csv",
        "polyglot-ledger-c",
        "polyglot-ledger-cpp",
        "polyglot-ledger-javascript",
        "polyglot-ledger-python",
    ] {
        let component = guests().join(format!("{guest}.wasm"));
        if guest.starts_with("polyglot-ledger-c") && lacks_clang(guest) {
            continue;
        }
        let said = support::cli::run(&[
            "test",
            component.to_str().unwrap(),
            "--cases",
            "samples/cases/ledger-csv.toml",
            "--policy",
            "samples/polyglot-ledger.toml",
        ]);
        let told = (support::cli::stdout(&said), support::cli::stderr(&said));
        assert_eq!(support::cli::code(&said), 0, "{guest}: {told:?}");
        assert!(
            told.0.ends_with("16 passed, 0 failed\n"),
            "{guest}: {told:?}"
        );
    }
}

/// The provider in C and C++ asks for no more than its world names: their libraries import nothing of WASI for it.
#[test]
fn the_provider_in_c_loads_without_wasi() {
    for guest in ["polyglot-ledger-c", "polyglot-ledger-cpp"] {
        if lacks_clang(guest) {
            continue;
        }
        load(guest, "grants.config = {}");
    }
}
