//! `[trust]` → [`Trust`].

use crate::trust::{PublicKey, Trust};

use super::document::Node;
use super::key::{Key, KeyDefault, Table, ValueType};
use super::mistakes::Flaw;

/// The keys of `[trust]`.
#[rustfmt::skip]
pub(super) const TRUST: Table = Table {
    header: "[trust]",
    meaning: "Which signature a component must have before any of it is read.",
    keys: &[
        Key {
            name: "keys", kind: "list of strings", range: None,
            value: ValueType::List(&ValueType::String),
            default: KeyDefault::Value("[]"),
            example: "[\"RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ\"]",
            meaning: "Minisign public keys. With any, a component must have a signature by one of them.",
        },
        Key {
            name: "require", kind: "boolean", range: None,
            value: ValueType::Boolean,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Requires a signature even without `keys`; then every component is refused.",
        },
    ],
};

pub(super) fn read(node: &Node<'_>, trust: &mut Trust) -> Result<(), Flaw> {
    let mut waived = None;
    for (name, node) in node.table(&TRUST.names(), "a table: `[trust]`")? {
        if name == "require" {
            let require = node.keep(node.boolean());
            trust.require = require == Some(true);
            waived = (require == Some(false)).then_some(node);
            continue;
        }
        node.keep(read_keys(&node, trust));
    }
    match waived {
        // `require = false` with keys reads as if unsigned components were accepted, but the keys require a signature.
        Some(node) if !trust.keys.is_empty() => Err(node.error(
            "false contradicts `keys`, which require a signature; leave out one of the two",
        )),
        _ => Ok(()),
    }
}

fn read_keys(node: &Node<'_>, trust: &mut Trust) -> Result<(), Flaw> {
    for node in node.array("a list of public keys such as [\"RWQ…\"]")? {
        node.keep(read_key(&node, trust));
    }
    Ok(())
}

fn read_key(node: &Node<'_>, trust: &mut Trust) -> Result<(), Flaw> {
    let text = node.string("a string such as \"RWQ…\"")?;
    let key = PublicKey::parse(text).map_err(node.refused())?;
    trust.add_key(key).map_err(node.refused())
}
