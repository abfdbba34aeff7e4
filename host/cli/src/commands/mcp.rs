//! `tollgate mcp`: the providers of a folder as tools of the model context protocol, over standard input and output.

use std::path::PathBuf;
use std::pin::pin;

use tokio::sync::watch;
use tollgate::watch::WatchOptions;
use tollgate_serve::Mcp;

use crate::commands::serve::{eprint_event, usage};
use crate::files::interrupt;
use crate::options::cache::CacheOpts;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::ui::Ui;
use crate::target;

const AFTER_HELP: &str = "\
Example: tollgate mcp providers
         {\"mcpServers\": {\"tollgate\": {\"command\": \"tollgate\", \"args\": [\"mcp\", \"/srv/providers\"]}}}";

/// Give the functions of the providers in a folder to a client of the model context protocol (MCP) as tools, over standard
/// input and output
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The folder; it has NAME.wasm, its policy NAME.toml and, if it is signed, NAME.wasm.minisig. Changes are served as
    /// they come
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The folder of the policies [default: DIR]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let runtime = target::runtime(opts.cache.open(ui, true)?)?;
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ExitReason::Host(format!("cannot start: {error}")))?;
    let serve = async {
        let mut stop = pin!(async {
            let _ = interrupt::signal().await;
        });
        let (changed, changes) = watch::channel(());
        let is_quiet = ui.quiet();
        let mut watch = WatchOptions::new(&opts.folder).on_event(move |event| {
            changed.send_replace(());
            // Standard output is the protocol's.
            if !is_quiet {
                eprint_event(&event.to_string());
            }
        });
        if let Some(policies) = &opts.policies {
            watch = watch.policies(policies);
        }
        let folder = tokio::select! {
            biased;
            () = &mut stop => return Ok(RETURNED),
            folder = runtime.watch(watch) => folder.map_err(|error| usage(&error.to_string()))?,
        };
        let server = Mcp::new(folder).changes(changes);
        let served = server
            .run(tokio::io::stdin(), tokio::io::stdout(), stop)
            .await;
        served.map_err(|error| ExitReason::Host(error.to_string()))?;
        Ok(RETURNED)
    };
    // The signals end the session, and not the process at once.
    let done = interrupt::paused(|| tokio.block_on(serve));
    // A thread waits for standard input, which may never end.
    tokio.shutdown_background();
    done
}
