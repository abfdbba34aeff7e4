//! The guests, read from the folders, so that a new one needs no entry in a list.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};

use crate::folder::{entries, entries_with, stem};

/// Everything below `guests/`.
pub(crate) struct Guests {
    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) workspace: PathBuf,
    /// `providers/*` and `hostile`: core modules, from which this tool makes components.
    pub(crate) modules: Vec<Crate>,
    /// `wasip2/*`: the compiler makes components of them.
    pub(crate) commands: Vec<Crate>,
    /// `wat/*.wat`: name and file.
    pub(crate) texts: Vec<(String, PathBuf)>,
    /// `polyglot/*`: not Rust. `just guests-polyglot` makes components of them, into the same folder.
    pub(crate) polyglot: Vec<String>,
}

/// A guest written in Rust. Its folder has the crate's name.
pub(crate) struct Crate {
    pub(crate) name: String,
    /// A program rather than a library.
    pub(crate) is_program: bool,
}

impl Guests {
    pub(crate) fn find(workspace: &Path) -> Result<Self> {
        let mut modules = crates_in(&workspace.join("providers"))?;
        modules.extend(crate_at(&workspace.join("hostile")));
        let guests = Self {
            workspace: workspace.to_owned(),
            modules,
            commands: crates_in(&workspace.join("wasip2"))?,
            texts: texts_in(&workspace.join("wat"))?,
            polyglot: polyglot_in(&workspace.join("polyglot"))?,
        };
        guests.check_names()?;
        Ok(guests)
    }

    /// The measured guests, `bench/*`, and no others: no test runs them.
    pub(crate) fn find_bench(workspace: &Path) -> Result<Self> {
        Ok(Self {
            workspace: workspace.to_owned(),
            modules: crates_in(&workspace.join("bench"))?,
            commands: Vec::new(),
            texts: Vec::new(),
            polyglot: Vec::new(),
        })
    }

    /// Keeps only `names`, each of which must exist.
    pub(crate) fn keep(&mut self, names: &[String]) -> Result<()> {
        self.modules.retain(|guest| names.contains(&guest.name));
        self.commands.retain(|guest| names.contains(&guest.name));
        self.texts.retain(|(name, _)| names.contains(name));
        let crates = self.modules.iter().chain(&self.commands);
        let found: BTreeSet<&String> = crates
            .map(|guest| &guest.name)
            .chain(self.texts.iter().map(|(name, _)| name))
            .collect();
        for name in names {
            ensure!(
                found.contains(name),
                "guest {name}: there is none of that name to be built"
            );
        }
        Ok(())
    }

    /// All components share a folder, so each name must be unique.
    fn check_names(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        let crates = self
            .modules
            .iter()
            .chain(&self.commands)
            .map(|guest| &guest.name);
        let texts = self.texts.iter().map(|(name, _)| name);
        for name in crates.chain(texts).chain(&self.polyglot) {
            ensure!(
                seen.insert(name),
                "guest {name}: there are two of that name"
            );
        }
        Ok(())
    }
}

fn crates_in(folder: &Path) -> Result<Vec<Crate>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    Ok(entries(folder)?
        .iter()
        .filter_map(|path| crate_at(path))
        .collect())
}

/// The crate in `folder`; `None` without a `Cargo.toml`.
fn crate_at(folder: &Path) -> Option<Crate> {
    folder.join("Cargo.toml").is_file().then(|| Crate {
        name: stem(folder),
        is_program: folder.join("src/main.rs").is_file(),
    })
}

fn texts_in(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    Ok(entries_with(folder, "wat")?
        .into_iter()
        .map(|path| (stem(&path), path))
        .collect())
}

fn polyglot_in(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    Ok(entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| format!("polyglot-{}", stem(&path)))
        .collect())
}
