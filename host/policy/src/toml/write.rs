//! [`Policy`] → TOML: only the values that differ from the default, in a form that reads back as the same policy.

use std::fmt::Write as _;

use crate::grants::files::{MAX_FILES, MAX_WRITE};
use crate::grants::store::QUOTAS;
use crate::grants::{
    Clocks, HttpGrant, Parameters, Preopen, Random, SecretSource, StoreGrant, Streams, WasiGrant,
};
use crate::limits::{LimitKey, Limits};
use crate::policy::Policy;
use crate::trust::Trust;

use super::quoted::quoted;
use super::time;
use super::units::Unit;

/// The line of a rule that asks.
const ASK: &str = "ask = true";

/// The tables of a policy that are not empty.
pub(crate) fn policy(policy: &Policy) -> String {
    let tables = [
        limits(&policy.limits),
        grants(policy),
        interfaces(policy),
        settings(policy),
        store(policy),
        http(policy),
        files(policy),
        policy.grants.wasi.as_ref().map(wasi).unwrap_or_default(),
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
    let line = |key: &LimitKey| number(key.name, key.unit, key.get(limits));
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
    // A grant with other values has a table of its own.
    if grants.wasi == Some(WasiGrant::default()) {
        lines.push("wasi = \"inert\"".to_owned());
    }
    if !grants.interfaces.is_empty() && grants.interfaces.values().all(Parameters::is_empty) {
        lines.push(list("interfaces", grants.interfaces.keys()));
    }
    if !grants.stub.is_empty() {
        lines.push(list("stub", &grants.stub));
    }
    table("[grants]", &lines)
}

/// Interfaces of which one has parameters, as a table.
fn interfaces(policy: &Policy) -> String {
    let interfaces = &policy.grants.interfaces;
    if interfaces.values().all(Parameters::is_empty) {
        return String::new();
    }
    let lines = interfaces
        .iter()
        .map(|(name, parameters)| format!("{} = {}", quoted(name), parameters.inline()));
    table("[grants.interfaces]", &lines.collect::<Vec<_>>())
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

/// A store with other values than `store = true`, as a table.
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

/// A key with a number in the unit's shortest form.
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
        if grant.escaped_slashes {
            lines.push("escaped-slashes = true".to_owned());
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
        if !grant.networks.is_empty() {
            let networks: Vec<String> = grant.networks.iter().map(ToString::to_string).collect();
            lines.push(list("networks", &networks));
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
        if grant.ask {
            lines.push(ASK.to_owned());
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
        if grant.ask {
            lines.push(ASK.to_owned());
        }
        table("[[grants.files]]", &lines)
    });
    grants.collect::<Vec<String>>().join("\n")
}

/// The table of a grant of WASI; empty if the grant is `wasi = "inert"`, which is written in `[grants]`.
fn wasi(grant: &WasiGrant) -> String {
    let list = |texts: Vec<String>| format!("[{}]", texts.join(", "));
    let mut lines = Vec::new();
    if !grant.args.is_empty() {
        let args = grant.args.iter().map(|arg| quoted(arg)).collect();
        lines.push(format!("args = {}", list(args)));
    }
    if !grant.env.is_empty() {
        let pair =
            |(name, value): (&String, &String)| format!("{} = {}", quoted(name), quoted(value));
        let pairs: Vec<String> = grant.env.iter().map(pair).collect();
        lines.push(format!("env = {{ {} }}", pairs.join(", ")));
    }
    if !grant.env_from_host.is_empty() {
        let names = grant.env_from_host.iter().map(|name| quoted(name));
        lines.push(format!("env-from-host = {}", list(names.collect())));
    }
    if grant.stdio == Streams::Inherit {
        lines.push("stdio = \"inherit\"".to_owned());
    }
    match grant.clocks {
        Clocks::Real => lines.push("clocks = \"real\"".to_owned()),
        Clocks::Fixed(0) => {}
        Clocks::Fixed(seconds) => {
            lines.push(format!(
                "clocks = {{ fixed = \"{}\" }}",
                time::show(seconds)
            ));
        }
    }
    if let Random::Seed(seed) = grant.random {
        lines.push(format!("random = {{ seed = {seed} }}"));
    }
    if !grant.preopens.is_empty() {
        let roots = grant.preopens.iter().map(|Preopen { root, at }| {
            let name = quoted(root);
            match root == at {
                true => name,
                false => format!("{{ root = {name}, at = {} }}", quoted(at)),
            }
        });
        let roots = roots.collect();
        lines.push(format!("preopens = {}", list(roots)));
    }
    match lines.is_empty() {
        true => String::new(),
        false => format!("[grants.wasi]\n{}\n", lines.join("\n")),
    }
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
