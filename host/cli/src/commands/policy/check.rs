//! `tollgate policy check`: the text of policies, and the folders, files and variables that they name.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tollgate::Runtime;

use crate::files::input::is_stream;
use crate::files::lock::LockFile;
use crate::options::policy;
use crate::output::mistakes;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, RETURNED, USAGE};
use crate::output::style::Style;
use crate::output::text;
use crate::output::ui::Ui;
use crate::preflight::Preflight;
use crate::target::runtime;

const AFTER_HELP: &str = "\
Checks the text of each policy, the pins of the tollgate.lock beside it, and whether the folders, the files and the
variables that it names are here and can be used. Nothing is made or changed.

Examples:
  tollgate policy check checksums.toml
  tollgate policy check --json policies/*.toml";

/// Check policies, and what they name outside of themselves: folders, credentials, the file of a store
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The policies, TOML files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print JSON in place of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let runtime = runtime(None)?;
    let (mut status, mut checked) = (RETURNED, Vec::new());
    for file in &opts.files {
        let result = check(&runtime, file);
        if !matches!(&result, Ok(found) if found.missing.is_empty()) {
            status = USAGE;
        }
        match opts.json {
            true => checked.push(as_json(file, &result)),
            false => show(file, &result, ui)?,
        }
    }
    if opts.json {
        ui.result(pretty(&checked))?;
    }
    Ok(status)
}

/// Reads a policy and the pins beside it, and examines the objects that it names.
fn check(runtime: &Runtime, file: &Path) -> Result<Preflight, ExitReason> {
    let policy = policy::read(file)?;
    // Standard input has no lock file beside it.
    if !is_stream(file) {
        LockFile::beside(file, false).read()?;
    }
    Ok(Preflight::of(runtime, &policy))
}

fn show(file: &Path, result: &Result<Preflight, ExitReason>, ui: &Ui) -> Result<(), ExitReason> {
    let name = text::path(file);
    match result {
        Err(reason) => ui.tell(reason),
        Ok(found) => {
            found.show(Some(&name), ui);
            if found.missing.is_empty() && !ui.quiet() {
                let ok = ui.paint(Style::Good, "ok");
                ui.result(format!("{name}: {ok}\n"))?;
            }
        }
    }
    Ok(())
}

fn as_json(file: &Path, result: &Result<Preflight, ExitReason>) -> Value {
    let file = file.to_string_lossy();
    match result {
        Ok(found) => json!({ "file": file, "ok": found.missing.is_empty(), "preflight": found }),
        Err(ExitReason::Policy(at, error)) => json!({
            "file": file,
            "ok": false,
            "in": at.to_string_lossy(),
            "mistakes": mistakes::as_json(error),
        }),
        Err(reason) => json!({ "file": file, "ok": false, "error": reason.message() }),
    }
}
