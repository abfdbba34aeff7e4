//! `tollgate verify`: who signed a component, by a key that is given.

use std::path::PathBuf;

use tollgate::{Source, Trust, escape};

use crate::options::trusted_key;
use crate::output::Ui;
use crate::sign::largest;
use crate::stop::{RETURNED, Stop};

const AFTER_HELP: &str = "Example: tollgate verify checksums.wasm --pub acme.pub";

/// Verify the signature beside a component; the component itself is not looked into
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The component, a .wasm file
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// The public key of who should have signed it: a .pub file, or the key itself
    #[arg(long = "pub", value_name = "FILE")]
    key: String,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, Stop> {
    let key = trusted_key(&opts.key).map_err(|what| Stop::Usage(format!("--pub {what}")))?;
    let trust = Trust {
        keys: vec![key],
        ..Trust::default()
    };
    let source = Source::file(&opts.component, &largest())?;
    if let Some(signer) = source.signer(&trust)? {
        ui.result(format!(
            "{} is signed by {}: {}\n",
            escape::line(&source.file_name()),
            signer.key_id,
            escape::line(&signer.comment)
        ))?;
    }
    Ok(RETURNED)
}
