//! `tollgate verify`: verifies the signature of a component with a given key.

use std::path::PathBuf;

use tollgate::policy::Trust;
use tollgate::{Source, escape};

use crate::commands::sign::largest;
use crate::files::key::public_key;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::ui::Ui;

const AFTER_HELP: &str = "Example: tollgate verify checksums.wasm --pub acme.pub";

/// Verify the signature beside a component; the component itself is not parsed
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The component, a .wasm file
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// The public key of the expected signer: a .pub file, or the key itself
    #[arg(long = "pub", value_name = "KEY|FILE")]
    key: String,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let key = public_key(&opts.key).map_err(|error| ExitReason::Usage(format!("--pub {error}")))?;
    let trust = Trust {
        keys: vec![key],
        ..Trust::default()
    };
    let source = Source::file(&opts.component, &largest())?;
    if let Some(signer) = source.verify(&trust)? {
        ui.result(format!(
            "{} is signed by {}: {}\n",
            escape::line(&source.file_name()),
            signer.key_id,
            escape::line(&signer.comment)
        ))?;
    }
    Ok(RETURNED)
}
