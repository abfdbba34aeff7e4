//! `tollgate list`: every component of a folder with its verdict. A file that cannot be read is one row of the table.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use tollgate::component::{Verdict, Vetted};
use tollgate::load::RefusalKind;
use tollgate::watch::components;
use tollgate::{LoadError, Policy, Runtime, Source, escape};

use crate::options::assumed::AssumedOpts;
use crate::options::policy::PolicyOpts;
use crate::output::report::pretty;
use crate::output::signature_status::SignatureStatus;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::style::Style;
use crate::output::table::{self, Cell};
use crate::output::text;
use crate::output::ui::Ui;
use crate::output::verdict::{imports_json, refusal_json};
use crate::target;

const AFTER_HELP: &str = "Example: tollgate list providers --policy policy.toml";

/// List the components of a folder with their verdicts
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The folder; its files that end in .wasm are listed
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    policy: PolicyOpts,
    #[command(flatten)]
    assumed: AssumedOpts,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// One file of the folder. As JSON, it is one object of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    file: String,
    /// Absent if the file could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Value>,
    #[serde(flatten)]
    finding: Finding,
    #[serde(skip)]
    cells: Vec<Cell>,
}

/// The verdict on a file.
#[derive(Serialize)]
#[serde(untagged)]
enum Finding {
    Judged {
        size: u64,
        digest: String,
        world: Option<String>,
        verdict: &'static str,
        imports: Value,
    },
    Refused {
        size: Option<u64>,
        verdict: &'static str,
        refusal: Value,
    },
    Unreadable {
        verdict: &'static str,
        message: String,
    },
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let policy = opts.policy.policy(Vec::new(), Some(ui))?;
    // The same files that `Runtime::watch` serves, without its bound on their number.
    let paths = components(&opts.folder, usize::MAX)
        .map_err(|error| ExitReason::Usage(format!("{}: {error}", text::path(&opts.folder))))?;
    let runtime = target::judging_runtime(&opts.assumed)?;
    let mut rows = Vec::new();
    for path in &paths {
        rows.push(row(&runtime, &policy, path, &opts.assumed, ui).await);
    }
    if opts.json {
        ui.result(pretty(&json!(rows)))?;
        return Ok(RETURNED);
    }
    if rows.is_empty() {
        ui.note(&format!("no .wasm files in {}", text::path(&opts.folder)));
        return Ok(RETURNED);
    }
    let header = ["name", "size", "signature", "verdict", "world"];
    let mut cells = vec![header.map(|title| Cell::styled(title, Style::Bold)).into()];
    cells.extend(rows.into_iter().map(|row| row.cells));
    ui.result(table::lines(ui, 0, &cells))?;
    Ok(RETURNED)
}

async fn row(
    runtime: &Runtime,
    policy: &Policy,
    path: &Path,
    assumed: &AssumedOpts,
    ui: &Ui,
) -> Row {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let size = std::fs::metadata(path).ok().map(|found| found.len());
    let mut signature = None;
    let vetted = match Source::file(path, &policy.limits) {
        Ok(source) => {
            signature = Some(SignatureStatus::of(&source, &policy.trust));
            runtime.inspect(&source, policy).await
        }
        Err(error) => Err(error.into()),
    };
    let (mut world, mut granted) = (None, false);
    let (finding, words) = match vetted {
        Ok(Vetted { inspection, .. }) => {
            let verdict = runtime.judge(&inspection, &policy.grants);
            world = inspection.world();
            granted = verdict.allows();
            let finding = Finding::Judged {
                size: inspection.size,
                world: world.clone(),
                verdict: if granted { "granted" } else { "refused" },
                imports: imports_json(&inspection.imports, &verdict.imports, assumed),
                digest: inspection.digest,
            };
            (finding, summary(&verdict))
        }
        Err(LoadError::Refused(refusal)) => {
            let finding = Finding::Refused {
                size,
                verdict: "refused",
                refusal: refusal_json(&refusal),
            };
            (finding, refusal.kind.label().to_owned())
        }
        Err(error) => {
            let message = error.to_string();
            ui.note(&escape::line(&message));
            let verdict = "unreadable";
            (Finding::Unreadable { verdict, message }, verdict.to_owned())
        }
    };
    let word = signature.as_ref().map(SignatureStatus::word);
    Row {
        cells: vec![
            Cell::new(escape::line(&name)),
            Cell::number(size.map(text::size).unwrap_or_default()),
            Cell::new(word.unwrap_or_else(|| "-".to_owned())),
            Cell::styled(words, if granted { Style::Good } else { Style::Bad }),
            Cell::new(escape::line(world.as_deref().unwrap_or("-"))),
        ],
        name: name.into_owned(),
        file: path.to_string_lossy().into_owned(),
        signature: signature.map(|signature| signature.to_json()),
        finding,
    }
}

/// `granted`, or how many imports are not granted, by judgement: `2 denied, 1 unknown`. If all of them are of
/// unsupported versions, the label of that refusal.
fn summary(verdict: &Verdict) -> String {
    if verdict.allows() {
        return "granted".to_owned();
    }
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for import in &verdict.imports {
        let label = import.judgement.label();
        match counts.iter_mut().find(|(known, _)| *known == label) {
            _ if import.judgement.allows() => {}
            Some((_, count)) => *count += 1,
            None => counts.push((label, 1)),
        }
    }
    if let [(only, _)] = counts.as_slice()
        && *only == "unsupported-version"
    {
        return RefusalKind::WorldVersion.label().to_owned();
    }
    let counts = counts
        .iter()
        .map(|(label, count)| format!("{count} {label}"));
    counts.collect::<Vec<String>>().join(", ")
}
