//! Copies: a published crate holds all files that it is built from, so WIT and licences are in it once more. Each copy
//! is equal to its source; `BLESS=1` writes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use support::harness::root;

/// The licences, at the root and in each crate.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The crates that are published, and the folders of `wit` that each is built from.
const CRATES: [(&str, &[&str]); 5] = [
    ("host/policy", &[]),
    ("host/component", &[]),
    ("host/capability", &[]),
    (
        "host/runtime",
        &[
            "provider",
            "provider-0.2",
            "ledger",
            "releases",
            "deps/keyvalue",
            "deps/config",
        ],
    ),
    (
        "host/cli",
        &["provider", "provider-0.2", "ledger", "releases"],
    ),
];

/// Files of the polyglot guests that `tollgate new` writes, and their copies in the crate of the program.
const TEMPLATES: [(&str, &str); 3] = [
    ("guests/polyglot/python/requirements.txt", "python"),
    ("guests/polyglot/javascript/package.json", "javascript"),
    ("guests/polyglot/javascript/package-lock.json", "javascript"),
];

/// The files of a folder and of those in it, by their paths from it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner)).unwrap() {
            let entry = entry.unwrap();
            let path = inner.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                found.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// The files that a crate must hold, by their paths in it.
fn wanted(wit: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut wanted: BTreeMap<PathBuf, Vec<u8>> = LICENCES
        .iter()
        .map(|name| (PathBuf::from(name), fs::read(root().join(name)).unwrap()))
        .collect();
    for folder in wit {
        let copy = Path::new("wit").join(folder);
        for (path, bytes) in files(&root().join(&copy)) {
            wanted.insert(copy.join(path), bytes);
        }
    }
    wanted
}

#[test]
fn the_copies_in_published_crates_are_what_their_sources_are() {
    let mut wrong = Vec::new();
    for (home, wit) in CRATES {
        let home = root().join(home);
        let wanted = wanted(wit);
        if std::env::var_os("BLESS").is_some() {
            let _ = fs::remove_dir_all(home.join("wit"));
            for (path, bytes) in &wanted {
                fs::create_dir_all(home.join(path).parent().unwrap()).unwrap();
                fs::write(home.join(path), bytes).unwrap();
            }
        }
        for (path, bytes) in &wanted {
            if fs::read(home.join(path)).ok().as_ref() != Some(bytes) {
                wrong.push(home.join(path));
            }
        }
        // A file that the source no longer has is wrong, too.
        if !wit.is_empty() {
            let kept = files(&home.join("wit")).into_keys();
            let kept = kept.map(|path| Path::new("wit").join(path));
            wrong.extend(kept.filter(|path| !wanted.contains_key(path)));
        }
    }
    for (source, language) in TEMPLATES {
        let source = root().join(source);
        let templates = root().join("host/cli/src/commands/new/templates");
        let copy = templates.join(language).join(source.file_name().unwrap());
        let bytes = fs::read(&source).unwrap();
        if std::env::var_os("BLESS").is_some() {
            fs::write(&copy, &bytes).unwrap();
        }
        if fs::read(&copy).ok() != Some(bytes) {
            wrong.push(copy);
        }
    }
    assert!(
        wrong.is_empty(),
        "these copies differ from their source; change the source, then `./justw bless`: {wrong:?}"
    );
}

/// Whether a line of the file at `path` of a crate includes a file from outside of the crate. Tests may, since a
/// package is not tested.
fn includes_from_outside(path: &Path, line: &str) -> bool {
    let included = line.split("include_str!(\"").nth(1);
    let included = included.and_then(|rest| rest.split('"').next());
    let up = included.map_or(0, |included| included.matches("../").count());
    up >= path.components().count() && !line.contains("Cargo.lock")
}

/// A path out of a crate works in the tree, and not in the package.
#[test]
fn a_published_crate_is_built_from_nothing_outside_of_it() {
    let mut outside = Vec::new();
    for (home, _) in CRATES {
        for (path, bytes) in files(&root().join(home)) {
            let text = String::from_utf8_lossy(&bytes);
            for (number, line) in text.lines().enumerate() {
                let is_bindings = line.trim_start().starts_with("path: ");
                let leaves = is_bindings && line.contains("\"..");
                if leaves || includes_from_outside(&path, line) {
                    outside.push(format!("{home}/{}:{}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(
        outside.is_empty(),
        "these read what is outside of their crate: {outside:?}"
    );
}
