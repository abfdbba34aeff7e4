//! Tests that a page names: each is one of this suite.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{lines, texts};

/// The tests of this suite, by their paths, and the modules that they are in.
fn tests() -> BTreeSet<String> {
    let suite = Path::new("tests/suite");
    let mut names = BTreeSet::new();
    for file in texts().iter().filter(|file| file.starts_with(suite)) {
        let module = file.strip_prefix(suite).unwrap().with_extension("");
        let module = module.to_str().unwrap().replace('/', "::");
        let module = module.strip_suffix("::mod").unwrap_or(&module);
        for (_, line) in lines(file) {
            let line = line.trim_start();
            let line = line.strip_prefix("async ").unwrap_or(line);
            if let Some((name, _)) = line
                .strip_prefix("fn ")
                .and_then(|rest| rest.split_once('('))
            {
                names.insert(format!("{module}::{name}"));
            }
        }
    }
    names
}

/// The parts of a line between backquotes that are paths of names, with `*` or `…` for the rest.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_:*…".contains(c);
    quoted.filter(move |text| text.contains("::") && text.chars().all(is_part))
}

/// Whether a test has this path, or begins with it.
fn is_there(tests: &BTreeSet<String>, path: &str) -> bool {
    let cut = path.split(['*', '…']).next().unwrap();
    let (whole, is_cut) = (cut.trim_end_matches("::"), cut.len() < path.len());
    tests.iter().any(|test| {
        let rest = test.strip_prefix(whole);
        rest.is_some_and(|rest| is_cut || rest.is_empty() || rest.starts_with("::"))
    })
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let tests = tests();
    assert!(tests.len() > 500, "only {}", tests.len());
    let modules: BTreeSet<&str> = tests
        .iter()
        .filter_map(|test| test.split("::").next())
        .collect();
    let is_page = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "md");
    let mut missing = Vec::new();
    for file in texts().iter().filter(|file| is_page(file)) {
        // Its tables are rendered from the list of proofs, which is held against the tests by itself, and name unit tests too.
        if file.ends_with("docs/security/limits.md") || file.ends_with("CHANGELOG.md") {
            continue;
        }
        for (number, line) in lines(file) {
            for path in paths(&line) {
                let first = path.split("::").next().unwrap();
                // A unit test is in a module `tests`, of a crate of the host.
                let is_of_suite = modules.contains(first) && !path.contains("::tests");
                if is_of_suite && !is_there(&tests, path) {
                    missing.push(format!("{}:{number}: {path}", file.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "no test has these names: {missing:#?}");
}

#[test]
fn names_may_be_cut() {
    let tests = BTreeSet::from(["wasi::http::a_url_is_fetched".to_owned()]);
    for (path, there) in [
        ("wasi::http::a_url_is_fetched", true),
        ("wasi::http", true),
        ("wasi::http::*", true),
        ("wasi::http::a_url…", true),
        ("wasi::http::a_url", false),
        ("wasi::files::*", false),
    ] {
        assert_eq!(is_there(&tests, path), there, "{path}");
    }
    let line = "see `wasi::http::*`, `Session::call(x)` and `a b::c`";
    assert_eq!(paths(line).collect::<Vec<_>>(), ["wasi::http::*"]);
}
