//! Files of the host that no root may hold: a provider that could change or read them would undo its own policy.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::error::ValueError;
use crate::toml::messages::shown;

use super::files::{Access, FileGrant};

/// A file or folder of the host that a root of `grants.files` may neither hold nor lie in.
///
/// [`Policy::check`](crate::Policy::check) compares the paths as text. The crate `tollgate` compares them once more on the
/// file system, symbolic links followed, when a component is loaded.
///
/// ```
/// use tollgate_policy::{Access, FileGrant, Policy, Protected};
///
/// let mut policy = Policy::default();
/// policy.grants.files.push(FileGrant::new("data", "/srv/app", Access::ReadWrite));
/// policy.check()?;
/// policy.protected.push(Protected::new("the policy file", "/srv/app/policy.toml", Access::ReadWrite));
/// assert!(policy.check().is_err());
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The kind of file, with its article: `the policy file`.
    pub what: String,
    /// The path; a relative one starts at the current directory, as those of roots do.
    pub path: PathBuf,
    /// The least access of a root that is refused: [`Access::Read`] for a secret, [`Access::ReadWrite`] for a file that a
    /// provider may read.
    pub from: Access,
}

impl Protected {
    /// A protected file or folder.
    pub fn new(what: impl Into<String>, path: impl Into<PathBuf>, from: Access) -> Protected {
        Protected {
            what: what.into(),
            path: path.into(),
            from,
        }
    }

    /// The folders of the kernel, which show and change the machine and every process: no root holds them or lies in them,
    /// and so none is `/`.
    pub fn of_system() -> Vec<Protected> {
        let folders = [
            ("the kernel's files about processes", "/proc"),
            ("the kernel's files about the machine", "/sys"),
            ("the devices of the machine", "/dev"),
        ];
        let folders = folders.into_iter();
        folders
            .map(|(what, path)| Protected::new(what, path, Access::Read))
            .collect()
    }

    /// Whether the access of a root is enough to do harm here.
    pub fn concerns(&self, root: &FileGrant) -> bool {
        root.access >= self.from
    }

    /// The error about a root that holds this file, or lies in this folder.
    pub fn refusal(&self, root: &FileGrant) -> ValueError {
        let harm = match root.access {
            Access::Read => "read",
            Access::ReadWrite => "change",
        };
        let or_read = match self.from {
            Access::Read => "",
            Access::ReadWrite => ", or write `access = \"read\"`",
        };
        ValueError::new(format!(
            "the root `{}` covers {}, {}: a provider could {harm} it; grant a directory apart from it{or_read}",
            shown(&root.root),
            self.what,
            shown(&self.path.to_string_lossy()),
        ))
    }

    /// Refuses a root that covers this file, as far as the text of the two paths says.
    pub(crate) fn reject(&self, root: &FileGrant) -> Result<(), ValueError> {
        let (file, folder) = (Place::of(&self.path), Place::of(&root.path));
        match self.concerns(root) && (folder.holds(&file) || file.holds(&folder)) {
            true => Err(self.refusal(root)),
            false => Ok(()),
        }
    }
}

/// A path as text, without `.`, and with `..` only in front.
struct Place<'p> {
    absolute: bool,
    /// The number of `..` in front.
    ups: usize,
    names: Vec<&'p OsStr>,
}

impl<'p> Place<'p> {
    fn of(path: &'p Path) -> Place<'p> {
        let mut place = Place {
            absolute: path.has_root(),
            ups: 0,
            names: Vec::new(),
        };
        for part in path.components() {
            match part {
                Component::Prefix(_) | Component::Normal(_) => place.names.push(part.as_os_str()),
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir if place.names.pop().is_some() || place.absolute => {}
                Component::ParentDir => place.ups += 1,
            }
        }
        place
    }

    /// Whether `inner` is this place or below it. A relative path and an absolute one cannot be compared as text.
    fn holds(&self, inner: &Place<'_>) -> bool {
        let is_top = self.names.is_empty();
        match (self.absolute, inner.absolute) {
            (true, false) => is_top,
            (false, true) => false,
            (false, false) if is_top => inner.ups <= self.ups,
            _ => self.ups == inner.ups && inner.names.starts_with(&self.names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_hold_what_lies_below_them() {
        let holds = |outer: &str, inner: &str| {
            Place::of(Path::new(outer)).holds(&Place::of(Path::new(inner)))
        };
        for (outer, inner) in [
            ("a", "a"),
            ("a", "./a/./b"),
            ("./a/", "a/b/c"),
            ("/a", "/a/b"),
            ("/", "/a"),
            ("/", "a"),
            (".", "a"),
            ("", "."),
            (".", "a/../b"),
            ("..", "a"),
            ("..", "../a"),
            ("../..", ".."),
            ("../a", "../a/b"),
            ("a/../b", "b/c"),
            ("/..", "/a"),
            ("a/../..", "b"),
        ] {
            assert!(holds(outer, inner), "{outer} and {inner}");
        }
        for (outer, inner) in [
            ("a", "ab"),
            ("a", "b/a"),
            ("a/b", "a"),
            ("a", "/a/b"),
            (".", "/a"),
            (".", ".."),
            (".", "../a"),
            ("..", "../../a"),
            ("../a", "a/b"),
            ("a", "../a"),
            ("/a", "a/b"),
            ("/a/b", "/a/c"),
        ] {
            assert!(!holds(outer, inner), "{outer} and {inner}");
        }
    }

    #[test]
    fn a_root_apart_is_accepted_and_a_reader_may_read() {
        let file = Protected::new("the policy file", "etc/p.toml", Access::ReadWrite);
        let root = |path: &str, access| FileGrant::new("data", path, access);
        for path in ["etc", ".", "etc/p.toml", "etc/p.toml/below"] {
            assert!(
                file.reject(&root(path, Access::ReadWrite)).is_err(),
                "{path}"
            );
            assert_eq!(file.reject(&root(path, Access::Read)), Ok(()), "{path}");
        }
        for path in ["etc/data", "data", "etc/p.tom"] {
            assert_eq!(
                file.reject(&root(path, Access::ReadWrite)),
                Ok(()),
                "{path}"
            );
        }
        let secret = Protected {
            from: Access::Read,
            ..file
        };
        let message = secret
            .reject(&root("etc", Access::Read))
            .unwrap_err()
            .message;
        assert_eq!(
            message,
            "the root `data` covers the policy file, etc/p.toml: a provider could read it; grant a directory apart from \
             it"
        );
    }
}
