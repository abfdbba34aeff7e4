//! The sample providers do their jobs on real data.

use tollgate::Outcome;

use support::harness::{returned, root, run, wave};

#[test]
fn checksums_are_those_of_sha256sum() {
    let policy = r#"
        grants.log = true
        grants.hash = true
        grants.files = [{ root = "data", path = "samples/files", access = "read" }]"#;
    let report = run("checksums", policy, "data");
    let expected = std::fs::read_to_string(root().join("samples/SHA256SUMS.expected")).unwrap();
    assert_eq!(returned(&report), expected);
}

#[test]
fn echo_echoes() {
    assert_eq!(returned(&run("echo", "", "hello")), "hello");
    assert_eq!(run("echo", "", "fail:why").outcome.label(), "failed");
}

#[test]
fn a_subset_of_the_hooks_is_a_provider_too() {
    let policy = "grants.config = { versions = \"1.0.0,1.1.0\" }";
    let report = wave("versions-only", policy, "list-versions()");
    let text = report.outcome.returned().unwrap();
    assert!(text.contains("1.1.0"), "{text}");
}

#[test]
fn releases_of_a_real_index() {
    let policy = r#"
        grants.config = { package = "waybill" }
        grants.log = true
        grants.files = [{ root = "index", path = "samples/index", access = "read" }]"#;
    for (call, wanted) in [
        ("list-versions()", "version"),
        ("compare-versions(\"1.0.0\", \"1.0.1\")", "less"),
        ("resolve(\"^1\", \"linux/x86_64\")", "static.crates.io"),
        (
            "tollgate:releases/resolve.resolve(\"latest\", \"linux/x86_64\")",
            "url",
        ),
        (
            "tollgate:releases/resolve@0.1.0.resolve(\"latest\", \"linux/x86_64\")",
            "url",
        ),
    ] {
        let report = wave("registry-releases", policy, call);
        let text = report.outcome.returned().unwrap_or_default();
        assert!(
            text.starts_with("ok(") && text.contains(wanted),
            "{call}: {text}"
        );
    }
    let report = wave(
        "registry-releases",
        policy,
        "resolve(\"^99\", \"linux/x86_64\")",
    );
    match report.outcome {
        Outcome::Failed(error) => assert_eq!(error.kind, "not-found"),
        other => panic!("{other:?}"),
    }
}
