//! Paths of WASI guests: their meaning below a root, and the decision on them.

use std::path::{Component, Path, PathBuf};

use crate::grants::{Access, Grants};

use super::files::{FileDecision, MAX_PATH, decided};
use super::reason::Reason;

/// A path of a WASI guest: relative to a folder that it has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasiPath {
    text: String,
    end: PathEnd,
    leads_out: bool,
}

/// The last part of a path, which restricts the objects that it may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEnd {
    /// A name: `a`.
    Name,
    /// A name of a folder, or of a link to one: `a/`.
    Slash,
    /// The folder before it: `.`, `a/.`.
    Dot,
    /// The folder above: `a/..`.
    Parent,
}

impl WasiPath {
    /// The path `path` in the folder `base` of a root, itself a path below that root or `.`.
    ///
    /// Parts that are empty or `.` are dropped. A path that is absolute, or that leads above the folder by its text, is
    /// kept so that [`wasi_files`] refuses it.
    ///
    /// ```
    /// use tollgate_policy::decide::{PathEnd, WasiPath};
    ///
    /// let path = WasiPath::new("sub", "./a//b/");
    /// assert_eq!((path.text(), path.end()), ("sub/a/b", PathEnd::Slash));
    /// ```
    pub fn new(base: &str, path: &str) -> WasiPath {
        let plain = |part: &&str| !part.is_empty() && *part != ".";
        let mut depth = 0usize;
        let climbs = path
            .split(['/', '\\'])
            .filter(plain)
            .any(|part| match part {
                ".." => match depth.checked_sub(1) {
                    Some(less) => {
                        depth = less;
                        false
                    }
                    None => true,
                },
                _ => {
                    depth += 1;
                    false
                }
            });
        let end = match path.rsplit('/').next() {
            Some("") => PathEnd::Slash,
            Some(".") => PathEnd::Dot,
            Some("..") => PathEnd::Parent,
            _ => PathEnd::Name,
        };
        let leads_out = climbs || path.starts_with('/');
        if leads_out || path.is_empty() {
            let text = path.to_owned();
            return WasiPath {
                text,
                end,
                leads_out,
            };
        }
        let parts: Vec<&str> = base
            .split('/')
            .chain(path.split('/'))
            .filter(plain)
            .collect();
        let text = match parts.as_slice() {
            [] => ".".to_owned(),
            parts => parts.join("/"),
        };
        WasiPath {
            text,
            end,
            leads_out,
        }
    }

    /// The path below the root.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The last part as the guest wrote it.
    pub fn end(&self) -> PathEnd {
        self.end
    }

    /// Whether the path can only name a folder: `a/`, `a/.`, `a/..`. A link at its end is followed.
    pub fn is_of_folder(&self) -> bool {
        self.end != PathEnd::Name
    }
}

/// Whether a link with this target stays beneath the folder that it is in, wherever that folder is moved: a relative path
/// without `..`.
///
/// ```
/// use tollgate_policy::decide;
///
/// assert!(decide::link_stays_below("a/b") && !decide::link_stays_below("../b") && !decide::link_stays_below("/b"));
/// ```
pub fn link_stays_below(target: &str) -> bool {
    let is_path = !target.is_empty() && target.len() <= MAX_PATH && !target.contains(['\0', '\\']);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    is_path && Path::new(target).components().all(plain)
}

/// Whether a path of a WASI guest below `root` may be used with `access`: as [`files`](super::files()) decides, but a part may
/// be `..` where the path stays below the descriptor by its text. A part before it may be a link, which only the file system
/// knows: the code that opens the path resolves `..` there, and does not leave the root.
///
/// # Errors
///
/// As for [`files`](super::files()).
///
/// ```
/// use tollgate_policy::{Access, FileGrant, Grants, Reason, decide};
///
/// let grants = Grants { files: vec![FileGrant::new("data", "/srv", Access::Read)], ..Grants::default() };
/// let decide = |path| decide::wasi_files(&grants, "data", &decide::WasiPath::new("sub", path), Access::Read);
/// assert!(decide("a/../b.txt").is_ok());
/// assert_eq!(decide("a/../../b.txt"), Err(Reason::OutsideRoot));
/// ```
pub fn wasi_files(
    grants: &Grants,
    root: &str,
    path: &WasiPath,
    access: Access,
) -> Result<FileDecision, Reason> {
    let below = || match path.leads_out {
        true => Err(Reason::OutsideRoot),
        false => walkable(&path.text),
    };
    decided(grants, root, below, access)
}

/// The same for a path of [`WasiPath`], in which a part may be `..`.
fn walkable(path: &str) -> Result<PathBuf, Reason> {
    if path.is_empty() || path.len() > MAX_PATH || path.contains(['\0', '\\']) {
        return Err(Reason::BadPath);
    }
    let leads_out = |part: Component<'_>| matches!(part, Component::Prefix(_) | Component::RootDir);
    match Path::new(path).components().any(leads_out) {
        true => Err(Reason::OutsideRoot),
        false => Ok(PathBuf::from(path)),
    }
}

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
    fn wasi_paths_are_decided_as_others_are() {
        for (base, path, meant, end) in [
            (".", "a", "a", PathEnd::Name),
            (".", "./a//b/.", "a/b", PathEnd::Dot),
            (".", ".", ".", PathEnd::Dot),
            ("sub", "a/", "sub/a", PathEnd::Slash),
            ("sub/x", "./", "sub/x", PathEnd::Slash),
            ("sub", "a/../b", "sub/a/../b", PathEnd::Name),
            ("sub", "a/b/../..", "sub/a/b/../..", PathEnd::Parent),
            ("sub/..", "a", "sub/../a", PathEnd::Name),
            (".", "...", "...", PathEnd::Name),
        ] {
            let found = WasiPath::new(base, path);
            assert_eq!(
                (found.text(), found.end()),
                (meant, end),
                "{base:?} {path:?}"
            );
            let decision = wasi_files(&grants(), "out", &found, Access::Read);
            let path = PathBuf::from(meant);
            let decided = FileDecision {
                index: 1,
                path,
                access: Access::Read,
                ask: false,
            };
            assert_eq!(decision, Ok(decided));
        }
        for (path, reason) in [
            ("..", Reason::OutsideRoot),
            ("../a", Reason::OutsideRoot),
            ("/etc/passwd", Reason::OutsideRoot),
            ("/", Reason::OutsideRoot),
            ("a/../../b", Reason::OutsideRoot),
            ("a/../..", Reason::OutsideRoot),
            ("./../a", Reason::OutsideRoot),
            ("a//../../b", Reason::OutsideRoot),
            ("a\\..\\..\\b", Reason::OutsideRoot),
            ("a\\b", Reason::BadPath),
            ("a\0", Reason::BadPath),
            ("", Reason::BadPath),
            (&*"a".repeat(MAX_PATH), Reason::BadPath),
        ] {
            let path = WasiPath::new("sub", path);
            let decision = wasi_files(&grants(), "out", &path, Access::Read);
            assert_eq!(decision, Err(reason), "{path:?}");
        }
        let path = WasiPath::new(".", "a/../b");
        let decision = wasi_files(&grants(), "data", &path, Access::ReadWrite);
        assert_eq!(decision, Err(Reason::ReadOnly));
    }

    #[test]
    fn a_link_stays_below_wherever_its_folder_is() {
        for target in ["a", "a/b", "./a", "a/", "...", ".a"] {
            assert!(link_stays_below(target), "{target}");
        }
        for target in [
            "", "..", "../a", "a/..", "a/../b", "/", "/a", "a\0", "..\\a", "a\\b",
        ] {
            assert!(!link_stays_below(target), "{target}");
        }
    }
}
