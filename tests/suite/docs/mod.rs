//! The tree agrees with itself: each page, heading and attack that a file names is there, and each copy equals its source.

mod attack_ids;
mod circles;
mod copies;
mod links;
mod messages;
mod pages;
mod test_names;
pub(crate) mod walks;

use std::path::{Path, PathBuf};

use support::harness::root;

/// Folders with files from elsewhere, by name.
const FOREIGN: [&str; 5] = [".git", ".tools", "node_modules", "target", "vendor"];

/// Endings of files that are text.
const TEXT: [&str; 11] = [
    "js", "md", "py", "rs", "sh", "toml", "txt", "wat", "wit", "yaml", "yml",
];

/// The files of the repository that are text, as paths from its root.
fn texts() -> Vec<PathBuf> {
    let mut found = Vec::new();
    add(Path::new(""), &mut found);
    assert!(found.len() > 300, "only {} files", found.len());
    found.sort();
    found
}

fn add(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = folder.join(&name);
        if entry.file_type().unwrap().is_dir() {
            if !FOREIGN.contains(&name.as_str()) {
                add(&path, found);
            }
        } else {
            let ending = path.extension().and_then(|ending| ending.to_str());
            // Files such as `Justfile` and `.ci/run` have none.
            if ending.is_none_or(|ending| TEXT.contains(&ending)) {
                found.push(path);
            }
        }
    }
}

/// Each line of a file that is text, with its number.
fn lines(file: &Path) -> Vec<(usize, String)> {
    let bytes = std::fs::read(root().join(file)).unwrap();
    let Ok(text) = String::from_utf8(bytes) else {
        return Vec::new();
    };
    let lines = text.lines().map(str::to_owned);
    lines.enumerate().map(|(at, line)| (at + 1, line)).collect()
}
