//! Tests of the tables of keys: the reader treats each key as its table says.

use std::path::Path;

use crate::error::PolicyError;
use crate::grants::GrantName;
use crate::policy::Policy;
use crate::toml::units::Unit;
use crate::toml::{Key, KeyDefault, TABLES, Table};

type Entries = Vec<(&'static str, String)>;

/// The entries that a table needs to be valid.
fn least(table: &Table) -> Entries {
    let required = table
        .keys
        .iter()
        .filter(|key| key.default == KeyDefault::Required);
    let mut entries: Entries = required
        .map(|key| (key.name, key.example.to_owned()))
        .collect();
    if table.header == "[grants.http.credential]" {
        entries.push(("from-env", "\"API_TOKEN\"".to_owned()));
    }
    entries
}

/// The entries that a table needs, with this key set to this value.
fn with(table: &Table, key: &Key, value: &str) -> Entries {
    let mut entries = least(table);
    // Exactly one of `from-env` and `from-file` may be written.
    entries.retain(|(name, _)| *name != key.name && (*name, key.name) != ("from-env", "from-file"));
    entries.push((key.name, value.to_owned()));
    // A store in a file needs a name there.
    if (table.header, key.name) == ("[grants.store]", "path") {
        entries.push(("namespace", "\"ledger\"".to_owned()));
    }
    entries
}

fn read(table: &Table, entries: &Entries) -> Result<Policy, PolicyError> {
    // The lines that a table needs above it.
    let above = match table.header {
        "[grants.http.credential]" => "[[grants.http]]\nurl = 'https://a.example/'\n",
        "[grants.wasi]" => "[[grants.files]]\nroot = 'data'\npath = 'a'\naccess = 'read'\n",
        _ => "",
    };
    let lines = entries
        .iter()
        .map(|(name, value)| format!("{name} = {value}\n"));
    let text = format!("{above}{}\n{}", table.header, lines.collect::<String>());
    Policy::parse(&text, Path::new("/base"))
}

fn every_key(check: impl Fn(&Table, &Key)) {
    for table in TABLES {
        for key in table.keys {
            check(table, key);
        }
    }
}

#[test]
fn every_key_is_read_and_written_back() {
    every_key(|table, key| {
        let base = read(table, &least(table)).unwrap();
        let policy = read(table, &with(table, key, key.example)).unwrap();
        assert_eq!(policy.check(), Ok(()), "{}", key.name);
        let written = policy.to_toml();
        assert!(written.contains(key.name), "{}: {written}", key.name);
        super::is_written_back(&policy);
        let in_least = least(table).iter().any(|(name, _)| *name == key.name);
        assert!(in_least || policy != base, "{} changes nothing", key.name);
    });
}

#[test]
fn what_is_not_written_is_the_default() {
    every_key(|table, key| {
        let mut entries = least(table);
        match key.default {
            KeyDefault::Required => {
                entries.retain(|(name, _)| *name != key.name);
                let error = read(table, &entries).unwrap_err();
                let message = error.mistakes()[0].message.clone();
                assert_eq!(message, format!("`{}` is missing here; add it", key.name));
            }
            KeyDefault::Value(value) => {
                let written = read(table, &with(table, key, value));
                assert_eq!(written, read(table, &entries), "{}", key.name);
            }
            KeyDefault::Text(_) => {}
        }
    });
}

#[test]
fn both_ends_of_a_range_are_in_it_and_their_neighbours_are_not() {
    every_key(|table, key| {
        let Some(range) = key.range else { return };
        let accepts = |value: u64| {
            let value = match range.unit {
                Unit::Count => value.to_string(),
                unit => format!("\"{}\"", unit.show(value)),
            };
            read(table, &with(table, key, &value)).is_ok()
        };
        assert!(accepts(range.min) && accepts(range.max), "{}", key.name);
        let outside = [range.min.checked_sub(1), range.max.checked_add(1)];
        for value in outside.into_iter().flatten() {
            assert!(!accepts(value), "{} = {value}", key.name);
        }
    });
}

#[test]
fn no_key_is_without_words() {
    every_key(|table, key| {
        for text in [table.meaning, key.meaning] {
            assert!(text.ends_with('.'), "{}: {text}", key.name);
        }
        assert!(!key.kind.is_empty(), "{}", key.name);
        let unknown = read(
            table,
            &with(
                table,
                &Key {
                    name: "no-such-key",
                    ..copy(key)
                },
                "1",
            ),
        );
        let message = unknown.unwrap_err().mistakes()[0].message.clone();
        assert!(message.contains(key.name), "{}: {message}", key.name);
    });
}

fn copy(key: &Key) -> Key {
    Key { ..*key }
}

#[test]
fn every_kind_of_grant_has_its_key() {
    let keys = TABLES[0].names();
    assert_eq!(keys, GrantName::ALL.map(GrantName::key));
}
