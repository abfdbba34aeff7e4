//! `tollgate list`: every component of a folder with its verdict; one bad file hides no other.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tollgate::watch::components;
use tollgate::{LoadError, Policy, RefusalKind, Runtime, Source, Verdict, escape};

use crate::check::{imports_json, refusal_json};
use crate::options::PolicyOpts;
use crate::output::{Style, Ui};
use crate::report::pretty;
use crate::signed::Signed;
use crate::stop::{RETURNED, Stop};
use crate::table::{self, Cell};
use crate::text;

const AFTER_HELP: &str = "Example: tollgate list providers --policy policy.toml";

/// List the components of a folder with their verdicts
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The folder; files that end in .wasm are looked at
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    policy: PolicyOpts,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// One file.
struct Row {
    name: String,
    size: Option<u64>,
    world: Option<String>,
    signature: String,
    /// In a few words, for the table.
    verdict: String,
    granted: bool,
    json: Value,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, Stop> {
    let policy = opts.policy.policy()?;
    // What `Runtime::watch` would serve; a list of all of it, however long.
    let paths = components(&opts.folder, usize::MAX)
        .map_err(|error| Stop::Usage(format!("{}: {error}", text::path(&opts.folder))))?;
    let runtime = Runtime::new();
    let rows = paths.iter().map(|path| row(&runtime, &policy, path, ui));
    let rows: Vec<Row> = rows.collect();
    if opts.json {
        let rows: Vec<&Value> = rows.iter().map(|row| &row.json).collect();
        ui.result(pretty(&json!(rows)))?;
        return Ok(RETURNED);
    }
    if rows.is_empty() {
        ui.note(&format!("no .wasm files in {}", text::path(&opts.folder)));
        return Ok(RETURNED);
    }
    let header = ["name", "size", "world", "signature", "verdict"];
    let mut cells = vec![header.map(|title| Cell::styled(title, Style::Bold)).into()];
    cells.extend(rows.iter().map(cells_of));
    ui.result(table::lines(ui, 0, &cells))?;
    Ok(RETURNED)
}

fn row(runtime: &Runtime, policy: &Policy, path: &Path, ui: &Ui) -> Row {
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut row = Row {
        size: std::fs::metadata(path).ok().map(|found| found.len()),
        world: None,
        signature: "-".to_owned(),
        verdict: String::new(),
        granted: false,
        json: json!({ "name": name, "file": path.to_string_lossy() }),
        name,
    };
    let vetted = Source::file(path, &policy.limits).and_then(|source| {
        let signed = Signed::of(&source, &policy.trust);
        row.signature = signed.word();
        put(&mut row.json, json!({ "signature": signed.to_json() }));
        Ok(source.vet(policy)?.inspection)
    });
    let more = match vetted {
        Ok(inspection) => {
            let verdict = runtime.judge(&inspection, &policy.grants);
            row.world = inspection.world();
            row.granted = verdict.allows();
            row.verdict = in_words(&verdict);
            json!({
                "size": inspection.size,
                "digest": inspection.digest,
                "world": row.world,
                "verdict": if row.granted { "granted" } else { "refused" },
                "imports": imports_json(&inspection.imports, &verdict.imports),
            })
        }
        Err(LoadError::Refused(refusal)) => {
            row.verdict = refusal.kind.label().to_owned();
            json!({
                "size": row.size,
                "verdict": "refused",
                "refusal": refusal_json(&refusal),
            })
        }
        Err(error) => {
            row.verdict = "unreadable".to_owned();
            ui.note(&escape::line(&error.to_string()));
            json!({ "verdict": "unreadable", "message": error.to_string() })
        }
    };
    put(&mut row.json, more);
    row
}

fn put(json: &mut Value, more: Value) {
    if let (Value::Object(json), Value::Object(more)) = (json, more) {
        json.extend(more);
    }
}

/// `granted`, or how many imports are in the way by what is said of them: `2 denied, 1 unknown`; when it
/// is nothing but versions, the refusal's own word.
fn in_words(verdict: &Verdict) -> String {
    if verdict.allows() {
        return "granted".to_owned();
    }
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for import in &verdict.imports {
        let label = import.judgement.label();
        match counts.iter_mut().find(|(known, _)| *known == label) {
            _ if label == "granted" => {}
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

fn cells_of(row: &Row) -> Vec<Cell> {
    let style = if row.granted { Style::Good } else { Style::Bad };
    vec![
        Cell::new(escape::line(&row.name)),
        Cell::number(row.size.map(text::size).unwrap_or_default()),
        Cell::new(escape::line(row.world.as_deref().unwrap_or("-"))),
        Cell::new(row.signature.as_str()),
        Cell::styled(row.verdict.as_str(), style),
    ]
}
