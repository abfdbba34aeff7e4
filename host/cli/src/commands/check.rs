//! `tollgate check`: the verdict, and nothing compiled or run.

use serde_json::{Value, json};
use tollgate::{Import, ImportVerdict, Judgement, Refusal, escape};

use crate::load::Subject;
use crate::options::ComponentOpts;
use crate::output::{Style, Ui};
use crate::report::pretty;
use crate::stop::{RETURNED, Stop};
use crate::table::{self, Cell};

const AFTER_HELP: &str = "Example: tollgate check checksums.wasm --policy checksums.toml";

/// Judge the imports of a component; nothing is compiled or run
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, Stop> {
    let no_verdict = |stop: Stop| match (opts.component.json, stop.refusal()) {
        (true, Some(refusal)) => ui
            .result(pretty(&refused_json(refusal)))
            .err()
            .unwrap_or(stop),
        _ => stop,
    };
    let subject = Subject::open(&opts.component, None, ui).map_err(no_verdict)?;
    let inspection = subject.inspect().map_err(no_verdict)?;
    let verdict = subject.runtime.judge(&inspection, &subject.policy.grants);
    if opts.component.json {
        let value = json!({
            "verdict": if verdict.allows() { "granted" } else { "refused" },
            "imports": imports_json(&inspection.imports, &verdict.imports),
        });
        ui.result(pretty(&value))?;
    } else if !ui.quiet() {
        let rows: Vec<Vec<Cell>> = verdict
            .imports
            .iter()
            .map(|import| vec![judged(import), Cell::new(escape::line(&import.name))])
            .collect();
        ui.result(table::lines(ui, 0, &rows))?;
    }
    if verdict.allows() {
        subject.pin()?;
    } else {
        // Loading refuses it before anything is compiled, and words the refusal.
        subject.load().await?;
    }
    Ok(RETURNED)
}

/// Of a component that has no imports to be judged.
fn refused_json(refusal: &Refusal) -> Value {
    json!({
        "verdict": "refused",
        "refusal": refusal_json(refusal),
        "imports": [],
    })
}

/// Which rule, and what it says.
pub(crate) fn refusal_json(refusal: &Refusal) -> Value {
    let mut value = json!({ "kind": refusal.kind.label(), "message": refusal.message });
    if let (Value::Object(map), Some(fault)) = (&mut value, refusal.signature) {
        map.insert("reason".to_owned(), json!(fault.label()));
    }
    value
}

/// The judgement as one word.
pub(crate) fn judged(import: &ImportVerdict) -> Cell {
    let style = match import.judgement {
        Judgement::Granted => Style::Good,
        _ => Style::Bad,
    };
    Cell::styled(import.judgement.label(), style)
}

/// Imports with what they are and how they were judged.
pub(crate) fn imports_json(imports: &[Import], verdicts: &[ImportVerdict]) -> Value {
    let object = |(import, verdict): (&Import, &ImportVerdict)| {
        let mut object = json!({
            "name": import.name,
            "kind": import.kind.label(),
            "verdict": verdict.judgement.label(),
        });
        let more = match &verdict.judgement {
            Judgement::Denied { line, .. } => Some(("grant", line.clone())),
            Judgement::UnsupportedVersion { have } => Some(("have", have.join(", "))),
            Judgement::Unknown { note: Some(note) } => Some(("note", note.clone())),
            _ => None,
        };
        if let (Value::Object(map), Some((key, value))) = (&mut object, more) {
            map.insert(key.to_owned(), json!(value));
        }
        object
    };
    imports.iter().zip(verdicts).map(object).collect()
}
