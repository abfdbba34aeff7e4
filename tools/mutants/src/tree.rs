//! The copy of the sources into which mutants are written.

use std::{
    collections::BTreeSet,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

pub(crate) struct Tree {
    repo: PathBuf,
    /// The folder of the copy.
    pub(crate) folder: PathBuf,
    /// The files, relative to both folders.
    files: BTreeSet<String>,
}

impl Tree {
    /// The tree of all files of `repo` that git tracks or would add.
    pub(crate) fn of(repo: &Path, folder: PathBuf) -> Result<Self> {
        let output = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(repo)
            .output()
            .context("cannot start git")?;
        ensure!(
            output.status.success(),
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let files = String::from_utf8(output.stdout)?
            .split('\0')
            .filter(|file| !file.is_empty() && repo.join(file).is_file())
            .map(str::to_owned)
            .collect();
        Ok(Self {
            repo: repo.to_owned(),
            folder,
            files,
        })
    }

    /// Updates the copy to the current tree. Unchanged files keep their times, so that cargo builds them once. `later`
    /// are written afterwards, by `write`.
    pub(crate) fn copy(&self, later: &BTreeSet<String>) -> Result<()> {
        let list = self.folder.with_extension("files");
        for file in fs::read_to_string(&list).unwrap_or_default().lines() {
            if !self.files.contains(file) {
                fs::remove_file(self.folder.join(file)).ok();
            }
        }
        for file in &self.files {
            if !later.contains(file) {
                self.write(file, &self.read(file)?)?;
            }
        }
        let lines: Vec<&str> = self.files.iter().map(String::as_str).collect();
        fs::write(&list, lines.join("\n"))
            .with_context(|| format!("cannot write {}", list.display()))
    }

    /// The contents of a file in the tree.
    pub(crate) fn read(&self, file: &str) -> Result<Vec<u8>> {
        let path = self.repo.join(file);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Writes a file of the copy, unless it has these bytes.
    pub(crate) fn write(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(file);
        if fs::read(&path).is_ok_and(|present| present == bytes) {
            return Ok(());
        }
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            fs::write(&path, bytes)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// A number that changes with any file in one of these folders.
    pub(crate) fn fingerprint(&self, folders: &[&str]) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        let inside = |file: &str| {
            file == "Cargo.lock"
                || file.starts_with("tools/mutants/")
                || folders.iter().any(|folder| {
                    file.strip_prefix(folder)
                        .is_some_and(|rest| rest.starts_with('/'))
                })
        };
        for file in self.files.iter().filter(|file| inside(file)) {
            file.hash(&mut hasher);
            self.read(file)?.hash(&mut hasher);
        }
        Ok(format!("{:016x}", hasher.finish()))
    }
}
