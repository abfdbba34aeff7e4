//! `[grants.store]` → [`StoreGrant`].

use std::path::Path;

use crate::grants::StoreGrant;
use crate::grants::store::{NAMELESS, QUOTAS};

use super::document::Node;
use super::key::{Key, KeyDefault, KeyRange, Table, ValueType};
use super::mistakes::Flaw;
use super::names;
use super::units::Unit;

/// The keys of `[grants.store]`.
#[rustfmt::skip]
pub(super) const STORE: Table = Table {
    header: "[grants.store]",
    meaning: "Grants a key-value store.",
    keys: &[
        Key {
            name: "path", kind: "string", range: None,
            value: ValueType::String,
            default: KeyDefault::Text("memory of the host, lost when the runtime ends"), example: "\"./state.redb\"",
            meaning: "The file that holds the store; a relative path starts at the policy's directory. No root of `grants.files` \
                      may hold it.",
        },
        Key {
            name: "namespace", kind: "string", range: None,
            value: ValueType::String,
            default: KeyDefault::Text("in memory, the name of the provider; with a `path`, required"),
            example: "\"ledger\"",
            meaning: "The name under which the keys are kept. Providers with the same namespace share their keys, in one file or in \
                      the memory of one runtime; other providers share none. The name of a provider is its file name without \
                      `.wasm`. The signer does not count.",
        },
        Key {
            name: "max-keys", kind: "number", range: Some(KeyRange { unit: Unit::Count, min: 1, max: 100_000_000 }),
            value: ValueType::Number(Unit::Count),
            default: KeyDefault::Value("1000"), example: "5",
            meaning: "Keys in the namespace, over all of its buckets.",
        },
        Key {
            name: "max-value", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 1, max: 1 << 30 }),
            value: ValueType::Number(Unit::Bytes),
            default: KeyDefault::Value("\"64KiB\""), example: "\"7KiB\"",
            meaning: "Bytes of one value.",
        },
        Key {
            name: "max-total", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 1, max: 1 << 40 }),
            value: ValueType::Number(Unit::Bytes),
            default: KeyDefault::Value("\"1MiB\""), example: "\"2MiB\"",
            meaning: "Bytes of all keys and values in the namespace; a key counts with the name of its bucket.",
        },
    ],
};

/// `true`, for a store in memory with the default quotas, or a table.
pub(super) fn read(node: &Node<'_>, base: &Path) -> Result<Option<StoreGrant>, Flaw> {
    if let Some(granted) = node.value().as_bool() {
        return Ok(granted.then(StoreGrant::default));
    }
    let mut grant = StoreGrant::default();
    let wanted = "true, or a table such as { path = \"./state.redb\", namespace = \"ledger\" }";
    let entries = node.table(&STORE.names(), wanted)?;
    for (name, node) in &entries {
        node.keep(read_key(name, node, base, &mut grant));
    }
    if grant.path.is_some() {
        match node.required(&entries, "namespace") {
            Err(Flaw::Mistake { .. }) => return Err(node.error(NAMELESS)),
            found => _ = found?,
        }
    }
    Ok(Some(grant))
}

fn read_key(name: &str, node: &Node<'_>, base: &Path, grant: &mut StoreGrant) -> Result<(), Flaw> {
    match (name, QUOTAS.iter().find(|quota| quota.name == name)) {
        (_, Some(quota)) => {
            let value = node.number(quota.unit)?;
            quota.put(grant, value).map_err(node.refused())?;
        }
        ("path", None) => {
            let text = node.string("a string such as \"./state.redb\"")?;
            names::path(Path::new(text)).map_err(node.refused())?;
            let joined = base.join(text);
            names::path(&joined).map_err(node.refused())?;
            grant.path = Some(joined);
        }
        _ => {
            let text = node.string("a string such as \"ledger\"")?;
            names::namespace(text).map_err(node.refused())?;
            grant.namespace = Some(text.to_owned());
        }
    }
    Ok(())
}

/// The nodes that name a file of the host: the path of the store, if it has one.
pub(super) fn files<'d>(node: &Node<'d>) -> Vec<Node<'d>> {
    let entries = node.entries("a table").unwrap_or_default().into_iter();
    let files = entries.filter(|(name, _)| *name == "path");
    files.map(|(_, file)| file).collect()
}
