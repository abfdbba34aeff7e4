//! Guest text on its way to a person: A32-hostile-text.

use tollgate::{Outcome, escape};

use support::harness::{ALL, run, wave};

fn harmless(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
}

#[test]
fn function_names_in_a_backtrace_are_escaped() {
    let report = wave("long-names", "", "attack()");
    let fault = report.outcome.fault().unwrap();
    assert!(
        fault
            .backtrace
            .iter()
            .any(|name| name.contains("all is well")),
        "{fault:?}"
    );
    assert!(
        fault.backtrace.iter().all(|name| harmless(name)),
        "{fault:?}"
    );
    assert!(harmless(&fault.to_string()));
}

#[test]
fn logs_and_errors_are_escaped_where_they_are_shown() {
    let report = run("hostile", ALL, "log-escape");
    assert!(
        report.logs.iter().any(|line| !harmless(&line.message)),
        "the attack is there"
    );
    for line in &report.logs {
        assert!(harmless(&escape::line(&line.message)));
    }
    let json = serde_json::to_string(&report.to_json()).unwrap();
    let safe = escape::json(&json);
    assert!(harmless(&safe));
    let back: serde_json::Value = serde_json::from_str(&safe).unwrap();
    assert_eq!(back["logs"][0]["message"], report.logs[0].message.as_str());

    let report = run("hostile", ALL, "error-escape");
    match &report.outcome {
        Outcome::Failed(error) => assert!(harmless(&escape::line(&error.message))),
        other => panic!("{other:?}"),
    }
    let json = serde_json::to_string_pretty(&report.to_json()).unwrap();
    assert!(escape::json(&json).lines().all(harmless));
}

#[test]
fn denied_paths_are_escaped_and_cut() {
    let path = format!("path-escape ../{}\u{1b}[31m", "x".repeat(10_000));
    let report = run("hostile", ALL, &path);
    let denial = &report.denials[0];
    assert!(harmless(&denial.target) && denial.target.chars().count() <= escape::SHOWN + 1);
}
