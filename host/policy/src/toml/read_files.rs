//! `[[grants.files]]` → [`FileGrant`].

use std::path::{Path, PathBuf};

use crate::grants::{Access, FileGrant, Grants, Protected};
use crate::trust::Lock;

use super::document::Node;
use super::key::{Key, KeyDefault, KeyRange, Table, ValueType};
use super::mistakes::Flaw;
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
            value: ValueType::String,
            default: KeyDefault::Required, example: "\"data\"",
            meaning: "The name that the provider uses for the directory.",
        },
        Key {
            name: "path", kind: "string", range: None,
            value: ValueType::String,
            default: KeyDefault::Required, example: "\"./data\"",
            meaning: "The directory of the host; a relative path starts at the policy's directory, and `..` is the directory above. A \
                      directory that holds the store file or the file of a credential is refused; with `access = \"read-write\"` also \
                      one that holds the policy and its lock file. `/`, and any directory in `/proc`, `/sys` or `/dev`, is refused \
                      for reading, too: the kernel's files show every process, its memory and its secrets.",
        },
        Key {
            name: "access", kind: "`\"read\"` or `\"read-write\"`", range: None,
            value: ValueType::Word(&["read", "read-write"]),
            default: KeyDefault::Required, example: "\"read\"",
            meaning: "The operations below the directory: reading and listing, or writing as well.",
        },
        Key {
            name: "max-write", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 0, max: u64::MAX }),
            value: ValueType::Number(Unit::Bytes),
            default: KeyDefault::Value("\"64MiB\""), example: "\"2MiB\"",
            meaning: "Bytes that one call may write; making a file longer counts as writing.",
        },
        Key {
            name: "max-files", kind: "number", range: Some(KeyRange { unit: Unit::Count, min: 0, max: i64::MAX as u64 }),
            value: ValueType::Number(Unit::Count),
            default: KeyDefault::Value("1000"), example: "3",
            meaning: "Files and directories that one call may create, replace or remove.",
        },
        Key {
            name: "max-read", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 1, max: u64::MAX }),
            value: ValueType::Number(Unit::Bytes),
            default: KeyDefault::Text("the limit `host-data`"), example: "\"1MiB\"",
            meaning: "Bytes of one read. The limit `host-data` bounds it in any case.",
        },
        Key {
            name: "ask", kind: "boolean", range: None,
            value: ValueType::Boolean,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Whether an approver is asked before each use of a path that this rule allows, unless a rule without `ask` allows it \
                      too. Where nobody can be asked, it is denied as `not-approved`. A request that the rule does not allow is \
                      denied without a question.",
        },
    ],
};

/// Reads the roots, and returns the nodes of their paths, in the order of the roots.
pub(super) fn read<'d>(
    node: &Node<'d>,
    base: &Path,
    grants: &mut Grants,
) -> Result<Vec<Node<'d>>, Flaw> {
    let mut paths = Vec::new();
    for node in node.array("a list: `[[grants.files]]`, with two brackets")? {
        paths.extend(node.keep(read_root(&node, base, grants)));
    }
    Ok(paths)
}

/// Reads one root, and returns the node of its path.
fn read_root<'d>(node: &Node<'d>, base: &Path, grants: &mut Grants) -> Result<Node<'d>, Flaw> {
    let wanted = "a table such as { root = \"data\", path = \"./data\", access = \"read\" }";
    let entries = node.table(&FILES.names(), wanted)?;
    let root = node.keep(node.required(&entries, "root"));
    let name = root.and_then(|node| node.keep(read_name(node)));
    let path = node.keep(node.required(&entries, "path"));
    let joined = path.and_then(|node| node.keep(read_path(node, base)));
    let access = node.keep(node.required(&entries, "access"));
    let access = access.and_then(|node| node.keep(read_access(node)));
    let mut grant = FileGrant::new("", "", Access::Read);
    for (name, node) in &entries {
        let number = |unit| node.keep(node.number(unit));
        match *name {
            "max-write" => grant.max_write = number(Unit::Bytes).unwrap_or_default(),
            "max-files" => grant.max_files = number(Unit::Count).unwrap_or_default(),
            "max-read" => grant.max_read = number(Unit::Bytes),
            "ask" => grant.ask = node.keep(node.boolean()).unwrap_or_default(),
            _ => {}
        }
    }
    let (Some(root), Some(name), Some(path)) = (root, name, path) else {
        return Err(Flaw::Told);
    };
    let (Some(joined), Some(access)) = (joined, access) else {
        return Err(Flaw::Told);
    };
    grant.root = name.to_owned();
    grant.path = joined;
    grant.access = access;
    grants.add_file(grant).map_err(root.refused())?;
    Ok(path.clone())
}

fn read_name<'d>(node: &Node<'d>) -> Result<&'d str, Flaw> {
    let text = node.string("a string such as \"data\"")?;
    names::root(text).map_err(node.refused())?;
    Ok(text)
}

fn read_path(node: &Node<'_>, base: &Path) -> Result<PathBuf, Flaw> {
    let text = node.string("a string such as \"./data\"")?;
    names::path(Path::new(text)).map_err(node.refused())?;
    let joined = base.join(text);
    names::path(&joined).map_err(node.refused())?;
    Ok(joined)
}

fn read_access(node: &Node<'_>) -> Result<Access, Flaw> {
    let text = node.string("\"read\" or \"read-write\"")?;
    Access::parse(text).map_err(node.refused())
}

/// The policy and its lock file. The policy's own name is not known here, and its directory is that of the lock file.
pub(super) fn own_files(base: &Path) -> Protected {
    Protected::new(
        "the policy and its lock file",
        base.join(Lock::FILE),
        Access::ReadWrite,
    )
}

/// Refuses a root that covers a folder of the kernel, a file which the policy names, or the policy's own directory. `paths` are the nodes of the
/// roots' paths, `named` those of the files that the grants name.
pub(super) fn reject_covered(paths: &[Node<'_>], named: &[Node<'_>], base: &Path, grants: &Grants) {
    let mut protected = Protected::of_system();
    protected.push(own_files(base));
    let own = protected.into_iter().map(|file| (file, None));
    // A grant with a mistake has a node and is not among the grants.
    let place = |file: &Protected| {
        let is_here = |node: &&Node<'_>| {
            let text = node.value().as_str();
            text.is_some_and(|text| base.join(text) == file.path)
        };
        named.iter().find(is_here)
    };
    let named = grants.protected().into_iter();
    let named = named.map(|file| {
        let place = place(&file);
        (file, place)
    });
    let protected: Vec<(Protected, Option<&Node<'_>>)> = named.chain(own).collect();
    for (root, node) in grants.files.iter().zip(paths) {
        node.keep(reject_root(root, node, &protected));
    }
}

fn reject_root(
    root: &FileGrant,
    node: &Node<'_>,
    protected: &[(Protected, Option<&Node<'_>>)],
) -> Result<(), Flaw> {
    for (file, named_at) in protected {
        file.reject(root).map_err(|error| match named_at {
            None => node.error(error.message),
            Some(at) => {
                let mut file = file.clone();
                file.what = format!("{} of line {}", file.what, at.line());
                node.error(file.refusal(root).message)
            }
        })?;
    }
    Ok(())
}
