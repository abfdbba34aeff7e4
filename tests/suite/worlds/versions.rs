//! Versions of `tollgate:provider` side by side, and the allowed changes in one: docs/adr/0011.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tollgate::{Limits, Source};

use support::harness::{blocking, load, policy, refused, returned, root, source, wave};

const CHECKSUMS: &str = r#"
    grants.log = true
    grants.hash = true
    grants.files = [{ root = "data", path = "samples/files", access = "read" }]"#;

/// Built before there was a 0.2.0, and never since.
fn built_for_0_1_0() -> Source {
    let file = root().join("tests/worlds/0.1.0/checksums.wasm");
    Source::file(&file, &Limits::default()).unwrap()
}

#[test]
fn a_component_of_then_runs_as_it_did() {
    let component = built_for_0_1_0();
    let world = component.inspect().unwrap().world();
    assert_eq!(world.as_deref(), Some("tollgate:provider/provider@0.1.0"));
    let provider = blocking().load(&component, &policy(CHECKSUMS)).unwrap();
    let report = provider.session().run(b"data").unwrap();
    let expected = std::fs::read_to_string(root().join("samples/SHA256SUMS.expected")).unwrap();
    assert_eq!(returned(&report), expected);
    assert_eq!(report.logs.len(), 1);
}

/// An older version is granted by the same words, and denied without them.
#[test]
fn every_version_needs_its_grant() {
    for component in [built_for_0_1_0(), source("two-versions"), source("courier")] {
        let refusal = refused(&component, "");
        assert_eq!(refusal.kind.label(), "imports");
        let denied =
            |import: &tollgate::component::ImportVerdict| import.judgement.label() == "denied";
        assert!(refusal.imports.iter().all(denied), "{refusal}");
    }
}

#[test]
fn one_component_may_use_both() {
    let report = wave("two-versions", "grants.log = true", "both()");
    let line =
        |line: &tollgate::report::LogLine| format!("{} {}", line.level.label(), line.message);
    let lines: Vec<String> = report.logs.iter().map(line).collect();
    assert_eq!(lines, ["warn by 0.1.0", "error by 0.2.0"]);
    // Each pays its toll.
    assert_eq!(report.usage.host_calls, 2);
}

#[test]
fn the_newer_world_is_named() {
    let world = source("courier").inspect().unwrap().world();
    assert_eq!(world.as_deref(), Some("tollgate:provider/provider@0.2.0"));
}

/// The WIT of a folder without its comments, and a digest of it.
fn digest(folder: &Path) -> String {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().map(str::trim);
        for line in code.filter(|line| !line.is_empty() && !line.starts_with("//")) {
            hash.update(line);
            hash.update("\n");
        }
    }
    let digest = hash.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A published package does not change, since components that were built for it would stop loading. A package that is
/// not published yet gets its new digest here.
#[test]
fn what_is_published_stays_as_it_is() {
    for (folder, published) in [
        ("provider", "e3ebb61347e78fb7"),
        ("provider-0.2", "6cbddbd98d3be7ef"),
        ("releases", "0cbbcdb3e403cbc0"),
        ("ledger", "5b95eb9629006d15"),
    ] {
        let now = digest(&root().join("wit").join(folder));
        assert_eq!(
            now, published,
            "wit/{folder} is published: make a new version"
        );
    }
}

/// Sessions of both at the same time, on one runtime, without effect on each other.
#[test]
fn both_are_served_by_one_runtime() {
    let older = blocking()
        .load(&built_for_0_1_0(), &policy(CHECKSUMS))
        .unwrap();
    let newer = load("two-versions", "grants.log = true");
    let (mut one, mut two) = (older.session(), newer.session());
    for _ in 0..3 {
        assert!(one.run(b"data").unwrap().outcome.returned().is_some());
        assert!(two.wave("both()").unwrap().outcome.returned().is_some());
    }
}
