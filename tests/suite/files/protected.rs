//! Files that no root may hold, also of the embedding program, and their second names in a root.

use std::fs::hard_link;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use tollgate::blocking::Runtime;
use tollgate::policy::{Access, FileGrant, Protected};
use tollgate::{LoadError, Policy};

use support::harness::{all_but, blocking, builder, policy, returned, source};
use support::wasi_command;

fn granted(path: &Path, access: Access) -> Policy {
    let mut policy = policy(&all_but("files"));
    policy
        .grants
        .files
        .push(FileGrant::new("out", path, access));
    policy
}

fn refused(runtime: &Runtime, path: &Path, access: Access) -> String {
    match runtime.load(&source("hostile"), &granted(path, access)) {
        Err(error @ (LoadError::Grant(_) | LoadError::Policy(_))) => error.to_string(),
        Err(error) => panic!("{}: {error}", path.display()),
        Ok(_) => panic!("{} is granted", path.display()),
    }
}

/// A folder with `own/key`, a file of the program, and the root `out`.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["own", "out"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("own/key"), "canary").unwrap();
    folder
}

#[test]
fn no_root_holds_a_folder_of_the_kernel() {
    let folder = folder();
    let link = folder.path().join("link");
    symlink("/proc/self", &link).unwrap();
    // The kind of its file system, which is one of memory, does not identify it.
    let devices = folder.path().join("devices");
    symlink("/dev", &devices).unwrap();
    for path in [
        "/",
        "/proc",
        "/proc/self",
        "/sys",
        "/sys/kernel",
        "/dev",
        "/dev/../proc",
        link.to_str().unwrap(),
        devices.to_str().unwrap(),
    ] {
        for access in [Access::Read, Access::ReadWrite] {
            let message = refused(&blocking(), Path::new(path), access);
            let is_told = ["the root `out` covers the ", "it shows files of the kernel"]
                .into_iter()
                .any(|said| message.contains(said));
            assert!(is_told, "{path}: {message}");
        }
    }
}

/// The same files under a path of their own, as a container has them.
#[test]
fn no_root_holds_files_of_the_kernel_that_are_mounted_elsewhere() {
    let folder = folder();
    let at = folder.path().join("own");
    let mount = |args: &[&str]| {
        let done = std::process::Command::new(args[0])
            .args(&args[1..])
            .arg(&at)
            .output();
        done.is_ok_and(|done| done.status.success())
    };
    if !mount(&["mount", "--bind", "/proc/sys"]) {
        return support::skip::skip("nothing can be mounted");
    }
    let message = refused(&blocking(), &at, Access::Read);
    assert!(mount(&["umount"]));
    assert!(
        message.contains("it shows files of the kernel"),
        "{message}"
    );
}

#[test]
fn a_file_of_the_embedder_is_protected_by_its_builder() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    symlink(at("own"), at("to-own")).unwrap();
    let runtime = Runtime::from(builder().protect(at("to-own/key")).build());
    for name in ["own", "to-own", ""] {
        for access in [Access::Read, Access::ReadWrite] {
            let message = refused(&runtime, &at(name), access);
            assert!(
                message.contains("covers a file of this program"),
                "{name}: {message}"
            );
        }
    }
    let apart = granted(&at("out"), Access::ReadWrite);
    assert!(runtime.load(&source("hostile"), &apart).is_ok());
    // A runtime without it has nothing to protect.
    assert!(
        blocking()
            .load(&source("hostile"), &granted(&at("own"), Access::Read))
            .is_ok()
    );
}

/// Hard links are made by others: guests make none.
#[test]
fn a_second_name_of_a_protected_file_is_denied() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    hard_link(at("own/key"), at("out/key")).unwrap();
    std::fs::write(at("own/later"), "canary").unwrap();
    std::fs::write(at("out/data"), "text").unwrap();
    hard_link(at("out/data"), at("out/data-too")).unwrap();
    // The folder is protected, and a file that is not there yet.
    let runtime = builder().protect(at("own")).protect(at("made-later"));
    let runtime = Runtime::from(runtime.build());
    let policy = granted(&at("out"), Access::ReadWrite);
    let provider = runtime.load(&source("hostile"), &policy).unwrap();
    std::fs::write(at("made-later"), "canary").unwrap();
    hard_link(at("made-later"), at("out/made")).unwrap();
    for input in [
        "read-file out key",
        "read-file out made",
        "read-range out 0 9 key",
    ] {
        let report = provider.session().run(input.as_bytes()).unwrap();
        assert!(!returned(&report).contains("canary"), "{input}");
        let reasons: Vec<_> = report
            .denials
            .iter()
            .map(|denial| denial.reason.label())
            .collect();
        assert_eq!(reasons, ["protected"], "{input}: {}", returned(&report));
    }
    // A file with two names that is not protected is a file like others.
    let report = provider.session().run(b"read-file out data").unwrap();
    assert!(
        returned(&report).contains("text") && report.denials.is_empty(),
        "{report:?}"
    );
    // To replace the name leaves the file.
    let report = provider.session().run(b"write-file out 3 key").unwrap();
    assert!(returned(&report).contains("Ok"), "{report:?}");
    assert_eq!(std::fs::read_to_string(at("own/key")).unwrap(), "canary");
}

#[test]
fn a_preopen_leads_to_no_protected_file_by_a_second_name() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    hard_link(at("own/key"), at("out/key")).unwrap();
    let runtime = Runtime::from(builder().protect(at("own/key")).build());
    let policy = format!(
        "grants.wasi = {{ preopens = ['out'] }}\n\
         grants.files = [{{ root = 'out', path = '{}', access = 'read-write' }}]",
        at("out").display()
    );
    for args in [
        &["read", "out/key"][..],
        &["write", "out/key", "x"],
        &["files", "append", "out/key", "x"],
        &["files", "flood", "out/key"],
        &["files", "size", "out/key", "0"],
    ] {
        let report = wasi_command::run(&runtime, &policy, args, "");
        assert!(
            !wasi_command::stdout(&report).contains("canary"),
            "{args:?}"
        );
        let reasons: Vec<_> = report
            .denials
            .iter()
            .map(|denial| denial.reason.label())
            .collect();
        assert_eq!(reasons, ["protected"], "{args:?}");
        assert_eq!(
            std::fs::read_to_string(at("own/key")).unwrap(),
            "canary",
            "{args:?}"
        );
    }
}

/// A file that may be read is protected from roots that may write.
#[test]
fn a_reader_reads_the_second_name_of_a_file_that_may_be_read() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    hard_link(at("own/key"), at("out/key")).unwrap();
    for (access, denied) in [(Access::Read, 0), (Access::ReadWrite, 1)] {
        let mut policy = granted(&at("out"), access);
        let file = Protected::new("the policy file", at("own/key"), Access::ReadWrite);
        policy.protected.push(file);
        let provider = blocking().load(&source("hostile"), &policy).unwrap();
        let report = provider.session().run(b"read-file out key").unwrap();
        assert_eq!(report.denials.len(), denied, "{access:?}");
    }
}

/// A root with a hard link to a credential, and the provider that uses it.
fn with_credential(folder: &TempDir) -> tollgate::blocking::Provider {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let rest = all_but("files");
    let rest = rest.lines().filter(|line| !line.starts_with("grants.http"));
    let rest: String = rest.map(|line| format!("{line}\n")).collect();
    hard_link(at("own/key"), at("out/link")).unwrap();
    let text = format!(
        "{rest}grants.files = [{{ root = \"out\", path = \"{}\", access = \"read\" }}]\n\
         grants.http = [{{ url = \"https://example.com/**\", credential = {{ header = \"x-token\", from-file = \"{}\" }} }}]",
        at("out"),
        at("own/key")
    );
    blocking().load(&source("hostile"), &policy(&text)).unwrap()
}

/// Programs that rotate secrets replace the file, and the root then has the last name of the one that is in use.
#[test]
fn the_last_name_of_a_protected_file_is_denied() {
    let (replaced, removed) = (folder(), folder());
    let providers = [with_credential(&replaced), with_credential(&removed)];
    let own = replaced.path().join("own");
    std::fs::write(own.join("new"), "new").unwrap();
    std::fs::rename(own.join("new"), own.join("key")).unwrap();
    std::fs::remove_file(removed.path().join("own/key")).unwrap();
    for provider in providers {
        let read = returned(&provider.session().run(b"read-file out link").unwrap());
        assert!(!read.contains("canary"), "{read}");
    }
}

/// The key of the cache seals machine code: a provider that reads it has the process.
#[test]
fn the_cache_of_a_runtime_is_protected() {
    let folder = folder();
    let cache = tollgate::cache::Cache::open(folder.path().join("own/cache"), 1 << 30).unwrap();
    let runtime = Runtime::from(builder().cache(cache).build());
    for path in ["own", "own/cache", ""] {
        for access in [Access::Read, Access::ReadWrite] {
            let message = refused(&runtime, &folder.path().join(path), access);
            assert!(message.contains("the cache of this program"), "{message}");
        }
    }
}

/// An embedder names the folder of its policy and nothing else.
#[test]
fn a_policy_that_was_parsed_is_protected_through_a_link() {
    let folder = folder();
    let link = folder.path().join("link");
    symlink("own", &link).unwrap();
    let load = |path: &Path, access: &str| {
        let text = format!(
            "{}\ngrants.files = [{{ root = \"out\", path = \"{}\", access = \"{access}\" }}]",
            all_but("files"),
            path.display()
        );
        let policy = Policy::parse(&text, &folder.path().join("own")).unwrap();
        blocking().load(&source("hostile"), &policy)
    };
    let refused = load(&link, "read-write").map(drop).unwrap_err().to_string();
    assert!(
        refused.contains("covers the policy and its lock file"),
        "{refused}"
    );
    load(&link, "read").unwrap();
    load(&folder.path().join("out"), "read-write").unwrap();
}
