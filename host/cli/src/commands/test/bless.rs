//! Expected ends, written into the file of cases. The rest of the file stays, comments and order included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use crate::commands::test::cases::{Case, CasesFile};
use crate::commands::test::found::Ended;
use crate::commands::test::play::Done;
use crate::files::output::OutputFile;
use crate::output::status::ExitReason;
use crate::output::text;

/// The keys that say how a call ends.
const OUTCOMES: [&str; 6] = [
    "returns",
    "returns-file",
    "fails",
    "exit",
    "faults",
    "refused",
];

/// The files that are written. All of them are opened before a case runs, and written when all cases have run.
pub(super) struct Blessing {
    cases: OutputFile,
    shown: String,
    document: DocumentMut,
    results: BTreeMap<PathBuf, OutputFile>,
}

/// Whether the end of a case is written: it was called, and two runs are the same.
pub(super) fn is_written(done: &Done<'_>) -> bool {
    done.unlike_again.is_empty() && !matches!(done.found.ended, Ended::NotCalled(_))
}

impl Blessing {
    pub(super) fn new(
        path: &Path,
        content: &str,
        file: &CasesFile,
    ) -> Result<Blessing, ExitReason> {
        let shown = text::path(path);
        let usage = |error: String| ExitReason::Usage(format!("{shown}: {error}"));
        let document: DocumentMut = content.parse().map_err(|error| usage(format!("{error}")))?;
        if document
            .get("case")
            .and_then(Item::as_array_of_tables)
            .is_none()
        {
            return Err(usage(
                "--bless rewrites cases that are tables; write each as [[case]]".to_owned(),
            ));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut results = BTreeMap::new();
        for path in file
            .cases
            .iter()
            .filter_map(|case| case.returns_file.as_ref())
        {
            results.insert(path.clone(), OutputFile::new(&folder.join(path))?);
        }
        Ok(Blessing {
            cases: OutputFile::new(path)?,
            document,
            shown,
            results,
        })
    }

    /// Opens what the wall will deny.
    pub(super) fn prepare_for_wall(&mut self) -> Result<(), ExitReason> {
        self.cases.prepare_for_wall()?;
        self.results
            .values_mut()
            .try_for_each(OutputFile::prepare_for_wall)
    }

    /// Writes the ends that differ from the expected ones: nothing if one of them cannot be written as text. Returns their
    /// number.
    pub(super) fn write(mut self, done: &[Done<'_>]) -> Result<usize, ExitReason> {
        let mut changed = 0_usize;
        let mut results = Vec::new();
        for done in done
            .iter()
            .filter(|done| is_written(done) && !done.unlike.is_empty())
        {
            changed = changed.saturating_add(1);
            let tables = self
                .document
                .get_mut("case")
                .and_then(Item::as_array_of_tables_mut);
            let table = tables.and_then(|tables| tables.get_mut(done.prepared.index));
            let table =
                table.ok_or_else(|| ExitReason::Host(format!("{}: a case is gone", self.shown)))?;
            results.extend(edit(table, done).map_err(|error| {
                let name = tollgate::escape::line(&done.prepared.case.name);
                ExitReason::Usage(format!("{}: case `{name}`: {error}", self.shown))
            })?);
        }
        for (path, bytes) in results {
            if let Some(file) = self.results.get(path) {
                file.write(bytes)?;
            }
        }
        // A document that is written has a line end at its end, whether the file had one or not.
        if changed > 0 {
            self.cases.write(self.document.to_string().as_bytes())?;
        }
        Ok(changed)
    }
}

/// Writes an end into its table. Returns the file of its result, if it has one, with what belongs into it.
fn edit<'d>(
    table: &mut Table,
    done: &'d Done<'_>,
) -> Result<Option<(&'d Path, &'d [u8])>, &'static str> {
    let (case, found): (&Case, _) = (done.prepared.case, &done.found);
    let mut result = None;
    if !found.is_expected(case, done.prepared.returns.as_deref()) {
        let (key, value): (_, Value) = match (&found.ended, &case.returns_file) {
            (Ended::Returned(bytes), Some(path)) => {
                result = Some((path.as_path(), bytes.as_slice()));
                ("returns-file", path.to_string_lossy().into_owned().into())
            }
            (Ended::Returned(bytes), None) => {
                let text = std::str::from_utf8(bytes);
                let text =
                    text.map_err(|_| "its result is no UTF-8 text; give it a returns-file")?;
                ("returns", text.into())
            }
            (Ended::Failed(_, all), _) => ("fails", all.as_str().into()),
            (Ended::Exited(code), _) => ("exit", i64::from(*code).into()),
            (Ended::Faulted(kind, _), _) => ("faults", (*kind).into()),
            (Ended::Refused(kind, _), _) => ("refused", (*kind).into()),
            (Ended::NotCalled(_), _) => return Ok(None),
        };
        for other in OUTCOMES.iter().filter(|other| **other != key) {
            table.remove(other);
        }
        if result.is_none() {
            set(table, key, value);
        }
    }
    if found.denied != case.denied {
        match found.denied.is_empty() {
            true => drop(table.remove("denied")),
            false => set(table, "denied", Array::from_iter(&found.denied).into()),
        }
    }
    if case.logs.as_ref().is_some_and(|logs| *logs != found.logs) {
        set(table, "logs", Array::from_iter(&found.logs).into());
    }
    if case.fuel.is_some_and(|most| found.fuel > most) {
        let fuel = i64::try_from(found.fuel).unwrap_or(i64::MAX);
        set(table, "fuel", fuel.into());
    }
    Ok(result)
}

/// Sets a key where it stands, with the comments around its value.
fn set(table: &mut Table, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}
