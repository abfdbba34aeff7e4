//! docs/security/limits.md: the limits, the quotas, the shape of a component and the ledger, rendered from the tables in
//! code and from `tests/proofs.toml`.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, ensure};
use tollgate_component::SHAPE_LIMITS;
use tollgate_policy::{
    Limits, Unit,
    toml::{Key, KeyDefault, TABLES},
};

use crate::{
    check::read,
    ledger::{self, cell},
    proofs::Proofs,
    settings,
};

/// The path of the page, from the root of the repository.
const PAGE: &str = "docs/security/limits.md";

/// The prose, with the name of a table between two `@` where the table belongs.
const PROSE: &str = include_str!("page.txt");

/// Checks that the page is the one that the tables give, and that each limit has a proof.
pub(crate) fn check(root: &Path, proofs: &Proofs) -> Result<()> {
    ensure!(
        read(root, PAGE)? == page(root, proofs)?,
        "{PAGE}: it differs from the tables; if this is on purpose, `./justw bless`"
    );
    Ok(())
}

/// Writes the page.
pub(crate) fn bless(root: &Path, proofs: &Proofs) -> Result<()> {
    let page = page(root, proofs)?;
    fs::write(root.join(PAGE), page).with_context(|| format!("{PAGE}: it cannot be written"))
}

fn page(root: &Path, proofs: &Proofs) -> Result<String> {
    are_proved(proofs)?;
    settings::check(root)?;
    let all: Vec<_> = proofs.all.iter().collect();
    let tables = [
        ("@limits@\n", limits()),
        ("@quotas@\n", quotas()),
        ("@settings@\n", settings::table()),
        ("@shape@\n", shape()),
        ("@ledger@\n", ledger::groups(root, &all)?),
    ];
    let mut page = PROSE.to_owned();
    for (place, table) in tables {
        page = page.replace(place, &table);
    }
    Ok(page)
}

/// Checks that each proof has its place on the page, and that each limit and each quota has a proof.
fn are_proved(proofs: &Proofs) -> Result<()> {
    for proof in &proofs.all {
        let name = &proof.name;
        ensure!(
            proof.what.is_some(),
            "proof `{name}`: it has no `what`; say what it enforces"
        );
        ensure!(
            !proof.group.is_empty(),
            "proof `{name}`: it has no heading; move it below one"
        );
    }
    let enforced: BTreeSet<_> = (proofs.all.iter())
        .filter_map(|proof| proof.what.as_deref())
        .filter_map(|what| what.split_once(':'))
        .flat_map(|(subject, _)| subject.split(", "))
        .collect();
    let limits = Limits::KEYS.iter().map(|key| format!("`{}`", key.name));
    let quotas = quota_keys().map(|(grant, key)| format!("`{grant}` `{}`", key.name));
    for subject in limits.chain(quotas) {
        ensure!(
            enforced.contains(&*subject),
            "{subject}: no proof enforces it; add one whose `what` begins with {subject}"
        );
    }
    Ok(())
}

fn limits() -> String {
    let mut out =
        String::from("| key | default | least | most | bounds |\n|---|---|---|---|---|\n");
    for key in Limits::KEYS {
        let show = |value| shown(key.unit, value);
        let (default, least, most) = (show(key.default_value()), show(key.min), show(key.max));
        let (name, help) = (key.name, cell(key.help));
        out.push_str(&format!(
            "| `{name}` | {default} | {least} | {most} | {help} |\n"
        ));
    }
    out.push_str("\nReasons:\n\n");
    for key in Limits::KEYS {
        let (name, reason, range) = (key.name, key.reason, key.range);
        out.push_str(&format!(
            "- **{name}**: default: {reason}. Range: {range}.\n"
        ));
    }
    out
}

/// Every key of a grant that is a number with a range, with the table that it is in.
fn quota_keys() -> impl Iterator<Item = (&'static str, &'static Key)> {
    TABLES.iter().flat_map(|table| {
        let grant = table.header.trim_matches(['[', ']']);
        let numbers = table
            .keys
            .iter()
            .filter(|key| key.range.is_some() && key.name.starts_with("max-"));
        numbers.map(move |key| (grant, key))
    })
}

fn quotas() -> String {
    let mut out = String::from(
        "| grant | key | default | least | most | bounds |\n|---|---|---|---|---|---|\n",
    );
    for (grant, key) in quota_keys() {
        let default = match key.default {
            KeyDefault::Required => "required".to_owned(),
            KeyDefault::Value(text) => match text.parse() {
                Ok(number) => thousands(number),
                Err(_) => text.trim_matches('"').to_owned(),
            },
            KeyDefault::Text(text) => text.to_owned(),
        };
        let (least, most) = key.range.map_or_else(Default::default, |range| {
            // The largest value of the number's type is no bound.
            let most = match range.max {
                max if max >= i64::MAX as u64 => "any".to_owned(),
                max => shown(range.unit, max),
            };
            (shown(range.unit, range.min), most)
        });
        let (name, meaning) = (key.name, cell(key.meaning));
        out.push_str(&format!(
            "| `{grant}` | `{name}` | {default} | {least} | {most} | {meaning} |\n"
        ));
    }
    out
}

fn shape() -> String {
    let mut out = String::from(
        "| shape | most | largest seen | counts, with the reason |\n|---|---|---|---|\n",
    );
    for limit in SHAPE_LIMITS {
        let (most, largest) = (thousands(limit.most), thousands(limit.largest));
        let (name, reason) = (limit.name, cell(limit.reason));
        out.push_str(&format!("| `{name}` | {most} | {largest} | {reason} |\n"));
    }
    out
}

/// A number with its unit.
fn shown(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Count => thousands(value),
        Unit::Bytes | Unit::Duration => unit.show(value),
    }
}

/// A number with a comma between thousands.
fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let shown = [1, 999, 1_000, 25_200_000].map(thousands);
        assert_eq!(shown, ["1", "999", "1,000", "25,200,000"]);
    }

    #[test]
    fn a_limit_without_a_proof_is_an_error() {
        let text = "# ---- Fuel\n[[proof]]\nwhat = '`fuel`: x'\nname = 'fuel'\nfile = 'a.rs'\nfind = 'x'\nreplace = 'y'\ntest = 't'";
        let why = are_proved(&Proofs::parse(text).unwrap()).unwrap_err();
        assert!(why.to_string().starts_with("`deadline`: no proof"), "{why}");
    }
}
