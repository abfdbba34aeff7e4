//! The run: control runs of the unchanged copy, then each proof; results are kept as they come.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    cargo::Cargo,
    edit,
    judge::{Outcome, Verdict},
    proofs::{Package, Proof, Proofs},
    results::{self, Record, Results},
    tree::Tree,
    workspace::Workspace,
};

/// The options of a run.
pub(crate) struct Options {
    /// Whether known results are computed again.
    pub(crate) again: bool,
    /// The time that the tests of one proof may take.
    pub(crate) limit: Duration,
}

/// The state of a run.
struct Run<'a> {
    root: &'a Path,
    proofs: &'a Proofs,
    workspace: Workspace,
    tree: &'a Tree,
    cargo: Cargo<'a>,
    results: Results,
    options: Options,
}

/// Runs the selected proofs and shows the result of each. Returns whether all are proved.
pub(crate) fn run(
    root: &Path,
    proofs: &Proofs,
    selected: &[&Proof],
    options: Options,
) -> Result<bool> {
    let work = root.join("target/prove");
    fs::create_dir_all(&work).with_context(|| format!("{}: it cannot be made", work.display()))?;
    let workspace = Workspace::read(root)?;
    let tree = Tree::copy(root, &work)?;
    tree.seed(&workspace.stems())?;
    let mut run = Run {
        root,
        proofs,
        workspace,
        tree: &tree,
        cargo: Cargo::new(root, &work, &tree),
        results: Results::open(&work.join("results.jsonl"))?,
        options,
    };
    let mut open = Vec::new();
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for &proof in selected {
        match run.known(proof)? {
            Some(record) => show(proof, &record, &mut counts)?,
            None => open.push(proof),
        }
    }
    run.controls(&open)?;
    for proof in open {
        let record = run.prove(proof)?;
        show(proof, &record, &mut counts)?;
    }
    let shown = |verdict: &Verdict| {
        let count = counts.get(verdict)?;
        Some(format!("{count} {}", verdict.to_string().to_lowercase()))
    };
    let summary: Vec<_> = Verdict::ALL.iter().filter_map(shown).collect();
    println!("{}", summary.join(", "));
    Ok(counts.keys().all(|verdict| *verdict == Verdict::Proved))
}

fn show(proof: &Proof, record: &Record, counts: &mut BTreeMap<Verdict, usize>) -> Result<()> {
    *counts.entry(record.verdict).or_default() += 1;
    let (verdict, name, seconds) = (record.verdict, &proof.name, record.seconds);
    println!("{verdict:<10} {name:<22} {seconds:>4} s  {}", record.why);
    Ok(io::stdout().flush()?)
}

impl Run<'_> {
    /// The known result of a proof. A stale proof has its result at once.
    fn known(&self, proof: &Proof) -> Result<Option<Record>> {
        let files = match edit::edited(proof, |file| self.tree.read(file)) {
            Ok(files) => files,
            Err(why) => {
                let record = Record {
                    key: String::new(),
                    name: proof.name.clone(),
                    verdict: Verdict::Stale,
                    why: format!("{why:#}"),
                    program: false,
                    seconds: 0,
                };
                return Ok(Some(record));
            }
        };
        let key = results::proof_key(proof, &files, &self.tree.sources)?;
        let known = self.results.get(&key).filter(|_| !self.options.again);
        Ok(known.cloned())
    }

    /// Runs the tests of all `proofs` on the unchanged copy, each once. Each binary is built once.
    fn controls(&mut self, proofs: &[&Proof]) -> Result<()> {
        let mut open: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for proof in proofs {
            let key = self.control_key(proof);
            let passed = self
                .results
                .get(&key)
                .is_some_and(|record| record.verdict == Verdict::Proved);
            let tests = open.entry(&proof.package).or_default();
            if !passed && !tests.contains(&proof.test.as_str()) {
                tests.push(&proof.test);
            }
        }
        for (package, tests) in open.into_iter().filter(|(_, tests)| !tests.is_empty()) {
            self.control(package, &tests)?;
        }
        Ok(())
    }

    fn control(&mut self, package: &str, tests: &[&str]) -> Result<()> {
        eprintln!("{package}: the build without an edit");
        let settings = self.proofs.package(package);
        let source = self.source(package, &settings)?;
        let binary = self.cargo.build_tests(package, &settings, &source)?;
        let binary = binary.map_err(|why| anyhow::anyhow!("{package}, without an edit: {why}"))?;
        let mut program = None;
        if let Some(other) = &settings.program {
            let name = self.workspace.program(other)?;
            let built = self.cargo.build_program(name)?;
            built.map_err(|why| anyhow::anyhow!("{other}, without an edit: {why}"))?;
            program = Some(self.cargo.program(name));
        }
        for (number, test) in tests.iter().enumerate() {
            // A test that starts the program builds it first, so the file appears again.
            if let Some(program) = &program {
                let _ = fs::remove_file(program);
            }
            let start = Instant::now();
            let trouble = self.cargo.run(&binary, test, self.options.limit)?.trouble();
            let shown = trouble.as_deref().unwrap_or("passes");
            eprintln!("control {}/{}: {test} {shown}", number + 1, tests.len());
            self.results.add(Record {
                key: results::control_key(package, test, &self.tree.sources),
                name: format!("{package} {test}"),
                verdict: trouble
                    .as_ref()
                    .map_or(Verdict::Proved, |_| Verdict::Uncontrolled),
                why: trouble.unwrap_or_default(),
                program: program.as_ref().is_some_and(|program| program.exists()),
                seconds: start.elapsed().as_secs(),
            })?;
        }
        Ok(())
    }

    /// The root file of the tests of `package`, in the copy.
    fn source(&self, package: &str, settings: &Package) -> Result<PathBuf> {
        let file = self.workspace.test_root(package, settings)?;
        let file = file
            .strip_prefix(self.root)
            .context("a test target is outside of the repository")?;
        Ok(self.tree.copy.join(file))
    }

    fn control_key(&self, proof: &Proof) -> String {
        results::control_key(&proof.package, &proof.test, &self.tree.sources)
    }

    /// Runs one proof and keeps its result.
    fn prove(&mut self, proof: &Proof) -> Result<Record> {
        let start = Instant::now();
        let files = edit::edited(proof, |file| self.tree.read(file))?;
        let key = results::proof_key(proof, &files, &self.tree.sources)?;
        let control = self.results.get(&self.control_key(proof)).cloned();
        let control = control.context("there was no control run")?;
        let (verdict, why) = if control.verdict == Verdict::Proved {
            let before = files.keys().map(|file| Ok((file, self.tree.read(file)?)));
            let before = before.collect::<Result<Vec<_>>>()?;
            for (file, text) in &files {
                self.tree.write(file, text)?;
            }
            let judged = self.judge(proof, control.program);
            for (file, text) in before {
                self.tree.write(file, &text)?;
            }
            judged?
        } else {
            (Verdict::Uncontrolled, control.why)
        };
        let record = Record {
            key,
            name: proof.name.clone(),
            verdict,
            why,
            program: false,
            seconds: start.elapsed().as_secs(),
        };
        // An uncontrolled result is not kept, so that the control run is repeated next time.
        if verdict != Verdict::Uncontrolled {
            self.results.add(record.clone())?;
        }
        Ok(record)
    }

    /// Builds and runs the tests of a proof whose edits are made. `program` says whether they start the package's
    /// program.
    fn judge(&self, proof: &Proof, program: bool) -> Result<(Verdict, String)> {
        let settings = self.proofs.package(&proof.package);
        let source = self.source(&proof.package, &settings)?;
        let binary = match self.cargo.build_tests(&proof.package, &settings, &source)? {
            Ok(binary) => binary,
            Err(why) => return Ok((Verdict::Broken, why)),
        };
        if let Some(other) = settings.program.filter(|_| program)
            && let Err(why) = self.cargo.build_program(self.workspace.program(&other)?)?
        {
            return Ok((Verdict::Broken, why));
        }
        let limit = proof
            .timeout
            .map_or(self.options.limit, Duration::from_secs);
        let outcome: Outcome = self.cargo.run(&binary, &proof.test, limit)?;
        Ok(outcome.verdict(proof.expect))
    }
}
