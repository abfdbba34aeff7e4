//! The policy that is found when none is named: the nearest `tollgate.toml`, from the working directory upwards.
//!
//! The folder of a component is never searched: a file that came with an untrusted component grants it nothing, unless
//! that folder is the working directory. The working directory is the choice of the person who runs Tollgate, as it is
//! for `make`; a guest can make no file of this name (`decide::names_operators_file`). No other person may have chosen
//! the contents of the file, so it and its folder belong to that person or to root, and no other user may write them,
//! as with the files of `ssh`. A file without these rights is an error and not passed over: its limits and its trusted
//! keys would silently not apply.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tollgate::policy::Lock;

use crate::output::status::ExitReason;
use crate::output::text;

/// The name of the file.
pub(crate) const NAME: &str = "tollgate.toml";

/// The policy in `folder`, an absolute path, or in the nearest folder above it that has one.
pub(crate) fn find(folder: &Path) -> Result<Option<PathBuf>, ExitReason> {
    // On other systems the writers of a file are not known.
    let searched = folder.ancestors().take_while(|_| cfg!(unix));
    for folder in searched {
        let path = folder.join(NAME);
        let found = fs::symlink_metadata(&path).and_then(|_| {
            reject_foreign(folder)?;
            reject_foreign(&path)?;
            // The pins beside it are of the same hand.
            match reject_foreign(&folder.join(Lock::FILE)) {
                Err(error) if is_absent(&error) => Ok(()),
                checked => checked,
            }
        });
        match found {
            Ok(()) => return Ok(Some(path)),
            Err(error) if is_absent(&error) => {}
            Err(error) => {
                let path = text::path(&path);
                return Err(ExitReason::Usage(format!(
                    "{path}: the policy was found and is not used: {error}; correct that, name a policy with --policy, or \
                     give --no-policy"
                )));
            }
        }
    }
    Ok(None)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Refuses a file or a folder that another person than this one and root has written or may write.
#[cfg(unix)]
fn reject_foreign(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    // The link, if it is one, and its target.
    let link = fs::symlink_metadata(path)?;
    let found = fs::metadata(path).map_err(|error| match is_absent(&error) {
        // A link to nothing is no absent policy.
        true => io::Error::other("it is a link to nothing"),
        false => error,
    })?;
    let shown = text::path(path);
    let own = rustix::process::geteuid().as_raw();
    for other in [link.uid(), found.uid()] {
        if ![0, own].contains(&other) {
            let text = format!("{shown} belongs to the user {other}");
            return Err(io::Error::other(text));
        }
    }
    let others = match is_private(own, found.gid()) {
        true => 0o002,
        false => 0o022,
    };
    if found.mode() & others != 0 {
        return Err(io::Error::other(format!(
            "others may write {shown} (`chmod go-w` ends that)"
        )));
    }
    Ok(())
}

/// Whether a group is that of one user: on most systems each user has one, with the same number, and files are made for it to
/// write (umask 002).
#[cfg(unix)]
fn is_private(user: u32, group: u32) -> bool {
    user >= 1_000 && group == user && rustix::process::getegid().as_raw() == group
}

#[cfg(not(unix))]
fn reject_foreign(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_nearest_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        let deep = top.join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(find(&deep).unwrap(), None);
        for (place, from) in [
            (top, "a/b/c"),
            (&top.join("a/b"), "a/b/c"),
            (&deep, "a/b/c"),
        ] {
            let path = place.join(NAME);
            fs::write(&path, "").unwrap();
            assert_eq!(find(&top.join(from)).unwrap(), Some(path));
        }
        assert_eq!(find(&top.join("a")).unwrap(), Some(top.join(NAME)));
    }

    #[test]
    fn a_group_of_one_user_is_no_other() {
        let own = rustix::process::getegid().as_raw();
        assert_eq!(is_private(own, own), own >= 1_000);
        assert!(!is_private(1000, 100));
        assert!(!is_private(0, 0), "members of root's group are not root");
    }

    #[test]
    fn a_file_that_others_may_write_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        fs::write(&path, "").unwrap();
        let refused = |what: &str| {
            let message = find(folder.path()).unwrap_err().message();
            assert!(message.contains(what), "{message}");
        };
        let shared = !is_private(
            rustix::process::geteuid().as_raw(),
            fs::metadata(&path).unwrap().gid(),
        );
        for bits in [0o664, 0o646]
            .into_iter()
            .filter(|bits| shared || bits & 2 != 0)
        {
            mode(&path, bits);
            refused("others may write");
        }
        mode(&path, 0o644);
        assert!(find(folder.path()).is_ok());
        for bits in [0o775, 0o757]
            .into_iter()
            .filter(|bits| shared || bits & 2 != 0)
        {
            mode(folder.path(), bits);
            refused("others may write");
        }
        // Like /tmp: others may put files there that the policy names.
        mode(folder.path(), 0o1777);
        refused("others may write");
        mode(folder.path(), 0o755);
        // Only root gives files away.
        if chown(&path, Some(4321), None).is_ok() {
            refused("belongs to the user 4321");
        }
        let lock = folder.path().join(Lock::FILE);
        fs::write(&lock, "").unwrap();
        chown(&path, Some(rustix::process::geteuid().as_raw()), None).unwrap();
        mode(&lock, 0o646);
        refused("tollgate.lock");
        fs::remove_file(&lock).unwrap();
        fs::remove_file(&path).unwrap();
        symlink("nowhere", &path).unwrap();
        refused("link to nothing");
        // A link of another person, to a file of this one.
        fs::remove_file(&path).unwrap();
        let legit = folder.path().join("legit.toml");
        fs::write(&legit, "").unwrap();
        symlink(&legit, &path).unwrap();
        assert!(find(folder.path()).is_ok());
        if std::os::unix::fs::lchown(&path, Some(4321), None).is_ok() {
            refused("belongs to the user 4321");
        }
    }
}
