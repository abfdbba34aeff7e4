//! TOML → [`Policy`]: the top of the text, `[limits]`, and `[grants]`.

use std::path::Path;

use toml::de::DeValue;

use crate::error::PolicyError;
use crate::grants::{GrantName, Grants, Parameters};
use crate::limits::Limits;
use crate::policy::Policy;

use super::TABLES;
use super::document::{self, Node, SECTIONS};
use super::key::{Key, KeyDefault, Table, ValueType};
use super::mistakes::Flaw;
use super::{read_files, read_http, read_store, read_trust, read_wasi};

/// The keys of `[grants]`.
#[rustfmt::skip]
pub(super) const GRANTS: Table = Table {
    header: "[grants]",
    meaning: "The reach of a provider. Everything that is not written is denied.",
    keys: &[
        Key {
            name: GrantName::Log.key(), kind: "boolean", range: None,
            value: ValueType::Boolean,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Grants log lines, which go into the report.",
        },
        Key {
            name: GrantName::Hash.key(), kind: "boolean", range: None,
            value: ValueType::Boolean,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Grants hashing by the host.",
        },
        Key {
            name: GrantName::Store.key(), kind: "boolean, or a table: `[grants.store]`", range: None,
            value: ValueType::Either(&[ValueType::Boolean, ValueType::Table(read_store::STORE.header)]),
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Grants a key-value store. `true` is a store in memory with the default quotas.",
        },
        Key {
            name: GrantName::Config.key(), kind: "table of strings", range: None,
            value: ValueType::Strings,
            default: KeyDefault::Text("not granted"), example: "{ region = \"eu\" }",
            meaning: "Grants these settings. With an empty table the interface is granted and every setting is unset.",
        },
        Key {
            name: GrantName::Http.key(), kind: "list of tables: `[[grants.http]]`", range: None,
            value: ValueType::List(&ValueType::Table(read_http::HTTP.header)),
            default: KeyDefault::Value("[]"), example: "[{ url = \"https://example.com/**\" }]",
            meaning: "Grants requests to the URLs that match one of the tables.",
        },
        Key {
            name: GrantName::Files.key(), kind: "list of tables: `[[grants.files]]`", range: None,
            value: ValueType::List(&ValueType::Table(read_files::FILES.header)),
            default: KeyDefault::Value("[]"),
            example: "[{ root = \"data\", path = \"./data\", access = \"read\" }]",
            meaning: "Grants the files below each of these directories.",
        },
        Key {
            name: GrantName::Wasi.key(), kind: "`\"inert\"`, or a table: `[grants.wasi]`", range: None,
            value: ValueType::Either(&[ValueType::Word(&["inert"]), ValueType::Table(read_wasi::WASI.header)]),
            default: KeyDefault::Text("not granted"), example: "\"inert\"",
            meaning: "Grants the WASI interfaces. With `\"inert\"`, nothing of the host is behind them but random numbers: clocks are fixed, and sleeping takes no time unless a request is under way.",
        },
        Key {
            name: GrantName::Interfaces.key(), kind: "list of strings, or table of tables", range: None,
            value: ValueType::Either(&[ValueType::List(&ValueType::String), ValueType::Tables]),
            default: KeyDefault::Value("[]"), example: "[\"acme:clock/sleep@0.1.0\"]",
            meaning: "Grants interfaces that the embedding program provides, by exact name and version. A table also has the parameters of each: `{ \"acme:report/rates@1.0.0\" = { currencies = [\"EUR\"] } }`.",
        },
        Key {
            name: GrantName::Stub.key(), kind: "list of strings", range: None,
            value: ValueType::List(&ValueType::String),
            default: KeyDefault::Value("[]"), example: "[\"acme:telemetry/*\"]",
            meaning: "Grants nothing: a component may import these interfaces, and the first call of one is denied and ends the call as `trap`. Each is an interface (`acme:telemetry/metrics`, of one version or of any) or all of a package (`acme:telemetry/*`). For a component that imports what it does not need; an import that another key grants is no stub, and another version of an interface that this host serves is refused all the same.",
        },
    ],
};

/// Reads a policy; see [`Policy::parse`].
pub(super) fn policy(text: &str, base: &Path) -> Result<Policy, PolicyError> {
    document::read(text, TABLES, |top| {
        let mut policy = Policy::default();
        for (name, node) in top.table(&SECTIONS, "a table")? {
            node.keep(match name {
                "limits" => read_limits(&node, &mut policy.limits),
                "trust" => read_trust::read(&node, &mut policy.trust),
                _ => read_grants(&node, base, &mut policy.grants),
            });
        }
        // As text they were compared with the roots; loading a component compares them on the file system.
        if !policy.grants.files.is_empty() {
            policy.protected.push(read_files::own_files(base));
        }
        Ok(policy)
    })
}

fn read_limits(node: &Node<'_>, limits: &mut Limits) -> Result<(), Flaw> {
    let known: Vec<&str> = Limits::KEYS.iter().map(|key| key.name).collect();
    for (name, node) in node.table(&known, "a table: `[limits]`")? {
        node.keep(read_limit(name, &node, limits));
    }
    Ok(())
}

fn read_limit(name: &str, node: &Node<'_>, limits: &mut Limits) -> Result<(), Flaw> {
    let key = Limits::key(name).map_err(node.refused())?;
    let value = node.number(key.unit)?;
    key.set(limits, value).map_err(node.refused())
}

/// The parts of grants that are checked against each other when all have been read, with their nodes.
#[derive(Default)]
struct Later<'d> {
    paths: Vec<Node<'d>>,
    stores: Vec<Node<'d>>,
    secrets: Vec<Node<'d>>,
    /// Every root is known: none of them was refused.
    has_all_roots: bool,
    preopens: Vec<(&'d str, Node<'d>)>,
    from_host: Vec<(&'d str, Node<'d>)>,
}

fn read_grants(node: &Node<'_>, base: &Path, grants: &mut Grants) -> Result<(), Flaw> {
    let mut later = Later {
        has_all_roots: true,
        ..Later::default()
    };
    for (name, node) in node.table(&GRANTS.names(), "a table: `[grants]`")? {
        node.keep(read_grant(name, &node, base, grants, &mut later));
    }
    let Later {
        paths,
        stores,
        secrets,
        has_all_roots,
        preopens,
        from_host,
    } = later;
    // The roots may be written below the table that names them.
    for (root, node) in preopens.into_iter().filter(|_| has_all_roots) {
        node.keep(grants.known_root(root).map_err(node.refused()));
    }
    for (name, node) in from_host {
        let checked = grants.reject_secret_variable(name);
        node.keep(checked.map_err(node.refused()));
    }
    let named = [stores, secrets].concat();
    read_files::reject_covered(&paths, &named, base, grants);
    Ok(())
}

fn read_grant<'d>(
    name: &str,
    node: &Node<'d>,
    base: &Path,
    grants: &mut Grants,
    later: &mut Later<'d>,
) -> Result<(), Flaw> {
    // A key of the table that is no kind of grant must not be ignored.
    let name = GrantName::of_key(name).ok_or_else(|| node.error("unknown key"))?;
    match name {
        GrantName::Log => grants.log = node.boolean()?,
        GrantName::Hash => grants.hash = node.boolean()?,
        GrantName::Store => {
            grants.store = read_store::read(node, base)?;
            later.stores = read_store::files(node);
        }
        GrantName::Config => read_settings(node, grants)?,
        GrantName::Http => {
            later.secrets = read_http::files(node);
            read_http::read(node, base, grants)?;
        }
        GrantName::Files => {
            let noted = node.noted();
            later.has_all_roots = false;
            later.paths = read_files::read(node, base, grants)?;
            later.has_all_roots = node.noted() == noted;
        }
        GrantName::Wasi => {
            let wasi = read_wasi::read(node, &mut later.preopens, &mut later.from_host)?;
            grants.wasi = Some(wasi);
        }
        GrantName::Interfaces => read_interfaces(node, grants)?,
        GrantName::Stub => read_stub(node, grants)?,
    }
    Ok(())
}

fn read_settings(node: &Node<'_>, grants: &mut Grants) -> Result<(), Flaw> {
    grants.config = Some(Default::default());
    for (key, node) in node.entries("a table of strings such as { region = \"eu\" }")? {
        let value = node.string("a string: the provider is given text, so put it in quotes");
        let added = value.and_then(|value| {
            let added = grants.add_setting(key, value);
            added.map_err(node.refused())
        });
        node.keep(added);
    }
    Ok(())
}

fn read_interfaces(node: &Node<'_>, grants: &mut Grants) -> Result<(), Flaw> {
    if matches!(node.value(), DeValue::Table(_)) {
        for (name, node) in node.entries(INTERFACES)? {
            let added = node.parameters().and_then(|parameters| {
                let added = grants.add_interface(name, Parameters::of(&parameters));
                added.map_err(node.refused())
            });
            node.keep(added);
        }
        return Ok(());
    }
    for node in node.array(INTERFACES)? {
        let name = node.string("a string such as \"acme:clock/sleep@0.1.0\"");
        let added = name.and_then(|name| {
            let added = grants.add_interface(name, Parameters::default());
            added.map_err(node.refused())
        });
        node.keep(added);
    }
    Ok(())
}

fn read_stub(node: &Node<'_>, grants: &mut Grants) -> Result<(), Flaw> {
    for node in node.array("a list such as [\"acme:telemetry/*\"]")? {
        let pattern = node.string("a string such as \"acme:telemetry/*\"");
        let added = pattern.and_then(|pattern| {
            let added = grants.add_stub(pattern);
            added.map_err(node.refused())
        });
        node.keep(added);
    }
    Ok(())
}

const INTERFACES: &str =
    "a list such as [\"acme:clock/sleep@0.1.0\"], or a table of their parameters";
