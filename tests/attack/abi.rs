//! Values across the border, and code that runs there: A13-start-loop to A18-post-return, A22-lift-amplification to
//! A24-bad-values, A27-handles, A29-traps, A30-reentry, A32-hostile-text.

use tollgate::{Outcome, escape};

use crate::attack_case::{Case, Row};
use support::harness::{ALL, load};

const CONFIG: &str = "grants.config = {}\nlimits.fuel = 2_000_000";
const HTTP: &str =
    "grants.http = [{ url = \"https://example.com/**\" }]\nlimits.fuel = 100_000_000";

/// Calls of one guest that all have the same result.
fn each(expect: &'static str, guest: &str, policy: &str, calls: &[&str]) -> Vec<Case> {
    let case = |call: &&str| Case::wave(expect, guest, policy, call);
    calls.iter().map(case).collect()
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A13-start-loop",
        attack: "start function, endless",
        cases: || each("fuel", "start-loop", CONFIG, &["attack()"]),
    },
    Row {
        id: "A14-start-host-call",
        attack: "start function calls out",
        cases: || {
            let few = "grants.config = {}\nlimits.host-calls = 100";
            let mut cases = each("host-calls", "start-host-call", few, &["attack()"]);
            cases.extend(each("fuel", "start-host-call", CONFIG, &["attack()"]));
            cases
        },
    },
    Row {
        id: "A15-realloc-loop",
        attack: "realloc that loops",
        cases: || each("fuel", "realloc", CONFIG, &["loops([1, 2])"]),
    },
    Row {
        id: "A16-realloc-bounds",
        attack: "realloc out of bounds",
        cases: || {
            let calls = ["outside([1, 2])", "misaligned([1, 2])"];
            each("trap", "realloc", CONFIG, &calls)
        },
    },
    Row {
        id: "A17-realloc-calls-host",
        attack: "realloc that calls out",
        cases: || {
            let mut cases = each("trap", "realloc", CONFIG, &["calls-host([1])"]);
            cases.extend(each("trap", "post-return", CONFIG, &["calls-host()"]));
            cases
        },
    },
    Row {
        id: "A18-post-return",
        attack: "post-return traps, loops",
        cases: || {
            let mut cases = each("fuel", "post-return", CONFIG, &["loops()"]);
            cases.extend(each("trap", "post-return", CONFIG, &["traps()"]));
            cases
        },
    },
    Row {
        id: "A22-lift-amplification",
        attack: "lifting amplification",
        cases: || {
            let mut cases = each("host-data", "lift-arguments", HTTP, &["amplify()"]);
            cases.extend(each("fuel", "lift-arguments", HTTP, &["amplify-often()"]));
            cases
        },
    },
    Row {
        id: "A23-overlapping-lists",
        attack: "overlapping, 1 GiB lists",
        cases: || {
            let mut cases = each(
                "output",
                "lift-results",
                "limits.output = \"4MiB\"",
                &["amplify()", "overlap()"],
            );
            cases.extend(each("trap", "lift-results", "", &["claim()"]));
            let calls = ["claim()", "long-string()"];
            cases.extend(each("trap", "lift-arguments", HTTP, &calls));
            cases
        },
    },
    Row {
        id: "A24-bad-values",
        attack: "bad UTF-8, char, case",
        cases: || {
            let calls = [
                "bad-utf8()",
                "bad-utf16()",
                "bad-char()",
                "bad-enum()",
                "bad-option()",
                "bad-pointer()",
                "misaligned()",
            ];
            each("trap", "lift-results", "", &calls)
        },
    },
    Row {
        id: "A27-handles",
        attack: "handles: flood, foreign",
        cases: || {
            let mut cases = each("handles", "handles", "", &["flood()"]);
            cases.push(Case::hostile("handles", "handle-flood", ""));
            cases.extend(each("trap", "handles", "", &["double-drop()", "foreign()"]));
            cases.push(Case::hostile("trap", "double-drop", ""));
            cases.push(Case::hostile("trap", "foreign-handle", ""));
            cases
        },
    },
    Row {
        id: "A29-traps",
        attack: "every trap there is",
        cases: || {
            let calls = [
                "unreachable()",
                "divide()",
                "overflow()",
                "convert()",
                "memory()",
                "fill()",
                "table()",
                "null()",
                "signature()",
            ];
            let mut cases = each("trap", "traps", "", &calls);
            cases.push(Case::hostile("trap", "panic", ""));
            cases
        },
    },
    Row {
        id: "A30-reentry",
        attack: "re-entry from a call",
        cases: || each("trap", "re-entry", "", &["attack()"]),
    },
    Row {
        id: "A32-hostile-text",
        attack: "escape codes, long names",
        cases: text,
    },
];

fn harmless(text: &str) -> bool {
    let overrides = '\u{202a}'..='\u{202e}';
    !text
        .chars()
        .any(|c| c.is_control() || overrides.contains(&c))
}

/// Text is no reason to stop a guest: it comes out escaped and cut.
fn text() -> Vec<Case> {
    let said = |harmless: bool, kind: &str| {
        let kind = if harmless { kind } else { "not escaped" };
        kind.to_owned()
    };
    let names = load("long-names", "");
    let hostile = load("hostile", ALL);
    let (logs, errors) = (hostile.clone(), hostile);
    vec![
        Case::new("trap", move |_| {
            let report = names.session().wave("attack()").unwrap();
            let fault = report.outcome.fault().unwrap();
            let shown = fault.backtrace.iter().all(|name| harmless(name));
            said(shown && harmless(&fault.to_string()), fault.label())
        }),
        Case::new("escaped", move |_| {
            let report = logs.session().run(b"log-escape").unwrap();
            let mut lines = report.logs.iter();
            said(
                lines.all(|line| harmless(&escape::line(&line.message))),
                "escaped",
            )
        }),
        Case::new("escaped", move |_| {
            let report = errors.session().run(b"error-escape").unwrap();
            match &report.outcome {
                Outcome::Failed(error) => said(harmless(&escape::line(&error.message)), "escaped"),
                other => other.label().to_owned(),
            }
        }),
    ]
}
