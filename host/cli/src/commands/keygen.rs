//! `tollgate keygen`: a key pair in minisign's formats.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::interrupt;
use crate::key::SecretKey;
use crate::output::Ui;
use crate::password::Password;
use crate::stop::{RETURNED, Stop};
use crate::text;

const AFTER_HELP: &str = "Example: tollgate keygen --out acme";

/// Make a key pair to sign components with: NAME.key, which stays secret, and NAME.pub
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The name of both files; what is there already is never overwritten
    #[arg(long, value_name = "NAME", default_value = "tollgate")]
    out: PathBuf,
    /// Write the secret key as it is, for machines that sign by themselves
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
    /// Take the password from the first line of a file; without it, it is asked for on the terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, Stop> {
    let named = |extension: &str| {
        let mut path = opts.out.as_os_str().to_owned();
        path.push(extension);
        PathBuf::from(path)
    };
    let (secret, public) = (named(".key"), named(".pub"));
    // Known before a password is asked for; that it stays so, `create_new` sees to.
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
    let text = key.to_file(password.as_deref())?;
    create(&secret, &text, 0o600)?;
    let id = key.public()?.id();
    let text = format!(
        "untrusted comment: minisign public key {id}\n{}\n",
        key.public()?
    );
    if let Err(stop) = create(&public, &text, 0o644) {
        // Half a pair is of no use, and would be in the way.
        let _ = fs::remove_file(&secret);
        return Err(stop);
    }
    let key = text::path(&secret);
    ui.result(format!("tollgate sign COMPONENT.wasm --key {key}\n"))?;
    Ok(RETURNED)
}

fn create(path: &Path, text: &str, mode: u32) -> Result<(), Stop> {
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

fn cannot(path: &Path, error: std::io::Error) -> Stop {
    let path = text::path(path);
    Stop::Usage(match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("{path} is there already and stays as it is; give another name with --out")
        }
        _ => format!("cannot write {path}: {error}"),
    })
}
