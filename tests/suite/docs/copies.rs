//! Copies: a published crate holds all files that it is built from, so WIT and licences are in it once more. Each copy
//! is equal to its source; `BLESS=1` writes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use support::harness::root;

/// The crates that are published, and the files and folders that are copied into each. A folder that holds copies of WIT
/// holds nothing else.
const CRATES: [(&str, &[Copy]); 6] = [
    ("host/policy", &[]),
    ("host/component", &[]),
    ("host/capability", &[]),
    (
        "host/runtime",
        &[
            same("wit/provider"),
            same("wit/provider-0.2"),
            same("wit/ledger"),
            same("wit/releases"),
            same("wit/deps/keyvalue"),
            same("wit/deps/config"),
        ],
    ),
    ("host/testing", &[]),
    (
        "host/cli",
        &[
            same("wit/provider"),
            same("wit/provider-0.2"),
            same("wit/ledger"),
            same("wit/releases"),
            // What `tollgate new` writes is what our own guests are built with.
            Copy {
                source: "guests/polyglot/python/requirements.txt",
                copy: "src/commands/new/templates/python/requirements.txt",
            },
            Copy {
                source: "guests/polyglot/javascript/package.json",
                copy: "src/commands/new/templates/javascript/package.json",
            },
            Copy {
                source: "guests/polyglot/javascript/package-lock.json",
                copy: "src/commands/new/templates/javascript/package-lock.json",
            },
        ],
    ),
];

/// The copies that are in each crate.
const LICENCES: [Copy; 2] = [same("LICENSE-APACHE"), same("LICENSE-MIT")];

/// A file or a folder of the repository, and its copy in a crate.
struct Copy {
    source: &'static str,
    copy: &'static str,
}

/// The same path in both.
const fn same(path: &'static str) -> Copy {
    Copy {
        source: path,
        copy: path,
    }
}

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
fn wanted(copies: &[Copy]) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut wanted = BTreeMap::new();
    for Copy { source, copy } in LICENCES.iter().chain(copies) {
        let source = root().join(source);
        match source.is_dir() {
            true => wanted.extend(
                files(&source)
                    .into_iter()
                    .map(|(path, bytes)| (Path::new(copy).join(path), bytes)),
            ),
            false => {
                wanted.insert(PathBuf::from(copy), fs::read(source).unwrap());
            }
        }
    }
    wanted
}

#[test]
fn the_copies_in_published_crates_are_what_their_sources_are() {
    let mut wrong = Vec::new();
    for (home, copies) in CRATES {
        let home = root().join(home);
        let wanted = wanted(copies);
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
        if home.join("wit").is_dir() {
            let kept = files(&home.join("wit")).into_keys();
            let kept = kept.map(|path| Path::new("wit").join(path));
            wrong.extend(kept.filter(|path| !wanted.contains_key(path)));
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
        let found = files(&root().join(home)).into_iter();
        // A template is a part of another project.
        let is_template = |path: &Path| {
            path.components()
                .any(|part| part.as_os_str() == "templates")
        };
        for (path, bytes) in found.filter(|(path, _)| !is_template(path)) {
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
