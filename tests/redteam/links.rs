//! A hard link to a protected file is not opened.

use std::fs::{hard_link, write};

use tempfile::TempDir;
use tollgate::Policy;

use support::harness::{all_but, blocking, policy, returned, source};

/// The policy of a guest with the root `data`, and a credential in `own/token`.
fn granted(folder: &TempDir) -> Policy {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let rest: String = all_but("files")
        .lines()
        .filter(|line| !line.starts_with("grants.http"))
        .map(|line| format!("{line}\n"))
        .collect();
    policy(&format!(
        "{rest}grants.files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}]\n\
         grants.http = [{{ url = \"https://example.com/**\", credential = {{ header = \"x-token\", from-file = \"{}\" }} }}]",
        at("data"),
        at("own/token")
    ))
}

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["own", "data"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    write(folder.path().join("own/token"), "canary-in-use").unwrap();
    hard_link(
        folder.path().join("own/token"),
        folder.path().join("data/link"),
    )
    .unwrap();
    folder
}

/// The file of the credential is replaced, as programs that rotate secrets do, and the root keeps the last name of the
/// one that the provider uses.
#[test]
fn a_hard_link_to_a_credential_is_not_opened_after_its_file_is_replaced() {
    let folder = folder();
    let provider = blocking()
        .load(&source("hostile"), &granted(&folder))
        .unwrap();
    let read = || returned(&provider.session().run(b"read-file data link").unwrap());
    let before = read();
    assert!(!before.contains("canary"), "{before}");
    write(folder.path().join("own/new"), "canary-new").unwrap();
    std::fs::rename(
        folder.path().join("own/new"),
        folder.path().join("own/token"),
    )
    .unwrap();
    let after = read();
    assert!(!after.contains("canary-in-use"), "{after}");
}

/// The same, where the file is removed once the provider has it.
#[test]
fn a_hard_link_to_a_credential_is_not_opened_after_its_file_is_removed() {
    let folder = folder();
    let provider = blocking()
        .load(&source("hostile"), &granted(&folder))
        .unwrap();
    std::fs::remove_file(folder.path().join("own/token")).unwrap();
    let after = returned(&provider.session().run(b"read-file data link").unwrap());
    assert!(!after.contains("canary-in-use"), "{after}");
}

/// A writer below one root may swap a folder on the way to another for a link, while a component is loaded: the folder that
/// is opened is the one that is compared.
#[test]
fn no_root_covers_a_protected_file_by_a_race() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["own", "shared", "shared/good"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    write(at("own/key"), "canary").unwrap();
    write(at("shared/good/key"), "harmless").unwrap();
    std::os::unix::fs::symlink("../own", at("shared/bad")).unwrap();
    std::os::unix::fs::symlink("good", at("shared/data")).unwrap();
    let runtime = tollgate::blocking::Runtime::from(
        support::harness::builder().protect(at("own/key")).build(),
    );
    let text = format!(
        "{}grants.files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}]",
        all_but("files"),
        at("shared/data").display()
    );
    let policy = policy(&text);
    let source = source("hostile");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0_u64.. {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let target = if turn % 2 == 0 { "bad" } else { "good" };
                std::os::unix::fs::symlink(target, at("shared/new")).unwrap();
                std::fs::rename(at("shared/new"), at("shared/data")).unwrap();
            }
        });
        let (mut read, mut loaded) = (String::new(), 0);
        for _ in 0..600 {
            if let Ok(provider) = runtime.load(&source, &policy) {
                loaded += 1;
                read = returned(&provider.session().run(b"read-file data key").unwrap());
                if read.contains("canary") {
                    break;
                }
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        println!("{loaded} loaded");
        assert!(!read.contains("canary"), "after {loaded} loads: {read}");
    });
}

/// The store of one provider lies in a root of another one of the same runtime.
#[test]
fn no_root_covers_the_store_of_another_provider() {
    let folder = TempDir::new().unwrap();
    let rest: String = all_but("store")
        .lines()
        .map(|line| format!("{line}\n"))
        .collect();
    let own = policy(&format!(
        "{rest}grants.store = {{ path = \"{}\" }}",
        folder.path().join("a.redb").display()
    ));
    let _first = blocking().load(&source("hostile"), &own).unwrap();
    let text = format!(
        "{}grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\" }}]",
        all_but("files"),
        folder.path().display()
    );
    let other = blocking().load(&source("hostile"), &policy(&text));
    let read =
        other.map(|provider| returned(&provider.session().run(b"stat-file data a.redb").unwrap()));
    assert!(read.is_err(), "{read:?}");
}

/// The key of the cache seals machine code: a provider that reads it has the process.
#[test]
fn no_root_covers_the_cache_of_the_runtime() {
    let folder = TempDir::new().unwrap();
    let cache = tollgate::cache::Cache::open(folder.path().join("cache"), 1 << 30).unwrap();
    let runtime =
        tollgate::blocking::Runtime::from(support::harness::builder().cache(cache).build());
    let text = format!(
        "{}grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\" }}]",
        all_but("files"),
        folder.path().display()
    );
    let loaded = runtime.load(&source("hostile"), &policy(&text));
    let read = loaded
        .map(|provider| returned(&provider.session().run(b"stat-file data cache/key").unwrap()));
    assert!(read.is_err(), "{read:?}");
}
