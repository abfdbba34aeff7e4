//! The folder of finished components.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::folder::{entries_with, stem};

/// A folder that is filled with components, one by one.
pub(crate) struct Output {
    folder: PathBuf,
    names: BTreeSet<String>,
    written: usize,
}

impl Output {
    pub(crate) fn create(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        Ok(Self {
            folder,
            names: BTreeSet::new(),
            written: 0,
        })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.file(name).is_file()
    }

    /// Writes `<name>.wasm`, unless it exists with the same bytes.
    pub(crate) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.names.insert(name.to_owned());
        let file = self.file(name);
        if fs::read(&file).is_ok_and(|present| present == bytes) {
            return Ok(());
        }
        // Written as a second file and renamed, so that a test that reads meanwhile sees the old one or the new one.
        let unfinished = file.with_extension("wasm.new");
        fs::write(&unfinished, bytes)
            .and_then(|()| fs::rename(&unfinished, &file))
            .with_context(|| format!("guest {name}: cannot write {}", file.display()))?;
        println!("wrote {} ({} bytes)", shown(&file), bytes.len());
        self.written += 1;
        Ok(())
    }

    /// Prints the names of files that no guest produces any more. `elsewhere` are those that other builds put here.
    pub(crate) fn name_left_over(&self, elsewhere: &[String]) -> Result<()> {
        for file in entries_with(&self.folder, "wasm")? {
            let name = stem(&file);
            if !self.names.contains(&name) && !elsewhere.contains(&name) {
                println!("left over: {}, no guest makes it", shown(&file));
            }
        }
        Ok(())
    }

    /// Prints a summary.
    pub(crate) fn finish(self) {
        let (all, folder) = (self.names.len(), shown(&self.folder));
        println!(
            "{all} guests in {folder}, {} of them new or changed",
            self.written
        );
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.wasm"))
    }
}

/// A path for display: relative to the current folder if that is shorter.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
