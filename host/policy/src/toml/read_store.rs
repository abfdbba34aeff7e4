//! `[grants.store]` → [`StoreGrant`].

use std::path::Path;

use crate::error::PolicyError;
use crate::grants::StoreGrant;
use crate::grants::store::QUOTAS;

use super::document::Node;
use super::key::{Key, KeyDefault, KeyRange, Table};
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
            default: KeyDefault::Text("memory of the host, lost when the runtime ends"), example: "\"./state.redb\"",
            meaning: "The file that holds the store; a relative path starts at the policy's directory. No root of `grants.files` \
                      may hold it.",
        },
        Key {
            name: "namespace", kind: "string", range: None,
            default: KeyDefault::Text("the name of the provider"), example: "\"ledger\"",
            meaning: "The name under which the keys are kept. Providers share keys if, and only if, they use one namespace in one file, or \
                      in the memory of one runtime.",
        },
        Key {
            name: "max-keys", kind: "number", range: Some(KeyRange { unit: Unit::Count, min: 1, max: 100_000_000 }),
            default: KeyDefault::Value("1000"), example: "5",
            meaning: "Keys in the namespace, over all of its buckets.",
        },
        Key {
            name: "max-value", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 1, max: 1 << 30 }),
            default: KeyDefault::Value("\"64KiB\""), example: "\"7KiB\"",
            meaning: "Bytes of one value.",
        },
        Key {
            name: "max-total", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 1, max: 1 << 40 }),
            default: KeyDefault::Value("\"1MiB\""), example: "\"2MiB\"",
            meaning: "Bytes of all keys and values in the namespace; a key counts with the name of its bucket.",
        },
    ],
};

/// `true`, for a store in memory with the default quotas, or a table.
pub(super) fn read(node: &Node<'_>, base: &Path) -> Result<Option<StoreGrant>, PolicyError> {
    if let Some(granted) = node.value().as_bool() {
        return Ok(granted.then(StoreGrant::default));
    }
    let mut grant = StoreGrant::default();
    for (name, node) in node.table(
        &STORE.names(),
        "true, or a table such as { path = \"./state.redb\" }",
    )? {
        match (name, QUOTAS.iter().find(|quota| quota.name == name)) {
            (_, Some(quota)) => {
                let value = node.number(quota.unit)?;
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
