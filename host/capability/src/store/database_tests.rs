//! Tests of the database: namespaces never overlap, and the usage matches the contents.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::prices::KEY_PRICE;
use crate::store::group::{Queue, Turn};
use crate::store::place::StoreKey;
use crate::store::prefix;

/// Names that begin with each other, that contain the bytes of lengths, or arbitrary ones.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab\\x00\\x01]{0,4}",
        "[a-b]{0,3}\\x00{0,9}",
        any::<String>()
    ]
}

/// One change, committed alone.
fn change(
    database: &Database,
    place: &StoreKey<'_>,
    value: Option<&[u8]>,
    decide: fn(StoreUsage, StoreUsage) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let queue = Queue::default();
    let mut waits = queue.enter(Change {
        namespace: place.namespace.into(),
        bucket: place.bucket.into(),
        key: place.key.to_owned(),
        value: value.map(<[u8]>::to_vec),
        decide: Box::new(decide),
    });
    match block_on(waits.turn()) {
        Turn::Commits(group) => database.change(group).unwrap(),
        Turn::Committed(_) => panic!("nobody else commits"),
    }
    waits.answer().unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let tokio = tokio::runtime::Builder::new_current_thread();
    { tokio }.build().unwrap().block_on(work)
}

fn allow(_: StoreUsage, _: StoreUsage) -> Result<(), Reason> {
    Ok(())
}

fn all() -> Bounds {
    Bounds {
        skip: 0,
        keys: usize::MAX,
        bytes: u64::MAX,
        fuel: u64::MAX,
        entries: u64::MAX,
    }
}

fn listed(database: &Database, prefix: &[u8], bounds: &Bounds) -> Listed {
    let listed = database.list(prefix, bounds, &Ended::default());
    listed.unwrap().unwrap()
}

fn usage(database: &Database, namespace: &str) -> (u64, u64) {
    let usages = database
        .redb
        .begin_read()
        .unwrap()
        .open_table(USAGE)
        .unwrap();
    let usage = usages.get(namespace.as_bytes()).unwrap();
    usage.map_or((0, 0), |usage| usage.value())
}

proptest! {
    /// One place has one key, and no key belongs to two buckets.
    #[test]
    fn places_never_meet(a in (name(), name(), name()), b in (name(), name(), name())) {
        let place = |of: &(String, String, String)| StoreKey {
            namespace: &of.0,
            bucket: &of.1,
            key: &of.2,
        }
        .key();
        prop_assert_eq!(place(&a) == place(&b), a == b);
        let within = place(&a).starts_with(&prefix(&b.0, &b.1));
        prop_assert_eq!(within, (&a.0, &a.1) == (&b.0, &b.1));
    }

    /// Compares with a map: after any steps, each bucket holds the values put there, and the usage is their sum.
    #[test]
    fn a_database_is_a_map(steps in vec((name(), name(), name(), proptest::option::of(0..9_usize)), 0..40)) {
        let database = Database::in_memory().unwrap();
        let mut map = BTreeMap::new();
        for (namespace, bucket, key, value) in &steps {
            let value = value.map(|size| vec![b'x'; size]);
            let place = StoreKey { namespace, bucket, key };
            change(&database, &place, value.as_deref(), allow).unwrap();
            let at = (namespace.clone(), bucket.clone(), key.clone());
            match value {
                Some(value) => _ = map.insert(at, value),
                None => _ = map.remove(&at),
            }
        }
        for (namespace, bucket, key, _) in &steps {
            let place = StoreKey { namespace, bucket, key };
            let found = database.get(&place.key(), u64::MAX).unwrap().map(|found| match found {
                Found::Value(value) => value,
                Found::Larger(_) => unreachable!(),
            });
            let at = (namespace.clone(), bucket.clone(), key.clone());
            prop_assert_eq!(&found, &map.get(&at).cloned());
            let mine = map.iter().filter(|((n, b, _), _)| n == namespace && b == bucket);
            let keys: Vec<String> = mine.map(|((_, _, key), _)| key.clone()).collect();
            let listed = listed(&database, &prefix(namespace, bucket), &all());
            prop_assert!(!listed.more);
            prop_assert_eq!(listed.keys, keys);
            let mine = map.iter().filter(|((n, _, _), _)| n == namespace);
            let sum = mine.fold((0, 0), |(keys, bytes), ((_, b, k), value)| {
                (keys + 1, bytes + (b.len() + k.len() + value.len()) as u64)
            });
            prop_assert_eq!(usage(&database, namespace), sum);
        }
    }
}

#[test]
fn lists_go_no_further_than_they_may() {
    let database = Database::in_memory().unwrap();
    for number in 0..9 {
        let key = &format!("key-{number}");
        let (namespace, bucket) = ("n", "b");
        let place = StoreKey {
            namespace,
            bucket,
            key,
        };
        change(&database, &place, Some(b""), allow).unwrap();
    }
    let list = |bounds| listed(&database, &prefix("n", "b"), &bounds);
    let page = list(Bounds {
        skip: 2,
        keys: 3,
        ..all()
    });
    assert_eq!(page.keys, ["key-2", "key-3", "key-4"]);
    assert!(page.more);
    let page = list(Bounds {
        skip: 6,
        keys: 3,
        ..all()
    });
    assert_eq!((page.keys.len(), page.more), (3, false));
    let page = list(Bounds {
        skip: u64::MAX,
        ..all()
    });
    assert_eq!((page.keys.len(), page.more), (0, false));
    assert_eq!((page.read, page.bytes), (9, 9 * (5 + LISTED)));
    let each = KEY_PRICE + 5 + LISTED;
    let paid = |fuel| list(Bounds { fuel, ..all() }).keys.len();
    assert_eq!((paid(9 * each), paid(9 * each - 1)), (9, 8));
    let page = list(Bounds {
        bytes: 2 * (5 + LISTED),
        ..all()
    });
    assert_eq!((page.keys.len(), page.more), (2, true));
    let page = list(Bounds {
        skip: 9,
        fuel: 3 * each,
        ..all()
    });
    assert_eq!((page.keys.len(), page.more), (0, true));
    let few = |entries| {
        let bounds = Bounds { entries, ..all() };
        let listed = database.list(&prefix("n", "b"), &bounds, &Ended::default());
        listed.unwrap().map(|page| page.keys.len())
    };
    assert_eq!((few(9), few(8)), (Some(9), None));
    // Nothing is listed after the end of the call either.
    let ended = Ended::default();
    ended.set();
    let page = database.list(&prefix("n", "b"), &all(), &ended);
    assert_eq!(page.unwrap().unwrap().keys.len(), 0);
}

#[test]
fn what_is_refused_is_not_written() {
    let database = Database::in_memory().unwrap();
    let (namespace, bucket, key) = ("n", "b", "k");
    let place = StoreKey {
        namespace,
        bucket,
        key,
    };
    change(&database, &place, Some(b"old"), allow).unwrap();
    let no = |_: StoreUsage, _: StoreUsage| Err(Reason::Quota);
    for value in [Some(&b"new"[..]), None] {
        assert_eq!(change(&database, &place, value, no), Err(Reason::Quota));
        let found = database.get(&place.key(), 3).unwrap();
        assert!(matches!(found, Some(Found::Value(value)) if value == b"old"));
    }
    assert_eq!(usage(&database, "n"), (1, 5));
    assert!(matches!(
        database.get(&place.key(), 2).unwrap(),
        Some(Found::Larger(3))
    ));
}
