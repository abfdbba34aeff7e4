//! The run: control runs of the unchanged copy, then each proof; results are kept as they come.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    cargo::{Binary, Cargo},
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
    /// Proofs that are run at the same time.
    pub(crate) lanes: u8,
    /// Whether each proof is built alone.
    pub(crate) apart: bool,
}

/// The state that all lanes of a run share.
pub(crate) struct Shared<'a> {
    root: &'a Path,
    proofs: &'a Proofs,
    workspace: Workspace,
    results: Mutex<Results>,
    options: Options,
}

/// A copy of the tree in which one proof is run at a time.
pub(crate) struct Lane<'a> {
    pub(crate) shared: &'a Shared<'a>,
    pub(crate) tree: &'a Tree,
    pub(crate) cargo: Cargo<'a>,
    /// The folder of the lane.
    pub(crate) work: PathBuf,
}

/// The proofs that are left, and the results of the others.
struct Progress<'a> {
    open: std::vec::IntoIter<&'a Proof>,
    counts: BTreeMap<Verdict, usize>,
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
    let shared = Shared {
        root,
        proofs,
        workspace,
        results: Mutex::new(Results::open(&work.join("results.jsonl"))?),
        options,
    };
    let first = shared.lane(&tree, &work);
    let mut open = Vec::new();
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for &proof in selected {
        match first.known(proof)? {
            Some(record) => show(proof, &record, &mut counts)?,
            None => open.push(proof),
        }
    }
    if !shared.options.apart {
        open = first.prove_together(open, |proof, record| show(proof, record, &mut counts))?;
    }
    first.controls(&open)?;
    let lanes = open.len().min(shared.options.lanes.into());
    let own = shared.workspace.stems();
    let others = (2..=lanes).map(|number| {
        let work = work.join(format!("lane-{number}"));
        Ok((tree.another(&work, &own)?, work))
    });
    let others: Vec<(Tree, PathBuf)> = others.collect::<Result<_>>()?;
    let mut lanes = vec![first];
    lanes.extend(others.iter().map(|(tree, work)| shared.lane(tree, work)));
    let progress = Mutex::new(Progress {
        open: open.into_iter(),
        counts,
    });
    thread::scope(|scope| {
        let lanes = lanes
            .iter()
            .map(|lane| scope.spawn(|| lane.take_all(&progress)));
        let lanes: Vec<_> = lanes.collect();
        let ended = lanes.into_iter().map(|lane| lane.join());
        ended
            .map(|lane| lane.unwrap_or_else(|_| Err(anyhow::anyhow!("a lane panicked"))))
            .collect::<Result<Vec<()>>>()
    })?;
    let counts = lock(&progress).counts.clone();
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

/// The lock of a mutex that a lane that panicked may have held: each change of its data is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Shared<'a> {
    fn lane(&'a self, tree: &'a Tree, work: &Path) -> Lane<'a> {
        Lane {
            shared: self,
            tree,
            cargo: Cargo::new(self.root, work, tree),
            work: work.to_owned(),
        }
    }

    pub(crate) fn known(&self, key: &str) -> Option<Record> {
        lock(&self.results).get(key).cloned()
    }

    pub(crate) fn add(&self, record: Record) -> Result<()> {
        lock(&self.results).add(record)
    }
}

impl Lane<'_> {
    /// Takes one proof after the other, until none is left.
    fn take_all(&self, progress: &Mutex<Progress<'_>>) -> Result<()> {
        loop {
            let Some(proof) = lock(progress).open.next() else {
                return Ok(());
            };
            let record = self.prove(proof);
            let mut progress = lock(progress);
            // After a failure no lane takes another proof.
            let record = record.inspect_err(|_| progress.open = Vec::new().into_iter())?;
            show(proof, &record, &mut progress.counts)?;
        }
    }

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
        let known = self.shared.known(&key);
        Ok(known.filter(|_| !self.shared.options.again))
    }

    /// Runs the tests of all `proofs` with no edit in effect, each once. Returns the binary of each package.
    pub(crate) fn controls(&self, proofs: &[&Proof]) -> Result<BTreeMap<String, Binary>> {
        let mut open: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for proof in proofs {
            let key = self.control_key(proof);
            let passed = self
                .shared
                .known(&key)
                .is_some_and(|record| record.verdict == Verdict::Proved);
            let tests = open.entry(&proof.package).or_default();
            if !passed && !tests.contains(&proof.test.as_str()) {
                tests.push(&proof.test);
            }
        }
        let packages = open.into_iter();
        packages
            .map(|(package, tests)| Ok((package.to_owned(), self.control(package, &tests)?)))
            .collect()
    }

    fn control(&self, package: &str, tests: &[&str]) -> Result<Binary> {
        eprintln!("{package}: the build without an edit");
        let settings = self.shared.proofs.package(package);
        let source = self.source(package, &settings)?;
        let binary = self.cargo.build_tests(package, &settings, &source)?;
        let binary = binary.map_err(|why| anyhow::anyhow!("{package}, without an edit: {why}"))?;
        let mut program = None;
        if let Some(other) = &settings.program {
            let name = self.shared.workspace.program(other)?;
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
            let trouble = self
                .cargo
                .run(&binary, test, self.shared.options.limit)?
                .trouble();
            let shown = trouble.as_deref().unwrap_or("passes");
            eprintln!("control {}/{}: {test} {shown}", number + 1, tests.len());
            lock(&self.shared.results).add(Record {
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
        Ok(binary)
    }

    /// The root file of the tests of `package`, in the copy.
    fn source(&self, package: &str, settings: &Package) -> Result<PathBuf> {
        let file = self.shared.workspace.test_root(package, settings)?;
        let file = file
            .strip_prefix(self.shared.root)
            .context("a test target is outside of the repository")?;
        Ok(self.tree.copy.join(file))
    }

    pub(crate) fn control_key(&self, proof: &Proof) -> String {
        results::control_key(&proof.package, &proof.test, &self.tree.sources)
    }

    /// Runs one proof and keeps its result.
    fn prove(&self, proof: &Proof) -> Result<Record> {
        let start = Instant::now();
        let files = edit::edited(proof, |file| self.tree.read(file))?;
        let key = results::proof_key(proof, &files, &self.tree.sources)?;
        let control = self.shared.known(&self.control_key(proof));
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
            lock(&self.shared.results).add(record.clone())?;
        }
        Ok(record)
    }

    /// Builds and runs the tests of a proof whose edits are made. `program` says whether they start the package's
    /// program.
    fn judge(&self, proof: &Proof, program: bool) -> Result<(Verdict, String)> {
        let settings = self.shared.proofs.package(&proof.package);
        let source = self.source(&proof.package, &settings)?;
        let binary = match self.cargo.build_tests(&proof.package, &settings, &source)? {
            Ok(binary) => binary,
            Err(why) => return Ok((Verdict::Broken, why)),
        };
        if let Some(other) = settings.program.filter(|_| program)
            && let Err(why) = self
                .cargo
                .build_program(self.shared.workspace.program(&other)?)?
        {
            return Ok((Verdict::Broken, why));
        }
        let limit = self.limit(proof);
        let outcome: Outcome = self.cargo.run(&binary, &proof.test, limit)?;
        Ok(outcome.verdict(proof.expect))
    }

    /// The time that the tests of a proof may take.
    pub(crate) fn limit(&self, proof: &Proof) -> Duration {
        proof
            .timeout
            .map_or(self.shared.options.limit, Duration::from_secs)
    }
}
