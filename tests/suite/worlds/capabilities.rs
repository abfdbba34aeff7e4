//! Log, hash, config, http, store: each does what it says, and nothing without its grant (see load.rs).

use support::harness::{ALL, returned, run};

#[test]
fn config_answers_what_the_policy_sets_and_nothing_else() {
    assert!(returned(&run("hostile", ALL, "config-get region")).contains("eu"));
    for key in ["Region", "region ", "PATH", "HOME", ""] {
        let answer = returned(&run("hostile", ALL, &format!("config-get {key}")));
        assert!(answer.contains("None"), "{key}: {answer}");
    }
}

#[test]
fn log_lines_keep_their_level_and_order() {
    let report = run("checksums", ALL, "data");
    assert_eq!(report.logs.len(), 1);
    assert_eq!(report.logs[0].level.label(), "info");
    assert_eq!(
        report.usage.log_bytes,
        report.logs[0].message.len() as u64 + 32
    );
    assert_eq!(returned(&run("hostile", ALL, "ping")), "pong");
    // Ten empty headers: no header has an empty name.
    assert!(returned(&run("hostile", ALL, "big-list 10")).contains("AccessDenied"));
}
