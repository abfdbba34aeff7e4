//! The JSON of a report agrees with the report.

use std::time::Duration;

use serde_json::json;

use tollgate::report::{ErrorReport, ReportedError};
use tollgate::{Outcome, Report};

use support::harness::{ALL, load};
use support::skip::fuel_is_counted;

#[test]
fn a_report_in_json_is_the_report() {
    let provider = load("counter", "limits.deadline = \"7s\"");
    let mut report = provider.session().wave("work(1000)").unwrap();
    // Values that none of them has by chance.
    report.usage.elapsed = Duration::from_micros(1_234);
    report.usage.host_time = Duration::from_nanos(77_999);
    let (json, usage) = (report.to_json(), &report.usage);
    assert_eq!(
        json["usage"],
        json!({
            "fuel": report.metering.label().eq("fuel").then_some(usage.fuel),
            "memory_peak": usage.memory_peak,
            "table_peak": usage.table_peak,
            "host_memory_peak": usage.host_memory_peak,
            "elapsed_us": 1_234,
            "host_us": 77,
            "host_calls": usage.host_calls,
            "host_bytes": usage.host_bytes,
            "syncs": usage.syncs,
            "log_bytes": usage.log_bytes,
            "output_bytes": usage.output_bytes,
        })
    );
    assert_eq!(json["limits"]["deadline_us"], 7_000_000);
    for key in ["error", "fault", "logs_dropped", "stdout", "stdio_dropped"] {
        assert!(json.get(key).is_none(), "{key}");
    }
    assert_eq!((&json["denials"], &json["logs"]), (&json!([]), &json!([])));
}

/// An error of the provider's own, called by its name, is its error in the report.
#[test]
fn an_error_is_what_the_provider_said() {
    let provider = load("hostile", support::harness::ALL);
    let json = provider.session().wave("run([120])").unwrap().to_json();
    assert_eq!(json["outcome"], "failed");
    assert_eq!(json["error"]["kind"], "invalid-input");
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("err(invalid-input("), "{message}");
}

/// Written and read back, a report is the same except for its result.
fn same<T, E: ErrorReport>(report: &Report<T, E>) -> Report<(), ReportedError> {
    let text = serde_json::to_string(report).unwrap();
    let read: Report<(), ReportedError> = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), report.to_json());
    assert_eq!(
        (&read.limits, &read.denials),
        (&report.limits, &report.denials)
    );
    assert_eq!((&read.logs, read.metering), (&report.logs, report.metering));
    assert_eq!(read.provider, report.provider);
    read
}

#[test]
fn reports_are_read_back() {
    let hostile = load(
        "hostile",
        &format!("{ALL}\nlimits.deadline = '50ms'\nlimits.log = 200"),
    );
    let run = |input: &str| hostile.session().run(input.as_bytes()).unwrap();
    assert!(matches!(same(&run("ping")).outcome, Outcome::Returned(())));
    for input in ["path-escape ../secret", "log-escape", "log-flood-tiny"] {
        same(&run(input));
    }
    let Outcome::Failed(error) = same(&run("x")).outcome else {
        panic!("x is no attack");
    };
    assert_eq!(error.kind, "invalid-input");
    // Each kind of fault, with its number.
    for attack in [
        "spin",
        "recurse",
        "fill",
        "unreachable",
        "divide",
        "big-output 9000000",
        "host-call-flood",
        "handle-flood",
    ] {
        let report = run(attack);
        assert_eq!(
            same(&report).outcome.fault(),
            report.outcome.fault(),
            "{attack}"
        );
    }
}

/// Reports come from other machines: a text that is no report is an error, and not another report.
#[test]
fn what_is_no_report_is_not_read() {
    // Without fuel, null is its right value.
    if !fuel_is_counted() {
        return;
    }
    let json = load("counter", "")
        .session()
        .wave("work(1)")
        .unwrap()
        .to_json();
    let read = |json: &serde_json::Value| {
        serde_json::from_value::<Report<(), ReportedError>>(json.clone())
    };
    read(&json).unwrap();
    for (pointer, wrong) in [
        ("/outcome", json!("refused")),
        ("/outcome", json!("failed")),
        ("/outcome", json!("faulted")),
        ("/limits/memory", json!(-1)),
        ("/limits/memory", json!(1)),
        ("/limits/memory", json!(null)),
        ("/usage/fuel", json!(null)),
        ("/usage/memory_peak", json!("1")),
        (
            "/denials",
            json!([{ "capability": "none", "target": "", "reason": "quota" }]),
        ),
        (
            "/denials",
            json!([{ "capability": "files", "target": "", "reason": "none" }]),
        ),
        ("/logs", json!([{ "level": "none", "message": "" }])),
        (
            "/provider/signature",
            json!({ "key_id": "x", "comment": "" }),
        ),
    ] {
        let mut json = json.clone();
        *json.pointer_mut(pointer).unwrap() = wrong;
        assert!(read(&json).is_err(), "{pointer}: {json}");
    }
    for (key, more) in [
        ("error", json!({ "kind": "other", "message": "" })),
        ("fault", json!({ "kind": "trap", "message": "" })),
        ("stderr", json!("")),
        ("stdio_dropped", json!(1)),
        ("metering", json!("deadline-only")),
        ("metering", json!("none")),
    ] {
        let mut json = json.clone();
        json[key] = more;
        assert!(read(&json).is_err(), "{key}: {json}");
    }
    for fault in [
        json!({ "kind": "none", "message": "" }),
        json!({ "kind": "fuel", "message": "" }),
        json!({ "kind": "exit", "message": "" }),
        json!({ "kind": "handles", "message": "", "limit": u64::MAX }),
    ] {
        let mut json = json.clone();
        json["outcome"] = json!("faulted");
        json["fault"] = fault;
        assert!(read(&json).is_err(), "{json}");
    }
    // The text from the reader is escaped, for reports of any writer.
    let mut json = json;
    json["outcome"] = json!("faulted");
    json["fault"] = json!({ "kind": "trap", "message": "\u{1b}]0;x\n", "trap": "\u{1b}", "backtrace": ["\u{202e}"] });
    json["denials"] = json!([{ "capability": "files", "target": "\u{1b}[2J", "reason": "quota" }]);
    let report = read(&json).unwrap();
    let shown = format!("{:?} {:?}", report.outcome, report.denials);
    let fault = report.outcome.fault().unwrap();
    assert_eq!(fault.to_string(), "\\u{1b}]0;x\\n");
    assert_eq!(report.denials[0].target, "\\u{1b}[2J");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
}
