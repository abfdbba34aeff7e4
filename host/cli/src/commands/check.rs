//! `tollgate check`: the verdict on a component's imports. Nothing is compiled or run.

use serde_json::json;

use crate::options::component::ComponentOpts;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::table::{self, Cell};
use crate::output::ui::Ui;
use crate::output::verdict::{imports_json, judgement_cell, name_cell, refusal_json};
use crate::target::Target;

const AFTER_HELP: &str = "Example: tollgate check checksums.wasm --policy checksums.toml";

/// Judge the imports of a component; nothing is compiled or run
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let as_json = opts.component.json;
    let no_verdict = |reason| print_refusal(reason, as_json, ui);
    let target = Target::open(&opts.component, None, ui).map_err(no_verdict)?;
    let inspection = target.inspect().await.map_err(no_verdict)?;
    let verdict = target.runtime.judge(&inspection, &target.policy.grants);
    if as_json {
        let value = json!({
            "verdict": if verdict.allows() { "granted" } else { "refused" },
            "imports": imports_json(&inspection.imports, &verdict.imports),
        });
        ui.result(pretty(&value))?;
    } else if !ui.quiet() {
        let imports = verdict.imports.iter();
        let rows: Vec<Vec<Cell>> = imports
            .map(|import| vec![judgement_cell(import), name_cell(import)])
            .collect();
        ui.result(table::lines(ui, 0, &rows))?;
    }
    if let Some(refusal) = verdict.refusal() {
        return Err(target.refused(refusal));
    }
    target.pin()?;
    Ok(RETURNED)
}

/// With `--json`, prints the refusal of a component whose imports were not judged.
fn print_refusal(reason: ExitReason, as_json: bool, ui: &Ui) -> ExitReason {
    let Some(refusal) = reason.refusal().filter(|_| as_json) else {
        return reason;
    };
    let value = json!({
        "verdict": "refused",
        "refusal": refusal_json(refusal),
        "imports": [],
    });
    ui.result(pretty(&value)).err().unwrap_or(reason)
}
