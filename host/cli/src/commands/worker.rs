//! `tollgate worker`: makes calls of a fleet until a signal ends it.

use std::path::PathBuf;
use std::pin::pin;

use tollgate::Isolation;
use tollgate::policy::Policy;
use tollgate_fleet::Worker;

use crate::files::interrupt;
use crate::options::cache::CacheOpts;
use crate::options::fleet::{FleetOpts, reason};
use crate::options::folder;
use crate::options::policy;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::ui::Ui;
use crate::target;

const AFTER_HELP: &str = "\
Example: tollgate worker --nats nats://127.0.0.1:4222 --ceiling ceiling.toml";

/// Take calls of a fleet from its queue and make them, as there are slots for them
///
/// Clients that may write to the store of the fleet choose components and policies. A policy beyond the ceiling is refused before anything
/// is compiled.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    fleet: FleetOpts,
    /// A policy that no policy of the fleet may exceed: its limits are the highest, its grants the only ones, and a component needs one
    /// of its trusted keys [default: the default limits, and no grant]
    #[arg(long, value_name = "FILE")]
    ceiling: Option<PathBuf>,
    /// The name of this worker in results [default: the number of the process]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Guests that may live at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// Run the calls of each provider in a process of its own, behind a wall. Takes no policy with a store
    #[arg(long)]
    isolate: bool,
    #[command(flatten)]
    cache: CacheOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let ceiling = match &opts.ceiling {
        Some(path) => policy::read(path)?,
        None => Policy::default(),
    };
    let mut builder = target::server_builder()?.concurrency(opts.concurrency);
    if opts.isolate {
        builder = builder.isolation(Isolation::Process);
    }
    if let Some(cache) = opts.cache.open(ui, true)? {
        builder = builder.cache(cache);
    }
    for file in opts.fleet.files().chain(&opts.ceiling) {
        builder = builder.protect(file);
    }
    let runtime = builder.build();
    let tokio = folder::tokio()?;
    let work = async {
        let mut stop = pin!(async {
            let _ = interrupt::signal().await;
        });
        let fleet = tokio::select! {
            biased;
            () = &mut stop => return Ok(RETURNED),
            fleet = opts.fleet.connect() => fleet?,
        };
        let mut worker = Worker::new(fleet, runtime).ceiling(ceiling);
        if let Some(name) = &opts.name {
            worker = worker.name(name);
        }
        ui.stderr("taking calls\n");
        let drained = worker.run(stop).await.map_err(reason)?;
        if drained.given_back > 0 {
            ui.note(&format!("{} calls were given back", drained.given_back));
        }
        Ok(RETURNED)
    };
    // The signals end the worker, and not the process at once.
    let done = interrupt::paused(|| tokio.block_on(work));
    tokio.shutdown_background();
    done
}
