//! The decisions: pure functions from the grants and a request to a yes with its details, or a reason.

use std::path::{Component, Path, PathBuf};

use crate::denied::Reason;
use crate::grants::{Access, FileGrant, Grants};
use crate::store::{MAX_BUCKET, MAX_KEY};

/// The longest path in bytes, as Linux has it (`PATH_MAX`).
pub const MAX_PATH: usize = 4096;

/// A granted request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDecision {
    /// Which of `grants.files` grants it.
    pub index: usize,
    /// The path below that root: relative, made of plain names only; `.` is the root itself.
    pub path: PathBuf,
}

/// Whether `path` below `root` may be used with `access`.
///
/// A path is relative, its parts are separated by `/`, and no part is empty, `.` or `..`; `.` alone is the
/// root. There is no NUL, and no backslash: it separates parts on Windows, and a policy means the same on
/// every system. What a symbolic link on the way does is for whoever opens the path to find out.
///
/// # Errors
///
/// The reason to deny it; the first of: nothing granted, no such root, outside, malformed, read-only.
pub fn files(
    grants: &Grants,
    root: &str,
    path: &str,
    access: Access,
) -> Result<FileDecision, Reason> {
    if grants.files.is_empty() {
        return Err(Reason::NotGranted);
    }
    let mut granted = grants.files.iter().enumerate();
    let (index, grant) = granted
        .find(|(_, grant)| grant.root == root)
        .ok_or(Reason::UnknownRoot)?;
    let path = below(path)?;
    match access <= grant.access {
        true => Ok(FileDecision { index, path }),
        false => Err(Reason::ReadOnly),
    }
}

/// What a call has used of a root's quotas, or asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileUse {
    /// Bytes written, or added to a file's length.
    pub bytes: u64,
    /// Files and folders created, replaced or removed.
    pub files: u64,
}

/// Whether a call that has `used` so much of a grant may use `more`, and what it has used then.
///
/// # Errors
///
/// [`Reason::Quota`] when either quota would be passed; nothing is used then.
pub fn file_quota(grant: &FileGrant, used: FileUse, more: FileUse) -> Result<FileUse, Reason> {
    let used = FileUse {
        bytes: used.bytes.saturating_add(more.bytes),
        files: used.files.saturating_add(more.files),
    };
    match used.bytes <= grant.max_write && used.files <= grant.max_files {
        true => Ok(used),
        false => Err(Reason::Quota),
    }
}

/// The largest single read below a root, under the limit `host-data`.
pub fn read_cap(grant: &FileGrant, host_data: u64) -> u64 {
    grant.max_read.unwrap_or(host_data).min(host_data)
}

/// A path as WASI guests write it, below the folder `base` of a root, in the form that [`files`] decides on.
/// Parts that are empty or `.` are left out; everything else is kept for the decision to refuse.
pub fn wasi_path(base: &str, path: &str) -> String {
    let plain = |part: &&str| !part.is_empty() && *part != ".";
    if path.starts_with('/') || path.is_empty() {
        return path.to_owned();
    }
    let parts: Vec<&str> = base
        .split('/')
        .chain(path.split('/'))
        .filter(plain)
        .collect();
    match parts.as_slice() {
        [] => ".".to_owned(),
        parts => parts.join("/"),
    }
}

fn below(path: &str) -> Result<PathBuf, Reason> {
    if path.starts_with('/') || path.split(['/', '\\']).any(|part| part == "..") {
        return Err(Reason::OutsideRoot);
    }
    if path.len() > MAX_PATH || path.contains(['\0', '\\']) {
        return Err(Reason::BadPath);
    }
    if path != "." && path.split('/').any(|part| part.is_empty() || part == ".") {
        return Err(Reason::BadPath);
    }
    // The system's own reading has the last word: on Windows `C:x` is a drive, here it is a name.
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    match Path::new(path).components().all(plain) {
        true => Ok(PathBuf::from(path)),
        false => Err(Reason::OutsideRoot),
    }
}

/// The setting of that name, if there is one.
///
/// # Errors
///
/// When no settings are granted.
pub fn config<'g>(grants: &'g Grants, key: &str) -> Result<Option<&'g str>, Reason> {
    let settings = grants.config.as_ref().ok_or(Reason::NotGranted)?;
    Ok(settings.get(key).map(String::as_str))
}

/// What a namespace of a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Its keys, over all buckets.
    pub keys: u64,
    /// Bytes of its keys, with the name of the bucket that is kept with each, and of its values.
    pub bytes: u64,
}

/// What is asked of a store. A write is asked for twice: before it is begun, and when it is known what
/// the store would hold after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreRequest<'r> {
    /// Open a bucket, or list its keys.
    Bucket(&'r str),
    /// Read, look for or delete a key.
    Key(&'r str),
    /// Set a key to a value of that many bytes.
    Set(&'r str, u64),
    /// Go from what the namespace holds to what it would hold.
    Change(StoreUsage, StoreUsage),
}

/// Whether a store may be used so.
///
/// A bucket's name is 1 to [`MAX_BUCKET`] bytes and a key 1 to [`MAX_KEY`]; no character means anything, so
/// none is refused. A quota holds back what grows: a store that is over it, since the policy was made
/// stricter, may shrink.
///
/// # Errors
///
/// The reason to deny it; the first of: nothing granted, a bad name or key, over a quota.
pub fn store(grants: &Grants, request: StoreRequest<'_>) -> Result<(), Reason> {
    let grant = grants.store.as_ref().ok_or(Reason::NotGranted)?;
    let sound = |text: &str, longest: usize| match (1..=longest).contains(&text.len()) {
        true => Ok(()),
        false => Err(Reason::BadKey),
    };
    let within = |before: u64, after: u64, most: u64| match after <= most || after <= before {
        true => Ok(()),
        false => Err(Reason::Quota),
    };
    match request {
        StoreRequest::Bucket(name) => sound(name, MAX_BUCKET),
        StoreRequest::Key(key) => sound(key, MAX_KEY),
        StoreRequest::Set(key, value) => {
            sound(key, MAX_KEY)?;
            within(0, value, grant.max_value)
        }
        StoreRequest::Change(before, after) => {
            within(before.keys, after.keys, grant.max_keys)?;
            within(before.bytes, after.bytes, grant.max_total)
        }
    }
}

#[cfg(test)]
#[path = "decide_store_tests.rs"]
mod store_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::FileGrant;

    fn grants() -> Grants {
        let grant = |root: &str, access| FileGrant::new(root, Path::new("/srv").join(root), access);
        Grants {
            files: vec![grant("data", Access::Read), grant("out", Access::ReadWrite)],
            ..Grants::default()
        }
    }

    #[test]
    fn paths_below_a_root() {
        let long = "a/".repeat(2047) + "aa";
        assert_eq!(long.len(), MAX_PATH);
        for path in [
            ".",
            "a",
            "a/b.txt",
            "...",
            "..a",
            "a..",
            ".hidden",
            "a b",
            "a:b",
            "é/\u{1F600}",
            &long,
        ] {
            for (index, root) in ["data", "out"].into_iter().enumerate() {
                let decision = files(&grants(), root, path, Access::Read);
                let path = PathBuf::from(path);
                assert_eq!(decision, Ok(FileDecision { index, path }));
            }
        }
    }

    #[test]
    fn paths_that_lead_out() {
        for path in [
            "..",
            "../a",
            "a/..",
            "a/../b",
            "a/../../b",
            "/",
            "/etc/passwd",
            "//a",
            "./..",
            "..\\a",
            "a\\..\\..\\b",
        ] {
            let decision = files(&grants(), "out", path, Access::Read);
            assert_eq!(decision, Err(Reason::OutsideRoot), "{path:?}");
        }
    }

    #[test]
    fn paths_that_are_none() {
        let long = "a".repeat(MAX_PATH + 1);
        for path in [
            "", "a/", "a//b", "./a", "a/.", "a/./b", "./", "a\0b", "\0", "a\\b", "\\", &long,
        ] {
            let decision = files(&grants(), "out", path, Access::Read);
            assert_eq!(decision, Err(Reason::BadPath), "{path:?}");
        }
    }

    #[test]
    fn quotas_are_met_and_not_passed() {
        let mut grant = FileGrant::new("out", "/srv/out", Access::ReadWrite);
        (grant.max_write, grant.max_files) = (100, 3);
        let use_of = |bytes, files| FileUse { bytes, files };
        let ask = |used, more| file_quota(&grant, used, more);
        assert_eq!(ask(use_of(0, 0), use_of(100, 3)), Ok(use_of(100, 3)));
        assert_eq!(ask(use_of(99, 2), use_of(1, 1)), Ok(use_of(100, 3)));
        assert_eq!(ask(use_of(100, 3), use_of(0, 0)), Ok(use_of(100, 3)));
        for (used, more) in [
            (use_of(0, 0), use_of(101, 0)),
            (use_of(0, 0), use_of(0, 4)),
            (use_of(100, 0), use_of(1, 0)),
            (use_of(0, 3), use_of(0, 1)),
            (use_of(1, 0), use_of(u64::MAX, 0)),
            (use_of(0, 1), use_of(0, u64::MAX)),
        ] {
            assert_eq!(ask(used, more), Err(Reason::Quota), "{used:?} {more:?}");
        }
    }

    #[test]
    fn a_read_is_capped_by_its_grant_and_by_the_limit() {
        let mut grant = FileGrant::new("data", "/srv", Access::Read);
        assert_eq!(read_cap(&grant, 10), 10);
        grant.max_read = Some(5);
        assert_eq!(read_cap(&grant, 10), 5);
        assert_eq!(read_cap(&grant, 3), 3);
    }

    #[test]
    fn wasi_paths_are_decided_as_others_are() {
        for (base, path, meant) in [
            (".", "a", "a"),
            (".", "./a//b/.", "a/b"),
            (".", ".", "."),
            ("sub", "a/", "sub/a"),
            ("sub/x", "./", "sub/x"),
            ("sub", "../a", "sub/../a"),
            ("sub", "/etc", "/etc"),
            ("sub", "", ""),
        ] {
            assert_eq!(wasi_path(base, path), meant, "{base:?} {path:?}");
        }
        for path in ["../a", "/etc/passwd", "a/../../b", "a\\b", "a\0", ""] {
            let path = wasi_path("sub", path);
            assert!(
                files(&grants(), "out", &path, Access::Read).is_err(),
                "{path}"
            );
        }
    }

    #[test]
    fn grants_are_to_the_letter() {
        let ask = |grants: &Grants, root: &str, access| files(grants, root, "a", access).err();
        let (some, none) = (grants(), Grants::default());
        assert_eq!(ask(&none, "data", Access::Read), Some(Reason::NotGranted));
        for root in ["", "Data", "data ", "data/", ".", "*", "dat", "d\u{430}ta"] {
            assert_eq!(
                ask(&some, root, Access::Read),
                Some(Reason::UnknownRoot),
                "{root:?}"
            );
        }
        assert_eq!(ask(&some, "data", Access::Read), None);
        assert_eq!(
            ask(&some, "data", Access::ReadWrite),
            Some(Reason::ReadOnly)
        );
        assert_eq!(ask(&some, "out", Access::ReadWrite), None);
    }
}
