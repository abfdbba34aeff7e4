//! `Policy` → TOML text: only what differs from the default, in a form that reads back the same.

use std::fmt::Write as _;

use crate::file::Policy;
use crate::grants::WasiGrant;
use crate::limits::Limits;
use crate::store::{QUOTAS, StoreGrant};
use crate::units::Unit;

/// A TOML basic string on one line. What is not printable is escaped, so that the text shows what it says.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\'' => out.push(c),
            // More than one character comes back for whatever Rust would escape in a string of its own.
            _ if c.escape_debug().nth(1).is_some() => {
                out.push_str(&format!("\\U{:08X}", u32::from(c)))
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The tables of a policy, each begun only when there is something in it.
pub(crate) fn policy(policy: &Policy) -> String {
    let tables = [
        limits(&policy.limits),
        grants(policy),
        settings(policy),
        store(policy),
        http(policy),
        files(policy),
    ];
    let tables: Vec<String> = tables
        .into_iter()
        .filter(|table| !table.is_empty())
        .collect();
    tables.join("\n")
}

fn table(header: &str, lines: &[String]) -> String {
    match lines {
        [] => String::new(),
        lines => format!("{header}\n{}\n", lines.join("\n")),
    }
}

fn limits(limits: &Limits) -> String {
    let changed = Limits::KEYS
        .iter()
        .filter(|key| key.get(limits) != key.default_value());
    let line = |key: &crate::LimitKey| number(key.name, key.unit, key.get(limits));
    let lines: Vec<String> = changed.map(line).collect();
    table("[limits]", &lines)
}

fn grants(policy: &Policy) -> String {
    let grants = &policy.grants;
    let flags = [
        ("log", grants.log),
        ("hash", grants.hash),
        ("store", grants.store == Some(StoreGrant::default())),
    ];
    let flags = flags.into_iter().filter(|(_, granted)| *granted);
    let mut lines: Vec<String> = flags.map(|(name, _)| format!("{name} = true")).collect();
    match grants.wasi {
        Some(WasiGrant::Inert) => lines.push("wasi = \"inert\"".to_owned()),
        None => {}
    }
    if !grants.interfaces.is_empty() {
        let names: Vec<String> = grants.interfaces.iter().map(|name| quoted(name)).collect();
        lines.push(format!("interfaces = [{}]", names.join(", ")));
    }
    table("[grants]", &lines)
}

fn settings(policy: &Policy) -> String {
    let Some(settings) = &policy.grants.config else {
        return String::new();
    };
    let mut out = String::from("[grants.config]\n");
    for (key, value) in settings {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} = {}", quoted(key), quoted(value));
    }
    out
}

/// A store that is more than `store = true`.
fn store(policy: &Policy) -> String {
    let (default, mut lines) = (StoreGrant::default(), Vec::new());
    let Some(store) = &policy.grants.store else {
        return String::new();
    };
    if let Some(path) = &store.path {
        lines.push(format!("path = {}", quoted(&path.to_string_lossy())));
    }
    if let Some(namespace) = &store.namespace {
        lines.push(format!("namespace = {}", quoted(namespace)));
    }
    for quota in QUOTAS {
        let value = (quota.get)(store);
        if value != (quota.get)(&default) {
            lines.push(number(quota.name, quota.unit, value));
        }
    }
    table("[grants.store]", &lines)
}

/// A key with its number, in the unit's shortest form.
fn number(name: &str, unit: Unit, value: u64) -> String {
    let shown = unit.show(value);
    match unit {
        Unit::Count => format!("{name} = {shown}"),
        Unit::Bytes | Unit::Duration => format!("{name} = \"{shown}\""),
    }
}

fn http(policy: &Policy) -> String {
    let grants = policy.grants.http.iter();
    let grants = grants.map(|grant| format!("[[grants.http]]\nurl = {}\n", quoted(&grant.url)));
    grants.collect::<Vec<String>>().join("\n")
}

fn files(policy: &Policy) -> String {
    let grants = policy.grants.files.iter().map(|grant| {
        let lines = [
            format!("root = {}", quoted(&grant.root)),
            format!("path = {}", quoted(&grant.path.to_string_lossy())),
            format!("access = {}", quoted(grant.access.name())),
        ];
        table("[[grants.files]]", &lines)
    });
    grants.collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_on_one_line() {
        assert_eq!(quoted("it's é"), "\"it's é\"");
        assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(quoted("\n\0\u{7f}"), r#""\U0000000A\U00000000\U0000007F""#);
        assert_eq!(quoted("\u{202e}"), r#""\U0000202E""#);
    }
}
