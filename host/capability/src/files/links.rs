//! Links that a guest makes, and names that it moves.
//!
//! The guest itself never leaves a root by a link of any target. Other programs, such as the operator's, follow links.
//! So a guest makes and moves only links that stay beneath their folder, also when that folder is moved.

use std::io;
use std::path::Path;

use tollgate_policy::Reason;
use tollgate_policy::decide::{link_stays_below, names_operators_file};

use super::{FileFailure, Folder};

/// Makes a symbolic link at `path` to `target`.
///
/// # Errors
///
/// [`Reason::Link`] for a target that may lead out of its folder, [`Reason::Protected`] for one with the name of a policy;
/// an error of the system.
pub fn symbolic_link(dir: &Folder, target: &str, path: &Path) -> Result<(), FileFailure> {
    if !link_stays_below(target) {
        return Err(FileFailure::Denied(Reason::Link));
    }
    // Opened for writing, it would make the file that it leads to.
    if names_operators_file(Path::new(target)) {
        return Err(FileFailure::Denied(Reason::Protected));
    }
    #[cfg(unix)]
    return Ok(dir.symlink(target, path)?);
    #[cfg(not(unix))]
    {
        let _ = (dir, path);
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }
}

/// Makes `to` a second name of the file at `from`, in the same root.
///
/// # Errors
///
/// [`Reason::Link`] for a symbolic link that may lead out of its folder, [`Reason::NotAFile`], [`Reason::Protected`]; an
/// error of the system.
pub fn hard_link(dir: &Folder, from: &Path, to: &Path) -> Result<(), FileFailure> {
    let found = dir.symlink_metadata(from)?;
    if found.is_symlink() {
        reject_climbing(dir, from)?;
    } else if !found.is_dir() {
        // The system refuses a folder.
        dir.reject_special(&found)?;
    }
    dir.hard_link(from, dir, to)?;
    // The file may be another than the one that was looked at.
    let made = dir.symlink_metadata(to)?;
    let checked = match made.is_symlink() {
        true => reject_climbing(dir, to),
        false => dir.reject_special(&made),
    };
    if checked.is_err() {
        dir.remove_file(to)?;
    }
    checked
}

/// Renames a file, a folder or a link within a root; only a folder if `is_folder`.
///
/// # Errors
///
/// [`Reason::Link`] for a symbolic link that may lead out of its folder; an error of the system.
pub fn rename(dir: &Folder, from: &Path, to: &Path, is_folder: bool) -> Result<(), FileFailure> {
    let found = dir.symlink_metadata(from);
    if is_folder {
        // In the order in which the system looks.
        for parent in [parent(from), parent(to)] {
            if !dir.metadata(parent)?.is_dir() {
                return Err(io::Error::from(io::ErrorKind::NotADirectory).into());
            }
        }
    }
    match found {
        Ok(found) if is_folder && !found.is_dir() => {
            return Err(io::Error::from(io::ErrorKind::NotADirectory).into());
        }
        Ok(found) if found.is_symlink() => reject_climbing(dir, from)?,
        _ => {}
    }
    Ok(dir.rename(from, dir, to)?)
}

/// The folder that a name is in.
pub fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

/// Refuses a link whose target has `..` or is absolute: elsewhere it points to another target.
fn reject_climbing(dir: &Folder, link: &Path) -> Result<(), FileFailure> {
    let target = dir.read_link_contents(link)?;
    match target.to_str().is_some_and(link_stays_below) {
        true => Ok(()),
        false => Err(FileFailure::Denied(Reason::Link)),
    }
}
