//! The decisions on files: whether a path below a root may be used, and the quotas of a root.

use std::path::{Component, Path, PathBuf};

use crate::grants::{Access, FileGrant, Grants};
use crate::trust::Lock;

use super::reason::Reason;

/// The longest path, in bytes: `PATH_MAX` of Linux.
pub const MAX_PATH: usize = 4096;

/// A granted request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDecision {
    /// The index in `grants.files` of the grant that allows the request.
    pub index: usize,
    /// The path below that root: relative, of plain names only; `.` is the root itself.
    pub path: PathBuf,
    /// The access that was asked for.
    pub access: Access,
    /// Whether the grant asks: the request is allowed once an approver has said yes.
    pub ask: bool,
}

/// Whether `path` below `root` may be used with `access`.
///
/// A path is relative, its parts are separated by `/`, and no part is empty, `.` or `..`; `.` alone is the root. NUL is
/// refused, and so is a backslash: it separates parts on Windows, and a policy means the same on every system. Symbolic
/// links are not checked here: the code that opens the path must not follow one out of the root.
///
/// # Errors
///
/// The first of [`Reason::NotGranted`], [`Reason::UnknownRoot`], [`Reason::OutsideRoot`], [`Reason::BadPath`],
/// [`Reason::ReadOnly`] and [`Reason::Protected`] that applies.
///
/// ```
/// use tollgate_policy::{Access, FileGrant, Grants, Reason, decide};
///
/// let grants = Grants { files: vec![FileGrant::new("data", "/srv", Access::Read)], ..Grants::default() };
/// assert!(decide::files(&grants, "data", "a/b.txt", Access::Read).is_ok());
/// assert_eq!(decide::files(&grants, "data", "a", Access::ReadWrite), Err(Reason::ReadOnly));
/// ```
pub fn files(
    grants: &Grants,
    root: &str,
    path: &str,
    access: Access,
) -> Result<FileDecision, Reason> {
    decided(grants, root, || below(path), access)
}

pub(super) fn decided(
    grants: &Grants,
    root: &str,
    path: impl FnOnce() -> Result<PathBuf, Reason>,
    access: Access,
) -> Result<FileDecision, Reason> {
    if grants.files.is_empty() {
        return Err(Reason::NotGranted);
    }
    let mut granted = grants.files.iter().enumerate();
    let (index, grant) = granted
        .find(|(_, grant)| grant.root == root)
        .ok_or(Reason::UnknownRoot)?;
    let path = path()?;
    if access > grant.access {
        return Err(Reason::ReadOnly);
    }
    if access == Access::ReadWrite && names_operators_file(&path) {
        return Err(Reason::Protected);
    }
    Ok(FileDecision {
        index,
        path,
        access,
        ask: grant.ask,
    })
}

/// The names that files of the operator have: a policy that the program `tollgate` finds, and the pins beside one.
const OPERATORS: [&str; 2] = ["tollgate.toml", Lock::FILE];

/// Whether a path, or the target of a link, ends with the name of a file that is the operator's in every folder: the
/// program `tollgate` takes the nearest one for the policy, so a guest that could write one would set its own grants
/// for the next run there.
///
/// ```
/// use std::path::Path;
/// use tollgate_policy::decide::names_operators_file;
///
/// assert!(names_operators_file(Path::new("a/Tollgate.toml")) && !names_operators_file(Path::new("tollgate.toml/a")));
/// ```
pub fn names_operators_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| {
        // On some systems a name has no case, and no dots or spaces at its end.
        let name = name.trim_end_matches(['.', ' ']);
        OPERATORS.iter().any(|own| name.eq_ignore_ascii_case(own))
    })
}

/// An amount of a root's quotas: the use of a call so far, or the use that it requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileUse {
    /// Bytes written, or added to a file's length.
    pub bytes: u64,
    /// Files and directories created, replaced or removed.
    pub files: u64,
}

/// Whether a call that has `used` a part of its quotas may use `more`. Returns the sum of the two.
///
/// # Errors
///
/// [`Reason::Quota`] if the sum exceeds `max_write` or `max_files` of the grant.
///
/// ```
/// use tollgate_policy::{Access, FileGrant, FileUse, Reason, decide};
///
/// let grant = FileGrant { max_write: 100, ..FileGrant::new("out", "/srv", Access::ReadWrite) };
/// let written = |bytes| FileUse { bytes, files: 0 };
/// assert_eq!(decide::file_quota(&grant, written(60), written(40)), Ok(written(100)));
/// assert_eq!(decide::file_quota(&grant, written(60), written(41)), Err(Reason::Quota));
/// ```
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

/// The bytes of the largest single read below a root: `max_read` of the grant, but no more than the limit `host-data`.
///
/// ```
/// use tollgate_policy::{Access, FileGrant, decide};
///
/// let grant = FileGrant { max_read: Some(10), ..FileGrant::new("data", "/srv", Access::Read) };
/// assert_eq!((decide::read_cap(&grant, 100), decide::read_cap(&grant, 5)), (10, 5));
/// ```
pub fn read_cap(grant: &FileGrant, host_data: u64) -> u64 {
    grant.max_read.unwrap_or(host_data).min(host_data)
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
    // The operating system's own parser decides last: `C:x` is a drive on Windows and a name elsewhere.
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    match Path::new(path).components().all(plain) {
        true => Ok(PathBuf::from(path)),
        false => Err(Reason::OutsideRoot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants() -> Grants {
        let grant = |root: &str, access| FileGrant::new(root, Path::new("/srv").join(root), access);
        Grants {
            files: vec![grant("data", Access::Read), grant("out", Access::ReadWrite)],
            ..Grants::default()
        }
    }

    #[test]
    fn a_file_with_the_name_of_a_policy_is_not_written() {
        let grants = Grants {
            files: vec![FileGrant::new("out", "/srv", Access::ReadWrite)],
            ..Grants::default()
        };
        for path in ["tollgate.toml", "a/TOLLGATE.lock", "a/tollgate.toml. ."] {
            assert!(files(&grants, "out", path, Access::Read).is_ok());
            let written = files(&grants, "out", path, Access::ReadWrite);
            assert_eq!(written, Err(Reason::Protected), "{path}");
        }
        for path in ["tollgate.toml.bak", "tollgate.toml/a", "atollgate.toml"] {
            assert!(
                files(&grants, "out", path, Access::ReadWrite).is_ok(),
                "{path}"
            );
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
            #[cfg(not(windows))]
            "a:b",
            "é/\u{1F600}",
            &long,
        ] {
            for (index, root) in ["data", "out"].into_iter().enumerate() {
                let decision = files(&grants(), root, path, Access::Read);
                let path = PathBuf::from(path);
                let decided = FileDecision {
                    index,
                    path,
                    access: Access::Read,
                    ask: false,
                };
                assert_eq!(decision, Ok(decided));
            }
        }
    }

    /// The rule is the ceiling: a request outside of it is denied as ever, and no question comes of it.
    #[test]
    fn a_rule_that_asks_allows_no_more_than_it_says() {
        let mut grants = grants();
        grants.files[0].ask = true;
        let ask = |root, path, access| files(&grants, root, path, access).map(|it| it.ask);
        assert_eq!(ask("data", "a", Access::Read), Ok(true));
        assert_eq!(ask("out", "a", Access::ReadWrite), Ok(false));
        let denied = |path, access| ask("data", path, access).unwrap_err();
        assert_eq!(denied("a", Access::ReadWrite), Reason::ReadOnly);
        assert_eq!(denied("../a", Access::Read), Reason::OutsideRoot);
        assert_eq!(denied("a//b", Access::Read), Reason::BadPath);
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
            // On the volume `a`.
            #[cfg(windows)]
            "a:b",
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
