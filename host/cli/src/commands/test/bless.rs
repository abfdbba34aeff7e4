//! Expected ends, written into the file of cases. What else is in the file stays, comments and order included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Table, value};

use crate::commands::test::cases::Case;
use crate::commands::test::found::Ended;
use crate::commands::test::play::Done;
use crate::files::output::OutputFile;
use crate::output::status::ExitReason;
use crate::output::text;

/// The files that are written, opened before a case runs.
pub(super) struct Blessing {
    cases: OutputFile,
    shown: String,
    folder: PathBuf,
    document: DocumentMut,
    results: BTreeMap<PathBuf, OutputFile>,
}

impl Blessing {
    pub(super) fn new(path: &Path, content: String) -> Result<Blessing, ExitReason> {
        let shown = text::path(path);
        Ok(Blessing {
            cases: OutputFile::new(path)?,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            document: content
                .parse()
                .map_err(|error| ExitReason::Usage(format!("{shown}: {error}")))?,
            shown,
            results: BTreeMap::new(),
        })
    }

    /// Opens what the wall will deny.
    pub(super) fn prepare_for_wall<'c>(
        &mut self,
        cases: impl Iterator<Item = &'c Case>,
    ) -> Result<(), ExitReason> {
        self.cases.prepare_for_wall()?;
        for path in cases.filter_map(|case| case.returns_file.as_ref()) {
            let mut file = OutputFile::new(&self.folder.join(path))?;
            file.prepare_for_wall()?;
            self.results.insert(path.clone(), file);
        }
        Ok(())
    }

    /// Writes the ends that differ from the expected ones. Returns their number.
    pub(super) fn write(mut self, done: &[Done<'_>]) -> Result<usize, ExitReason> {
        let mut changed = 0_usize;
        for done in done {
            let case = done.prepared.case;
            let is_new =
                done.prepared.returns.is_none() && matches!(done.found.ended, Ended::Returned(_));
            if done.unlike.is_empty() && !is_new && !is_without(case) {
                continue;
            }
            changed = changed.saturating_add(1);
            self.edit(done)?;
        }
        self.cases.write(self.document.to_string().as_bytes())?;
        Ok(changed)
    }

    fn edit(&mut self, done: &Done<'_>) -> Result<(), ExitReason> {
        let (case, found) = (done.prepared.case, &done.found);
        let keeps_file = matches!(found.ended, Ended::Returned(_))
            .then_some(case.returns_file.as_ref())
            .flatten();
        let shown = self.shown.clone();
        let gone = || ExitReason::Host(format!("{shown}: a case is gone"));
        let tables = self
            .document
            .get_mut("case")
            .and_then(|item| item.as_array_of_tables_mut());
        let table = tables.and_then(|tables| tables.get_mut(done.prepared.index));
        let table: &mut Table = table.ok_or_else(gone)?;
        for key in ["returns", "fails", "exit", "faults", "refused"] {
            table.remove(key);
        }
        if keeps_file.is_none() {
            table.remove("returns-file");
        }
        match &found.ended {
            Ended::Returned(bytes) => match keeps_file {
                Some(path) => {
                    let opened = self.results.remove(path);
                    let file = opened.map_or_else(|| OutputFile::new(&self.folder.join(path)), Ok);
                    file?.write(bytes)?;
                }
                None => {
                    let text = std::str::from_utf8(bytes).map_err(|_| {
                        ExitReason::Usage(format!(
                            "{shown}: case `{}`: its result is no UTF-8 text; give it a returns-file",
                            tollgate::escape::line(&case.name)
                        ))
                    })?;
                    table.insert("returns", value(text));
                }
            },
            Ended::Failed(_, all) => drop(table.insert("fails", value(all.as_str()))),
            Ended::Exited(code) => drop(table.insert("exit", value(i64::from(*code)))),
            Ended::Faulted(kind, _) => drop(table.insert("faults", value(*kind))),
            Ended::Refused(kind, _) => drop(table.insert("refused", value(*kind))),
        }
        match found.denied.is_empty() {
            true => drop(table.remove("denied")),
            false => drop(table.insert("denied", value(Array::from_iter(&found.denied)))),
        }
        if case.logs.is_some() {
            table.insert("logs", value(Array::from_iter(&found.logs)));
        }
        if case.fuel.is_some_and(|most| found.fuel > most) {
            let fuel = i64::try_from(found.fuel).unwrap_or(i64::MAX);
            table.insert("fuel", value(fuel));
        }
        Ok(())
    }
}

/// Whether a case says no outcome yet.
fn is_without(case: &Case) -> bool {
    case.returns.is_none()
        && case.returns_file.is_none()
        && case.fails.is_none()
        && case.exit.is_none()
        && case.faults.is_none()
        && case.refused.is_none()
}
