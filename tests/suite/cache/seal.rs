//! A44-code-cache: what is in the cache is executed, so nothing is executed from it that it did not seal.

use std::fs;

use tempfile::TempDir;
use tollgate::blocking::Runtime;
use tollgate::cache::{Cache, CacheRejection, CodeOrigin};
use tollgate::{LoadError, Source};

use support::audit_log::audited;
use support::code_cache::{Shelf, entries, opened};
use support::harness::{all_but, numbered, policy, returned, source};
use support::memory;

/// Where an entry has what. These tests know the format, so that they can make entries that only lie in one thing.
const FORMAT: std::ops::Range<usize> = 8..12;
const COMPONENT: std::ops::Range<usize> = 12..44;
const ENGINE: std::ops::Range<usize> = 44..76;
const SEAL: std::ops::Range<usize> = 84..116;

/// An entry with its head changed and sealed again, by whoever has the key.
fn forged(key: &[u8; 32], entry: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut entry = entry.to_vec();
    change(&mut entry);
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher
        .update(&entry[..SEAL.start])
        .update(&entry[SEAL.end..]);
    entry[SEAL].copy_from_slice(hasher.finalize().as_bytes());
    entry
}

const WRONG: [CacheRejection; 4] = [
    CacheRejection::Format,
    CacheRejection::Component,
    CacheRejection::Engine,
    CacheRejection::Length,
];

/// The names are in the audit log, where programs look for them.
#[test]
fn each_reason_has_its_name() {
    let all = [
        (CacheRejection::NotAFile, "not-a-file"),
        (CacheRejection::Owner, "owner"),
        (CacheRejection::Length, "length"),
        (CacheRejection::Format, "format"),
        (CacheRejection::Component, "component"),
        (CacheRejection::Engine, "engine"),
        (CacheRejection::Seal, "seal"),
        (CacheRejection::Unreadable, "unreadable"),
        (CacheRejection::Code, "code"),
    ];
    for (why, name) in all {
        assert_eq!(why.label(), name);
    }
    // A cache says where it is, and nothing of its key.
    let folder = TempDir::new().unwrap();
    let cache = Cache::open(folder.path().join("cache"), 1 << 30).unwrap();
    let path = cache.path().to_owned();
    assert_eq!(
        format!("{cache:?}"),
        format!("Cache {{ path: {path:?}, max_size: 1073741824, .. }}")
    );
}

#[test]
fn what_is_cached_runs_as_if_it_were_compiled_now() {
    let shelf = Shelf::new();
    let source = source("echo");
    let run = |runtime: &Runtime| {
        let provider = runtime.load(&source, &policy("")).unwrap();
        assert_eq!(provider.as_async().cache_error(), None);
        let report = provider.session().run(b"hello").unwrap();
        assert_eq!(returned(&report), "hello");
        (provider.as_async().code_origin(), report.usage.fuel)
    };
    let (first, fuel) = run(&shelf.runtime);
    assert_eq!(first, CodeOrigin::Compiled);
    assert_eq!(run(&shelf.runtime), (CodeOrigin::Cached, fuel));
    let another = opened(&shelf.path(), Cache::DEFAULT_SIZE);
    assert_eq!(run(&another), (CodeOrigin::Cached, fuel));
    // Code that no engine with a pool takes comes from the same entry.
    let policy = policy("limits.table-elements = 2_000_000");
    let provider = shelf.runtime.load(&source, &policy).unwrap();
    assert_eq!(provider.as_async().code_origin(), CodeOrigin::Cached);
    shelf.entry();
}

#[test]
fn an_entry_that_was_changed_is_not_executed() {
    let shelf = Shelf::new();
    let source = numbered(7);
    assert_eq!(shelf.number(&source, 7), CodeOrigin::Compiled);
    let sound = fs::read(shelf.entry()).unwrap();
    // All of the head and the seal, and code from its first byte to its last.
    let code = (SEAL.end..sound.len()).step_by(397);
    for at in (0..SEAL.end).chain(code).chain([sound.len() - 1]) {
        let mut bent = sound.clone();
        bent[at] ^= 1 << (at % 8);
        fs::write(shelf.entry(), &bent).unwrap();
        let CodeOrigin::Recompiled(why) = shelf.number(&source, 7) else {
            panic!("executed with another byte {at}");
        };
        match at {
            0..84 => assert!(WRONG.contains(&why), "{at}: {why:?}"),
            _ => assert_eq!(why, CacheRejection::Seal, "{at}"),
        }
        assert!(
            fs::read(shelf.entry()).unwrap() == sound,
            "{at}: not replaced"
        );
    }
    assert_eq!(shelf.number(&source, 7), CodeOrigin::Cached);
}

#[test]
fn an_entry_that_was_cut_is_not_executed() {
    let shelf = Shelf::new();
    let source = numbered(7);
    shelf.number(&source, 7);
    let sound = fs::read(shelf.entry()).unwrap();
    let heads = [0, 1, 8, 11, 12, 43, 44, 75, 76, 83, 84, 115, 116, 117];
    let ends = [sound.len() / 2, sound.len() - 1];
    for length in heads.into_iter().chain(ends) {
        fs::write(shelf.entry(), &sound[..length]).unwrap();
        let why = CodeOrigin::Recompiled(CacheRejection::Length);
        assert_eq!(shelf.number(&source, 7), why, "{length}");
    }
    let mut longer = sound.clone();
    longer.push(0);
    fs::write(shelf.entry(), longer).unwrap();
    let why = CodeOrigin::Recompiled(CacheRejection::Length);
    assert_eq!(shelf.number(&source, 7), why);
    // Ten gigabytes of nothing are not read.
    let file = fs::File::options().write(true).open(shelf.entry()).unwrap();
    file.set_len(10 << 30).unwrap();
    assert_eq!(shelf.number(&source, 7), why);
    // Nor is what is larger than all of the cache, however sound; and it is gone then.
    assert_eq!(shelf.number(&source, 7), CodeOrigin::Cached);
    let small = opened(&shelf.path(), 1_000);
    let provider = small.load(&source, &policy("")).unwrap();
    assert_eq!(provider.as_async().code_origin(), why);
    assert!(entries(&shelf.path()).is_empty());
}

/// The code of one component in the place of another's: it would be executed, so it has to be found out before.
#[test]
fn planted_code_is_never_executed() {
    let shelf = Shelf::new();
    let (evil, good) = (numbered(666), numbered(7));
    shelf.number(&evil, 666);
    let planted = fs::read(shelf.entry()).unwrap();
    let of_evil = shelf.entry();
    fs::remove_file(&of_evil).unwrap();
    shelf.number(&good, 7);
    let sound = fs::read(shelf.entry()).unwrap();
    let at = shelf.entry();
    let plant = |entry: &[u8], why: CacheRejection| {
        fs::write(&at, entry).unwrap();
        let lines = audited(|| {
            assert_eq!(shelf.number(&good, 7), CodeOrigin::Recompiled(why));
        });
        let digest = &shelf.load(&good).as_async().info().digest.clone();
        let wanted = format!("WARN not executed numbered cache {digest} {}", why.label());
        assert!(lines.contains(&wanted), "{lines:?}");
    };
    // As it is; with the right component in its head; with all of the right head.
    plant(&planted, CacheRejection::Component);
    let mut dressed = planted.clone();
    dressed[COMPONENT].copy_from_slice(&sound[COMPONENT]);
    plant(&dressed, CacheRejection::Seal);
    let mut dressed = planted.clone();
    dressed[..SEAL.end].copy_from_slice(&sound[..SEAL.end]);
    plant(&dressed, CacheRejection::Seal);
    // Sealed, with a key that is not this cache's.
    let other_key = Shelf::new().key();
    let dress = |entry: &mut [u8]| entry[COMPONENT].copy_from_slice(&sound[COMPONENT]);
    plant(&forged(&other_key, &planted, dress), CacheRejection::Seal);
    // Sealed with this cache's, and of another engine or format.
    let key = shelf.key();
    plant(
        &forged(&key, &sound, |entry| entry[ENGINE.start] ^= 1),
        CacheRejection::Engine,
    );
    plant(
        &forged(&key, &sound, |entry| entry[FORMAT.start] = 0),
        CacheRejection::Format,
    );
    // Not code at all.
    plant(
        &forged(&key, &sound, |entry| entry[SEAL.end..].fill(0xcc)),
        CacheRejection::Code,
    );
    // What all this was about: the same bytes are executed when they are sealed.
    fs::write(&at, forged(&key, &planted, dress)).unwrap();
    assert_eq!(shelf.number(&good, 666), CodeOrigin::Cached);
}

#[test]
fn a_key_that_is_replaced_seals_nothing_of_before() {
    let shelf = Shelf::new();
    let source = numbered(7);
    shelf.number(&source, 7);
    fs::write(shelf.path().join("key"), [7; 32]).unwrap();
    // Who has the folder open goes on with the key that was.
    assert_eq!(shelf.number(&source, 7), CodeOrigin::Cached);
    let other = opened(&shelf.path(), Cache::DEFAULT_SIZE);
    let provider = other.load(&source, &policy("")).unwrap();
    let why = CodeOrigin::Recompiled(CacheRejection::Seal);
    assert_eq!(provider.as_async().code_origin(), why);
}

/// A component that is refused without a cache is refused with it, whatever is in it.
#[test]
fn what_is_refused_stays_refused() {
    let shelf = Shelf::new();
    let all = policy(&all_but("nothing"));
    let hostile = source("hostile");
    let load = |text: &str| shelf.runtime.load(&hostile, &policy(text));
    shelf.runtime.load(&hostile, &all).unwrap();
    let again = shelf.runtime.load(&hostile, &all).unwrap();
    assert_eq!(again.as_async().code_origin(), CodeOrigin::Cached);
    let granted = all_but("nothing");
    for (text, kind) in [
        (String::new(), "imports"),
        (all_but("log"), "imports"),
        (
            format!("{granted}limits.component-size = \"4KiB\""),
            "too-large",
        ),
    ] {
        match load(&text) {
            Err(LoadError::Refused(refusal)) => assert_eq!(refusal.kind.label(), kind),
            other => panic!("{kind}: {:?}", other.err()),
        }
    }
    let compile_limit = format!("{granted}limits.compile-time = \"1s\"");
    assert!(matches!(
        load(&compile_limit),
        Err(LoadError::Unsupported(
            tollgate::load::Unsupported::CompileLimits
        ))
    ));
}

/// A shape that is refused is refused although an older version, which let it through, left its code here.
#[test]
fn a_shape_that_is_refused_is_not_saved_by_its_entry() {
    let shelf = Shelf::new();
    shelf.number(&numbered(7), 7);
    let nested = |depth: usize| {
        let text = format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
        Source::bytes("nested", wat::parse_str(text).unwrap())
    };
    let (shallow, deep) = (nested(2), nested(40));
    let template = fs::read(shelf.entry()).unwrap();
    shelf.load(&shallow);
    let mut before = entries(&shelf.path());
    let digest = |source: &Source| {
        use sha2::Digest as _;
        <[u8; 32]>::from(sha2::Sha256::digest(source.as_bytes()))
    };
    // What its entry is called, by the way that the names of the two that are there are made.
    let name = |source: &Source| {
        let mut hasher = blake3::Hasher::new_derive_key("tollgate 2026 cache: name of an entry");
        hasher.update(&digest(source)).update(&template[ENGINE]);
        shelf.path().join(hasher.finalize().to_hex().as_str())
    };
    before.retain(|entry| *entry == name(&shallow) || *entry == name(&numbered(7)));
    assert_eq!(before.len(), 2);
    let entry = forged(&shelf.key(), &template, |entry| {
        entry[COMPONENT].copy_from_slice(&digest(&deep));
    });
    fs::write(name(&deep), entry).unwrap();
    match shelf.runtime.load(&deep, &policy("")) {
        Err(LoadError::Refused(refusal)) => assert_eq!(refusal.kind.label(), "compile-limit"),
        other => panic!("{:?}", other.err()),
    }
}

/// Whoever reads the memory of this process afterwards cannot seal.
#[cfg(target_os = "linux")]
#[test]
fn the_key_is_wiped_with_the_cache() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache");
    let cache = Cache::open(&path, 1 << 30).unwrap();
    let mut key = fs::read(path.join("key")).unwrap();
    let masked = memory::masked(&key);
    std::hint::black_box(&mut key).fill(0);
    // The allocator writes over the beginning of what is freed.
    let end = &masked[16..];
    assert!(cache.entries().unwrap().is_empty());
    assert!(memory::places_of(end) > 0);
    drop(cache);
    assert_eq!(memory::places_of(end), 0);
}
