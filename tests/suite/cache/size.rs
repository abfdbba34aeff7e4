//! The size of a cache, the entries that it removes, and its use by several processes at the same time.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tollgate::Source;
use tollgate::cache::{Cache, CodeOrigin};

use support::code_cache::{Shelf, entries, opened};
use support::harness::{numbered, policy, source};

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let probe = Shelf::new();
    probe.number(&numbered(1), 1);
    let size = fs::metadata(probe.entry()).unwrap().len();
    let shelf = Shelf::of_size(2 * size + size / 2);
    let (a, b, c) = (numbered(1), numbered(2), numbered(3));
    shelf.number(&a, 1);
    let of_a = shelf.entry();
    shelf.number(&b, 2);
    // Both were used long ago, and `b` after `a`; then `a` is used again.
    let ago = |seconds| SystemTime::now() - Duration::from_secs(seconds);
    for entry in entries(&shelf.path()) {
        let when = ago(if entry == of_a { 2_000 } else { 1_000 });
        fs::File::open(&entry).unwrap().set_modified(when).unwrap();
    }
    assert_eq!(shelf.number(&a, 1), CodeOrigin::Cached);
    assert_eq!(shelf.number(&c, 3), CodeOrigin::Compiled);
    assert_eq!(entries(&shelf.path()).len(), 2);
    assert_eq!(shelf.number(&a, 1), CodeOrigin::Cached);
    assert_eq!(shelf.number(&c, 3), CodeOrigin::Cached);
    assert_eq!(shelf.number(&b, 2), CodeOrigin::Compiled);
    let total = |path: &Path| -> u64 {
        let sizes = entries(path).into_iter();
        sizes.map(|path| fs::metadata(path).unwrap().len()).sum()
    };
    assert!(total(&shelf.path()) <= 2 * size + size / 2);
    // An entry larger than the whole cache is not kept, and removes no other.
    let large = shelf.load(&source("echo"));
    let why = large.as_async().cache_error().unwrap();
    assert!(why.contains("of the whole cache"), "{why}");
    assert_eq!(entries(&shelf.path()).len(), 2);
    let again = shelf.load(&source("echo"));
    assert_eq!(again.as_async().code_origin(), CodeOrigin::Compiled);
}

#[test]
fn a_cache_as_large_as_one_entry_keeps_one() {
    let shelf = Shelf::new();
    shelf.number(&numbered(1), 1);
    let size = fs::metadata(shelf.entry()).unwrap().len();
    for number in [2, 3] {
        shelf.number(&numbered(number), number);
    }
    assert_eq!(entries(&shelf.path()).len(), 3);
    // Three of the four are removed.
    let small = opened(&shelf.path(), size);
    let load = || small.load(&numbered(4), &policy("")).unwrap();
    assert_eq!(load().as_async().cache_error(), None);
    assert_eq!(entries(&shelf.path()).len(), 1);
    assert_eq!(load().as_async().code_origin(), CodeOrigin::Cached);
}

#[test]
fn what_killed_writers_left_is_swept() {
    let shelf = Shelf::new();
    let (old, young) = ("tmp-0123456789abcdef", "tmp-fedcba9876543210");
    for name in [old, young, "notes.txt"] {
        fs::write(shelf.path().join(name), "half of it").unwrap();
    }
    // An hour is the longest that one may take.
    for (name, minutes) in [(old, 61), (young, 59)] {
        let before = SystemTime::now() - Duration::from_secs(minutes * 60);
        let file = fs::File::open(shelf.path().join(name)).unwrap();
        file.set_modified(before).unwrap();
    }
    shelf.number(&numbered(7), 7);
    assert!(!shelf.path().join(old).exists());
    assert!(shelf.path().join(young).exists());
    let cache = Cache::open(shelf.path(), Cache::DEFAULT_SIZE).unwrap();
    assert_eq!(cache.entries().unwrap().len(), 1);
    assert_eq!(cache.clear().unwrap().0, 1);
    // Files that are not the cache's stay, and so do files that another process may still write.
    let mut left = entries(&shelf.path());
    left.sort();
    assert_eq!(
        left,
        [shelf.path().join("notes.txt"), shelf.path().join(young)]
    );
}

#[test]
fn many_at_once_get_what_they_asked_for() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache");
    let probe = Shelf::new();
    probe.number(&numbered(1), 1);
    // Room for two of four: each write evicts an entry that another load is about to read.
    let most = 2 * fs::metadata(probe.entry()).unwrap().len() + 64;
    let start = std::sync::Barrier::new(6);
    let sources: Vec<Source> = (0..4).map(numbered).collect();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (path, sources, start) = (&path, &sources, &start);
            scope.spawn(move || {
                // All of them make the folder and its key.
                start.wait();
                let runtime = opened(path, most);
                for round in 0..40 {
                    let number = (thread + round * (1 + thread % 3)) % 4;
                    let provider = runtime.load(&sources[number], &policy("")).unwrap();
                    let report = provider.session().wave("f()").unwrap();
                    assert_eq!(report.outcome.returned(), Some(number.to_string()));
                    let compiled = provider.as_async().code_origin();
                    assert!(
                        !matches!(compiled, CodeOrigin::Recompiled(_)),
                        "{compiled:?}"
                    );
                    assert_eq!(provider.as_async().cache_error(), None);
                }
            });
        }
    });
    let left = entries(&path);
    assert!(left.len() <= 2, "{left:?}");
    let cache = Cache::open(&path, most).unwrap();
    assert!(
        cache
            .entries()
            .unwrap()
            .iter()
            .all(|entry| entry.digest.is_ok())
    );
}

#[test]
fn a_folder_that_goes_away_costs_no_load() {
    let shelf = Shelf::new();
    fs::remove_dir_all(shelf.path()).unwrap();
    assert_eq!(shelf.number(&numbered(7), 7), CodeOrigin::Compiled);
    let provider = shelf.load(&numbered(7));
    let why = provider.as_async().cache_error().unwrap();
    assert!(why.contains(shelf.path().to_str().unwrap()), "{why}");
}
