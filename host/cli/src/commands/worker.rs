//! `tollgate worker`: makes calls of a fleet until a signal ends it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;

use tollgate::Isolation;
use tollgate_fleet::Worker;
use tollgate_serve::Metrics;

use crate::commands::fleet_state::{self, FleetState};
use crate::commands::serve::{LAST_LINES, audit as audit_log, listen, usage};
use crate::files::interrupt;
use crate::options::cache::CacheOpts;
use crate::options::fleet::{FleetOpts, ceiling, reason};
use crate::options::folder::{self, eprint_event};
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
    /// Serve the numbers of this worker and of the queue at http://ADDR:PORT/metrics, on a loopback address
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
    /// Append a line of JSON to this file for each load, call and decision
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let ceiling = ceiling(opts.ceiling.as_deref())?;
    let mut builder = target::server_builder()?.concurrency(opts.concurrency);
    if opts.isolate {
        builder = builder.isolation(Isolation::Process);
    }
    if let Some(cache) = opts.cache.open(ui, true)? {
        builder = builder.cache(cache);
    }
    for file in opts.fleet.files().chain(&opts.ceiling).chain(&opts.audit) {
        builder = builder.protect(file);
    }
    let metrics = Metrics::new();
    let audit = opts.audit.as_deref().map(audit_log).transpose()?;
    let runtime = builder.observer((metrics.clone(), audit.clone())).build();
    let tokio = folder::tokio()?;
    let work = async {
        let mut stop = pin!(async {
            let _ = interrupt::signal().await;
        });
        // A port that is taken is told before any call is.
        let served = match opts.metrics {
            Some(address) if !address.ip().is_loopback() => {
                return Err(usage(&format!(
                    "--metrics {address}: everybody who reaches this address could read them; listen on 127.0.0.1"
                )));
            }
            Some(address) => Some((listen(address)?, metrics.clone())),
            None => None,
        };
        let fleet = tokio::select! {
            biased;
            () = &mut stop => return Ok(RETURNED),
            fleet = opts.fleet.connect() => fleet?,
        };
        if let Some((listener, metrics)) = served {
            tokio::spawn(fleet_state::serve(listener, metrics.clone()));
            tokio::spawn(FleetState::default().follow(fleet.clone(), metrics));
        }
        let connection = fleet.connection();
        let (counted, refused) = (metrics.clone(), (metrics.clone(), audit.clone()));
        let mut worker = Worker::new(fleet, runtime)
            .ceiling(ceiling)
            .on_given_back(move |reason| counted.given_back(reason))
            .on_refused(move |provider, digest, why| {
                refused.0.refused();
                if let Some(audit) = &refused.1 {
                    audit.refused(provider, digest, why);
                }
            });
        if let Some(name) = &opts.name {
            worker = worker.name(name);
        }
        worker = worker.on_ready(|| eprint_event("taking calls"));
        if !ui.quiet() {
            tokio::spawn(fleet_state::tell(connection));
        }
        let drained = worker.run(stop).await.map_err(reason)?;
        match drained.given_back {
            0 => {}
            1 => ui.note("1 call was given back"),
            calls => ui.note(&format!("{calls} calls were given back")),
        }
        if audit.is_some_and(|audit| !audit.flush(LAST_LINES)) {
            ui.note("the last lines of the audit log are not written");
        }
        Ok(RETURNED)
    };
    // The signals end the worker, and not the process at once.
    let done = interrupt::paused(|| tokio.block_on(work));
    tokio.shutdown_background();
    done
}
