//! `tollgate sign`: a detached signature beside a component, in minisign's format.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tollgate::policy::LimitKey;
use tollgate::{Limits, Source, Trust, signature_path};

use crate::files::{Target, read_small};
use crate::key::{MAX_FILE, SecretKey};
use crate::output::Ui;
use crate::password::Password;
use crate::stop::{RETURNED, Stop};
use crate::text;

const AFTER_HELP: &str = "Example: tollgate sign checksums.wasm --key acme.key";

/// Sign a component: writes COMPONENT.minisig, for its bytes and its file name
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The component, a .wasm file
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// The secret key, as `tollgate keygen` and `minisign -G` write it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Take the key's password from the first line of a file; without it, it is asked for on the terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, Stop> {
    let source = Source::file(&opts.component, &largest())?;
    let name = source.file_name();
    let named = opts.component.file_name().and_then(|name| name.to_str());
    if named != Some(&name) || name.contains(char::is_control) {
        return Err(Stop::Usage(format!(
            "{}: a signature is for a file name of plain text; give the file another one",
            text::path(&opts.component)
        )));
    }
    let target = Target::new(&signature_path(&opts.component))?;
    let key = read_small(&opts.key, MAX_FILE)?;
    let password = Password::new(opts.password_file.as_deref());
    let key = SecretKey::from_file(&opts.key, &key, || password.known())?;

    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    let time = time.map_or(0, |time| time.as_secs());
    let digest = source.digest();
    let digest = digest.trim_start_matches("sha256:");
    // minisign's own words, and the digest that reports show.
    let comment = format!("timestamp:{time}\tfile:{name}\thashed\tsha256:{digest}");
    let signature = key.sign(source.as_bytes(), &comment);
    // What others would refuse is not written.
    let mut trust = Trust::default();
    let added = trust.add_key(key.public()?);
    added.map_err(|error| Stop::Host(error.to_string()))?;
    source.signed(&signature).signer(&trust)?;
    target.write(signature.as_bytes())?;
    let written = text::path(&signature_path(&opts.component));
    ui.note(&format!("{written} is to go wherever the component goes"));
    Ok(RETURNED)
}

/// Whatever a policy could let in.
pub(crate) fn largest() -> Limits {
    let key: Option<&LimitKey> = Limits::KEYS.iter().find(|key| key.name == "component-size");
    Limits {
        component_size: key.map_or(u64::MAX, |key| key.max),
        ..Limits::default()
    }
}
