//! Properties of the text of policies: reading, refusing with a position, writing.

use std::path::Path;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tollgate_policy::{Grants, Limits, Mistake, Policy, Unit};

use crate::strategies::policy;

/// Text that resembles a policy: pieces of one in any order.
fn nearly_a_policy() -> impl Strategy<Value = String> {
    let pieces = [
        "[limits]",
        "[grants]",
        "[[grants.files]]",
        "[[grants.http]]",
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\n",
        " ",
        "\"",
        "'",
        "\"\"\"",
        "fuel",
        "memory",
        "deadline",
        "log",
        "config",
        "files",
        "root",
        "path",
        "access",
        "url",
        "wasi",
        "1",
        "-1",
        "true",
        "\"64MiB\"",
        "\"2s\"",
        "\"read\"",
        "'inert'",
        "0x",
        "1.5",
        "é",
        "\u{0}",
        "\u{1b}",
        "\u{feff}",
        "\r",
        "#",
        "\\u00",
    ];
    vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

/// Every key of a policy in a valid text, with the key's own name last in the path.
fn keys() -> Vec<(&'static str, String)> {
    let limits = Limits::KEYS.iter().map(|key| {
        let value = key.unit.show(key.max);
        let value = if key.unit == Unit::Count {
            value
        } else {
            format!("\"{value}\"")
        };
        (key.name, format!("[limits]\n{} = {value}\n", key.name))
    });
    let others = [
        ("limits", "[limits]\n"),
        ("grants", "[grants]\n"),
        ("log", "[grants]\nlog = true\n"),
        ("hash", "[grants]\nhash = true\n"),
        ("store", "[grants]\nstore = true\n"),
        ("wasi", "[grants]\nwasi = \"inert\"\n"),
        ("config", "[grants]\nconfig = {}\n"),
        ("http", "[grants]\nhttp = []\n"),
        ("files", "[grants]\nfiles = []\n"),
        ("interfaces", "[grants]\ninterfaces = []\n"),
        (
            "headers",
            "[[grants.http]]\nurl = \"https://a.example/\"\nheaders = []\n",
        ),
        (
            "max-connections",
            "[[grants.http]]\nurl = \"https://a.example/\"\nmax-connections = 1\n",
        ),
        ("url", "[[grants.http]]\nurl = \"https://a.example/\"\n"),
        (
            "root",
            "[[grants.files]]\npath = \"p\"\naccess = \"read\"\nroot = \"r\"\n",
        ),
        (
            "path",
            "[[grants.files]]\nroot = \"r\"\naccess = \"read\"\npath = \"p\"\n",
        ),
        (
            "access",
            "[[grants.files]]\nroot = \"r\"\npath = \"p\"\naccess = \"read\"\n",
        ),
    ];
    let others = others.map(|(key, text)| (key, text.to_owned()));
    limits.chain(others).collect()
}

/// The first mistake with a message that begins so.
fn mistake(text: &str, begin: &str) -> Mistake {
    let error = parse(text).unwrap_err();
    let mut mistakes = error.mistakes().iter();
    let found = mistakes.find(|mistake| mistake.message.starts_with(begin));
    found.unwrap().clone()
}

fn parse(text: &str) -> Result<Policy, tollgate_policy::PolicyError> {
    Policy::parse(text, Path::new(""))
}

#[test]
fn every_key_reads_once_and_is_refused_twice() {
    for (key, text) in keys() {
        assert!(parse(&text).is_ok(), "{text}");
        // The last line again: a key set twice, or a table opened twice.
        let twice = format!("{text}{}\n", text.lines().last().unwrap());
        let error = mistake(&twice, "set twice");
        assert_eq!(error.line, twice.lines().count(), "{twice}{error}");
        assert!(error.key.ends_with(key), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_place(text in prop_oneof![any::<String>(), nearly_a_policy()]) {
        match parse(&text) {
            Ok(policy) => prop_assert_eq!(policy.check(), Ok(())),
            Err(errors) => for error in errors.mistakes() {
                prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
                let line = text.split('\n').nth(error.line - 1).unwrap();
                prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1);
                prop_assert!(!error.message.is_empty());
                prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error.to_string());
                if let Some(excerpt) = &error.excerpt {
                    prop_assert!(!excerpt.text.contains(char::is_control), "{:?}", excerpt);
                    prop_assert!(excerpt.width > 0 && excerpt.start <= excerpt.text.chars().count(), "{:?}", excerpt);
                }
            }
        }
    }

    #[test]
    fn any_flag_is_added_or_refused(text in ".*|(http|files|config|interface|wasi|log)=.*") {
        let mut grants = Grants::default();
        match grants.add(&text, Path::new("base")) {
            Ok(()) => prop_assert_eq!(grants.check(), Ok(())),
            Err(error) => {
                prop_assert_eq!(grants, Grants::default());
                prop_assert!(!error.to_string().contains(char::is_control));
            }
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same(policy in policy()) {
        prop_assert_eq!(policy.check(), Ok(()));
        let text = policy.to_toml();
        let mut again = parse(&text);
        if let Ok(again) = &mut again {
            // The policy was not read from a folder.
            again.protected.clear();
        }
        prop_assert_eq!(again.as_ref(), Ok(&policy), "{}", text);
    }

    #[test]
    fn what_is_shown_reads_back_the_same(value in any::<u64>(), shift in 0u32..64) {
        for unit in [Unit::Count, Unit::Bytes, Unit::Duration] {
            prop_assert_eq!(unit.parse(&unit.show(value >> shift)), Ok(value >> shift));
        }
    }

    #[test]
    fn any_number_is_read_or_refused(text in "[0-9_.]{0,30}[a-zA-Z]{0,3}|.*") {
        for unit in [Unit::Count, Unit::Bytes, Unit::Duration] {
            let _ = unit.parse(&text);
        }
    }

    #[test]
    fn unknown_keys_are_refused_where_they_stand(name in "[a-z]{1,3}-?[a-z0-9]{1,5}|[\\pL]{1,8}") {
        let known: Vec<&str> = keys().into_iter().map(|(key, _)| key).collect();
        if known.contains(&name.as_str()) {
            return Ok(());
        }
        for (table, text) in [
            ("", format!("'{name}' = true")),
            ("limits.", format!("limits.'{name}' = 1")),
            ("grants.", format!("grants.'{name}' = true")),
            ("grants.http[0].", format!("grants.http = [{{ '{name}' = 1 }}]")),
            ("grants.files[0].", format!("grants.files = [{{ '{name}' = 1 }}]")),
        ] {
            let error = mistake(&text, "unknown key");
            prop_assert!(error.key.starts_with(table), "{}", error);
            prop_assert_eq!(error.column, text.find('\'').unwrap() + 1);
        }
    }

    #[test]
    fn keys_of_another_case_are_refused(which in any::<prop::sample::Index>(), upper in vec(any::<bool>(), 16)) {
        let keys = keys();
        let (key, text) = which.get(&keys);
        let letters = key.chars().zip(upper.iter().cycle());
        let mixed: String = letters.map(|(c, up)| if *up { c.to_ascii_uppercase() } else { c }).collect();
        let mixed = if mixed == *key { key.to_ascii_uppercase() } else { mixed };
        // The key is on the last line, where no value holds its name.
        let at = text.rfind(&format!("\n{key}")).map_or_else(|| text.find(key).unwrap(), |at| at + 1);
        let text = format!("{}{mixed}{}", &text[..at], &text[at + key.len()..]);
        let error = mistake(&text, "unknown key");
        prop_assert!(error.key.ends_with(&mixed), "{}", error);
        let cure = format!("did you mean `{}`?", key);
        prop_assert!(error.message.contains(&cure), "{}", error);
    }

    #[test]
    fn limits_out_of_range_are_refused_with_line_and_key(
        which in any::<prop::sample::Index>(), beyond in any::<u64>(), below in any::<bool>(),
    ) {
        let key = which.get(Limits::KEYS);
        let value = match below && key.min > 0 {
            true => beyond % key.min,
            false => (beyond % (u64::MAX - key.max)) + key.max + 1,
        };
        let shown = key.unit.show(value);
        let value = if key.unit == Unit::Count { shown } else { format!("'{shown}'") };
        let error = mistake(&format!("\n[limits]\n\n{} = {value}\n", key.name), "");
        prop_assert_eq!((error.line, error.column), (4, key.name.len() + 4));
        prop_assert_eq!(&error.key, &format!("limits.{}", key.name));
    }
}

#[test]
fn a_deadline_is_exact_to_the_microsecond() {
    let policy = parse("limits.deadline = \"1.000001s\"").unwrap();
    assert_eq!(policy.limits.deadline, Duration::from_micros(1_000_001));
}
