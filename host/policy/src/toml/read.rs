//! TOML text → `Policy`: the keys there are, and what each of them takes.

use std::path::Path;

use toml::de::DeValue;

use crate::error::PolicyError;
use crate::grants::store::QUOTAS;
use crate::grants::{Access, Clocks, FileGrant, Grants, Random, StoreGrant, Streams, WasiGrant};
use crate::limits::Limits;
use crate::policy::Policy;

use super::document::{self, Node, required};
use super::messages::shown;
use super::units::Unit;
use super::{names, read_http, read_trust, time};

/// Reads a policy; see [`Policy::parse`].
pub(super) fn policy(text: &str, base: &Path) -> Result<Policy, PolicyError> {
    document::read(text, |top| {
        let mut policy = Policy::default();
        for (name, node) in top.table(&["limits", "grants", "trust"], "a table")? {
            match name {
                "limits" => read_limits(&node, &mut policy.limits)?,
                "trust" => read_trust::read(&node, &mut policy.trust)?,
                _ => read_grants(&node, base, &mut policy.grants)?,
            }
        }
        Ok(policy)
    })
}

fn read_limits(node: &Node<'_>, limits: &mut Limits) -> Result<(), PolicyError> {
    let known: Vec<&str> = Limits::KEYS.iter().map(|key| key.name).collect();
    for (name, node) in node.table(&known, "a table: `[limits]`")? {
        let key = Limits::key(name).map_err(node.refused())?;
        let value = read_unit(&node, key.unit)?;
        key.set(limits, value).map_err(node.refused())?;
    }
    Ok(())
}

pub(crate) fn read_unit(node: &Node<'_>, unit: Unit) -> Result<u64, PolicyError> {
    let wanted = unit.example();
    match (node.value(), unit) {
        (DeValue::Integer(integer), Unit::Count | Unit::Bytes) => {
            match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(value) => u64::try_from(value)
                    .map_err(|_| node.error(format!("{value} is negative; write {wanted}"))),
                Err(_) => Err(node.error(format!("does not fit 64 bits; write {wanted}"))),
            }
        }
        (DeValue::Integer(integer), Unit::Duration) if integer.radix() == 10 => {
            // Without a unit it is refused there, with the words that a flag gets.
            unit.parse(integer.as_str()).map_err(node.refused())
        }
        (DeValue::String(text), Unit::Bytes | Unit::Duration) => {
            unit.parse(text).map_err(node.refused())
        }
        _ => Err(node.mistyped(wanted)),
    }
}

const GRANTS: &[&str] = &[
    "log",
    "hash",
    "store",
    "config",
    "http",
    "files",
    "wasi",
    "interfaces",
];

fn read_grants(node: &Node<'_>, base: &Path, grants: &mut Grants) -> Result<(), PolicyError> {
    let mut preopens = Vec::new();
    for (name, node) in node.table(GRANTS, "a table: `[grants]`")? {
        match name {
            "log" => grants.log = node.boolean()?,
            "hash" => grants.hash = node.boolean()?,
            "store" => grants.store = read_store(&node, base)?,
            "config" => read_settings(&node, grants)?,
            "http" => read_http::read(&node, base, grants)?,
            "files" => read_files(&node, base, grants)?,
            "wasi" => grants.wasi = Some(read_wasi(&node, &mut preopens)?),
            _ => read_interfaces(&node, grants)?,
        }
    }
    // The roots may stand after the table that names them.
    for (root, node) in preopens {
        grants.known_root(root).map_err(node.refused())?;
    }
    Ok(())
}

fn read_settings(node: &Node<'_>, grants: &mut Grants) -> Result<(), PolicyError> {
    grants.config = Some(Default::default());
    for (key, node) in node.entries("a table of strings such as { region = \"eu\" }")? {
        let value = node.string("a string: the provider is given text, so put it in quotes")?;
        grants.add_setting(key, value).map_err(node.refused())?;
    }
    Ok(())
}

const FILE_KEYS: &[&str] = &[
    "root",
    "path",
    "access",
    "max-write",
    "max-files",
    "max-read",
];

/// `true`, for a store in memory with the default quotas, or a table.
fn read_store(node: &Node<'_>, base: &Path) -> Result<Option<StoreGrant>, PolicyError> {
    if let Some(granted) = node.value().as_bool() {
        return Ok(granted.then(StoreGrant::default));
    }
    let mut known = vec!["path", "namespace"];
    known.extend(QUOTAS.iter().map(|quota| quota.name));
    let mut grant = StoreGrant::default();
    for (name, node) in node.table(
        &known,
        "true, or a table such as { path = \"./state.redb\" }",
    )? {
        match (name, QUOTAS.iter().find(|quota| quota.name == name)) {
            (_, Some(quota)) => {
                let value = read_unit(&node, quota.unit)?;
                quota.put(&mut grant, value).map_err(node.refused())?;
            }
            ("path", None) => {
                let text = node.string("a string such as \"./state.redb\"")?;
                names::written_path(text).map_err(node.refused())?;
                let joined = base.join(text);
                names::path(&joined).map_err(node.refused())?;
                grant.path = Some(joined);
            }
            _ => {
                let text = node.string("a string such as \"ledger\"")?;
                names::setting(text).map_err(node.refused())?;
                grant.namespace = Some(text.to_owned());
            }
        }
    }
    Ok(Some(grant))
}

fn read_files(node: &Node<'_>, base: &Path, grants: &mut Grants) -> Result<(), PolicyError> {
    for node in node.array("a list: `[[grants.files]]`, with two brackets")? {
        let wanted = "a table such as { root = \"data\", path = \"./data\", access = \"read\" }";
        let entries = node.table(FILE_KEYS, wanted)?;
        let root = required(&node, &entries, "root")?;
        let path = required(&node, &entries, "path")?;
        let access = required(&node, &entries, "access")?;

        let root_text = root.string("a string such as \"data\"")?;
        names::root(root_text).map_err(root.refused())?;
        let path_text = path.string("a string such as \"./data\"")?;
        names::written_path(path_text).map_err(path.refused())?;
        let joined = base.join(path_text);
        names::path(&joined).map_err(path.refused())?;
        let access_text = access.string("\"read\" or \"read-write\"")?;
        let access = Access::parse(access_text).map_err(access.refused())?;

        let mut grant = FileGrant::new(root_text, joined, access);
        for (name, node) in &entries {
            match *name {
                "max-write" => grant.max_write = read_unit(node, Unit::Bytes)?,
                "max-files" => grant.max_files = read_unit(node, Unit::Count)?,
                "max-read" => grant.max_read = Some(read_unit(node, Unit::Bytes)?),
                _ => {}
            }
        }
        grants.add_file(grant).map_err(root.refused())?;
    }
    Ok(())
}

const WASI_KEYS: &[&str] = &[
    "args",
    "env",
    "env-from-host",
    "stdio",
    "clocks",
    "random",
    "preopens",
];

/// A word or a table. The preopens are handed out with their places: which roots there are is not known
/// before all of the file is read.
fn read_wasi<'d>(
    node: &Node<'d>,
    preopens: &mut Vec<(&'d str, Node<'d>)>,
) -> Result<WasiGrant, PolicyError> {
    if let Some(word) = node.value().as_str() {
        return WasiGrant::parse(word).map_err(node.refused());
    }
    let mut grant = WasiGrant::default();
    let wanted = "\"inert\", or a table: `[grants.wasi]`";
    for (name, node) in node.table(WASI_KEYS, wanted)? {
        match name {
            "args" => {
                for node in node.array("a list such as [\"--all\", \"file.txt\"]")? {
                    let arg = node.string("a string: arguments are text, so put it in quotes")?;
                    grant.add_arg(arg).map_err(node.refused())?;
                }
            }
            "env" => {
                for (name, node) in node.entries("a table such as { NAME = \"value\" }")? {
                    let value = node.string("a string: variables are text, so put it in quotes")?;
                    grant.add_variable(name, value).map_err(node.refused())?;
                }
            }
            "env-from-host" => {
                for node in node.array("a list of names such as [\"LANG\"]")? {
                    let name = node.string("a string such as \"LANG\"")?;
                    grant.add_from_host(name).map_err(node.refused())?;
                }
            }
            "stdio" => {
                let word = node.string("\"captured\" or \"inherit\"")?;
                grant.stdio = Streams::parse(word).map_err(node.refused())?;
            }
            "clocks" => grant.clocks = read_clocks(&node)?,
            "random" => grant.random = read_random(&node)?,
            _ => {
                for node in node.array("a list of roots such as [\"data\"]")? {
                    let root = node.string("a string such as \"data\"")?;
                    grant.add_preopen(root).map_err(node.refused())?;
                    preopens.push((root, node));
                }
            }
        }
    }
    Ok(grant)
}

fn read_clocks(node: &Node<'_>) -> Result<Clocks, PolicyError> {
    let wanted = "\"real\", or { fixed = \"2026-01-01T00:00:00Z\" }";
    match node.value().as_str() {
        Some("real") => return Ok(Clocks::Real),
        Some(other) => return Err(node.error(unknown_word(other, wanted))),
        None => {}
    }
    let entries = node.table(&["fixed"], wanted)?;
    let fixed = required(node, &entries, "fixed")?;
    let text = fixed.string("a string such as \"2026-01-01T00:00:00Z\"")?;
    time::parse(text)
        .map(Clocks::Fixed)
        .map_err(fixed.refused())
}

fn read_random(node: &Node<'_>) -> Result<Random, PolicyError> {
    let wanted = "\"real\", or { seed = 42 }";
    match node.value().as_str() {
        Some("real") => return Ok(Random::Real),
        Some(other) => return Err(node.error(unknown_word(other, wanted))),
        None => {}
    }
    let entries = node.table(&["seed"], wanted)?;
    let seed = required(node, &entries, "seed")?;
    read_unit(seed, Unit::Count).map(Random::Seed)
}

fn unknown_word(word: &str, wanted: &str) -> String {
    format!("`{}` is not known; write {wanted}", shown(word))
}

fn read_interfaces(node: &Node<'_>, grants: &mut Grants) -> Result<(), PolicyError> {
    for node in node.array("a list such as [\"acme:clock/sleep@0.1.0\"]")? {
        let name = node.string("a string such as \"acme:clock/sleep@0.1.0\"")?;
        grants.add_interface(name).map_err(node.refused())?;
    }
    Ok(())
}
