//! `tollgate mcp`: the providers of a folder as tools of the model context protocol, over standard input and output.

use std::pin::pin;

use tokio::sync::watch;
use tollgate_serve::Mcp;

use crate::commands::serve::usage;
use crate::files::interrupt;
use crate::options::folder::{self, FolderOpts};
use crate::output::status::{ExitReason, RETURNED};
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Example: tollgate mcp providers
         {\"mcpServers\": {\"tollgate\": {\"command\": \"tollgate\", \"args\": [\"mcp\", \"/srv/providers\"]}}}";

/// Give the functions of the providers in a folder to a client of the model context protocol (MCP) as tools, over standard
/// input and output
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    folder: FolderOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let runtime = opts.folder.builder(ui)?.build();
    let tokio = folder::tokio()?;
    let serve = async {
        let mut stop = pin!(async {
            let _ = interrupt::signal().await;
        });
        let (changed, changes) = watch::channel(());
        // Standard output is the protocol's.
        let watch = opts.folder.watch(ui, None, move || {
            changed.send_replace(());
        });
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
