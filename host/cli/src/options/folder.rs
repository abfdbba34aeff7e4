//! The options of a command that serves a folder of providers.

use std::path::{Path, PathBuf};

use tollgate::watch::WatchOptions;
use tollgate::{Builder, Isolation, escape};
use tollgate_serve::Bounds;

use crate::options::cache::CacheOpts;
use crate::output::status::ExitReason;
use crate::output::ui::Ui;
use crate::target;

/// The folder, and the room for its calls.
#[derive(clap::Args)]
pub(crate) struct FolderOpts {
    /// The folder; it has NAME.wasm, its policy NAME.toml and, if it is signed, NAME.wasm.minisig. Changes are served as
    /// they come
    #[arg(value_name = "DIR", required = true)]
    folder: Option<PathBuf>,
    /// The folder of the policies [default: DIR]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Guests that may live at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// Calls that may wait for a slot [default: 16 for each slot]
    #[arg(long, value_name = "N")]
    queue: Option<u32>,
    /// Instances of each provider that are made ahead of its calls, while there are some; 0 for none
    #[arg(long, value_name = "N", default_value_t = 4)]
    warm: u32,
    /// Run the calls of each provider in a process of its own, behind a wall: a component that breaks out of the engine has what
    /// its policy grants. Takes no component of `wasi:http`, and no policy with a store
    #[arg(long)]
    isolate: bool,
    #[command(flatten)]
    cache: CacheOpts,
}

impl FolderOpts {
    /// The builder of the runtime.
    pub(crate) fn builder(&self, ui: &Ui) -> Result<Builder, ExitReason> {
        let mut builder = target::server_builder()?.concurrency(self.concurrency);
        if self.isolate {
            builder = builder.isolation(Isolation::Process);
        }
        if let Some(queue) = self.queue {
            builder = builder.queue(queue);
        }
        if let Some(cache) = self.cache.open(ui, true)? {
            builder = builder.cache(cache);
        }
        Ok(builder)
    }

    /// The bounds of a server, whose callers leave slots to each other.
    pub(crate) fn bounds(&self) -> Bounds {
        let slots = usize::try_from(self.concurrency).unwrap_or(usize::MAX);
        Bounds {
            turns: (slots - slots / 4).max(1),
            ..Bounds::default()
        }
    }

    /// Without one the folder is not looked at.
    fn folder(&self) -> &Path {
        self.folder.as_deref().unwrap_or(Path::new(""))
    }

    /// The folder of the policies.
    pub(crate) fn policies(&self) -> &Path {
        self.policies.as_deref().unwrap_or(self.folder())
    }

    /// The folder as it is to be watched, under its policies or others of a name. `changed` is told of each event, on the thread
    /// of the watcher, and so is the operator.
    pub(crate) fn watch(
        &self,
        ui: &Ui,
        under: Option<(&str, &Path)>,
        changed: impl Fn() + Send + Sync + 'static,
    ) -> WatchOptions {
        let is_quiet = ui.quiet();
        let name = under
            .map(|(name, _)| format!("{name}: "))
            .unwrap_or_default();
        let watch = WatchOptions::new(self.folder()).warm(self.warm);
        let watch = watch.on_event(move |event| {
            changed();
            if !is_quiet {
                eprint_event(&format!("{name}{event}"));
            }
        });
        match under
            .map(|(_, policies)| policies)
            .or(self.policies.as_deref())
        {
            Some(policies) => watch.policies(policies),
            None => watch,
        }
    }
}

/// The async runtime of a server.
pub(crate) fn tokio() -> Result<tokio::runtime::Runtime, ExitReason> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.enable_all().build();
    built.map_err(|error| ExitReason::Host(format!("cannot start: {error}")))
}

/// The thread of the watcher outlives every borrow of the terminal.
#[expect(clippy::print_stderr, reason = "the program tells of its folder")]
pub(crate) fn eprint_event(event: &str) {
    eprintln!("{}", escape::line(event));
}
