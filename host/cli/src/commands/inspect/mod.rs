//! `tollgate inspect`: shows a component's identity, signature, imports and exports.

mod least_policy;

use serde_json::json;
use tollgate::component::{Export, Inspection, Verdict};
use tollgate::escape;

use crate::options::assumed::AssumedOpts;
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
    #[command(flatten)]
    assumed: AssumedOpts,
    /// Print the component's interfaces as WIT
    #[arg(long, conflicts_with = "json")]
    wit: bool,
    /// Print the least policy under which the component loads, as TOML
    #[arg(long, conflicts_with_all = ["json", "wit"])]
    emit_policy: bool,
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let target = Target::to_judge(&opts.component, &opts.assumed, ui)?;
    if opts.wit {
        let wit = target.wit().await?;
        // The worker that writes WIT tells nothing else: the report is of an inspection of its own.
        if target.reporter.is_wanted() {
            let facts = Facts::of(&target, target.inspect().await?);
            target
                .reporter
                .write(ui, || facts.to_json(&target, &opts.assumed))?;
        }
        ui.guest_result(wit.as_bytes())?;
        return Ok(RETURNED);
    }
    let facts = Facts::of(&target, target.inspect().await?);
    let least = opts
        .emit_policy
        .then(|| least_policy::to_toml(&target, &facts.inspection))
        .transpose();
    if let Err(reason) = &least
        && opts.component.has_stderr()
    {
        let imports = reason.refusal().map(|refusal| &refusal.imports);
        AssumedOpts::note_cure(imports.into_iter().flatten(), ui);
    }
    let least = least?;
    target
        .reporter
        .write(ui, || facts.to_json(&target, &opts.assumed))?;
    if let Some(least) = least {
        ui.result(least)?;
    } else if opts.component.json {
        ui.result(pretty(&facts.to_json(&target, &opts.assumed)))?;
    } else {
        ui.result(for_people(ui, target.source.name(), &facts, &opts.assumed))?;
    }
    Ok(RETURNED)
}

/// The facts about a component that was not run.
struct Facts {
    inspection: Inspection,
    signature: SignatureStatus,
    verdict: Verdict,
}

impl Facts {
    fn of(target: &Target<'_>, inspection: Inspection) -> Facts {
        Facts {
            signature: SignatureStatus::of(&target.source, &target.policy.trust),
            verdict: target.runtime.judge(&inspection, &target.policy.grants),
            inspection,
        }
    }

    fn to_json(&self, target: &Target<'_>, assumed: &AssumedOpts) -> serde_json::Value {
        let inspection = &self.inspection;
        let exports = inspection.exports.iter();
        let exports =
            exports.map(|export| json!({ "name": export.name, "kind": export.kind.label() }));
        json!({
            "provider": {
                "name": target.source.name(),
                "digest": inspection.digest,
                "size": inspection.size,
                "complexity": inspection.complexity,
                "world": inspection.world(),
                "signature": self.signature.to_json(),
            },
            "imports": imports_json(&inspection.imports, &self.verdict.imports, assumed),
            "exports": exports.collect::<Vec<_>>(),
        })
    }
}

fn for_people(ui: &Ui, name: &str, facts: &Facts, assumed: &AssumedOpts) -> String {
    let Facts {
        inspection,
        signature,
        verdict,
    } = facts;
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
        ("complexity", format!("{} %", inspection.complexity)),
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
    let imports = verdict.imports.iter();
    let imports = imports.map(|import| {
        vec![
            judgement_cell(import, assumed),
            name_cell(import),
            detail_cell(import),
        ]
    });
    let imports: Vec<Vec<Cell>> = imports.collect();
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

fn export(export: &Export) -> Vec<Cell> {
    let name = escape::line(&export.name);
    vec![Cell::new(export.kind.label()), Cell::new(name)]
}
