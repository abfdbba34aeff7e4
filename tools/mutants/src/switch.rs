//! The module that is added to each crate with mutants, and the file that tells it which mutant is on.
//!
//! A file and not a variable: it also reaches processes that are started with an empty environment, such as those that
//! compile components.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Text before a crate's first line: operators that are always true or overflow are no mistakes here.
pub(crate) const PRELUDE: &str = "#![allow(warnings, arithmetic_overflow, unconditional_panic, \
     overflowing_literals, invalid_reference_casting, let_underscore_lock)] ";

/// The module; `@CONTROL@` is the path of the control file, `@REACHED@` that of the ids that were reached.
const MODULE: &str = r##"

#[doc(hidden)]
mod tollgate_switch {
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    const UNREAD: u32 = u32::MAX;
    const RECORD: u32 = u32::MAX - 1;
    static CHOSEN: AtomicU32 = AtomicU32::new(UNREAD);
    static SEEN: [AtomicU32; @WORDS@] = [const { AtomicU32::new(0) }; @WORDS@];

    pub(crate) fn on(id: u32) -> bool {
        match CHOSEN.load(Relaxed) {
            UNREAD => {
                let text = std::fs::read_to_string(@CONTROL@).unwrap_or_default();
                let chosen = match text.trim() {
                    "record" => RECORD,
                    number => number.parse().unwrap_or(0),
                };
                CHOSEN.store(chosen, Relaxed);
                on(id)
            }
            RECORD => {
                let bit = 1 << (id % 32);
                if SEEN[id as usize / 32].fetch_or(bit, Relaxed) & bit == 0 {
                    let file = std::fs::OpenOptions::new().append(true).create(true).open(@REACHED@);
                    if let Ok(mut file) = file {
                        let _ = file.write_all(format!("{id}\n").as_bytes());
                    }
                }
                false
            }
            chosen => chosen == id,
        }
    }
}
"##;

/// Tells the processes of a test which mutant is on.
pub(crate) struct Control {
    control: PathBuf,
    reached: PathBuf,
}

impl Control {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            control: folder.join("control"),
            reached: folder.join("reached"),
        }
    }

    /// The text that is added to the first file of a crate, for ids up to `last`.
    pub(crate) fn module(&self, last: u32) -> String {
        MODULE
            .replace("@WORDS@", &(last / 32 + 1).to_string())
            .replace("@CONTROL@", &format!("{:?}", self.control))
            .replace("@REACHED@", &format!("{:?}", self.reached))
    }

    /// Turns all mutants off.
    pub(crate) fn off(&self) -> Result<()> {
        self.write("0")
    }

    pub(crate) fn on(&self, id: u32) -> Result<()> {
        self.write(&id.to_string())
    }

    /// Turns all mutants off, and records the switches that are reached.
    pub(crate) fn record(&self) -> Result<()> {
        fs::write(&self.reached, "")
            .with_context(|| format!("cannot write {}", self.reached.display()))?;
        self.write("record")
    }

    /// The ids that were reached since `record`.
    pub(crate) fn reached(&self) -> Result<BTreeSet<u32>> {
        let text = fs::read_to_string(&self.reached)
            .with_context(|| format!("cannot read {}", self.reached.display()))?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    fn write(&self, text: &str) -> Result<()> {
        fs::write(&self.control, text)
            .with_context(|| format!("cannot write {}", self.control.display()))
    }
}
