//! Properties of the decision on files: no path leaves its root, and only paths that a grant names are granted.

use std::path::{Component, Path};

use proptest::prelude::*;
use tollgate_policy::{Access, FileGrant, Grants, Reason, decide};

use crate::oracle::walk;
use crate::random::{Random, a_million};
use crate::strategies::{access, files};

/// A request for a path.
#[derive(Debug)]
struct Asked {
    root: &'static str,
    /// The directory that a WASI guest has open; none for `tollgate:provider/files`.
    base: Option<&'static str>,
    path: String,
    access: Access,
}

const ROOTS: &[(&str, Access)] = &[("data", Access::Read), ("out", Access::ReadWrite)];

/// Names that resemble a root.
const ODD_ROOTS: &[&str] = &[
    "",
    ".",
    "..",
    "/",
    "Data",
    "data/",
    "data/..",
    "*",
    "d\u{430}ta",
    "dat",
    "out\0",
];

/// Parts of paths, those that lead out first.
const PARTS: &[&str] = &[
    "..",
    "..",
    "..",
    ".",
    "",
    "..\\",
    "\\..",
    "..\\..",
    "\\",
    "a\\b",
    "..\0",
    "\0",
    "..%2f",
    "%2e%2e",
    "%00",
    "..;",
    ".. ",
    " ..",
    "...",
    "..a",
    "a..",
    ".a",
    "~",
    "~root",
    "$HOME",
    "C:",
    "C:\\",
    "\\\\?\\",
    "NUL",
    "\t",
    "\r\n",
    " ",
    "*",
    "a:b",
    "\u{2025}",
    "\u{ff0e}\u{ff0e}",
    "\u{2024}\u{2024}",
    "\u{2215}",
    "\u{ff0f}",
    "\u{ff3c}",
    "\u{202e}",
    "\u{feff}",
    "\u{e9}",
    "etc",
    "passwd",
    "data",
    "out",
];

/// A path that leads below its root, changed in none, one or more places.
fn hostile_path(random: &mut Random) -> Asked {
    let (root, _) = random.pick(ROOTS);
    let mut path = String::new();
    if random.percent(5) {
        path.push_str(random.pick(&[
            "/",
            "//",
            "./",
            "../",
            "\\",
            "C:/",
            "file:///",
            "/proc/self/root/",
        ]));
    }
    for number in 0..random.below(7) {
        if number > 0 {
            path.push_str(if random.percent(4) {
                random.pick(&["//", "\\", "", "/./"])
            } else {
                "/"
            });
        }
        match random.percent(20) {
            true => path.push_str(random.pick(PARTS)),
            false => random.push_word(&mut path),
        }
    }
    while random.percent(20) {
        let at = random.boundary(&path);
        match random.below(4) {
            0 => path.insert(at, random.character()),
            1 => path.truncate(at),
            2 => path.insert(at, '/'),
            _ => path.insert_str(at, random.pick(PARTS)),
        }
    }
    // About as long as the longest path.
    if random.below(500) == 0 {
        let rest = 4090_usize.saturating_sub(path.len()) + random.below(12);
        path.push_str(&"x".repeat(rest));
    }
    Asked {
        root: if random.percent(5) {
            random.pick(ODD_ROOTS)
        } else {
            root
        },
        base: random
            .percent(50)
            .then(|| random.pick(&[".", "a", "a/b", "..a/.b"])),
        path,
        access: random.pick(&Access::ALL),
    }
}

/// Whether a part turns back: above the folder that the path starts from, or, where none may, at all.
fn turns_back(path: &str, may: bool) -> bool {
    let mut below = 0;
    path.split(['/', '\\']).any(|part| {
        below += match part {
            "" | "." => 0,
            ".." => -1,
            _ => 1,
        };
        below < 0 || (part == ".." && !may)
    })
}

/// Every path that is granted leads below its root; every path that leads there, in the spelling of our interface or of
/// WASI, is granted.
#[test]
fn no_generated_path_escapes_its_root() {
    let grant = |(name, access): &(&str, Access)| {
        FileGrant::new(*name, Path::new("/srv").join(name), *access)
    };
    let files = ROOTS.iter().map(grant).collect();
    let grants = Grants {
        files,
        ..Grants::default()
    };
    let (mut all, mut granted, mut climbed) = (0, 0, 0);
    a_million(hostile_path, |asked| {
        all += 1;
        let way = walk(asked.base, &asked.path);
        let lean = way.map(|way| match way.as_slice() {
            [] => ".".to_owned(),
            parts => parts.join("/"),
        });
        let lean = lean.filter(|lean| lean.len() <= 4096);
        let (decision, lean) = match asked.base {
            Some(base) => {
                let path = decide::WasiPath::new(base, &asked.path);
                let decision = decide::wasi_files(&grants, asked.root, &path, asked.access);
                (decision, lean)
            }
            // `tollgate:provider/files` accepts one spelling of each path.
            None => (
                decide::files(&grants, asked.root, &asked.path, asked.access),
                lean.filter(|lean| *lean == asked.path),
            ),
        };
        // There, it may be the letter of a volume: the path leads out, or its name has a colon.
        if cfg!(windows) && asked.path.contains(':') {
            if let Ok(decision) = decision {
                let leads_out = |part| matches!(part, Component::Prefix(_) | Component::RootDir);
                assert!(!decision.path.components().any(leads_out));
            }
            return;
        }
        let root = ROOTS.iter().position(|(name, _)| *name == asked.root);
        match (root, lean) {
            (None, _) => assert_eq!(decision, Err(Reason::UnknownRoot)),
            (Some(_), None) => {
                let out =
                    asked.path.starts_with('/') || turns_back(&asked.path, asked.base.is_some());
                climbed += u32::from(out);
                let reason = if out {
                    Reason::OutsideRoot
                } else {
                    Reason::BadPath
                };
                assert_eq!(decision, Err(reason));
            }
            (Some(index), Some(_)) if asked.access > ROOTS[index].1 => {
                assert_eq!(decision, Err(Reason::ReadOnly));
            }
            (Some(index), Some(lean)) => {
                granted += 1;
                let decision = decision.unwrap();
                assert_eq!(
                    (decision.index, decision.path.to_str()),
                    (index, Some(&*lean))
                );
            }
        }
    });
    // Enough cases of each, otherwise the checks above checked nothing.
    assert!(granted * 4 > all, "{granted} of {all}");
    assert!(climbed * 20 > all, "{climbed} of {all} lead out");
}

proptest! {
    #[test]
    fn decisions_need_a_grant_of_that_name_and_power(files in files(), root in "[a-z0-9]{1,2}", access in access()) {
        let grants = Grants { files, ..Grants::default() };
        let grant = grants.files.iter().position(|grant| grant.root == root);
        let expected = match grant {
            _ if grants.files.is_empty() => Err(Reason::NotGranted),
            None => Err(Reason::UnknownRoot),
            Some(index) if grants.files[index].access < access => Err(Reason::ReadOnly),
            Some(index) => Ok(index),
        };
        let decision = decide::files(&grants, &root, "a/b", access);
        prop_assert_eq!(decision.map(|decision| decision.index), expected);
    }
}
