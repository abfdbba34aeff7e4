//! The values of the largest real component, counted in the components of `just corpus`.

#![allow(clippy::print_stdout, reason = "a test says what it has counted")]

use std::path::{Path, PathBuf};

use super::*;

/// The folder of the components: without it, nothing is counted.
const FOLDER: &str = "TOLLGATE_CORPUS";

/// Counts of components that are in no registry and were reported as refused, or as near to a limit: CPython with many extensions
/// (each module is instantiated), a program in Go, generated bindings.
const REPORTED: &[(&str, u64)] = &[
    ("modules_and_components", 262),
    ("instances", 262),
    ("segments", 53_028),
    ("exports", 1_000),
    ("cases", 1_424),
];

fn files_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_in(&path, found),
            false => found.push(path),
        }
    }
}

/// The table has exactly the counted or reported values: no component is larger, and no value is made up.
#[test]
#[ignore = "`just corpus` runs it"]
fn the_table_has_the_largest_of_the_corpus() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let mut files = Vec::new();
    files_in(Path::new(&folder), &mut files);
    let mut largest: Vec<(u64, PathBuf)> = vec![Default::default(); SHAPE_LIMITS.len()];
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        // Ten times the limits, and all proposals, so that each is counted to its end.
        let shape = Shape::of(1_000);
        if within(&shape, WasmFeatures::all(), &bytes, |_| Ok(())).is_err() {
            println!("{} is not counted", path.display());
            continue;
        }
        for (most, bound) in largest.iter_mut().zip(shape.bounds()) {
            *most = (bound.peak.get(), path.clone()).max(most.clone());
        }
    }
    let mut wrong = Vec::new();
    for (limit, (count, path)) in SHAPE_LIMITS.iter().zip(largest) {
        let reported = REPORTED.iter().find(|(name, _)| *name == limit.name);
        let count = reported.map_or(count, |(_, reported)| count.max(*reported));
        if limit.largest != count {
            let (name, said) = (limit.name, limit.largest);
            wrong.push(format!(
                "{name}: {said} in the table, {count} in {}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
