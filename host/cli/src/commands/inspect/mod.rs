//! `tollgate inspect`: shows a component's identity, signature, imports and exports.

mod least_policy;

use serde_json::json;
use tollgate::component::{Export, ImportVerdict, Inspection, Verdict};
use tollgate::escape;

use crate::options::component::ComponentOpts;
use crate::output::report::pretty;
use crate::output::signature_status::SignatureStatus;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::style::Style;
use crate::output::table::{self, Cell};
use crate::output::text;
use crate::output::ui::Ui;
use crate::output::verdict::{detail_cell, imports_json, judgement_cell, name_cell};
use crate::target::Target;

const AFTER_HELP: &str = "\
Examples:
  tollgate inspect checksums.wasm
  tollgate inspect checksums.wasm --emit-policy > checksums.toml";

/// Show a component's identity, imports and exports; nothing is compiled or run
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    /// Print the component's interfaces as WIT
    #[arg(long, conflicts_with = "json")]
    wit: bool,
    /// Print the least policy under which the component loads, as TOML
    #[arg(long, conflicts_with_all = ["json", "wit"])]
    emit_policy: bool,
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let target = Target::open(&opts.component, None, ui)?;
    if opts.wit {
        ui.guest_result(target.wit().await?.as_bytes())?;
        return Ok(RETURNED);
    }
    let inspection = target.inspect().await?;
    if opts.emit_policy {
        ui.result(least_policy::to_toml(&target, &inspection)?)?;
        return Ok(RETURNED);
    }
    let signature = SignatureStatus::of(&target.source, &target.policy.trust);
    let verdict = target.runtime.judge(&inspection, &target.policy.grants);
    if opts.component.json {
        let exports = inspection.exports.iter();
        let exports =
            exports.map(|export| json!({ "name": export.name, "kind": export.kind.label() }));
        let value = json!({
            "provider": {
                "name": target.source.name(),
                "digest": inspection.digest,
                "size": inspection.size,
                "world": inspection.world(),
                "signature": signature.to_json(),
            },
            "imports": imports_json(&inspection.imports, &verdict.imports),
            "exports": exports.collect::<Vec<_>>(),
        });
        ui.result(pretty(&value))?;
    } else {
        ui.result(for_people(
            ui,
            target.source.name(),
            &inspection,
            &signature,
            &verdict,
        ))?;
    }
    Ok(RETURNED)
}

fn for_people(
    ui: &Ui,
    name: &str,
    inspection: &Inspection,
    signature: &SignatureStatus,
    verdict: &Verdict,
) -> String {
    let world = inspection.world().unwrap_or_else(|| "unknown".to_owned());
    let mut facts = vec![
        ("name", escape::line(name).into_owned()),
        (
            "size",
            format!(
                "{} ({} bytes)",
                text::size(inspection.size),
                inspection.size
            ),
        ),
        ("digest", inspection.digest.clone()),
        ("world", escape::line(&world).into_owned()),
        ("signature", signature.word()),
    ];
    if let Some(signer) = signature.signer() {
        facts.push(("comment", escape::line(&signer.comment).into_owned()));
    }
    let facts = facts.into_iter();
    let facts = facts.map(|(key, value)| vec![Cell::styled(key, Style::Bold), Cell::new(value)]);
    let facts: Vec<Vec<Cell>> = facts.collect();
    let imports: Vec<Vec<Cell>> = verdict.imports.iter().map(import).collect();
    let exports: Vec<Vec<Cell>> = inspection.exports.iter().map(export).collect();
    let mut text = table::lines(ui, 0, &facts);
    for (heading, rows) in [("imports", imports), ("exports", exports)] {
        let heading = ui.paint(Style::Bold, heading);
        match rows.is_empty() {
            true => text.push_str(&format!("{heading} none\n")),
            false => text.push_str(&format!("{heading}\n{}", table::lines(ui, 2, &rows))),
        }
    }
    text
}

fn import(import: &ImportVerdict) -> Vec<Cell> {
    vec![
        judgement_cell(import),
        name_cell(import),
        detail_cell(import),
    ]
}

fn export(export: &Export) -> Vec<Cell> {
    let name = escape::line(&export.name);
    vec![Cell::new(export.kind.label()), Cell::new(name)]
}
