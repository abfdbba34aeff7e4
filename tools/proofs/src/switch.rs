//! The module that each crate with edits gets, and the file that tells its processes which proof is on.
//!
//! A file and not a variable: it also reaches processes that are started with an empty environment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Text before a crate's first line: code behind a switch may be unused, unreachable or the same twice.
pub(crate) const PRELUDE: &str =
    "#![allow(warnings, unsafe_code, arithmetic_overflow, unconditional_panic)] ";

/// The module. The file is read before `main`: a process cannot open it once its wall is up.
const MODULE: &str = r##"

#[doc(hidden)]
mod tollgate_switch {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    static CHOSEN: AtomicU32 = AtomicU32::new(0);

    #[used]
    #[unsafe(link_section = ".init_array")]
    static READ: extern "C" fn() = read;

    extern "C" fn read() {
        let text = std::fs::read_to_string(@CONTROL@).unwrap_or_default();
        CHOSEN.store(text.trim().parse().unwrap_or(0), Relaxed);
    }

    pub(crate) fn on(id: u32) -> bool {
        CHOSEN.load(Relaxed) == id
    }
}
"##;

/// The file in which the number of the proof is that is on; 0 for none.
pub(crate) struct Control(PathBuf);

impl Control {
    pub(crate) fn new(work: &Path) -> Self {
        Self(work.join("switch"))
    }

    /// The text that is added to the first file of a crate.
    pub(crate) fn module(&self) -> String {
        MODULE.replace("@CONTROL@", &format!("{:?}", self.0))
    }

    pub(crate) fn set(&self, id: u32) -> Result<()> {
        fs::write(&self.0, id.to_string())
            .with_context(|| format!("{}: it cannot be written", self.0.display()))
    }
}
