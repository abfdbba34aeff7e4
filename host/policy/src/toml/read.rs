//! TOML → [`Policy`]: the top of the text, `[limits]`, and `[grants]`.

use std::path::Path;

use crate::error::PolicyError;
use crate::grants::{GrantName, Grants};
use crate::limits::Limits;
use crate::policy::Policy;

use super::document::{self, Node, TABLES};
use super::key::{Key, KeyDefault, Table};
use super::{read_files, read_http, read_store, read_trust, read_wasi};

/// The keys of `[grants]`.
#[rustfmt::skip]
pub(super) const GRANTS: Table = Table {
    header: "[grants]",
    meaning: "The reach of a provider. Everything that is not written is denied.",
    keys: &[
        Key {
            name: GrantName::Log.key(), kind: "boolean", range: None,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Grants log lines, which go into the report.",
        },
        Key {
            name: GrantName::Hash.key(), kind: "boolean", range: None,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Grants hashing by the host.",
        },
        Key {
            name: GrantName::Store.key(), kind: "boolean, or a table: `[grants.store]`", range: None,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Grants a key-value store. `true` is a store in memory with the default quotas.",
        },
        Key {
            name: GrantName::Config.key(), kind: "table of strings", range: None,
            default: KeyDefault::Text("not granted"), example: "{ region = \"eu\" }",
            meaning: "Grants these settings. With an empty table the interface is granted and every setting is unset.",
        },
        Key {
            name: GrantName::Http.key(), kind: "list of tables: `[[grants.http]]`", range: None,
            default: KeyDefault::Value("[]"), example: "[{ url = \"https://example.com/**\" }]",
            meaning: "Grants requests to the URLs that match one of the tables.",
        },
        Key {
            name: GrantName::Files.key(), kind: "list of tables: `[[grants.files]]`", range: None,
            default: KeyDefault::Value("[]"),
            example: "[{ root = \"data\", path = \"./data\", access = \"read\" }]",
            meaning: "Grants the files below each of these directories.",
        },
        Key {
            name: GrantName::Wasi.key(), kind: "`\"inert\"`, or a table: `[grants.wasi]`", range: None,
            default: KeyDefault::Text("not granted"), example: "\"inert\"",
            meaning: "Grants the WASI interfaces. With `\"inert\"`, nothing of the host is behind them but random numbers.",
        },
        Key {
            name: GrantName::Interfaces.key(), kind: "list of strings", range: None,
            default: KeyDefault::Value("[]"), example: "[\"acme:clock/sleep@0.1.0\"]",
            meaning: "Grants interfaces that the embedding program provides, by exact name and version.",
        },
    ],
};

/// Reads a policy; see [`Policy::parse`].
pub(super) fn policy(text: &str, base: &Path) -> Result<Policy, PolicyError> {
    document::read(text, |top| {
        let mut policy = Policy::default();
        for (name, node) in top.table(&TABLES, "a table")? {
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
        let value = node.number(key.unit)?;
        key.set(limits, value).map_err(node.refused())?;
    }
    Ok(())
}

fn read_grants(node: &Node<'_>, base: &Path, grants: &mut Grants) -> Result<(), PolicyError> {
    let (mut paths, mut preopens, mut from_host) = (Vec::new(), Vec::new(), Vec::new());
    for (name, node) in node.table(&GRANTS.names(), "a table: `[grants]`")? {
        // A key of the table that is no kind of grant must not be ignored.
        let name = GrantName::of_key(name).ok_or_else(|| node.error("unknown key"))?;
        match name {
            GrantName::Log => grants.log = node.boolean()?,
            GrantName::Hash => grants.hash = node.boolean()?,
            GrantName::Store => grants.store = read_store::read(&node, base)?,
            GrantName::Config => read_settings(&node, grants)?,
            GrantName::Http => read_http::read(&node, base, grants)?,
            GrantName::Files => paths = read_files::read(&node, base, grants)?,
            GrantName::Wasi => {
                grants.wasi = Some(read_wasi::read(&node, &mut preopens, &mut from_host)?);
            }
            GrantName::Interfaces => read_interfaces(&node, grants)?,
        }
    }
    // The roots may be written below the table that names them.
    for (root, node) in preopens {
        grants.known_root(root).map_err(node.refused())?;
    }
    for (name, node) in from_host {
        grants
            .reject_secret_variable(name)
            .map_err(node.refused())?;
    }
    read_files::reject_covered(&paths, base, grants)
}

fn read_settings(node: &Node<'_>, grants: &mut Grants) -> Result<(), PolicyError> {
    grants.config = Some(Default::default());
    for (key, node) in node.entries("a table of strings such as { region = \"eu\" }")? {
        let value = node.string("a string: the provider is given text, so put it in quotes")?;
        grants.add_setting(key, value).map_err(node.refused())?;
    }
    Ok(())
}

fn read_interfaces(node: &Node<'_>, grants: &mut Grants) -> Result<(), PolicyError> {
    for node in node.array("a list such as [\"acme:clock/sleep@0.1.0\"]")? {
        let name = node.string("a string such as \"acme:clock/sleep@0.1.0\"")?;
        grants.add_interface(name).map_err(node.refused())?;
    }
    Ok(())
}
