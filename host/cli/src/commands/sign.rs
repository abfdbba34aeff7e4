//! `tollgate sign`: writes a detached signature beside a component, in minisign's format.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tollgate::component::signature_path;
use tollgate::policy::LimitKey;
use tollgate::policy::Trust;
use tollgate::{Limits, Source};

use crate::files::input::read_small;
use crate::files::key::{MAX_SECRET_FILE, SecretKey};
use crate::files::output::OutputFile;
use crate::files::password::Password;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::text;
use crate::output::ui::Ui;

const AFTER_HELP: &str = "Example: tollgate sign checksums.wasm --key acme.key";

/// Sign a component: write COMPONENT.minisig, which covers its bytes and its file name
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The component, a .wasm file
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// The secret key, a file written by `tollgate keygen` or `minisign -G`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Read the key's password from the first line of a file [default: ask on the terminal]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let source = Source::file(&opts.component, &largest())?;
    let name = source.file_name();
    let named = opts.component.file_name().and_then(|name| name.to_str());
    if named != Some(&name) || name.contains(char::is_control) {
        return Err(ExitReason::Usage(format!(
            "{}: a signature covers the file name, and this name is not plain text; rename the file",
            text::path(&opts.component)
        )));
    }
    let file = OutputFile::new(&signature_path(&opts.component))?;
    let key = read_small(&opts.key, MAX_SECRET_FILE)?;
    let password = Password::new(opts.password_file.as_deref());
    let key = SecretKey::from_file(&opts.key, &key, || password.existing())?;

    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    let time = time.map_or(0, |time| time.as_secs());
    let digest = source.digest();
    let digest = digest.trim_start_matches("sha256:");
    // This is the comment that minisign writes, with the digest that reports show.
    let comment = format!("timestamp:{time}\tfile:{name}\thashed\tsha256:{digest}");
    let signature = key.sign(source.as_bytes(), &comment);
    // The signature is verified before it is written.
    let mut trust = Trust::default();
    let added = trust.add_key(key.public()?);
    added.map_err(|error| ExitReason::Host(error.to_string()))?;
    source.signed(&signature).verify(&trust)?;
    file.write(signature.as_bytes())?;
    let written = text::path(&signature_path(&opts.component));
    ui.note(&format!("wrote {written}; ship it next to the component"));
    Ok(RETURNED)
}

/// Limits that accept the largest component that any policy may accept.
pub(crate) fn largest() -> Limits {
    let key: Option<&LimitKey> = Limits::KEYS.iter().find(|key| key.name == "component-size");
    Limits {
        component_size: key.map_or(u64::MAX, |key| key.max),
        ..Limits::default()
    }
}
