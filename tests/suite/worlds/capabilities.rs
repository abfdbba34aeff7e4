//! Log, hash, config, http, store: each works as documented, and not without its grant (see load.rs).

use support::harness::{ALL, returned, run, wave};

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
    let report = wave("two-versions", "grants.log = true", "both()");
    let levels = report.logs.iter().map(|line| line.level.label());
    assert_eq!(levels.collect::<Vec<_>>(), ["warn", "error"]);
    // Nine lines, each another one.
    let report = run("hostile", ALL, "log-escape");
    let beginnings = [
        "\x1b[2J",
        "\x1b]0;",
        "\x1b]52",
        "\u{9b}2J",
        "innocent",
        "harmless",
        "safe",
        "\u{202e}txt",
        "before",
    ];
    assert_eq!(report.logs.len(), beginnings.len());
    for (line, beginning) in report.logs.iter().zip(beginnings) {
        assert_eq!(line.level.label(), "warn");
        assert!(line.message.starts_with(beginning), "{:?}", line.message);
    }
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
