//! The table `[trust]` of a policy file.

use crate::error::PolicyError;
use crate::trust::{PublicKey, Trust};

use super::document::Node;

pub(crate) fn read(node: &Node<'_>, trust: &mut Trust) -> Result<(), PolicyError> {
    let mut waived = None;
    for (name, node) in node.table(&["keys", "require"], "a table: `[trust]`")? {
        if name == "require" {
            trust.require = node.boolean()?;
            waived = (!trust.require).then_some(node);
            continue;
        }
        for node in node.array("a list of public keys such as [\"RWQ…\"]")? {
            let text = node.string("a string such as \"RWQ…\"")?;
            let key = PublicKey::parse(text).map_err(node.refused())?;
            trust.add_key(key).map_err(node.refused())?;
        }
    }
    match waived {
        // It would read as if unsigned components were let in, and they are not.
        Some(node) if !trust.keys.is_empty() => Err(node.error(
            "false, and the keys beside it require a signature all the same; leave it out, or leave \
             out the keys",
        )),
        _ => Ok(()),
    }
}
