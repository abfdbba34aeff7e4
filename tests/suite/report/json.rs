//! What a report in JSON says is what the report says.

use std::time::Duration;

use serde_json::json;

use support::harness::load;

#[test]
fn a_report_in_json_is_the_report() {
    let provider = load("counter", "limits.deadline = \"7s\"");
    let mut report = provider.session().wave("work(1000)").unwrap();
    // What none of them is by chance.
    report.usage.elapsed = Duration::from_micros(1_234);
    report.usage.host_time = Duration::from_nanos(77_999);
    let (json, usage) = (report.to_json(), &report.usage);
    assert_eq!(
        json["usage"],
        json!({
            "fuel": report.metering.label().eq("fuel").then_some(usage.fuel),
            "memory_peak": usage.memory_peak,
            "table_peak": usage.table_peak,
            "elapsed_us": 1_234,
            "host_us": 77,
            "host_calls": usage.host_calls,
            "host_bytes": usage.host_bytes,
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
