//! A decision is told before it is acted on: the observer looks at the files that the guest is about to change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tollgate::blocking::Runtime;
use tollgate::observe::{Decision, Observer};

use support::harness::{all_but, builder, policy, source};
use support::wasi_command;

/// The names of a folder, with the sizes of the files.
type Content = BTreeMap<String, u64>;

fn content(folder: &Path) -> Content {
    let entries = folder.read_dir().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let size = match entry.metadata().unwrap() {
            found if found.is_file() => found.len(),
            _ => 0,
        };
        (entry.file_name().into_string().unwrap(), size)
    });
    entries.collect()
}

/// The files at each decision on one of them.
struct Looks(PathBuf, Mutex<Vec<Content>>);

impl Observer for Looks {
    fn decided(&self, decision: &Decision<'_>) {
        // A quota ends a flood; that is told when it is met.
        if decision.capability == "files" && decision.denied.is_none() {
            self.1.lock().unwrap().push(content(&self.0));
        }
    }
}

/// Whether every decision of a run was told while the files were as before it, and the run has changed them.
fn told_before(act: impl FnOnce(&Runtime, &Path)) -> bool {
    let folder = TempDir::new().unwrap();
    for (name, text) in [("kept", "1234"), ("given", "123")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let before = content(folder.path());
    let looks = Arc::new(Looks(folder.path().to_owned(), Mutex::default()));
    let runtime = Runtime::from(builder().observer(Arc::clone(&looks)).build());
    act(&runtime, folder.path());
    assert_ne!(content(folder.path()), before, "nothing was changed");
    let seen = looks.1.lock().unwrap();
    !seen.is_empty() && seen.iter().all(|seen| *seen == before)
}

#[test]
fn a_change_of_a_file_is_told_before_it_is_made() {
    for input in ["write-file out 9 new", "write-file out 9 given"] {
        let before = told_before(|runtime, folder| {
            let policy = policy(&format!(
                "{}[[grants.files]]\nroot = 'out'\npath = '{}'\naccess = 'read-write'",
                all_but("files"),
                folder.display()
            ));
            let hostile = runtime.load(&source("hostile"), &policy).unwrap();
            hostile.session().run(input.as_bytes()).unwrap();
        });
        assert!(before, "{input}");
    }
    for args in [
        &["files", "remove", "out/given"][..],
        &["files", "rename", "out/given", "out/taken"],
        &["files", "rename", "out/given", "out/kept"],
        &["files", "folder", "out/new"],
        &["files", "flood", "out/given"],
        &["files", "flood", "out/new"],
    ] {
        let before = told_before(|runtime, folder| {
            let policy = format!(
                "grants.wasi = {{ preopens = ['out'] }}\n\
                 grants.files = [{{ root = 'out', path = '{}', access = 'read-write', max-write = '64MiB' }}]",
                folder.display()
            );
            wasi_command::run(runtime, &policy, args, "");
        });
        assert!(before, "{args:?}");
    }
}
