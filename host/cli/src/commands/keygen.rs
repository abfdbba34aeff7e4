//! `tollgate keygen`: generates a key pair in minisign's formats.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::files::interrupt;
use crate::files::key::SecretKey;
use crate::files::password::Password;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::text;
use crate::output::ui::Ui;

const AFTER_HELP: &str = "Example: tollgate keygen --out acme";

/// Generate a key pair to sign components with: the secret NAME.key, and NAME.pub
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The name of both files; existing files are never overwritten
    #[arg(long, value_name = "NAME", default_value = "tollgate")]
    out: PathBuf,
    /// Write the secret key without a password, for automated signing
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
    /// Read the password from the first line of a file [default: ask on the terminal]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let named = |extension: &str| {
        let mut path = opts.out.as_os_str().to_owned();
        path.push(extension);
        PathBuf::from(path)
    };
    let (secret, public) = (named(".key"), named(".pub"));
    // The paths are checked before a password is asked for; `create_new` checks again.
    for path in [&secret, &public] {
        if fs::symlink_metadata(path).is_ok() {
            return Err(cannot(path, ErrorKind::AlreadyExists.into()));
        }
    }
    let password = match opts.no_password {
        true => None,
        false => Some(Password::new(opts.password_file.as_deref()).chosen()?),
    };
    let key = SecretKey::generate()?;
    let text = key.to_file(password.as_deref().map(String::as_str))?;
    create(&secret, &text, 0o600)?;
    let id = key.public()?.id();
    let text = format!(
        "untrusted comment: minisign public key {id}\n{}\n",
        key.public()?
    );
    if let Err(reason) = create(&public, &text, 0o644) {
        // A secret key without its public key would block the next attempt.
        let _ = fs::remove_file(&secret);
        return Err(reason);
    }
    let key = text::path(&secret);
    ui.result(format!("tollgate sign COMPONENT.wasm --key {key}\n"))?;
    Ok(RETURNED)
}

fn create(path: &Path, text: &str, mode: u32) -> Result<(), ExitReason> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(|error| cannot(path, error))?;
    let written = interrupt::guarded(path, || {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    written.map_err(|error| {
        let _ = fs::remove_file(path);
        cannot(path, error)
    })
}

fn cannot(path: &Path, error: std::io::Error) -> ExitReason {
    let path = text::path(path);
    ExitReason::Usage(match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("{path} already exists; choose another name with --out")
        }
        _ => format!("cannot write {path}: {error}"),
    })
}
