//! `tollgate inspect`: what a component is, needs and offers.

use serde_json::json;
use tollgate::{Export, ImportVerdict, Inspection, Judgement, Verdict, escape};

use crate::check::{imports_json, judged};
use crate::emit;
use crate::load::Subject;
use crate::options::ComponentOpts;
use crate::output::{Style, Ui};
use crate::report::pretty;
use crate::signed::Signed;
use crate::stop::{RETURNED, Stop};
use crate::table::{self, Cell};
use crate::text;

const AFTER_HELP: &str = "\
Examples:
  tollgate inspect checksums.wasm
  tollgate inspect checksums.wasm --emit-policy > checksums.toml";

/// Show what a component is, needs and offers; nothing is compiled or run
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    /// Print its interfaces as WIT
    #[arg(long, conflicts_with = "json")]
    wit: bool,
    /// Print the least policy under which it loads, as TOML
    #[arg(long, conflicts_with_all = ["json", "wit"])]
    emit_policy: bool,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, Stop> {
    let subject = Subject::open(&opts.component, None, ui)?;
    let inspection = subject.inspect()?;
    if opts.wit {
        let wit =
            tollgate::wit(subject.source.as_bytes()).map_err(|refusal| subject.refused(refusal))?;
        ui.guest_result(wit.as_bytes())?;
        return Ok(RETURNED);
    }
    if opts.emit_policy {
        ui.result(emit::policy(&subject, &inspection)?)?;
        return Ok(RETURNED);
    }
    let signed = Signed::of(&subject.source, &subject.policy.trust);
    let verdict = subject.runtime.judge(&inspection, &subject.policy.grants);
    if opts.component.json {
        let exports = inspection.exports.iter();
        let exports =
            exports.map(|export| json!({ "name": export.name, "kind": export.kind.label() }));
        let value = json!({
            "provider": {
                "name": subject.source.name(),
                "digest": inspection.digest,
                "size": inspection.size,
                "world": inspection.world(),
                "signature": signed.to_json(),
            },
            "imports": imports_json(&inspection.imports, &verdict.imports),
            "exports": exports.collect::<Vec<_>>(),
        });
        ui.result(pretty(&value))?;
    } else {
        ui.result(for_people(
            ui,
            subject.source.name(),
            &inspection,
            &signed,
            &verdict,
        ))?;
    }
    Ok(RETURNED)
}

fn for_people(
    ui: &Ui,
    name: &str,
    inspection: &Inspection,
    signed: &Signed,
    verdict: &Verdict,
) -> String {
    let world = inspection
        .world()
        .unwrap_or_else(|| "not one of ours".to_owned());
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
        ("signature", signed.word()),
    ];
    if let Some(signer) = signed.signer() {
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

fn import(verdict: &ImportVerdict) -> Vec<Cell> {
    let more = match &verdict.judgement {
        Judgement::Denied { line, .. } => line.clone(),
        Judgement::UnsupportedVersion { have } => {
            format!("this host serves {}", have.join(" and "))
        }
        Judgement::Unknown { note: Some(note) } => escape::line(note).into_owned(),
        Judgement::Unknown { note: None } => "this host has no such interface".to_owned(),
        _ => String::new(),
    };
    let name = escape::line(&verdict.name);
    vec![judged(verdict), Cell::new(name), Cell::new(more)]
}

fn export(export: &Export) -> Vec<Cell> {
    let name = escape::line(&export.name);
    vec![Cell::new(export.kind.label()), Cell::new(name)]
}
