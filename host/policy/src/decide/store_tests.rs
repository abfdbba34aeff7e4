//! Tests of the decision on a store: names, keys, quotas.

use super::*;
use crate::decide::config;
use crate::grants::StoreGrant;

fn granted() -> Grants {
    Grants {
        store: Some(StoreGrant {
            max_keys: 3,
            max_value: 10,
            max_total: 100,
            ..StoreGrant::default()
        }),
        ..Grants::default()
    }
}

#[test]
fn nothing_is_granted_by_default() {
    let usage = StoreUsage::default();
    for request in [
        StoreRequest::Bucket("a"),
        StoreRequest::Key("a"),
        StoreRequest::Set("a", 1),
        StoreRequest::Change(usage, usage),
    ] {
        assert_eq!(store(&Grants::default(), request), Err(Reason::NotGranted));
        assert_eq!(store(&granted(), request), Ok(()));
    }
    assert_eq!(config(&Grants::default(), "a"), Err(Reason::NotGranted));
}

#[test]
fn keys_and_names_are_counted_in_bytes() {
    let grants = granted();
    type Of = for<'t> fn(&'t str) -> StoreRequest<'t>;
    let cases: [(usize, Of); 3] = [
        (MAX_BUCKET, |name| StoreRequest::Bucket(name)),
        (MAX_KEY, |key| StoreRequest::Key(key)),
        (MAX_KEY, |key| StoreRequest::Set(key, 0)),
    ];
    for (most, of) in cases {
        let ask = |text: &str| store(&grants, of(text));
        assert_eq!(ask(""), Err(Reason::BadKey));
        assert_eq!(ask(&"a".repeat(most)), Ok(()));
        assert_eq!(ask(&"a".repeat(most + 1)), Err(Reason::BadKey));
        assert_eq!(ask(&"\u{e9}".repeat(most / 2)), Ok(()));
        assert_eq!(ask(&"\u{e9}".repeat(most / 2 + 1)), Err(Reason::BadKey));
        for odd in ["\0", "../x", "/", " ", "\u{202e}", "a\nb"] {
            assert_eq!(ask(odd), Ok(()), "{odd:?}");
        }
    }
}

#[test]
fn quotas_hold_back_what_grows() {
    let grants = granted();
    let set = |value| store(&grants, StoreRequest::Set("k", value));
    assert_eq!(set(10), Ok(()));
    assert_eq!(set(11), Err(Reason::Quota));
    assert_eq!(set(u64::MAX), Err(Reason::Quota));

    let change = |before: (u64, u64), after: (u64, u64)| {
        let usage = |(keys, bytes)| StoreUsage { keys, bytes };
        store(&grants, StoreRequest::Change(usage(before), usage(after)))
    };
    assert_eq!(change((2, 90), (3, 100)), Ok(()));
    assert_eq!(change((3, 90), (4, 91)), Err(Reason::Quota));
    assert_eq!(change((2, 90), (3, 101)), Err(Reason::Quota));
    // The quota was lowered below the use: a change that does not grow the namespace is allowed.
    assert_eq!(change((9, 900), (9, 900)), Ok(()));
    assert_eq!(change((9, 900), (8, 899)), Ok(()));
    assert_eq!(change((9, 900), (9, 901)), Err(Reason::Quota));
    assert_eq!(change((9, 900), (10, 800)), Err(Reason::Quota));
}
