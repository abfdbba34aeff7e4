//! `--json`, which prints one document on stdout however a command ends; and the cost of a call, for people.

use serde_json::Value;

use support::cli::{code, guest, run, stderr, stdout};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn an_end_without_a_result_is_json_too() {
    let (echo, counter, traps) = (guest("echo"), guest("counter"), guest("traps"));
    let checksums = guest("checksums");
    for (arguments, status, kind, reason) in [
        (
            ["call", &counter, "next()", "--feul", "1"].as_slice(),
            2,
            "usage",
            None,
        ),
        (&["inspect", "no/such.wasm"], 2, "usage", None),
        (&["list", "no/such"], 2, "usage", None),
        (&["call", &counter, "work(\"x\")"], 2, "usage", None),
        (
            &["check", &echo, "--policy", "no/such.toml"],
            2,
            "usage",
            None,
        ),
        (&["run", &echo], 2, "usage", None),
        (
            &["compile", &checksums, "--cache", "target/no-such-cache"],
            3,
            "refused",
            Some("imports"),
        ),
        (
            &["call", &counter, "nothing()"],
            3,
            "refused",
            Some("missing-export"),
        ),
        (&["call", &traps, "divide()"], 4, "faulted", Some("trap")),
        (
            &["call", &echo, "run(\"fail:no\")"],
            1,
            "failed",
            Some("invalid-input"),
        ),
    ] {
        let output = run(&[arguments, &["--json"]].concat());
        assert_eq!(code(&output), status, "{arguments:?}: {}", stderr(&output));
        let error = &parsed(&stdout(&output))["error"];
        assert_eq!(error["kind"], kind, "{arguments:?}: {error}");
        assert_eq!(
            error.get("reason").and_then(Value::as_str),
            reason,
            "{error}"
        );
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        // People are told as before.
        assert!(
            stderr(&output).starts_with("error: "),
            "{arguments:?}: {}",
            stderr(&output)
        );
        let plain = run(arguments);
        if arguments[0] != "run" {
            assert_eq!(
                (code(&plain), &*stdout(&plain)),
                (status, ""),
                "{arguments:?}"
            );
        }
    }
}

#[test]
fn a_result_is_one_document_of_json() {
    let counter = guest("counter");
    for (expression, wanted) in [("next()", Value::from(1)), ("work(1)", Value::Null)] {
        let output = run(&["call", &counter, expression, "--json"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(parsed(&stdout(&output)), wanted, "{expression}");
    }
    // A verdict is its own document, with the refusal on stderr.
    let refused = run(&["check", &guest("checksums"), "--json"]);
    assert_eq!(code(&refused), 3);
    assert_eq!(parsed(&stdout(&refused))["verdict"], "refused");
}

#[test]
fn what_a_call_cost_is_said_when_it_is_asked_for() {
    let (counter, echo) = (guest("counter"), guest("echo"));
    let plain = run(&["call", &counter, "work(100000)"]);
    assert_eq!(stderr(&plain), "");
    for (arguments, lines) in [
        (
            ["call", &counter, "work(100000)", "--stats"].as_slice(),
            Some(1),
        ),
        (
            &["run", &echo, "--input-text", "x", "--stats", "--quiet"],
            Some(1),
        ),
        (&["call", &counter, "work(4000000000)", "--stats"], Some(2)),
        (&["call", &counter, "work(100000)", "-v"], None),
    ] {
        let said = stderr(&run(arguments));
        assert!(
            lines.is_none_or(|lines| said.lines().count() == lines),
            "{said}"
        );
        let used = said.lines().find(|line| line.starts_with("used "));
        let used = used.unwrap_or_else(|| panic!("{arguments:?}: {said}"));
        assert!(
            used.contains(" KiB of memory, ") || used.contains(" MiB of memory, "),
            "{used}"
        );
        assert!(
            used.contains("s, ") && used.contains(" host call"),
            "{used}"
        );
        assert!(arguments[0] == "run" || used.contains('_'), "{used}");
    }
    let report = run(&["call", &counter, "next()", "--stats", "--report", "-"]);
    assert_eq!(parsed(&stderr(&report))["outcome"], "returned");
}
