//! Roots that cover a protected file on the file system. The policy crate has compared the paths as text; here symbolic
//! links are followed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use cap_std::fs::Dir;
use tollgate_policy::{FileGrant, Policy, Protected};

use crate::error::GrantError;

/// The most links that a path may lead through, as on Linux.
const MAX_LINKS: usize = 40;

/// Refuses a root that holds a protected file, a folder that the path of such a file leads through, or lies in a
/// protected folder. `opened` are the folders of the roots: the folder that is compared has to be the one that was
/// opened, also if its path has changed meanwhile.
pub(super) fn reject(policy: &Policy, opened: &[&Dir]) -> Result<(), GrantError> {
    let (named, system) = (policy.grants.protected(), Protected::of_system());
    for file in system.iter().chain(&named).chain(&policy.protected) {
        for (root, opened) in policy.grants.files.iter().zip(opened) {
            if !file.concerns(root) {
                continue;
            }
            match is_covered(root, opened, file) {
                Ok(false) => {}
                Ok(true) => return Err(GrantError::Covered(file.refusal(root))),
                Err(error) => {
                    return Err(GrantError::Uncompared {
                        root: root.root.clone(),
                        what: file.what.clone(),
                        path: file.path.clone(),
                        error,
                    });
                }
            }
        }
    }
    Ok(())
}

/// Whether the root is one of the places that the file's path leads through, or lies below the file.
fn is_covered(root: &FileGrant, opened: &Dir, file: &Protected) -> io::Result<bool> {
    let root = std::fs::canonicalize(&root.path)?;
    if !is_opened(&root, opened)? {
        return Err(io::Error::other("the folder was replaced meanwhile"));
    }
    let passed = walk(&file.path)?;
    for place in &passed {
        if is_same(&root, place)? {
            return Ok(true);
        }
    }
    let Some(last) = passed.last() else {
        return Ok(false);
    };
    for above in root.ancestors() {
        if is_same(above, last)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a path without links is the folder that is open.
#[cfg(unix)]
fn is_opened(path: &Path, opened: &Dir) -> io::Result<bool> {
    use cap_std::fs::MetadataExt as _;
    use std::os::unix::fs::MetadataExt as _;
    let (opened, found) = (opened.dir_metadata()?, std::fs::symlink_metadata(path)?);
    Ok((opened.dev(), opened.ino()) == (found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn is_opened(_: &Path, _: &Dir) -> io::Result<bool> {
    Ok(true)
}

/// Whether two paths without links are the same place. A bind mount shows one folder under two paths.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    if one == other {
        return Ok(true);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let identity = |path: &Path| match std::fs::symlink_metadata(path) {
            Ok(found) => Ok(Some((found.dev(), found.ino()))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        };
        let one = identity(one)?;
        Ok(one.is_some() && one == identity(other)?)
    }
    #[cfg(not(unix))]
    Ok(false)
}

/// Every place that `path` leads through, without links: each folder from the top, again after each link, and the file at
/// last. The file need not exist.
fn walk(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut ahead: VecDeque<Step> = steps(&std::path::absolute(path)?).collect();
    let (mut at, mut passed, mut links) = (PathBuf::new(), Vec::new(), 0);
    while let Some(step) = ahead.pop_front() {
        match step {
            Step::Up => _ = at.pop(),
            // The root of a file system replaces all that was before it.
            Step::Into(name) => at.push(name),
        }
        match std::fs::symlink_metadata(&at) {
            Ok(found) if found.is_symlink() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::other("too many links"));
                }
                let target = std::fs::read_link(&at)?;
                at.pop();
                for step in steps(&target).rev() {
                    ahead.push_front(step);
                }
            }
            Ok(_) => passed.push(at.clone()),
            Err(error) if is_absent(&error) => passed.push(at.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok(passed)
}

/// One part of a path.
enum Step {
    Up,
    Into(OsString),
}

fn steps(path: &Path) -> impl DoubleEndedIterator<Item = Step> {
    path.components().filter_map(|part| match part {
        Component::CurDir => None,
        Component::ParentDir => Some(Step::Up),
        part => Some(Step::Into(part.as_os_str().into())),
    })
}

pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::symlink;

    use tollgate_policy::{Access, StoreGrant};

    use super::*;
    use cap_std::ambient_authority;

    /// A folder with `etc/token`, the folder `etc/below`, the folder `data`, and these links.
    fn laid_out(links: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for made in ["etc/below", "data"] {
            create_dir_all(at(made)).unwrap();
        }
        write(at("etc/token"), "secret").unwrap();
        for (link, target) in links {
            symlink(target, at(link)).unwrap();
        }
        folder
    }

    fn rejected(policy: &Policy) -> Result<(), GrantError> {
        let open = |root: &FileGrant| Dir::open_ambient_dir(&root.path, ambient_authority());
        let opened = policy.grants.files.iter().map(|root| open(root).unwrap());
        let opened: Vec<Dir> = opened.collect();
        reject(policy, &opened.iter().collect::<Vec<_>>())
    }

    /// The message about a root at `root` and a protected file at `file`, whose texts say nothing of each other.
    fn refused(folder: &tempfile::TempDir, root: &str, file: &str, from: Access) -> Option<String> {
        let mut policy = Policy::default();
        let at = |path: &str| folder.path().join(path);
        let root = FileGrant::new("data", at(root), Access::ReadWrite);
        policy.grants.files.push(root);
        let file = Protected::new("the policy file", at(file), from);
        policy.protected.push(file);
        assert_eq!(policy.check(), Ok(()), "the texts tell it already");
        rejected(&policy).err().map(|error| error.to_string())
    }

    #[test]
    fn links_hide_no_protected_file() {
        let links = [
            ("to-etc", "etc"),
            ("to-token", "etc/token"),
            ("data/token", "../etc/token"),
            ("data/up", ".."),
            ("etc/to-data", "../data"),
            ("first", "second"),
            ("second", "data/../etc/./token"),
        ];
        let folder = laid_out(&links);
        for (root, file) in [
            ("to-etc", "etc/token"),
            ("etc", "to-etc/token"),
            ("etc", "to-token"),
            ("etc", "first"),
            ("etc", "data/token"),
            // The guest could put another file in the place of the link.
            ("data", "etc/to-data/token"),
            ("data", "etc/to-data/absent"),
            ("data/up", "etc/token"),
            ("etc/to-data", "data/token"),
            // A root in a protected folder.
            ("to-etc/below", "etc"),
        ] {
            for from in [Access::Read, Access::ReadWrite] {
                let message = refused(&folder, root, file, from).unwrap_or_default();
                let begins = "grants.files: the root `data` covers the policy file, ";
                assert!(message.starts_with(begins), "{root} and {file}: {message}");
            }
        }
    }

    #[test]
    fn a_root_apart_from_a_protected_file_is_opened() {
        let folder = laid_out(&[("to-data", "data"), ("to-token", "etc/token")]);
        for (root, file) in [
            ("data", "etc/token"),
            ("to-data", "to-token"),
            ("etc/below", "etc/token"),
            ("data", "etc/absent/further"),
            ("data", "etc/token/below"),
        ] {
            assert_eq!(
                refused(&folder, root, file, Access::Read),
                None,
                "{root} and {file}"
            );
        }
    }

    #[test]
    fn a_reader_of_a_file_that_may_be_read_is_accepted() {
        let folder = laid_out(&[("to-etc", "etc")]);
        let mut policy = Policy::default();
        let root = FileGrant::new("data", folder.path().join("to-etc"), Access::Read);
        policy.grants.files.push(root);
        let token = folder.path().join("etc/token");
        let file = |from| Protected::new("the policy file", &token, from);
        policy.protected = vec![file(Access::ReadWrite)];
        assert!(rejected(&policy).is_ok());
        policy.protected = vec![file(Access::Read)];
        assert!(rejected(&policy).is_err());
        // The files that a policy names itself are protected as well, though they do not exist yet.
        policy.protected.clear();
        policy.grants.store = Some(StoreGrant {
            path: Some(folder.path().join("etc/state.redb")),
            namespace: Some("ledger".to_owned()),
            ..StoreGrant::default()
        });
        let message = rejected(&policy).unwrap_err().to_string();
        assert!(message.contains("covers the store file, "), "{message}");
    }

    /// The path of a root leads elsewhere than when it was opened: the compared folder is not the opened one.
    #[test]
    fn a_folder_that_was_replaced_is_told() {
        let folder = laid_out(&[("link", "etc")]);
        let at = |path: &str| folder.path().join(path);
        let mut policy = Policy::default();
        let root = FileGrant::new("data", at("link"), Access::Read);
        policy.grants.files.push(root);
        let file = Protected::new("the policy file", at("etc/token"), Access::Read);
        policy.protected.push(file);
        let opened = Dir::open_ambient_dir(at("link"), ambient_authority()).unwrap();
        std::fs::remove_file(at("link")).unwrap();
        symlink("data", at("link")).unwrap();
        let message = reject(&policy, &[&opened]).unwrap_err().to_string();
        assert!(
            message.contains("the folder was replaced meanwhile"),
            "{message}"
        );
    }

    #[test]
    fn one_place_under_two_paths_is_told() {
        let folder = laid_out(&[]);
        let at = |path: &str| folder.path().join(path);
        // A mount is another such name, which a test cannot make.
        std::fs::hard_link(at("etc/token"), at("data/second-name")).unwrap();
        assert!(is_same(&at("etc/token"), &at("data/second-name")).unwrap());
        for other in ["data", "etc", "absent"] {
            assert!(!is_same(&at("etc/token"), &at(other)).unwrap(), "{other}");
        }
        assert!(!is_same(&at("absent"), &at("absent-too")).unwrap());
    }

    #[test]
    fn a_path_that_cannot_be_followed_is_refused() {
        let folder = laid_out(&[("loop", "loop")]);
        let message = refused(&folder, "data", "loop", Access::Read).unwrap_or_default();
        assert!(
            message.contains("cannot be compared with the policy file"),
            "{message}"
        );
    }
}
