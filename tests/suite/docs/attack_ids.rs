//! Ids of the attack catalogue, as `A27-handles`: every one that a file names is one that `tests/attack` plays.

use std::collections::BTreeSet;
use std::path::Path;

use super::{lines, texts};

/// The ids in a line: a capital A, a number, a hyphen, words.
fn ids(line: &str) -> Vec<&str> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words
        .filter(|word| {
            let number = word.strip_prefix('A').and_then(|rest| rest.split_once('-'));
            number.is_some_and(|(number, words)| {
                !number.is_empty()
                    && number.bytes().all(|b| b.is_ascii_digit())
                    && words.bytes().any(|b| b.is_ascii_lowercase())
            })
        })
        .collect()
}

#[test]
fn every_attack_that_is_named_is_played() {
    let (mut played, mut named) = (BTreeSet::new(), Vec::new());
    for file in texts() {
        let plays = file.starts_with(Path::new("tests/attack"));
        for (number, line) in lines(&file) {
            for id in ids(&line) {
                if plays && line.trim() == format!("id: \"{id}\",") {
                    assert!(played.insert(id.to_owned()), "{id} is played twice");
                } else {
                    named.push((format!("{}:{number}", file.display()), id.to_owned()));
                }
            }
        }
    }
    assert_eq!(played.len(), 73, "{played:?}");
    named.retain(|(_, id)| !played.contains(id));
    assert!(named.is_empty(), "no such attack: {named:?}");
}
