//! Results kept from run to run, so that a stopped run continues.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{suite::Test, verdict::Verdict};

/// A line of `results.jsonl`.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Line {
    /// The mutant, as cargo-mutants names it.
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    /// The test that caught it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) test: Option<Test>,
    /// The message of the test, or the reason for which the mutant was not run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) said: String,
    /// The number of tests that were run.
    pub(crate) runs: usize,
    pub(crate) seconds: f64,
}

/// Verdicts by mutant, and the file to which each is added.
pub(crate) struct Results {
    lines: BTreeMap<String, Line>,
    file: File,
}

impl Results {
    /// The results of an earlier run of the same sources, or none.
    pub(crate) fn open(folder: &Folder) -> Result<Self> {
        let path = folder.path("results.jsonl");
        let mut lines = BTreeMap::new();
        for text in fs::read_to_string(&path).unwrap_or_default().lines() {
            // The last line of a run that was killed may be half a line.
            if let Ok(line) = serde_json::from_str::<Line>(text) {
                lines.insert(line.name.clone(), line);
            }
        }
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        // A half line is ended, so that the next starts on its own line.
        writeln!(file)?;
        Ok(Self { lines, file })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Line> {
        self.lines.get(name)
    }

    pub(crate) fn add(&mut self, line: Line) -> Result<()> {
        writeln!(self.file, "{}", serde_json::to_string(&line)?)?;
        self.lines.insert(line.name.clone(), line);
        Ok(())
    }
}

/// The folder of one part, for one state of the sources.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Empties the folder when its contents belong to other sources, or when `anew` is given.
    pub(crate) fn open(path: PathBuf, fingerprint: &str, anew: bool) -> Result<Self> {
        let folder = Self(path);
        let mark = folder.path("fingerprint");
        if anew || fs::read_to_string(&mark).unwrap_or_default() != fingerprint {
            fs::remove_dir_all(&folder.0).ok();
            fs::create_dir_all(&folder.0)
                .with_context(|| format!("cannot create {}", folder.0.display()))?;
            fs::write(&mark, fingerprint)?;
        }
        Ok(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// The value that `save` saved.
    pub(crate) fn load<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.path(name)).ok()?).ok()
    }

    pub(crate) fn save<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, serde_json::to_vec_pretty(value)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
