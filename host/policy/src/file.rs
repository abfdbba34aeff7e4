//! TOML text → `Policy`: the keys there are, and what each of them takes.

use std::path::Path;

use toml::de::DeValue;

use crate::document::{self, Node};
use crate::error::{PolicyError, ValueError};
use crate::grants::{Access, FileGrant, Grants, WASI_KNOWN, WasiGrant};
use crate::limits::Limits;
use crate::store::{QUOTAS, StoreGrant};
use crate::units::Unit;
use crate::{names, write};

/// What a provider may use up and reach.
///
/// The default is the default limits and no grant. A policy that was read is valid; one that was put
/// together in code is as valid as [`Policy::check`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What one call may use up.
    pub limits: Limits,
    /// What may be reached.
    pub grants: Grants,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// Relative paths in it are joined to `base`, the directory of the file; nothing is looked up on disk.
    ///
    /// # Errors
    ///
    /// The first mistake: text that is not TOML, a key that is unknown, set twice or of the wrong type, a
    /// value out of its range. Spelling is exact, and what is unknown is never ignored.
    pub fn parse(text: &str, base: &Path) -> Result<Policy, PolicyError> {
        document::read(text, |top| {
            let mut policy = Policy::default();
            for (name, node) in top.table(&["limits", "grants"], "a table")? {
                match name {
                    "limits" => read_limits(&node, &mut policy.limits)?,
                    _ => read_grants(&node, base, &mut policy.grants)?,
                }
            }
            Ok(policy)
        })
    }

    /// The policy as TOML, only what differs from the default.
    ///
    /// Paths are written as they came out of [`Policy::parse`], already joined to its `base`: the text
    /// reads back as the same policy with an empty `base`, or with any when the paths are absolute. (A
    /// `base` with `..` in it shows in the paths and is refused there: make it absolute first.)
    pub fn to_toml(&self) -> String {
        write::policy(self)
    }

    /// Whether every rule of the file holds, for a policy that was put together in code.
    ///
    /// # Errors
    ///
    /// For the first rule that is broken; the message begins with the key.
    pub fn check(&self) -> Result<(), ValueError> {
        self.limits.check()?;
        self.grants.check()
    }
}

fn read_limits(node: &Node<'_>, limits: &mut Limits) -> Result<(), PolicyError> {
    let known: Vec<&str> = Limits::KEYS.iter().map(|key| key.name).collect();
    for (name, node) in node.table(&known, "a table: `[limits]`")? {
        let key = Limits::key(name).map_err(node.refused())?;
        let value = read_number(&node, key.unit)?;
        key.set(limits, value).map_err(node.refused())?;
    }
    Ok(())
}

fn read_number(node: &Node<'_>, unit: Unit) -> Result<u64, PolicyError> {
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
    for (name, node) in node.table(GRANTS, "a table: `[grants]`")? {
        match name {
            "log" => grants.log = node.boolean()?,
            "hash" => grants.hash = node.boolean()?,
            "store" => grants.store = read_store(&node, base)?,
            "config" => read_settings(&node, grants)?,
            "http" => read_http(&node, grants)?,
            "files" => read_files(&node, base, grants)?,
            "wasi" => grants.wasi = Some(read_wasi(&node)?),
            _ => read_interfaces(&node, grants)?,
        }
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

fn read_http(node: &Node<'_>, grants: &mut Grants) -> Result<(), PolicyError> {
    for node in node.array("a list: `[[grants.http]]`, with two brackets")? {
        let entries = node.table(&["url"], "a table such as { url = \"https://host/**\" }")?;
        let url = required(&node, &entries, "url")?;
        let text = url.string("a string such as \"https://host/**\"")?;
        grants.add_http(text).map_err(url.refused())?;
    }
    Ok(())
}

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
                let value = read_number(&node, quota.unit)?;
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
        let entries = node.table(&["root", "path", "access"], wanted)?;
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

        let grant = FileGrant {
            root: root_text.to_owned(),
            path: joined,
            access,
        };
        grants.add_file(grant).map_err(root.refused())?;
    }
    Ok(())
}

fn read_wasi(node: &Node<'_>) -> Result<WasiGrant, PolicyError> {
    let text = node.value().as_str();
    let text = text.ok_or_else(|| node.mistyped(&format!("\"inert\": {WASI_KNOWN}")))?;
    WasiGrant::parse(text).map_err(node.refused())
}

fn read_interfaces(node: &Node<'_>, grants: &mut Grants) -> Result<(), PolicyError> {
    for node in node.array("a list such as [\"acme:clock/sleep@0.1.0\"]")? {
        let name = node.string("a string such as \"acme:clock/sleep@0.1.0\"")?;
        grants.add_interface(name).map_err(node.refused())?;
    }
    Ok(())
}

fn required<'e, 'd>(
    parent: &Node<'d>,
    entries: &'e [(&'d str, Node<'d>)],
    name: &str,
) -> Result<&'e Node<'d>, PolicyError> {
    let found = entries.iter().find(|(key, _)| *key == name);
    let missing = || parent.error(format!("`{name}` is missing here; add it"));
    found.map(|(_, node)| node).ok_or_else(missing)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "file_mistakes.rs"]
mod mistakes;
