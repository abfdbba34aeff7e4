//! `tollgate test`: calls a component as a file of cases says, twice each, and compares the ends.

mod bless;
mod cases;
mod found;
mod junit;
mod play;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use tollgate::escape;
use tollgate::policy::{Access, Protected, Streams};

use crate::commands::test::cases::CasesFile;
use crate::commands::test::junit::Junit;
use crate::commands::test::play::{Done, Loaded, Prepared, Subject, play};
use crate::files::arguments;
use crate::files::input::Input;
use crate::in_tokio;
use crate::options::cache::CacheOpts;
use crate::options::component::ComponentOpts;
use crate::options::policy::PolicyOpts;
use crate::options::wall::WallOpts;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, FAILED, RETURNED};
use crate::output::style::Style;
use crate::output::ui::{Ui, end_progress};
use crate::target::Target;

const AFTER_HELP: &str = "\
A file of cases is TOML; each [[case]] has a name, a call, and its expected end:
  policy = \"policy.toml\"
  [[case]]
  name = \"two lines\"
  call = 'parse(@\"statement.csv\")'   # or: input, input-file, args
  returns = 'ok([])'                 # or: returns-file, fails, exit, faults, refused
  denied = [\"files data/a: unknown-root\"]
  logs = [\"info: started\"]
  fuel = 1_000_000

Exit status: 0 all cases are as expected, 1 some are not, 2 the file or a policy is wrong, 3 the component is refused.

Example: tollgate test ledger.wasm --cases cases.toml";

/// The most bytes that a file beside the cases may have: an input, or an expected result.
const MAX_FILE: u64 = 64 << 20;

/// Call a component as a file of cases says, and compare each end with the expected one
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The component, a .wasm file
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// The cases, a TOML file; the paths in it are relative to its folder
    #[arg(long, value_name = "FILE")]
    cases: PathBuf,
    /// Run the cases whose names contain this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write the ends that come into the file of cases, in the place of those that are expected
    #[arg(long)]
    bless: bool,
    /// Write the results to a file in JUnit's format
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print JSON in place of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    policy: PolicyOpts,
    #[command(flatten)]
    cache: CacheOpts,
    #[command(flatten)]
    wall: WallOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let (text, file) = cases::read(&opts.cases, opts.bless)?;
    let prepared = prepare(opts, &file)?;
    let mut junit = opts.junit.as_deref().map(Junit::new).transpose()?;
    let mut blessing = opts
        .bless
        .then(|| bless::Blessing::new(&opts.cases, &text, &file))
        .transpose()?;
    let loaded = load(opts, (&file, &prepared), ui)?;
    if opts.wall.is_on() {
        if let Some(junit) = &mut junit {
            junit.prepare_for_wall()?;
        }
        if let Some(blessing) = &mut blessing {
            blessing.prepare_for_wall()?;
        }
    }
    let providers = loaded.values().filter_map(|loaded| match loaded {
        Loaded::Provider(provider) => Some(provider.as_ref()),
        Loaded::Refused(..) => None,
    });
    opts.wall.raise(providers, ui, true)?;
    let mut done = Vec::new();
    for (number, case) in prepared.iter().enumerate() {
        if ui.has_progress() {
            ui.progress(&format!(
                "case {} of {}: {}",
                number.saturating_add(1),
                prepared.len(),
                cut(&case.case.name)
            ));
        }
        let provider = loaded.get(&case.policy);
        let Some(provider) = provider else { continue };
        done.push(in_tokio(play(case, provider))?);
    }
    end_progress();
    if let Some(blessing) = blessing {
        let changed = blessing.write(&done)?;
        ui.note(&format!(
            "{changed} of {} cases are written anew",
            done.len()
        ));
        for done in done.iter_mut().filter(|done| bless::is_written(done)) {
            done.unlike.clear();
        }
    }
    if let Some(junit) = junit {
        junit.write(&done)?;
    }
    let failed = done.iter().filter(|done| !done.passed()).count();
    ui.result(match opts.json {
        true => to_json(&done, failed),
        false => for_people(ui, &done, failed),
    })?;
    Ok(if failed == 0 { RETURNED } else { FAILED })
}

/// The characters of a name in the progress line.
fn cut(name: &str) -> String {
    escape::line(name).chars().take(40).collect()
}

/// The cases that are wanted, with their files read.
fn prepare<'c>(opts: &Opts, file: &'c CasesFile) -> Result<Vec<Prepared<'c>>, ExitReason> {
    let folder = opts.cases.parent().unwrap_or(Path::new(""));
    let filter = opts.filter.as_deref().unwrap_or_default();
    let mut prepared = Vec::new();
    for (index, case) in file.cases.iter().enumerate() {
        if !case.name.contains(filter) {
            continue;
        }
        let about = |reason: ExitReason| match reason {
            ExitReason::Usage(text) => {
                ExitReason::Usage(format!("case `{}`: {text}", escape::line(&case.name)))
            }
            reason => reason,
        };
        let read = |path: &PathBuf| {
            let read = Input::open(&folder.join(path)).and_then(|file| file.read(MAX_FILE, || {}));
            read.map_err(about)
        };
        let subject = match &case.call {
            Some(original) => {
                let expression = arguments::checked(original, folder).map_err(about)?;
                Subject::Wave(expression, original.clone())
            }
            None => Subject::Run {
                input: match (&case.input, &case.input_file) {
                    (Some(text), _) => text.clone().into_bytes(),
                    (None, Some(path)) => read(path)?,
                    (None, None) => Vec::new(),
                },
                args: case.args.clone().unwrap_or_default(),
            },
        };
        let returns = match (&case.returns, &case.returns_file) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            // The file may be one that is to be written.
            (None, Some(path)) if opts.bless => read(path).ok(),
            (None, Some(path)) => Some(read(path)?),
            (None, None) => None,
        };
        let policy = case.policy.as_ref().or(file.policy.as_ref());
        prepared.push(Prepared {
            case,
            index,
            subject,
            returns,
            policy: policy.map(|path| folder.join(path)),
        });
    }
    if prepared.is_empty() {
        return Err(ExitReason::Usage(format!(
            "--filter {}: no case has this in its name; omit it, or give another",
            escape::line(filter)
        )));
    }
    Ok(prepared)
}

/// The files of the cases, which no guest may write: it would change its own expectations, or the policy of another case.
fn protected(opts: &Opts, file: &CasesFile) -> Vec<Protected> {
    let folder = opts.cases.parent().unwrap_or(Path::new(""));
    let mut protected = Vec::from([Protected::new("the cases", &opts.cases, Access::ReadWrite)]);
    let mut add = |what: &'static str, path: &Path| {
        protected.push(Protected::new(what, folder.join(path), Access::ReadWrite));
    };
    file.policy
        .iter()
        .for_each(|path| add("the policy of all cases", path));
    // Those of cases that are left out, too: they are run another time.
    for case in &file.cases {
        for path in case.call.iter().flat_map(|call| arguments::files(call)) {
            add("an argument", &path);
        }
        let files = [
            ("an expected result", &case.returns_file),
            ("an input", &case.input_file),
            ("the policy of a case", &case.policy),
        ];
        for (what, path) in files {
            path.iter().for_each(|path| add(what, path));
        }
    }
    if let Some(junit) = &opts.junit {
        protected.push(Protected::new("the results", junit, Access::ReadWrite));
    }
    protected
}

/// The component under each policy that a case names, compiled once for all that have the same settings of compiling.
fn load(
    opts: &Opts,
    (file, prepared): (&CasesFile, &[Prepared<'_>]),
    ui: &Ui,
) -> Result<BTreeMap<Option<PathBuf>, Loaded>, ExitReason> {
    let mut loaded = BTreeMap::new();
    let protected = protected(opts, file);
    for case in prepared {
        if loaded.contains_key(&case.policy) {
            continue;
        }
        let policy = match &case.policy {
            Some(path) => opts.policy.with_file(path),
            None => opts.policy.clone(),
        };
        let component = ComponentOpts {
            component: opts.component.clone(),
            policy,
            report: None,
            json: opts.json,
        };
        let may_be_refused = prepared
            .iter()
            .any(|other| other.policy == case.policy && other.case.refused.is_some());
        let cache = opts.cache.open(ui, true)?;
        let target = Target::open_protecting(&component, protected.clone(), cache, ui)?;
        let wasi = target.policy.grants.wasi.as_ref();
        if wasi.is_some_and(|wasi| wasi.stdio == Streams::Inherit) {
            return Err(ExitReason::Usage(format!(
                "case `{}`: `grants.wasi.stdio` is \"inherit\", so its output cannot be compared; write \"captured\"",
                escape::line(&case.case.name)
            )));
        }
        let found = match in_tokio(target.load()) {
            Ok(found) => Loaded::Provider(Box::new(found.provider)),
            Err(reason) => match reason.refusal() {
                Some(refusal) if may_be_refused || opts.bless => {
                    Loaded::Refused(refusal.kind.label(), refusal.message.clone())
                }
                _ => return Err(reason),
            },
        };
        loaded.insert(case.policy.clone(), found);
    }
    Ok(loaded)
}

fn for_people(ui: &Ui, done: &[Done<'_>], failed: usize) -> String {
    let mut said = String::new();
    for done in done {
        let name = escape::line(&done.prepared.case.name);
        if done.passed() {
            if ui.verbose() {
                said.push_str(&format!("{}    {name}\n", ui.paint(Style::Good, "ok")));
            }
            continue;
        }
        said.push_str(&format!("{}  {name}\n", ui.paint(Style::Bad, "FAIL")));
        for line in done.differences().flat_map(|unlike| unlike.lines()) {
            said.push_str(&format!("      {line}\n"));
        }
    }
    let passed = done.len().saturating_sub(failed);
    said.push_str(&format!("{passed} passed, {failed} failed\n"));
    said
}

fn to_json(done: &[Done<'_>], failed: usize) -> String {
    let cases: Vec<_> = done
        .iter()
        .map(|done| {
            json!({
                "name": done.prepared.case.name,
                "passed": done.passed(),
                "differences": done.differences().collect::<Vec<_>>(),
                "fuel": done.found.fuel,
                "ms": u64::try_from(done.elapsed.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    let passed = done.len().saturating_sub(failed);
    pretty(&json!({ "passed": passed, "failed": failed, "cases": cases }))
}
