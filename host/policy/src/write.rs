//! `Policy` → TOML text: only what differs from the default, in a form that reads back the same.

use std::fmt::Write as _;

use crate::file::Policy;
use crate::grants::{MAX_FILES, MAX_WRITE};
use crate::http::{HttpGrant, SecretSource};
use crate::limits::Limits;
use crate::store::{QUOTAS, StoreGrant};
use crate::trust::Trust;
use crate::units::Unit;
use crate::wasi::{self, WasiGrant};

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
        policy
            .grants
            .wasi
            .as_ref()
            .map(wasi::write)
            .unwrap_or_default(),
        trust(&policy.trust),
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
    // Anything more has a table of its own.
    if grants.wasi == Some(WasiGrant::default()) {
        lines.push("wasi = \"inert\"".to_owned());
    }
    if !grants.interfaces.is_empty() {
        lines.push(list("interfaces", &grants.interfaces));
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

/// A key with a list of strings.
fn list<'t>(name: &str, texts: impl IntoIterator<Item = &'t String>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| quoted(text)).collect();
    format!("{name} = [{}]", texts.join(", "))
}

fn http(policy: &Policy) -> String {
    let grants = policy.grants.http.iter().map(|grant| {
        let default = HttpGrant::new("");
        let mut lines = vec![format!("url = {}", quoted(&grant.url))];
        if grant.methods != default.methods {
            lines.push(list("methods", &grant.methods));
        }
        if let Some(headers) = &grant.headers {
            lines.push(list("headers", headers));
        }
        if grant.max_body != default.max_body {
            lines.push(number("max-body", Unit::Bytes, grant.max_body));
        }
        if grant.max_requests != default.max_requests {
            lines.push(format!("max-requests = {}", grant.max_requests));
        }
        if grant.max_connections != default.max_connections {
            lines.push(format!("max-connections = {}", grant.max_connections));
        }
        if grant.private {
            lines.push("private = true".to_owned());
        }
        if let Some(credential) = &grant.credential {
            let source = match &credential.source {
                SecretSource::Env(name) => format!("from-env = {}", quoted(name)),
                SecretSource::File(path) => {
                    format!("from-file = {}", quoted(&path.to_string_lossy()))
                }
            };
            lines.push(format!(
                "credential = {{ header = {}, {source}, prefix = {} }}",
                quoted(&credential.header),
                quoted(&credential.prefix)
            ));
        }
        table("[[grants.http]]", &lines)
    });
    grants.collect::<Vec<String>>().join("\n")
}

fn files(policy: &Policy) -> String {
    let grants = policy.grants.files.iter().map(|grant| {
        let mut lines = vec![
            format!("root = {}", quoted(&grant.root)),
            format!("path = {}", quoted(&grant.path.to_string_lossy())),
            format!("access = {}", quoted(grant.access.name())),
        ];
        if grant.max_write != MAX_WRITE {
            lines.push(format!(
                "max-write = \"{}\"",
                Unit::Bytes.show(grant.max_write)
            ));
        }
        if grant.max_files != MAX_FILES {
            lines.push(format!("max-files = {}", grant.max_files));
        }
        if let Some(max_read) = grant.max_read {
            lines.push(format!("max-read = \"{}\"", Unit::Bytes.show(max_read)));
        }
        table("[[grants.files]]", &lines)
    });
    grants.collect::<Vec<String>>().join("\n")
}

fn trust(trust: &Trust) -> String {
    let mut lines = Vec::new();
    if !trust.keys.is_empty() {
        let keys: Vec<String> = trust.keys.iter().map(ToString::to_string).collect();
        lines.push(list("keys", &keys));
    }
    if trust.require {
        lines.push("require = true".to_owned());
    }
    table("[trust]", &lines)
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
