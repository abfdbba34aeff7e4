//! A44-code-cache: the code in the cache is executed, so only code that it sealed is executed from it.

use std::fs;

use tempfile::TempDir;
use tollgate::blocking::Runtime;
use tollgate::cache::{Cache, CacheRejection, CodeOrigin};
use tollgate::{LoadError, Source};

use support::audit_log::audited;
use support::code_cache::{Shelf, entries, opened};
use support::harness::{all_but, numbered, policy, returned, source};
use support::memory;

/// The ranges of an entry. These tests know the format, so that each can forge a single field.
const FORMAT: std::ops::Range<usize> = 8..12;
const COMPONENT: std::ops::Range<usize> = 12..44;
const ENGINE: std::ops::Range<usize> = 44..76;
const FINDINGS_LENGTH: std::ops::Range<usize> = 76..84;
const CODE_LENGTH: std::ops::Range<usize> = 84..92;
const SEAL: std::ops::Range<usize> = 92..124;

/// The findings of an entry, and its code.
fn parts(entry: &[u8]) -> (&[u8], &[u8]) {
    let length = entry[FINDINGS_LENGTH].try_into().unwrap();
    entry[SEAL.end..].split_at(u64::from_le_bytes(length) as usize)
}

/// An entry with the head of another one, and findings and code of any origin.
fn composed(head: &[u8], findings: &[u8], code: &[u8]) -> Vec<u8> {
    let mut entry = [&head[..SEAL.end], findings, code].concat();
    entry[FINDINGS_LENGTH].copy_from_slice(&(findings.len() as u64).to_le_bytes());
    entry[CODE_LENGTH].copy_from_slice(&(code.len() as u64).to_le_bytes());
    entry
}

/// An entry with its head changed and sealed again, as a holder of the key could do.
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
        (CacheRejection::Inspection, "inspection"),
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
    // All of the head, the seal and the findings, and code from its first byte to its last.
    let told = SEAL.end + parts(&sound).0.len();
    let code = (told..sound.len()).step_by(397);
    for at in (0..told).chain(code).chain([sound.len() - 1]) {
        let mut bent = sound.clone();
        bent[at] ^= 1 << (at % 8);
        fs::write(shelf.entry(), &bent).unwrap();
        let CodeOrigin::Recompiled(why) = shelf.number(&source, 7) else {
            panic!("executed with another byte {at}");
        };
        match at {
            0..92 => assert!(WRONG.contains(&why), "{at}: {why:?}"),
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
    let heads = [
        0, 1, 8, 11, 12, 43, 44, 75, 76, 83, 84, 91, 92, 123, 124, 125,
    ];
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
    // An entry larger than the whole cache is not executed either, even if it is sound; and it is removed then.
    assert_eq!(shelf.number(&source, 7), CodeOrigin::Cached);
    let small = opened(&shelf.path(), 1_000);
    let provider = small.load(&source, &policy("")).unwrap();
    assert_eq!(provider.as_async().code_origin(), why);
    assert!(entries(&shelf.path()).is_empty());
}

/// The code of one component in place of another's would be executed, so it has to be rejected before.
#[test]
fn planted_code_is_never_executed() {
    let shelf = Shelf::new();
    // Numbers of one byte, so that both entries have the same lengths.
    let (evil, good) = (numbered(6), numbered(7));
    shelf.number(&evil, 6);
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
    // Bytes that are no code.
    plant(
        &forged(&key, &sound, |entry| {
            let told = parts(entry).0.len();
            entry[SEAL.end + told..].fill(0xcc);
        }),
        CacheRejection::Code,
    );
    // Sealed with this cache's, and telling of another component.
    plant(&forged(&key, &planted, dress), CacheRejection::Inspection);
    // The same bytes are executed when they are sealed, so the seal is the cause of each refusal above.
    let evil = composed(&sound, parts(&sound).0, parts(&planted).1);
    plant(&evil, CacheRejection::Seal);
    fs::write(&at, forged(&key, &evil, |_| {})).unwrap();
    assert_eq!(shelf.number(&good, 6), CodeOrigin::Cached);
}

/// The findings of an entry decide which imports are judged, and a component without imports passes under every policy.
/// So the findings are sealed like code, and are of this component or not used.
#[test]
fn what_an_entry_tells_is_sealed() {
    let shelf = Shelf::new();
    let all = policy(&all_but("nothing"));
    shelf.number(&numbered(7), 7);
    let harmless = fs::read(shelf.entry()).unwrap();
    fs::remove_file(shelf.entry()).unwrap();
    let hostile = source("hostile");
    shelf.runtime.load(&hostile, &all).unwrap();
    let sound = fs::read(shelf.entry()).unwrap();
    let (told, code) = parts(&sound);
    let lies = [
        (composed(&sound, parts(&harmless).0, code), true),
        (composed(&sound, &[], code), true),
        (composed(&sound, &[0xff; 100], code), true),
        // The same, with one import less and the digest of the component.
        (composed(&sound, &told[..told.len() - 1], code), true),
        (composed(&sound, told, code), false),
    ];
    let key = shelf.key();
    for (lie, is_lie) in lies {
        let unsealed = [&lie[..SEAL.start], &[0; 32], &lie[SEAL.end..]].concat();
        for (entry, why) in [
            (unsealed, CacheRejection::Seal),
            (forged(&key, &lie, |_| {}), CacheRejection::Inspection),
        ] {
            fs::write(shelf.entry(), entry).unwrap();
            // Another source of the same bytes, of which nothing is known in this process.
            let hostile = Source::bytes("hostile", hostile.as_bytes());
            let denied = match shelf.runtime.load(&hostile, &policy("")) {
                Err(LoadError::Refused(refusal)) => refusal,
                other => panic!("{:?}", other.err()),
            };
            assert_eq!(denied.kind.label(), "imports");
            let hostile = Source::bytes("hostile", hostile.as_bytes());
            let origin = shelf.runtime.load(&hostile, &all).unwrap();
            let origin = origin.as_async().code_origin();
            match is_lie || why == CacheRejection::Seal {
                true => assert_eq!(origin, CodeOrigin::Recompiled(why)),
                false => assert_eq!(origin, CodeOrigin::Cached),
            }
        }
    }
}

#[test]
fn a_key_that_is_replaced_seals_nothing_of_before() {
    let shelf = Shelf::new();
    let source = numbered(7);
    shelf.number(&source, 7);
    fs::write(shelf.path().join("key"), [7; 32]).unwrap();
    // A runtime that has the folder open continues with the earlier key.
    assert_eq!(shelf.number(&source, 7), CodeOrigin::Cached);
    let other = opened(&shelf.path(), Cache::DEFAULT_SIZE);
    let provider = other.load(&source, &policy("")).unwrap();
    let why = CodeOrigin::Recompiled(CacheRejection::Seal);
    assert_eq!(provider.as_async().code_origin(), why);
}

/// A component that is refused without a cache is refused with it, for every content of the cache.
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

/// A later reader of the memory of this process cannot seal.
#[cfg(target_os = "linux")]
#[test]
fn the_key_is_wiped_with_the_cache() {
    let folder = TempDir::new().unwrap();
    // Several, since the reading of the memory may use freed memory again.
    let caches: Vec<(Cache, Vec<u8>)> = (0..16)
        .map(|number| {
            let path = folder.path().join(number.to_string());
            let cache = Cache::open(&path, 1 << 30).unwrap();
            let mut key = fs::read(path.join("key")).unwrap();
            let masked = memory::masked(&key);
            std::hint::black_box(&mut key).fill(0);
            assert!(cache.entries().unwrap().is_empty());
            (cache, masked)
        })
        .collect();
    // The allocator writes over the beginning of freed memory.
    let places = |masked: &Vec<u8>| memory::places_of(&masked[16..]);
    assert!(caches.iter().all(|(_, masked)| places(masked) > 0));
    let masked: Vec<Vec<u8>> = caches.into_iter().map(|(_, masked)| masked).collect();
    assert_eq!(masked.iter().map(places).sum::<usize>(), 0);
}
