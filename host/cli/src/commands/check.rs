//! `tollgate check`: the verdict on the imports of components, and the existence of all that their policy names.
//! Nothing is compiled or run.

use std::path::PathBuf;

use serde_json::{Value, json};
use tollgate::component::{Inspection, Verdict};
use tollgate::policy::Capability;

use crate::files::input::is_stream;
use crate::options::assumed::AssumedOpts;
use crate::options::component::ComponentOpts;
use crate::options::policy::PolicyOpts;
use crate::output::mistakes;
use crate::output::report::{Reporter, pretty};
use crate::output::status::{ExitReason, RETURNED, USAGE};
use crate::output::style::Style;
use crate::output::table::{self, Cell};
use crate::output::text;
use crate::output::ui::{Ui, silence_log};
use crate::output::verdict::{imports_json, judgement_cell, name_cell, refusal_json};
use crate::preflight::Preflight;
use crate::target::{Target, runtime};

const AFTER_HELP: &str = "\
Examines the policy as `tollgate policy check` does, and notes what it grants that no component imports. The exit
status is the worst of all.

Examples:
  tollgate check checksums.wasm --policy checksums.toml
  tollgate check providers/*.wasm --policy providers.toml --json";

/// Judge the imports of components, and check their policy; nothing is compiled or run
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The components, .wasm files; all are judged by the same policy
    #[arg(value_name = "COMPONENT", required = true)]
    components: Vec<PathBuf>,
    #[command(flatten)]
    policy: PolicyOpts,
    #[command(flatten)]
    assumed: AssumedOpts,
    /// Write the JSON report to a file, or with `-` to stderr, which then holds nothing else
    #[arg(long, value_name = "FILE|-")]
    report: Option<PathBuf>,
    /// Print JSON in place of text
    #[arg(long)]
    json: bool,
}

/// A component that was judged, or the reason why it could not be.
struct Checked<'u> {
    path: PathBuf,
    /// The path, safe to print.
    name: String,
    value: Value,
    rows: Vec<Vec<Cell>>,
    /// The target and its unused grants, if its imports were judged.
    judged: Option<(Target<'u>, Vec<Capability>)>,
    failed: Option<ExitReason>,
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    // A report on stderr is alone there.
    let has_stderr = !opts.report.as_deref().is_some_and(is_stream);
    let policy = opts.policy.policy(Vec::new(), has_stderr.then_some(ui))?;
    let preflight = Preflight::of(&runtime(None)?, &policy);
    let alone = opts.components.len() == 1;
    let reporter = Reporter::new(opts.report.as_deref().filter(|_| !alone))?;
    if reporter.is_stderr() {
        silence_log();
    }
    let mut all = Vec::new();
    for component in &opts.components {
        let one = ComponentOpts {
            component: component.clone(),
            policy: opts.policy.clone(),
            report: opts.report.clone().filter(|_| alone),
            json: opts.json,
        };
        let checked = check(&one, &opts.assumed, ui).await;
        if !opts.json && !ui.quiet() {
            ui.result(lines(&checked, alone, ui))?;
        }
        // For a single component, the report on stderr is that of its refusal. Other errors are printed.
        if let Some(failed) = checked.failed.as_ref().filter(|_| alone || has_stderr) {
            show(failed, (!alone).then_some(&checked.name), ui);
        }
        all.push(checked);
    }
    let value = whole(&all, &preflight, alone);
    if opts.json {
        ui.result(pretty(&value))?;
    }
    if has_stderr {
        preflight.show(None, ui);
        note_unused(&all, ui);
        let refused = all.iter().filter_map(|it| it.failed.as_ref()?.refusal());
        AssumedOpts::note_cure(refused.flat_map(|refusal| &refusal.imports), ui);
    }
    reporter.write(ui, || &value)?;
    if let [
        Checked {
            judged: Some((target, _)),
            failed: None,
            ..
        },
    ] = &all[..]
    {
        target.reporter.write(ui, || &value)?;
    }
    let failed = all.iter().filter_map(|checked| checked.failed.as_ref());
    let missing = (!preflight.missing.is_empty()).then_some(USAGE);
    let worst = failed.map(ExitReason::status).chain(missing).max();
    Ok(worst.unwrap_or(RETURNED))
}

async fn check<'u>(opts: &ComponentOpts, assumed: &AssumedOpts, ui: &'u Ui) -> Checked<'u> {
    let (path, name) = (opts.component.clone(), text::path(&opts.component));
    match judge(opts, assumed, ui).await {
        Err(reason) => Checked {
            value: unjudged(&reason),
            rows: Vec::new(),
            judged: None,
            failed: Some(reason),
            path,
            name,
        },
        Ok((target, inspection, verdict)) => {
            let unused = target.runtime.unused(&inspection, &target.policy.grants);
            let rows = verdict.imports.iter();
            let rows = rows.map(|import| vec![judgement_cell(import, assumed), name_cell(import)]);
            Checked {
                value: json!({
                    "verdict": if verdict.allows() { "granted" } else { "refused" },
                    "imports": imports_json(&inspection.imports, &verdict.imports, assumed),
                    "unused": names(&unused),
                }),
                rows: rows.collect(),
                failed: match verdict.refusal() {
                    Some(refusal) => Some(target.refused(refusal)),
                    None => target.pin().err(),
                },
                judged: Some((target, unused)),
                path,
                name,
            }
        }
    }
}

async fn judge<'u>(
    opts: &ComponentOpts,
    assumed: &AssumedOpts,
    ui: &'u Ui,
) -> Result<(Target<'u>, Inspection, Verdict), ExitReason> {
    let target = Target::to_judge(opts, assumed, ui)?;
    let inspection = target.inspect().await?;
    let verdict = target.runtime.judge(&inspection, &target.policy.grants);
    Ok((target, inspection, verdict))
}

/// The verdict on a component whose imports were not judged, for programs.
fn unjudged(reason: &ExitReason) -> Value {
    match (reason.refusal(), reason) {
        (Some(refusal), _) => {
            json!({ "verdict": "refused", "refusal": refusal_json(refusal), "imports": [] })
        }
        (None, ExitReason::Policy(path, error)) => json!({
            "verdict": "unknown",
            "in": path.to_string_lossy(),
            "mistakes": mistakes::as_json(error),
        }),
        (None, reason) => json!({ "verdict": "unknown", "error": reason.message() }),
    }
}

/// The verdicts and the preflight: one object of one component, otherwise a list in an object.
fn whole(all: &[Checked<'_>], preflight: &Preflight, alone: bool) -> Value {
    let values = all.iter().map(|checked| {
        let mut value = json!({ "component": checked.path.to_string_lossy() });
        if let (Some(whole), Value::Object(own)) = (value.as_object_mut(), &checked.value) {
            whole.extend(own.clone());
        }
        value
    });
    let mut values: Vec<Value> = values.collect();
    let mut value = match alone {
        true => values.pop().unwrap_or_default(),
        false => json!({ "components": values }),
    };
    if let Some(object) = value.as_object_mut() {
        object.insert("preflight".to_owned(), json!(preflight));
    }
    value
}

/// The judgements of one component, below its name if there are several.
fn lines(checked: &Checked<'_>, alone: bool, ui: &Ui) -> String {
    if alone {
        return table::lines(ui, 0, &checked.rows);
    }
    let (word, style) = match &checked.failed {
        None => ("granted", Style::Good),
        Some(reason) if reason.refusal().is_some() => ("refused", Style::Bad),
        Some(_) => ("failed", Style::Bad),
    };
    let imports = table::lines(ui, 2, &checked.rows);
    format!("{}: {}\n{imports}", checked.name, ui.paint(style, word))
}

/// Prints why a component is refused, with its name if there are several and the reason has none.
fn show(reason: &ExitReason, name: Option<&String>, ui: &Ui) {
    match name {
        Some(name) if !matches!(reason, ExitReason::Policy(..) | ExitReason::About(..)) => {
            ui.error(&format!("{name}: {}", reason.message()));
        }
        _ => ui.tell(reason),
    }
}

/// Notes the grants that no component asks for, if each was judged.
fn note_unused(all: &[Checked<'_>], ui: &Ui) {
    let judged = all.iter().map(|checked| checked.judged.as_ref());
    let unused: Option<Vec<&Vec<Capability>>> = judged.map(|it| Some(&it?.1)).collect();
    let Some([first, rest @ ..]) = unused.as_deref() else {
        return;
    };
    let common = first
        .iter()
        .filter(|it| rest.iter().all(|unused| unused.contains(it)));
    let common: Vec<Capability> = common.cloned().collect();
    if !common.is_empty() {
        ui.note(&format!(
            "granted, and not asked for: {}",
            names(&common).join(", ")
        ));
    }
}

/// The keys of the grants.
fn names(capabilities: &[Capability]) -> Vec<String> {
    let name = |capability: &Capability| match capability {
        Capability::Interface(name) => format!("grants.interfaces: {}", text::one_line(name)),
        other => {
            let line = other.policy_line();
            line.split(" = ").next().unwrap_or_default().to_owned()
        }
    };
    capabilities.iter().map(name).collect()
}
