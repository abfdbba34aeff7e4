//! The copy of the tree that is edited, and its build output, each in a folder apart from the tree's own.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::proofs;

/// The copy, and the folder of its build output.
pub(crate) struct Tree {
    root: PathBuf,
    pub(crate) copy: PathBuf,
    pub(crate) target: PathBuf,
    /// A digest of all sources that a test may depend on.
    pub(crate) sources: String,
}

impl Tree {
    /// Updates the copy to the tracked files of the repository at `root`. An unchanged file stays untouched, so that
    /// Cargo does not build it again.
    pub(crate) fn copy(root: &Path, work: &Path) -> Result<Self> {
        let copy = work.join("tree");
        let tracked = tracked(root)?;
        let mut digest = blake3::Hasher::new();
        for file in &tracked {
            let bytes =
                fs::read(root.join(file)).with_context(|| format!("{file}: it cannot be read"))?;
            let to = copy.join(file);
            if !fs::read(&to).is_ok_and(|present| present == bytes) {
                write(&to, &bytes)?;
                let permissions = fs::metadata(root.join(file))?.permissions();
                fs::set_permissions(&to, permissions)?;
            }
            if is_source(file) {
                digest.update(file.as_bytes());
                digest.update(blake3::hash(&bytes).as_bytes());
            }
        }
        remove_others(&copy, &copy, &tracked)?;
        Ok(Self {
            root: root.to_owned(),
            copy,
            target: work.join("target"),
            sources: digest.finalize().to_hex().to_string(),
        })
    }

    /// Takes over the build output of crates other than `own` from the tree's own target folder, unless the copy has
    /// some.
    ///
    /// Files that are never written in place become hard links, the rest copies. Output of the workspace's own crates
    /// stays behind: Cargo gives a crate the same name in both trees, and would confuse the two.
    pub(crate) fn seed(&self, own: &[String]) -> Result<()> {
        self.seed_from(&self.root.join("target/debug"), own)
    }

    fn seed_from(&self, from: &Path, own: &[String]) -> Result<()> {
        let to = self.target.join("debug");
        if to.is_dir() || !from.is_dir() {
            return Ok(());
        }
        // Under another name until it is complete.
        let unfinished = self.target.join("debug.new");
        if unfinished.is_dir() {
            fs::remove_dir_all(&unfinished)?;
        }
        for part in [".fingerprint", "build", "deps"] {
            let from = from.join(part);
            if !from.is_dir() {
                continue;
            }
            for entry in fs::read_dir(&from)? {
                let name = entry?.file_name();
                let shown = name.to_string_lossy();
                if !is_of(&shown, own) {
                    take(&from.join(&name), &unfinished.join(part).join(&name))?;
                }
            }
        }
        fs::rename(&unfinished, &to).context("target/prove: the folder cannot be made")
    }

    /// A second copy in the folder `work`, so that two proofs can be run at a time. It takes over the build output of crates
    /// other than `own`, as [`Tree::seed`] does: a test has the path of its tree in it.
    pub(crate) fn another(&self, work: &Path, own: &[String]) -> Result<Self> {
        // Files of an earlier run may be of other sources, and their times are newer.
        if work.is_dir() {
            fs::remove_dir_all(work).with_context(|| format!("{}", work.display()))?;
        }
        let another = Self {
            root: self.root.clone(),
            copy: work.join("tree"),
            target: work.join("target"),
            sources: self.sources.clone(),
        };
        take(&self.copy, &another.copy)?;
        another.seed_from(&self.target.join("debug"), own)?;
        Ok(another)
    }

    /// Writes `text` into a file of the copy. Its time is new, so that Cargo builds it.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<()> {
        write(&self.copy.join(file), text.as_bytes())
    }

    /// The contents of a file in the copy.
    pub(crate) fn read(&self, file: &str) -> Result<String> {
        crate::check::read(&self.copy, file)
    }
}

/// The files that git tracks and that exist.
fn tracked(root: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()
        .context("git cannot be started; install git")?;
    ensure!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let names = String::from_utf8(output.stdout).context("git ls-files: a name is not UTF-8")?;
    let names = names.split_terminator('\0');
    Ok(names
        .filter(|name| root.join(name).is_file())
        .map(str::to_owned)
        .collect())
}

/// Whether a result depends on the file. Results do not depend on prose, on the proofs file or on this runner.
fn is_source(file: &str) -> bool {
    !file.ends_with(".md") && file != proofs::FILE && !file.starts_with("tools/proofs/")
}

/// Removes files that are no longer tracked; the build output of the copy stays.
fn remove_others(copy: &Path, folder: &Path, tracked: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.strip_prefix(copy).unwrap_or(&path).to_string_lossy();
        if path.is_dir() && !path.is_symlink() {
            if !path.ends_with("target") {
                remove_others(copy, &path, tracked)?;
            }
        } else if !tracked.contains(&*name) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn write(to: &Path, bytes: &[u8]) -> Result<()> {
    let make = || {
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::File::create(to)?.write_all(bytes)
    };
    make().with_context(|| format!("{}: it cannot be written", to.display()))
}

/// Whether build output is of one of the workspace's own crates, by its name before the `-` and the hash.
fn is_of(name: &str, own: &[String]) -> bool {
    let stem = name.rsplit_once('-').map_or(name, |(stem, _)| stem);
    let bare = stem.strip_prefix("lib").unwrap_or(stem);
    own.iter().any(|own| own == stem || own == bare)
}

/// Whether Cargo and rustc replace the file when its content changes, and never write into it.
fn is_replaced(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("rlib" | "rmeta" | "so"))
}

/// Links or copies a file or folder. Times are kept, since Cargo compares them.
fn take(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            take(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    if is_replaced(from) && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    let modified = fs::metadata(from)?.modified()?;
    fs::File::options()
        .write(true)
        .open(to)?
        .set_modified(modified)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_the_workspace_is_told_from_that_of_others() {
        let own = [
            "tollgate".to_owned(),
            "all".to_owned(),
            "tollgate_policy".to_owned(),
        ];
        for name in [
            "libtollgate-0a1b.rlib",
            "all-0a1b",
            "tollgate_policy-12.d",
            "tollgate-77",
        ] {
            assert!(is_of(name, &own), "{name}");
        }
        for name in [
            "libwasmtime-0a1b.rlib",
            "tollgate_other-1.d",
            "allocator_api2-5",
            "libring-6.so",
        ] {
            assert!(!is_of(name, &own), "{name}");
        }
    }

    #[test]
    fn the_copy_follows_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let (root, work) = (folder.path().join("root"), folder.path().join("work"));
        let git = |words: &[&str]| {
            let done = Command::new("git")
                .args(words)
                .current_dir(&root)
                .output()
                .unwrap();
            assert!(done.status.success());
        };
        write(&root.join("src/a.rs"), b"one").unwrap();
        write(&root.join("README.md"), b"prose").unwrap();
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        let first = Tree::copy(&root, &work).unwrap();
        assert_eq!(first.read("src/a.rs").unwrap(), "one");
        // An interrupted edit, a file that is gone, and prose, on which no result depends.
        first.write("src/a.rs", "edited").unwrap();
        write(&first.copy.join("src/gone.rs"), b"").unwrap();
        write(&root.join("README.md"), b"other prose").unwrap();
        let second = Tree::copy(&root, &work).unwrap();
        assert_eq!(second.read("src/a.rs").unwrap(), "one");
        assert!(!second.copy.join("src/gone.rs").exists());
        assert_eq!(first.sources, second.sources);
        // Another copy has edits and tests of its own, and the times of the artifacts of others, so that Cargo does not
        // build them anew.
        write(&work.join("target/debug/deps/other-1.d"), b"output").unwrap();
        write(&work.join("target/debug/deps/own-1.d"), b"output").unwrap();
        let at = folder.path().join("lane");
        let lane = second.another(&at, &["own".to_owned()]).unwrap();
        assert!(!at.join("target/debug/deps/own-1.d").exists());
        let time = |file: &Path| fs::metadata(file).unwrap().modified().unwrap();
        for file in ["tree/src/a.rs", "target/debug/deps/other-1.d"] {
            let [here, there] = [&work, &at].map(|at| time(&at.join(file)));
            assert_eq!(here, there, "{file}");
        }
        lane.write("src/a.rs", "edited").unwrap();
        assert_eq!(second.read("src/a.rs").unwrap(), "one");
        write(&root.join("src/a.rs"), b"two").unwrap();
        assert_ne!(Tree::copy(&root, &work).unwrap().sources, first.sources);
    }
}
