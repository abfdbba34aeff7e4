//! Proofs that are built together, each behind a switch: one build for hundreds of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    cargo::Binary,
    edit,
    judge::Verdict,
    proofs::Proof,
    results::{self, Record},
    run::Lane,
    switch::{Control, PRELUDE},
    switched::{self, Plan, Rewritten},
};

/// The compiler finds errors of names, of types and of borrows one after another, and crate after crate.
const ROUNDS: usize = 24;

impl Lane<'_> {
    /// Proves those of `proofs` that can be built together, and gives each record to `done`. Returns the others, with
    /// those that are not proved this way. The copy is as it was afterwards.
    pub(crate) fn prove_together<'p>(
        &self,
        proofs: Vec<&'p Proof>,
        mut done: impl FnMut(&Proof, &Record) -> Result<()>,
    ) -> Result<Vec<&'p Proof>> {
        let mut plan = Plan::new(&proofs, |file| self.tree.read(file))?;
        if plan.proofs.is_empty() {
            return Ok(proofs);
        }
        let control = Control::new(&self.work);
        control.set(0)?;
        let mut before = BTreeMap::new();
        let proved = self
            .build_together(&mut plan, &control, &mut before)
            .and_then(|()| self.run_together(&plan, &control, &mut done));
        for (file, text) in before {
            self.tree.write(&file, &text)?;
        }
        let proved = proved?;
        let is_open = |proof: &&Proof| !proved.contains(proof.name.as_str());
        Ok(proofs.into_iter().filter(is_open).collect())
    }

    /// Writes the files, and leaves proofs out until they compile. `before` gets the text of each file that is written.
    fn build_together(
        &self,
        plan: &mut Plan<'_>,
        control: &Control,
        before: &mut BTreeMap<String, String>,
    ) -> Result<()> {
        for round in 1..=ROUNDS {
            eprintln!("together, round {round}: {} proofs", plan.proofs.len());
            let files = self.write_together(plan, control, before)?;
            let errors = self.cargo.errors()?;
            if errors.is_empty() {
                return Ok(());
            }
            let mut blamed = BTreeSet::new();
            for error in &errors {
                // The first text that is of a proof: the place of the error, then those that it points to.
                let of = error.texts.iter().find_map(|(file, text)| {
                    let (prelude, rewritten) = files.get(file)?;
                    let text = text.start.checked_sub(*prelude)?..text.end.checked_sub(*prelude)?;
                    Some(rewritten.blame(&text)).filter(|ids| !ids.is_empty())
                });
                blamed.extend(of.unwrap_or_default());
            }
            if blamed.is_empty() {
                let all: Vec<_> = errors.iter().map(|error| error.rendered.as_str()).collect();
                bail!(
                    "together: the copy does not compile, and no proof is to blame:\n{}",
                    all.concat()
                );
            }
            plan.leave_out(&blamed);
        }
        bail!("together: the copy does not compile after {ROUNDS} rounds")
    }

    /// Writes all files of the plan. Returns them, with the number of bytes in front of each.
    fn write_together(
        &self,
        plan: &Plan<'_>,
        control: &Control,
        before: &mut BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, (usize, Rewritten)>> {
        let mut files: BTreeMap<String, (usize, Rewritten)> = plan
            .files()
            .into_iter()
            .map(|(file, rewritten)| (file, (0, rewritten)))
            .collect();
        let mut roots = BTreeSet::new();
        for file in files.keys() {
            let is_there = |root: &String| self.tree.copy.join(root).is_file();
            let root = switched::root(file).and_then(|roots| roots.into_iter().find(is_there));
            roots.insert(root.with_context(|| format!("{file}: its crate has no first file"))?);
        }
        for root in roots {
            let original = match before.get(&root) {
                Some(text) => text.clone(),
                None => self.tree.read(&root)?,
            };
            let (prelude, rewritten) = files.entry(root).or_default();
            *prelude = PRELUDE.len();
            if rewritten.text.is_empty() {
                rewritten.text = original;
            }
        }
        for (file, (prelude, rewritten)) in &files {
            let text = match prelude {
                0 => rewritten.text.clone(),
                _ => format!("{PRELUDE}{}{}", rewritten.text, control.module()),
            };
            let present = self.tree.read(file)?;
            if present != text {
                self.tree.write(file, &text)?;
                before.entry(file.clone()).or_insert(present);
            }
        }
        Ok(files)
    }

    /// Runs the tests of each proof with its switch on. Returns the names of those that are proved.
    fn run_together(
        &self,
        plan: &Plan<'_>,
        control: &Control,
        done: &mut impl FnMut(&Proof, &Record) -> Result<()>,
    ) -> Result<BTreeSet<String>> {
        let all: Vec<&Proof> = plan.proofs.values().copied().collect();
        let binaries: BTreeMap<String, Binary> = self.controls(&all)?;
        let mut proved = BTreeSet::new();
        for (id, proof) in &plan.proofs {
            let controlled = self.shared.known(&self.control_key(proof));
            if controlled.is_none_or(|record| record.verdict != Verdict::Proved) {
                continue;
            }
            let binary = match binaries.get(&proof.package) {
                Some(binary) => binary,
                None => bail!("{}: its tests were not built", proof.package),
            };
            let start = Instant::now();
            control.set(*id)?;
            let outcome = self.cargo.run(binary, &proof.test, self.limit(proof));
            control.set(0)?;
            let (verdict, why) = outcome?.verdict(proof.expect);
            if verdict != Verdict::Proved {
                eprintln!("together: {} is to be built alone: {why}", proof.name);
                continue;
            }
            // The key is that of the proof as it is built alone.
            let files = edit::edited(proof, |file| plan.original(file))?;
            let record = Record {
                key: results::proof_key(proof, &files, &self.tree.sources)?,
                name: proof.name.clone(),
                verdict,
                why,
                program: false,
                seconds: start.elapsed().as_secs(),
            };
            self.shared.add(record.clone())?;
            done(proof, &record)?;
            proved.insert(proof.name.clone());
        }
        Ok(proved)
    }
}
