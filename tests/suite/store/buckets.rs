//! The store: values outlive calls, quotas hold, no provider sees another's keys. A27-handles and A53-store.

use std::time::Duration;

use tempfile::TempDir;
use tollgate::report::FaultKind;
use tollgate::{Policy, Source};

use support::harness::{alone, attack, returned, source};
use support::skip::fuel_is_counted;
use support::stores::{answer, ask, kept_as, kept_in, load, named, policy, runtime, with};

#[test]
fn values_are_set_read_listed_and_deleted() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    for policy_text in [with(""), kept_in(folder.path(), "")] {
        let provider = load(&policy_text);
        assert_eq!(answer(&provider, "store-open things"), "Ok([])");
        assert_eq!(answer(&provider, "store-get things a"), "Ok(None)");
        for (key, value) in [("b", "2"), ("a", "1"), ("a", "one"), ("c", "")] {
            let set = format!("store-set things {key} {value}");
            assert_eq!(answer(&provider, &set), "Ok(())");
        }
        // Every answer is another session's.
        assert_eq!(answer(&provider, "store-get things a"), "Ok(Some(\"one\"))");
        assert_eq!(answer(&provider, "store-get things c"), "Ok(Some(\"\"))");
        let keys = r#"Ok(["a", "b", "c"])"#;
        assert_eq!(answer(&provider, "store-open things"), keys);
        assert_eq!(answer(&provider, "store-open other"), "Ok([])");
        let gone = "(Ok(()), Ok(Some(5)), Ok(()), Ok(()))";
        assert_eq!(answer(&provider, "store-key 3 5"), gone);
        assert_eq!(answer(&provider, "store-get keys kkk"), "Ok(None)");
    }
}

/// A53-store, by number, by size, by sum. A refused value is in the report, and not in the store.
#[test]
fn quotas_hold() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    for (name, quota, input, stored) in [
        ("keys", "max-keys = 7", "store-flood 10", 7),
        ("value", "max-value = 99", "store-flood 100", 0),
        // Ten of: the bucket's five letters, the key's five, the value.
        ("total", "max-total = 10_100", "store-flood 1000", 10),
        ("default", "", "store-flood 100", 1_000),
    ] {
        for policy_text in [with(quota), kept_as(name, folder.path(), quota)] {
            let provider = load(&policy_text);
            let report = ask(&provider, input);
            let expected = format!("({stored}, Error::QuotaExceeded(\"quota\"))");
            assert_eq!(returned(&report), expected, "{quota}");
            let [denial] = &report.denials[..] else {
                panic!("{:?}", report.denials);
            };
            assert_eq!(denial.capability, "store");
            assert_eq!(denial.reason.label(), "quota");
            assert_eq!(denial.target, format!("flood/key-{stored}"));
            let keys = answer(&provider, "store-open flood");
            assert_eq!(keys.matches("key-").count(), stored);
        }
    }
    // Buckets are counted together, and deleted keys make room.
    let provider = load(&with("max-keys = 1"));
    assert_eq!(answer(&provider, "store-set a k v"), "Ok(())");
    let quota = "Err(Error::QuotaExceeded(\"quota\"))";
    assert_eq!(answer(&provider, "store-set b k v"), quota);
    assert_eq!(answer(&provider, "store-set a k w"), "Ok(())");
    assert!(answer(&provider, "store-key 1 1").contains("QuotaExceeded"));
    let provider = load(&with("max-keys = 1"));
    for _ in 0..3 {
        let room = "(Ok(()), Ok(Some(1)), Ok(()), Ok(()))";
        assert_eq!(answer(&provider, "store-key 1 1"), room);
    }
}

#[test]
fn keys_and_buckets_have_a_length() {
    let _alone = alone();
    let provider = load(&with(""));
    let all = "(Ok(()), Ok(Some(0)), Ok(()), Ok(()))";
    for length in [1, 128] {
        assert_eq!(answer(&provider, &format!("store-key {length}")), all);
    }
    let bad = "Err(Error::InvalidInput(\"bad-key\"))";
    let report = ask(&provider, "store-key 1024");
    assert_eq!(
        returned(&report),
        format!("(Ok(()), Ok(Some(0)), Ok(()), {bad})")
    );
    assert_eq!(report.denials.len(), 1);
    for length in [0, 1025] {
        let report = ask(&provider, &format!("store-key {length}"));
        assert_eq!(returned(&report), format!("({bad}, {bad}, {bad}, {bad})"));
        let reasons = report.denials.iter().map(|denial| denial.reason.label());
        assert_eq!(reasons.collect::<Vec<_>>(), ["bad-key"; 4]);
    }
    assert_eq!(answer(&provider, "store-open keys"), "Ok([])");
}

/// A53-store: the same bucket and key, and another provider.
#[test]
fn providers_never_see_each_other() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    // In memory they are told apart by their names, in a file by their namespaces.
    type Text<'t> = &'t dyn Fn(&str) -> String;
    let memory = |_: &str| with("");
    let file = |name: &str| kept_as(name, folder.path(), "");
    for (text, strangers) in [
        (&memory as Text<'_>, &["", "one\0", "o"][..]),
        (&file, &["one/things", "o"]),
    ] {
        let runtime = runtime();
        let load = |name: &str| {
            let policy = policy(&text(name));
            runtime.load(&named(name), &policy).unwrap()
        };
        let (one, two) = (load("one"), load("two"));
        answer(&one, "store-set things k canary");
        for nosy in strangers.iter().map(|name| load(name)).chain([two.clone()]) {
            let nosy = &nosy;
            assert_eq!(answer(nosy, "store-get things k"), "Ok(None)");
            assert_eq!(answer(nosy, "store-open things"), "Ok([])");
            assert!(!answer(nosy, "store-key 1").contains("canary"));
        }
        answer(&two, "store-set things k mine");
        assert_eq!(answer(&one, "store-get things k"), "Ok(Some(\"canary\"))");
        // Two providers share a namespace if the operator names it for both.
        let shared = text("").replace("namespace = \"\"\n", "") + "namespace = \"one\"";
        let guest = runtime.load(&named("three"), &policy(&shared)).unwrap();
        assert_eq!(answer(&guest, "store-get things k"), "Ok(Some(\"canary\"))");
    }
}

/// In memory a provider is its name, for the host as for the reports: a new version finds the keys of the old one, and
/// so does another component that is loaded by the same name. The documentation of `StoreGrant::namespace` says so.
#[test]
fn providers_of_one_name_have_one_store_in_memory() {
    let _alone = alone();
    let (old, new) = two_of_one_name();
    let runtime = runtime();
    let load = |source: &Source, more: &str| runtime.load(source, &policy(&with(more))).unwrap();
    let (one, other) = (load(&old, ""), load(&new, ""));
    answer(&one, "store-set things k v");
    assert_eq!(answer(&other, "store-get things k"), "Ok(Some(\"v\"))");
    // The operator can tell them apart.
    let apart = load(&new, "namespace = \"other\"");
    assert_eq!(answer(&apart, "store-get things k"), "Ok(None)");
}

/// A53-store: two components of one file name. A file outlives them, so that name does not separate their keys: a
/// policy without another name is refused, in text and in code.
#[test]
fn components_of_one_name_share_no_file() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let (one, other) = two_of_one_name();
    let runtime = runtime();
    let of = |namespace: &str| policy(&kept_as(namespace, folder.path(), ""));
    let ours = runtime.load(&one, &of("ours")).unwrap();
    answer(&ours, "store-set things k canary");
    let theirs = runtime.load(&other, &of("theirs")).unwrap();
    assert_eq!(answer(&theirs, "store-get things k"), "Ok(None)");
    assert_eq!(answer(&theirs, "store-open things"), "Ok([])");

    let mut nameless = of("none");
    nameless.grants.store.as_mut().unwrap().namespace = None;
    for source in [&one, &other] {
        let error = runtime.load(source, &nameless).err().unwrap().to_string();
        assert!(error.contains("add a name of your own"), "{error}");
    }
    let text = kept_as("none", folder.path(), "").replace("namespace", "# namespace");
    let error = Policy::parse(&text, folder.path()).unwrap_err().to_string();
    assert!(error.contains("`namespace = \"ledger\"`"), "{error}");
}

/// A component, and another one of the same file name.
fn two_of_one_name() -> (Source, Source) {
    let one = named("one");
    let other = Source::bytes("one", [one.as_bytes(), &[0, 2, 1, b'v']].concat());
    assert_ne!(one.digest(), other.digest());
    (one, other)
}

/// A27-handles.
#[test]
fn buckets_are_handles() {
    let fault = attack("store-handles", &with("")).faults("handles");
    assert_eq!(fault.kind, FaultKind::Handles(1_024));
    // A handle that is dropped does not count any more.
    let many = ask(&load(&with("")), "store-loop open 2000");
    assert!(many.outcome.fault().is_none(), "{:?}", many.outcome);
}

#[test]
fn the_store_is_paid_for_by_the_byte() {
    if !fuel_is_counted() {
        return;
    }
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let (memory, file) = (load(&with("")), load(&kept_in(folder.path(), "")));
    for provider in [&memory, &file] {
        let fuel = |input: &str| ask(provider, input).usage.fuel;
        // A guest's own work for these is a few units for each byte, the same for a get as for none.
        let none = fuel("store-key 1 0");
        let (small, large) = (fuel("store-key 1 1"), fuel("store-key 1 60001"));
        assert!(small > none, "{small} {none}");
        // Set once and got once, so twice a byte, and the fuel of the guest's own allocator.
        assert!(large - small >= 2 * 60_000, "{large} {small}");
        let bytes = |input: &str| ask(provider, input).usage.host_bytes;
        // Four letters of the bucket's name, the key four times, the value twice.
        assert_eq!(bytes("store-key 1 60001"), 4 + 4 + 2 * 60_001);
        let empty = fuel("store-open flood");
        answer(provider, "store-flood 0");
        let full = fuel("store-open flood");
        assert!(full > empty, "{full} {empty}");
        assert!(bytes("store-open flood") >= 1_000 * (5 + 24));
    }
    let fuel = |provider, input: &str| ask(provider, input).usage.fuel;
    for input in ["store-get none key", "store-open none"] {
        let (cheap, dear) = (fuel(&memory, input), fuel(&file, input));
        assert!(cheap >= 7_000 && dear >= 40_000, "{input}: {cheap} {dear}");
    }
    // Two commits.
    let (cheap, dear) = (fuel(&memory, "store-key 9 9"), fuel(&file, "store-key 9 9"));
    assert!(
        cheap >= 2 * 150_000 && dear >= 2 * 500_000,
        "{cheap} {dear}"
    );
}

/// The host does nothing that the fuel does not pay for.
#[test]
fn the_store_is_paid_for_in_advance() {
    if !fuel_is_counted() {
        return;
    }
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let rich = kept_in(folder.path(), "");
    let runtime = runtime();
    let load = |text: &str| runtime.load(&source("hostile"), &policy(text)).unwrap();
    let provider = load(&rich);
    answer(&provider, "store-set things k old");
    let poor = load(&format!("{rich}\n[limits]\nfuel = 90_000"));
    let report = ask(&poor, "store-set things k new");
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    assert_eq!(answer(&provider, "store-get things k"), "Ok(Some(\"old\"))");
    answer(&provider, "store-churn 60000 1");
    let report = ask(
        &load(&format!("{rich}\n[limits]\nfuel = 80_000")),
        "store-get churn key",
    );
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    assert!(report.usage.elapsed < Duration::from_secs(1));
    // A list goes no further than the fuel allows.
    answer(&provider, "store-flood 0");
    let poor = load(&format!("{rich}\n[limits]\nfuel = 65_000"));
    let report = ask(&poor, "store-open flood");
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    assert!(
        report.usage.host_bytes < 27_000,
        "{}",
        report.usage.host_bytes
    );
}

#[test]
fn an_answer_is_no_larger_than_host_data_allows() {
    let _alone = alone();
    let runtime = runtime();
    let load = |text: &str| runtime.load(&source("hostile"), &policy(text)).unwrap();
    let provider = load(&with(""));
    answer(&provider, "store-churn 60000 1");
    answer(&provider, "store-flood 0");
    let narrow = load(&with("\n[limits]\nhost-data = 20_000"));
    for input in ["store-get churn key", "store-open flood"] {
        let text = answer(&narrow, input);
        assert!(
            text.contains("QuotaExceeded(\"more than the 20000"),
            "{text}"
        );
    }
}

/// A53-store: the same request without end.
#[test]
fn endless_requests_are_stopped() {
    for (how, fault, limits) in [
        ("get", "host-calls", ""),
        ("get", "fuel", "fuel = 5_000_000"),
        ("list", "host-calls", "host-calls = 500"),
        ("set", "fuel", "fuel = 5_000_000"),
        ("delete", "fuel", "fuel = 5_000_000"),
    ] {
        let policy_text = with(&format!("[limits]\n{limits}"));
        attack(&format!("store-loop {how}"), &policy_text).faults(fault);
    }
    let folder = TempDir::new().unwrap();
    let policy_text = kept_in(folder.path(), "[limits]\ndeadline = \"100ms\"");
    attack("store-loop set", &policy_text).faults("deadline");
}
