//! `wasi:keyvalue` and `wasi:config`: the standard's names, under the same grants, decisions and prices.

use tempfile::TempDir;
use tollgate::Source;
use tollgate::blocking::Provider;
use tollgate::load::RefusalKind;
use tollgate::report::FaultKind;

use support::harness::{alone, policy, refused, returned, source};
use support::stores::{answer, ask, kept_in, named, runtime, with};

const BOTH: &str = "grants.config = { region = \"eu\", retries = \"3\" }\ngrants.store = true\n";

fn load(policy_text: &str) -> Provider {
    let source = source("standard-store");
    runtime().load(&source, &policy(policy_text)).unwrap()
}

#[test]
fn the_standard_store_is_the_store() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let text = kept_in(folder.path(), "");
    let runtime = runtime();
    let standard = runtime.load(&source("standard-store"), &policy(&text));
    let standard = standard.unwrap();
    let ours = runtime.load(&named("ours"), &policy(&text)).unwrap();
    assert_eq!(answer(&standard, "get b k"), "None");
    assert_eq!(answer(&standard, "exists b k"), "Ok(false)");
    assert_eq!(answer(&standard, "set b k v"), "Ok(())");
    assert_eq!(answer(&ours, "store-get b k"), "Ok(Some(\"v\"))");
    assert_eq!(answer(&ours, "store-set b k w"), "Ok(())");
    assert_eq!(answer(&standard, "get b k"), "Some(\"w\")");
    assert_eq!(answer(&standard, "exists b k"), "Ok(true)");
    assert_eq!(answer(&standard, "list b"), "1 Some(\"k\") None");
    assert_eq!(answer(&standard, "delete b k"), "Ok(())");
    assert_eq!(answer(&ours, "store-open b"), "Ok([])");
}

#[test]
fn the_standard_store_has_the_same_decisions() {
    let _alone = alone();
    let policy_text = format!("{}max-keys = 2\nmax-value = 3", with(""));
    let provider = load(&policy_text);
    let denied = |input: &str, answer: &str, reason: &str| {
        let report = ask(&provider, input);
        assert!(returned(&report).contains(answer), "{}", returned(&report));
        let reasons = report.denials.iter().map(|denial| denial.reason.label());
        assert_eq!(reasons.collect::<Vec<_>>(), [reason], "{input}");
        assert_eq!(report.denials[0].capability, "store");
    };
    denied("open ", "NoSuchStore", "bad-key");
    denied(
        &format!("open {}", "b".repeat(129)),
        "NoSuchStore",
        "bad-key",
    );
    denied("set b  v", "Other(\"bad-key\")", "bad-key");
    denied("get b ", "Other(\"bad-key\")", "bad-key");
    denied("exists b ", "Other(\"bad-key\")", "bad-key");
    denied("delete b ", "Other(\"bad-key\")", "bad-key");
    denied("set b k four", "Other(\"quota\")", "quota");
    denied("keep b 3", "Other(\"quota\")", "quota");
    assert_eq!(answer(&provider, "list b"), "2 Some(\"key-00000\") None");
}

#[test]
fn the_standard_store_lists_in_pages() {
    let _alone = alone();
    let provider = load(&with("max-keys = 5_000"));
    answer(&provider, "keep b 2500");
    assert_eq!(
        answer(&provider, "list b"),
        "1000 Some(\"key-00000\") Some(1000)"
    );
    let page = "1000 Some(\"key-01000\") Some(2000)";
    assert_eq!(answer(&provider, "list b 1000"), page);
    assert_eq!(
        answer(&provider, "list b 2000"),
        "500 Some(\"key-02000\") None"
    );
    // Any number is a cursor, and the keys that it skips are paid for.
    let report = ask(&provider, "list b 18446744073709551615");
    assert_eq!(returned(&report), "0 None None");
    assert!(report.usage.host_bytes > 2_500 * (9 + 24));
    // A page is no larger than an answer may be.
    let narrow = format!("{}\n[limits]\nhost-data = 3_000", with(""));
    let narrow = load(&narrow);
    answer(&narrow, "keep b 200");
    assert_eq!(answer(&narrow, "list b"), "90 Some(\"key-00000\") Some(90)");
}

#[test]
fn standard_buckets_are_handles() {
    let _alone = alone();
    let provider = load(BOTH);
    let report = ask(&provider, "handles b");
    let fault = report.outcome.fault().unwrap();
    assert_eq!(fault.kind, FaultKind::Handles(1_024));
}

#[test]
fn the_standard_settings_are_the_settings() {
    let _alone = alone();
    let provider = load(BOTH);
    assert_eq!(answer(&provider, "config region"), "Ok(Some(\"eu\"))");
    for key in ["Region", "PATH", ""] {
        assert_eq!(answer(&provider, &format!("config {key}")), "Ok(None)");
    }
    let report = ask(&provider, "configs");
    let all = "Ok([(\"region\", \"eu\"), (\"retries\", \"3\")])";
    assert_eq!(returned(&report), all);
    assert_eq!(report.usage.host_bytes, 6 + 2 + 7 + 1 + 2 * 48);
}

/// Each by its own grant, and no other: not by `wasi` either.
#[test]
fn the_standard_names_need_the_same_grants() {
    let _alone = alone();
    let guest = source("standard-store");
    for (policy_text, denied) in [
        (
            "",
            &["config/store@0.2.0-rc.1", "keyvalue/store@0.2.0-draft"][..],
        ),
        (
            "grants.wasi = \"inert\"",
            &["config/store", "keyvalue/store"],
        ),
        ("grants.store = true", &["config/store"]),
        ("grants.config = {}", &["keyvalue/store"]),
    ] {
        let refusal = refused(&guest, policy_text);
        assert_eq!(refusal.kind, RefusalKind::Imports);
        let names: Vec<&str> = refusal.imports.iter().map(|i| &*i.name).collect();
        assert_eq!(names.len(), denied.len(), "{names:?}");
        for name in denied {
            assert!(names.iter().any(|found| found.contains(name)), "{names:?}");
        }
    }
}

/// A draft is served to the letter: the next may differ in any way.
#[test]
fn other_drafts_are_refused() {
    let _alone = alone();
    for (name, have) in [
        ("wasi:keyvalue/store", "0.2.0-draft"),
        ("wasi:config/store", "0.2.0-rc.1"),
    ] {
        for version in ["0.2.0-draft2", "0.2.0-rc.2", "0.2.0", "0.2.1", "0.1.0"] {
            let text = format!(
                r#"(component (import "{name}@{version}" (instance (export "f" (func)))))"#
            );
            let source = Source::bytes("draft", wat::parse_str(text).unwrap());
            let refusal = refused(&source, BOTH);
            assert_eq!(refusal.kind, RefusalKind::WorldVersion, "{name}@{version}");
            assert!(refusal.to_string().contains(have), "{refusal}");
        }
    }
    // No other interface of the same package is served.
    let text = r#"(component (import "wasi:keyvalue/atomics@0.2.0-draft" (instance (export "f" (func)))))"#;
    let source = Source::bytes("atomics", wat::parse_str(text).unwrap());
    assert_eq!(refused(&source, BOTH).kind, RefusalKind::Imports);
}

/// A bucket that is dropped makes room for another.
#[test]
fn buckets_that_are_dropped_are_gone() {
    let limits = "grants.store = true\nlimits.handles = 10";
    let report = support::harness::wave("buckets", limits, "churn(100)");
    assert_eq!(report.outcome.label(), "returned", "{:?}", report.outcome);
}
