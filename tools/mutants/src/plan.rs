//! The mutants of a part: the place of each, and those that are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    list::{Mutant, Position},
    places::{NoSwitch, Places},
    rewrite::{self, Blame, Rewritten, Switch},
    switch::{Control, PRELUDE},
    tree::Tree,
};

/// The reason for which no switch holds a mutant.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LeftOut {
    /// It does not compile.
    Unviable(String),
    /// It has to be built alone.
    OneByOne(String),
}

/// All mutants of a part. The id of each is its place in the list, from 1.
pub(crate) struct Plan {
    pub(crate) mutants: Vec<Mutant>,
    /// The mutants that are left out, by name, since names stay the same from run to run.
    pub(crate) left_out: BTreeMap<String, LeftOut>,
    files: BTreeMap<String, Source>,
    /// The first files of the crates, which get the module.
    roots: BTreeSet<String>,
}

struct Source {
    text: String,
    places: Places,
    rewritten: Rewritten,
    /// The number of bytes put in front.
    prelude: usize,
}

impl Plan {
    pub(crate) fn new(
        mutants: Vec<Mutant>,
        roots: BTreeSet<String>,
        left_out: BTreeMap<String, LeftOut>,
        tree: &Tree,
    ) -> Result<Self> {
        let mut files = BTreeMap::new();
        for file in mutants.iter().map(|mutant| &mutant.file).chain(&roots) {
            if !files.contains_key(file) {
                let text = String::from_utf8(tree.read(file)?).with_context(|| file.clone())?;
                let places = Places::of(&text).with_context(|| file.clone())?;
                let source = Source {
                    text,
                    places,
                    rewritten: Rewritten::default(),
                    prelude: 0,
                };
                files.insert(file.clone(), source);
            }
        }
        let mut plan = Self {
            mutants,
            left_out,
            files,
            roots,
        };
        plan.leave_out_those_without_a_place();
        Ok(plan)
    }

    fn leave_out_those_without_a_place(&mut self) {
        for mutant in &self.mutants {
            let Some(Err(why)) = self
                .files
                .get(&mutant.file)
                .map(|source| source.places.find(mutant))
            else {
                continue;
            };
            let reason = why.reason().to_owned();
            let left_out = match why {
                NoSwitch::Unviable => LeftOut::Unviable(reason),
                _ => LeftOut::OneByOne(reason),
            };
            self.left_out.insert(mutant.name.clone(), left_out);
        }
    }

    /// The mutants, each with its id.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, &Mutant)> {
        (1..).zip(&self.mutants)
    }

    /// The files that `write` writes.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        self.files.keys().cloned().collect()
    }

    /// The number of mutants behind switches.
    pub(crate) fn switched(&self) -> usize {
        self.mutants
            .iter()
            .filter(|mutant| !self.left_out.contains_key(&mutant.name))
            .count()
    }

    /// Writes all files with all switches.
    pub(crate) fn write(&mut self, tree: &Tree, control: &Control) -> Result<()> {
        let module = control.module(u32::try_from(self.mutants.len())?);
        for (file, source) in &mut self.files {
            let places = &source.places;
            let switches: Vec<Switch<'_>> = (1..)
                .zip(&self.mutants)
                .filter(|(_, mutant)| {
                    mutant.file == *file && !self.left_out.contains_key(&mutant.name)
                })
                .filter_map(|(id, mutant)| {
                    let place = places.find(mutant).ok()?;
                    Some(Switch {
                        id,
                        place,
                        replacement: &mutant.replacement,
                    })
                })
                .collect();
            source.rewritten = rewrite::rewrite(&source.text, &switches);
            let text = if self.roots.contains(file) {
                source.prelude = PRELUDE.len();
                format!("{PRELUDE}{}{module}", source.rewritten.text)
            } else {
                source.rewritten.text.clone()
            };
            tree.write(file, text.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the file of one mutant, with no other change.
    pub(crate) fn write_alone(
        &self,
        mutant: &Mutant,
        tree: &Tree,
        control: &Control,
    ) -> Result<()> {
        let source = self
            .files
            .get(&mutant.file)
            .with_context(|| mutant.file.clone())?;
        let start = byte(&source.text, mutant.span.start);
        let end = byte(&source.text, mutant.span.end);
        let mut text = source.text.clone();
        text.replace_range(start..end, &mutant.replacement);
        if self.roots.contains(&mutant.file) {
            text = format!(
                "{PRELUDE}{text}{}",
                control.module(u32::try_from(self.mutants.len())?)
            );
        }
        tree.write(&mutant.file, text.as_bytes())
    }

    /// Leaves out the mutant that causes a complaint of the compiler about this text. `false` when there is no such
    /// mutant.
    pub(crate) fn leave_out(&mut self, file: &str, text: &Range<usize>, complaint: &str) -> bool {
        let blame = self.files.get(file).and_then(|source| {
            let start = text.start.checked_sub(source.prelude)?;
            let end = text.end.checked_sub(source.prelude)?;
            source.rewritten.blame(&(start..end))
        });
        let (ids, reason) = match blame {
            None => return false,
            Some(Blame::Mutant(id)) => (vec![id], LeftOut::Unviable(complaint.to_owned())),
            Some(Blame::Switch(ids)) => (
                ids,
                LeftOut::OneByOne(format!("the switch does not compile: {complaint}")),
            ),
        };
        for id in ids {
            if let Some(mutant) = (id as usize)
                .checked_sub(1)
                .and_then(|index| self.mutants.get(index))
            {
                self.left_out
                    .entry(mutant.name.clone())
                    .or_insert_with(|| reason.clone());
            }
        }
        true
    }
}

/// The byte offset of a position in a text.
fn byte(text: &str, position: Position) -> usize {
    let line: usize = text
        .split_inclusive('\n')
        .take(position.line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = text.get(line..).unwrap_or_default();
    let column: usize = rest
        .chars()
        .take(position.column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    line + column
}
