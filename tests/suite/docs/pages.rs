//! Pages in Markdown: every page that a file names exists, so that a reader of a clone can open it.

use std::path::Path;

use support::harness::root;

use super::{lines, texts};

/// The paths of a line that end in `.md`, except parts of addresses on the web.
fn pages(line: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-/+~:".contains(c);
    let words = line.split(|c: char| !is_part(c));
    let words = words.filter(|word| !word.contains("://"));
    // A line number may follow, or the full stop of a sentence.
    words
        .filter_map(|word| {
            let end = word.find(".md")? + ".md".len();
            let (page, rest) = word.split_at(end);
            let is_whole = rest.chars().next().is_none_or(|c| ".:".contains(c));
            (is_whole && page.len() > ".md".len()).then_some(page)
        })
        .collect()
}

/// Whether a page is there: from the folder of the file that names it, from the root, or, if it is named without a
/// folder, in `docs`.
fn exists(file: &Path, page: &str) -> bool {
    let page = page.trim_start_matches(':');
    let beside = file.parent().unwrap_or(Path::new(""));
    let mut folders = vec![beside, Path::new("")];
    if !page.contains('/') {
        folders.push(Path::new("docs"));
    }
    folders
        .iter()
        .any(|folder| root().join(folder).join(page).is_file())
}

#[test]
fn paths_are_found_in_lines() {
    assert_eq!(
        pages("see docs/a.md, `b.md:12` and [c](../c.md#d)."),
        ["docs/a.md", "b.md", "../c.md"]
    );
    assert_eq!(pages("(A.md) ends in e.md."), ["A.md", "e.md"]);
    assert!(pages("https://example.com/a/README.md, *.md, a.mdx, .md").is_empty());
}

#[test]
fn every_page_that_is_named_exists() {
    // Their own tests name pages that are nowhere.
    let examples = ["pages.rs", "links.rs"].map(|name| Path::new("tests/suite/docs").join(name));
    let mut missing = Vec::new();
    for file in texts().iter().filter(|file| !examples.contains(file)) {
        for (number, line) in lines(file) {
            for page in pages(&line) {
                if !exists(file, page) {
                    missing.push(format!("{}:{number}: {page}", file.display()));
                }
            }
        }
    }
    assert!(
        missing.is_empty(),
        "{} pages are named that are not there; write them, or name others:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

/// The README is a page that is read to its end.
#[test]
fn the_readme_is_no_longer_than_150_lines() {
    assert!(lines(Path::new("README.md")).len() <= 150);
}
