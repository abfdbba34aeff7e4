//! Judgements of imports and reasons of refusals, as table cells and as JSON.

use serde::Serialize;
use serde_json::{Value, json};
use tollgate::component::{Import, ImportVerdict, Judgement};
use tollgate::escape;
use tollgate::load::Refusal;

use crate::options::assumed::AssumedOpts;
use crate::output::style::Style;
use crate::output::table::Cell;

/// The judgement as one coloured word.
pub(crate) fn judgement_cell(import: &ImportVerdict, assumed: &AssumedOpts) -> Cell {
    let style = match import.judgement {
        Judgement::Granted => Style::Good,
        Judgement::Stubbed => Style::Note,
        _ => Style::Bad,
    };
    Cell::styled(assumed.word(import), style)
}

/// The import's name, safe to print.
pub(crate) fn name_cell(import: &ImportVerdict) -> Cell {
    Cell::new(escape::line(&import.name))
}

/// The policy line that grants the import, or the reason why none does.
pub(crate) fn detail_cell(import: &ImportVerdict) -> Cell {
    let detail = Detail::of(&import.judgement);
    Cell::new(match (detail.grant, detail.have, detail.note) {
        (Some(line), ..) => line.to_owned(),
        (_, Some(have), _) => format!("this host serves {}", have.join(" and ")),
        (.., Some(note)) => escape::line(note).into_owned(),
        _ if import.judgement == Judgement::Granted => String::new(),
        _ if import.judgement == Judgement::Stubbed => "each call is denied".to_owned(),
        _ => "this host has no such interface".to_owned(),
    })
}

/// Imports with their kinds and judgements, for programs.
pub(crate) fn imports_json(
    imports: &[Import],
    verdicts: &[ImportVerdict],
    assumed: &AssumedOpts,
) -> Value {
    let object = |(import, verdict): (&Import, &ImportVerdict)| {
        json!(JudgedImport {
            name: &import.name,
            kind: import.kind.label(),
            verdict: assumed.word(verdict),
            detail: Detail::of(&verdict.judgement),
        })
    };
    imports.iter().zip(verdicts).map(object).collect()
}

/// The rule that a component was refused by, for programs. Imports are listed by [`imports_json`].
pub(crate) fn refusal_json(refusal: &Refusal) -> Value {
    json!(Refused {
        kind: refusal.kind.label(),
        message: &refusal.message,
        reason: refusal.signature.map(|fault| fault.label()),
    })
}

#[derive(Serialize)]
struct JudgedImport<'v> {
    name: &'v str,
    kind: &'static str,
    verdict: &'static str,
    #[serde(flatten)]
    detail: Detail<'v>,
}

/// The part of a judgement beyond its label: one of these fields, or none.
#[derive(Default, Serialize)]
struct Detail<'v> {
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'v str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "joined")]
    have: Option<&'static [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'v str>,
}

impl Detail<'_> {
    fn of(judgement: &Judgement) -> Detail<'_> {
        let mut detail = Detail::default();
        match judgement {
            Judgement::Denied { line, .. } => detail.grant = Some(line),
            Judgement::UnsupportedVersion { have } => detail.have = Some(have),
            Judgement::Unknown { note } => detail.note = note.as_deref(),
            _ => {}
        }
        detail
    }
}

fn joined<S: serde::Serializer>(
    have: &Option<&'static [&'static str]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&have.unwrap_or_default().join(", "))
}

#[derive(Serialize)]
struct Refused<'r> {
    kind: &'static str,
    message: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}
