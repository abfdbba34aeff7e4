//! `[[grants.files]]` → [`FileGrant`].

use std::path::Path;

use crate::error::PolicyError;
use crate::grants::{Access, FileGrant, Grants, Protected};
use crate::trust::Lock;

use super::document::Node;
use super::key::{Key, KeyDefault, KeyRange, Table};
use super::names;
use super::units::Unit;

/// The keys of one `[[grants.files]]`.
#[rustfmt::skip]
pub(super) const FILES: Table = Table {
    header: "[[grants.files]]",
    meaning: "Grants the files below one directory of the host, under a name.",
    keys: &[
        Key {
            name: "root", kind: "string of `a`-`z`, `0`-`9`, `-`, `_`", range: None,
            default: KeyDefault::Required, example: "\"data\"",
            meaning: "The name that the provider uses for the directory.",
        },
        Key {
            name: "path", kind: "string", range: None,
            default: KeyDefault::Required, example: "\"./data\"",
            meaning: "The directory of the host; a relative path starts at the policy's directory. `..` is refused, and so is a \
                      directory that holds the store file or the file of a credential; with `access = \"read-write\"` also \
                      one that holds the policy and its lock file. `/`, and any directory in `/proc`, `/sys` or `/dev`, is refused \
                      for reading, too: the kernel's files show every process, its memory and its secrets.",
        },
        Key {
            name: "access", kind: "`\"read\"` or `\"read-write\"`", range: None,
            default: KeyDefault::Required, example: "\"read\"",
            meaning: "The operations below the directory: reading and listing, or writing as well.",
        },
        Key {
            name: "max-write", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 0, max: u64::MAX }),
            default: KeyDefault::Value("\"64MiB\""), example: "\"2MiB\"",
            meaning: "Bytes that one call may write; making a file longer counts as writing.",
        },
        Key {
            name: "max-files", kind: "number", range: Some(KeyRange { unit: Unit::Count, min: 0, max: i64::MAX as u64 }),
            default: KeyDefault::Value("1000"), example: "3",
            meaning: "Files and directories that one call may create, replace or remove.",
        },
        Key {
            name: "max-read", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 1, max: u64::MAX }),
            default: KeyDefault::Text("the limit `host-data`"), example: "\"1MiB\"",
            meaning: "Bytes of one read. The limit `host-data` bounds it in any case.",
        },
    ],
};

/// Reads the roots, and returns the nodes of their paths, in the order of the roots.
pub(super) fn read<'d>(
    node: &Node<'d>,
    base: &Path,
    grants: &mut Grants,
) -> Result<Vec<Node<'d>>, PolicyError> {
    let mut paths = Vec::new();
    for node in node.array("a list: `[[grants.files]]`, with two brackets")? {
        let wanted = "a table such as { root = \"data\", path = \"./data\", access = \"read\" }";
        let entries = node.table(&FILES.names(), wanted)?;
        let root = node.required(&entries, "root")?;
        let path = node.required(&entries, "path")?;
        let access = node.required(&entries, "access")?;

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
                "max-write" => grant.max_write = node.number(Unit::Bytes)?,
                "max-files" => grant.max_files = node.number(Unit::Count)?,
                "max-read" => grant.max_read = Some(node.number(Unit::Bytes)?),
                _ => {}
            }
        }
        grants.add_file(grant).map_err(root.refused())?;
        paths.push(path.clone());
    }
    Ok(paths)
}

/// Refuses a root that covers a folder of the kernel, a file which the policy names, or the policy's own directory. `paths` are the nodes of the
/// roots' paths.
pub(super) fn reject_covered(
    paths: &[Node<'_>],
    base: &Path,
    grants: &Grants,
) -> Result<(), PolicyError> {
    let mut protected = Protected::of_system();
    protected.extend(grants.protected());
    // The policy's own name is not known here, and its directory is that of the lock file.
    protected.push(Protected::new(
        "the policy and its lock file",
        base.join(Lock::FILE),
        Access::ReadWrite,
    ));
    for (root, node) in grants.files.iter().zip(paths) {
        for file in &protected {
            file.reject(root).map_err(node.refused())?;
        }
    }
    Ok(())
}
