//! Tests of the mistakes of a policy together: all of them are told, each once, with its line and the place where a key belongs.

use std::path::Path;

use crate::Limits;
use crate::policy::Policy;
use crate::toml::units::Unit;
use crate::toml::{Key, TABLES};

use super::mistakes::{refuse, refuse_all};

#[test]
fn all_mistakes_are_told_in_the_order_of_the_text() {
    let text = "\
fuel = 2
[limits]
memory = 0
alpha = 1
deadline = 10
[grants]
log = 1
interfaces = ['a', 'b']
config = { a = 1, b = 2 }
wasi = { args = [1, 2], stdio = 'x', preopens = ['none'], env = { '=' = '' } }
store = { max-keys = 0, namespace = 1 }
[[grants.files]]
root = 'A'
path = ''
acess = 'read'
max-files = true
[[grants.http]]
methods = ['get', 1]
max-body = 0
headers = ['A', 'B']
networks = ['home', 'work']
credential = { header = 'X', from-env = '=', prefix = '\u{e9}' }
[trust]
keys = ['a', 'b']
require = 1
";
    let messages = refuse_all(text);
    let places: Vec<&str> = messages
        .iter()
        .map(|message| message.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "fuel:",
            "limits.memory:",
            "limits.alpha:",
            "limits.deadline:",
            "grants.log:",
            "grants.interfaces[0]:",
            "grants.interfaces[1]:",
            "grants.config.a:",
            "grants.config.b:",
            "grants.wasi.args[0]:",
            "grants.wasi.args[1]:",
            "grants.wasi.stdio:",
            "grants.wasi.env.\"=\":",
            "grants.store.max-keys:",
            "grants.store.namespace:",
            "grants.files[0].root:",
            "grants.files[0].path:",
            "grants.files[0].acess:",
            "grants.files[0].max-files:",
            "grants.http[0]:",
            "grants.http[0].methods[1]:",
            "grants.http[0].max-body:",
            "grants.http[0].headers[0]:",
            "grants.http[0].headers[1]:",
            "grants.http[0].networks[0]:",
            "grants.http[0].networks[1]:",
            "grants.http[0].credential.header:",
            "grants.http[0].credential.from-env:",
            "grants.http[0].credential.prefix:",
            "trust.keys[0]:",
            "trust.keys[1]:",
            "trust.require:",
        ],
        "{messages:#?}"
    );
}

#[test]
fn a_mistake_is_told_without_what_follows_from_it() {
    for text in [
        // A root that was refused is not missing.
        "grants.wasi = { preopens = ['data'] }\ngrants.files = [{ root = 'data', path = '', access = 'read' }]",
        // A key that is misspelt is not missing.
        "grants.files = [{ root = 'data', path = 'a', acces = 'read' }]",
        "grants.http = [{ URL = 'https://a.b/' }]",
    ] {
        let messages = refuse_all(text);
        assert_eq!(messages.len(), 1, "{messages:#?}");
    }
}

#[test]
fn all_that_is_no_toml_is_told() {
    let messages = refuse_all("[limits]\nfuel = \nmemory = 64MiB\n[grants]\nlog = True\nfuel = 1");
    let lines: Vec<&str> = messages.iter().map(|text| &text[..2]).collect();
    assert_eq!(lines, ["2:", "3:", "5:"], "{messages:#?}");
}

#[test]
fn a_key_in_a_wrong_place_is_told_its_table() {
    let example = |key: &Key| format!("{} = {}\n", key.name, key.example);
    // In an inline table, since a header would be another place.
    let misplace = |line: &str, header: &str| {
        for (text, place) in [
            (line.to_owned(), ""),
            (format!("[trust]\n{line}"), "trust."),
        ] {
            let messages = refuse_all(&text);
            let [message, ..] = &messages[..] else {
                panic!("{text}")
            };
            assert!(message.contains(&format!(" {place}")), "{message}");
            assert!(
                message.contains("belongs under ") && message.contains(&format!("`{header}`")),
                "{text}: {message}"
            );
        }
    };
    for key in Limits::KEYS {
        let value = match key.unit {
            Unit::Count => key.max.to_string(),
            unit => format!("{:?}", unit.show(key.max)),
        };
        misplace(&format!("{} = {value}\n", key.name), "[limits]");
    }
    for table in TABLES.iter().filter(|table| table.header != "[trust]") {
        for key in table.keys {
            misplace(&example(key), table.header);
        }
    }
    for key in TABLES
        .iter()
        .find(|table| table.header == "[trust]")
        .unwrap()
        .keys
    {
        let message = refuse_all(&example(key)).concat();
        assert!(message.contains("it belongs under `[trust]`"), "{message}");
    }
    // The type of the value tells tables apart.
    let message = refuse("log = true");
    assert_eq!(
        message,
        "1:1: log: unknown key here; it belongs under `[grants]`"
    );
    let message = refuse("log = 7");
    assert_eq!(
        message,
        "1:1: log: unknown key here; it belongs under `[limits]`"
    );
}

#[test]
fn a_mistake_shows_its_line() {
    let excerpt = |text: &str| {
        let error = Policy::parse(text, Path::new("/base")).unwrap_err();
        error.mistakes()[0].excerpt.clone()
    };
    let shown = |text: &str| {
        let found = excerpt(text).unwrap();
        let marks = format!("{}{}", " ".repeat(found.start), "^".repeat(found.width));
        format!("{}\n{marks}", found.text)
    };
    assert_eq!(
        shown("[limits]\r\n  fuel = 0 # none\r\n"),
        "  fuel = 0 # none\n         ^"
    );
    assert_eq!(shown("\u{feff}feul = 1"), "feul = 1\n^^^^");
    assert_eq!(
        shown("grants.log =\t'\u{1b}'"),
        "grants.log = '\\u{1b}'\n              ^"
    );
    assert_eq!(
        shown("grants.store = [\n1]"),
        "grants.store = [\n               ^"
    );
    let long = shown(&format!(
        "grants.wasi = {{ args = ['{}', 1, '{}'] }}",
        "x".repeat(99),
        "x".repeat(99)
    ));
    assert!(
        long.starts_with('…')
            && long.contains("1, 'xxx")
            && long.lines().next().unwrap().ends_with("x…"),
        "{long}"
    );
    assert!(long.chars().count() < 260, "{long}");
    // A secret may be there in place of its name.
    let credential = |inside: &str| {
        excerpt(&format!(
            "grants.http = [{{ url = 'https://a.b/', credential = {{ header = 'a', {inside} }} }}]"
        ))
    };
    assert_eq!(credential("from-env = 's3cret='"), None);
    assert_eq!(credential("secret = 's3cret'"), None);
    let strayed = "[[grants.http]]\nurl = 'https://a.b/'\nfrom-env = 's3cret'";
    assert_eq!(excerpt(strayed), None);
    assert_eq!(excerpt("trust.keys = ['RWRTY0Iy']"), None);
}

/// A policy holds a secret by mistake, beside another mistake or as one: no message repeats it.
#[test]
fn no_mistake_shows_a_secret() {
    let grant = "[[grants.http]]\nurl = 'https://a.b/**'\n";
    for text in [
        format!("{grant}headers = {{ authorization = 'Bearer s3cret' }}"),
        format!("{grant}bearer = 's3cret'"),
        format!("{grant}api-key = 's3cret'"),
        format!("{grant}from_env = 's3cret'"),
        "[grants]\nfrom_env = 's3cret'".to_owned(),
        "grants.http = [{url='https://a.b/',credential={header='a',from-env='s3cret'},method=1}]"
            .to_owned(),
        "grants.http = [{url='https://a.b/',credential={header='a',from-env='-s3cret'}}]"
            .to_owned(),
        format!("{grant}credential = {{ header = 'a', from-env = s3cret }}"),
        format!("{grant}credential = {{ header = 'a', prefix = 'Bearer s3cret' }} s3cret"),
        format!("{grant}methods = 7 # prefix = 's3cret'"),
        "trust = { require = 7, secret-key = 's3cret' }".to_owned(),
        "[trust]\nkey = 's3cret'".to_owned(),
        "[grants.config]\ntoken = s3cret".to_owned(),
        "limits.fuel = 0 # token: s3cret".to_owned(),
    ] {
        let error = Policy::parse(&text, Path::new("/base")).unwrap_err();
        for mistake in error.mistakes() {
            let told = format!("{mistake:?}");
            assert!(!told.contains("s3cret"), "{text}: {told}");
        }
    }
}

#[test]
fn absurdly_many_mistakes_are_told_in_part() {
    let text: String = (0..60_000).map(|i| format!("a{i} = 1\n")).collect();
    let error = Policy::parse(&text, Path::new("")).unwrap_err();
    assert_eq!(error.mistakes().len(), 100);
    let text = "a = \n".repeat(100_000);
    let error = Policy::parse(&text, Path::new("")).unwrap_err();
    assert!(error.mistakes().len() <= 20);
}
