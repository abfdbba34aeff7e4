//! The sample guests with their policies and data.

use std::path::{Path, PathBuf};

use tollgate::cache::Cache;
use tollgate::{Policy, Provider, Runtime, Source};

use crate::options::policy;
use crate::output::status::ExitReason;
use crate::output::text;
use crate::output::ui::Ui;
use crate::target::{load, note_recompiled, runtime};

/// The folder of the guests in the repository.
const GUESTS: &str = "target/guests";

/// The samples and a runtime to load them in.
pub(super) struct Samples<'u> {
    root: PathBuf,
    runtime: Runtime,
    ui: &'u Ui,
}

impl<'u> Samples<'u> {
    /// Finds the samples in `dir`, or else in the current folder or the nearest one above this program.
    pub(super) fn find(
        dir: Option<&Path>,
        cache: Option<Cache>,
        ui: &'u Ui,
    ) -> Result<Samples<'u>, ExitReason> {
        let root = match dir {
            Some(dir) => dir.to_owned(),
            None => nearest().unwrap_or_default(),
        };
        if !root.join(GUESTS).is_dir() {
            let missing = text::path(&root.join(GUESTS));
            return Err(ExitReason::Usage(format!(
                "{missing} does not exist; run `./justw demo`, which builds the sample guests first"
            )));
        }
        Ok(Samples {
            root,
            runtime: runtime(cache)?,
            ui,
        })
    }

    /// The file of a guest.
    pub(super) fn guest(&self, name: &str) -> PathBuf {
        self.root.join(GUESTS).join(format!("{name}.wasm"))
    }

    /// A file or folder of the samples.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join("samples").join(path)
    }

    /// The contents of a sample.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, ExitReason> {
        let path = self.path(path);
        std::fs::read(&path).map_err(|error| incomplete(&path, &error))
    }

    /// Loads a guest under its sample policy.
    pub(super) async fn load(&self, name: &str) -> Result<Provider, ExitReason> {
        let policy = policy::read(&self.path(&format!("{name}.toml")))?;
        self.load_under(name, &policy).await
    }

    /// Loads a guest under a policy.
    pub(super) async fn load_under(
        &self,
        name: &str,
        policy: &Policy,
    ) -> Result<Provider, ExitReason> {
        let path = self.guest(name);
        if !path.exists() {
            return Err(incomplete(&path, &"does not exist"));
        }
        let source = Source::file(&path, &policy.limits)?;
        let provider = load(&self.runtime, &source, policy, self.ui).await?;
        note_recompiled(&provider, self.ui);
        Ok(provider)
    }
}

fn incomplete(path: &Path, error: &dyn std::fmt::Display) -> ExitReason {
    ExitReason::Usage(format!(
        "{}: {error}; run `./justw demo`, which builds the sample guests first",
        text::path(path)
    ))
}

fn nearest() -> Option<PathBuf> {
    if Path::new(GUESTS).is_dir() {
        return Some(PathBuf::new());
    }
    let program = std::env::current_exe().ok()?;
    let above = program
        .ancestors()
        .find(|folder| folder.join(GUESTS).is_dir())?;
    Some(above.to_owned())
}
