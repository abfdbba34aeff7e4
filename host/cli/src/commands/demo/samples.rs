//! The sample guests, their policies and their data, wherever the program was built.

use std::path::{Path, PathBuf};

use tollgate::{Cache, Policy, Provider, Runtime, Source};

use crate::load::{load, tell_of_cache};
use crate::options;
use crate::output::Ui;
use crate::stop::Stop;
use crate::text;

/// Where the guests are, below the folder of the repository.
const GUESTS: &str = "target/guests";

/// The samples, and a runtime to try them in.
pub(super) struct Samples<'u> {
    root: PathBuf,
    runtime: Runtime,
    ui: &'u Ui,
}

impl<'u> Samples<'u> {
    /// In `dir`; or else in the current folder or the nearest one above this program.
    pub(super) fn find(
        dir: Option<&Path>,
        cache: Option<Cache>,
        ui: &'u Ui,
    ) -> Result<Samples<'u>, Stop> {
        let root = match dir {
            Some(dir) => dir.to_owned(),
            None => nearest().unwrap_or_default(),
        };
        if !root.join(GUESTS).is_dir() {
            let missing = text::path(&root.join(GUESTS));
            return Err(Stop::Usage(format!(
                "{missing} is not there; run `./justw demo`, which builds the sample guests first"
            )));
        }
        Ok(Samples {
            root,
            runtime: crate::load::runtime(cache)?,
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
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Stop> {
        let path = self.path(path);
        std::fs::read(&path).map_err(|error| incomplete(&path, &error))
    }

    /// A guest under the policy that the samples have for it.
    pub(super) async fn load(&self, name: &str) -> Result<Provider, Stop> {
        let policy = options::read(&self.path(&format!("{name}.toml")))?;
        self.load_under(name, &policy).await
    }

    /// A guest under a policy.
    pub(super) async fn load_under(&self, name: &str, policy: &Policy) -> Result<Provider, Stop> {
        let path = self.guest(name);
        if !path.exists() {
            return Err(incomplete(&path, &"is not there"));
        }
        let source = Source::file(&path, &policy.limits)?;
        let provider = load(&self.runtime, &source, policy, self.ui).await?;
        tell_of_cache(&provider, self.ui);
        Ok(provider)
    }
}

fn incomplete(path: &Path, error: &dyn std::fmt::Display) -> Stop {
    Stop::Usage(format!(
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
