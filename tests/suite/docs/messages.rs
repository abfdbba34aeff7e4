//! The messages of docs/guide/troubleshooting.md: the program, the library or the system has each of them.

use std::fs;
use std::path::{Path, PathBuf};

use support::harness::root;

use super::lines;

const PAGE: &str = "docs/guide/troubleshooting.md";

/// Messages that are the system's.
const OF_THE_SYSTEM: [&str; 1] = ["No such file or directory"];

/// The messages of the page with their lines: in the first column of the tables of messages and
/// signs.
fn messages() -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut of_messages = false;
    for (number, line) in lines(Path::new(PAGE)) {
        let Some(row) = line.strip_prefix("| ") else {
            of_messages &= line.starts_with("|--");
            continue;
        };
        let cell = row.split(" | ").next().unwrap();
        if cell == "message" || cell == "sign" {
            of_messages = true;
        } else if of_messages {
            let quoted = cell.split('`').skip(1).step_by(2);
            found.extend(quoted.map(|message| (number, message.to_owned())));
        }
    }
    found
}

/// The parts of a message that do not change: the text between the dots, the numbers and the labels.
fn parts(message: &str) -> Vec<&str> {
    // The noun of a number is in the singular or the plural.
    let ends = ["…", "N imports ", " N ", " N)", ": ", "; ", "?"];
    let mut parts = vec![message];
    for end in ends {
        parts = parts.iter().flat_map(|part| part.split(end)).collect();
    }
    let blank = |c: char| c == ' ' || c == ':' || c == ';';
    let parts = parts.into_iter().map(|part| part.trim_matches(blank));
    let parts = parts.map(|part| part.strip_prefix("N ").unwrap_or(part));
    let parts = parts.map(|part| part.strip_suffix(" N").unwrap_or(part));
    parts.filter(|part| !part.is_empty()).collect()
}

/// The sources of the program, in which its messages are: each text in them on one line.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![root().join("host")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    // After a backslash at the end of a line, the text continues at the first letter of the next.
    let mut pieces = text.split("\\\n");
    let mut joined = pieces.next().unwrap().to_owned();
    for piece in pieces {
        joined.push_str(piece.trim_start());
    }
    // The page has no marks around code within a message.
    joined.replace("\\\"", "\"").replace('`', "")
}

#[test]
fn a_message_has_parts_that_do_not_change() {
    assert_eq!(
        parts("fuel: the budget of N fuel was used up"),
        ["fuel", "the budget of", "fuel was used up"]
    );
    assert_eq!(parts("N imports not granted"), ["not granted"]);
    assert_eq!(
        parts("…: unknown key; did you mean …?"),
        ["unknown key", "did you mean"]
    );
}

#[test]
fn every_message_of_the_page_is_one_of_the_sources() {
    let messages = messages();
    let sources = sources();
    let mut wrong = Vec::new();
    for (number, message) in &messages {
        if OF_THE_SYSTEM.contains(&message.as_str()) {
            continue;
        }
        for part in parts(message) {
            if !sources.contains(part) {
                wrong.push(format!(
                    "{PAGE}:{number}: `{message}`: no source has `{part}`"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "nothing says these messages; quote what is said:\n{}",
        wrong.join("\n")
    );
    assert!(messages.len() > 60, "only {}", messages.len());
}
