//! From a command line to a loaded provider, with a report of whatever stops it.

use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate::{
    Cache, CallError, Compiled, Compiler, HostError, Inspection, LoadError, Policy, Provider,
    ProviderInfo, Refusal, Runtime, Source, host_error_json, refused_json,
};

use crate::lock::LockFile;
use crate::options::ComponentOpts;
use crate::output::{Ui, end_progress};
use crate::report::Reporter;
use crate::stop::Stop;

/// Compiling that takes longer than this is worth a word.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the word is renewed.
const TICK: Duration = Duration::from_millis(100);
/// As much of a name as leaves room for the rest of the line, on a terminal of 40 columns.
const SHOWN: usize = 16;

/// One component and the policy it is looked at under.
pub(crate) struct Subject<'u> {
    /// Where messages go.
    pub(crate) ui: &'u Ui,
    /// The component's bytes.
    pub(crate) source: Source,
    /// The policy.
    pub(crate) policy: Policy,
    /// The runtime.
    pub(crate) runtime: Runtime,
    /// Where the report goes.
    pub(crate) reporter: Reporter,
    /// Where it is pinned on first use.
    lock: Option<LockFile>,
}

impl<'u> Subject<'u> {
    /// Reads the policy and the component's bytes.
    pub(crate) fn open(
        opts: &ComponentOpts,
        cache: Option<Cache>,
        ui: &'u Ui,
    ) -> Result<Subject<'u>, Stop> {
        let policy = opts.policy.policy()?;
        let reporter = Reporter::new(opts.report.as_deref())?;
        if reporter.is_stderr() {
            crate::output::no_log();
        }
        let source = match Source::file(&opts.component, &policy.limits) {
            Ok(source) => source,
            Err(LoadError::Refused(refusal)) => {
                let report = || unread_json(&opts.component, &refusal, &policy);
                reporter.write(ui, report)?;
                return Err(said(&reporter, Stop::Refused(refusal)));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Subject {
            ui,
            source,
            policy,
            runtime: runtime(cache)?,
            reporter,
            lock: opts.policy.lock_file(),
        })
    }

    /// What the bytes say, if they are trusted.
    pub(crate) fn inspect(&self) -> Result<Inspection, Stop> {
        let vetted = self.source.vet(&self.policy);
        vetted
            .map(|vetted| vetted.inspection)
            .map_err(|refusal| self.refused(refusal))
    }

    /// Pins it, when that is asked for and it is not pinned yet.
    pub(crate) fn pin(&self) -> Result<(), Stop> {
        let pinned = self.lock.as_ref().map(|lock| lock.pin(&self.source));
        pinned.unwrap_or(Ok(())).map_err(|stop| match stop {
            Stop::Refused(refusal) => self.refused(refusal),
            stop => stop,
        })
    }

    /// Judges, compiles, links and pins it.
    pub(crate) async fn load(&self) -> Result<Provider, Stop> {
        let loaded = load(&self.runtime, &self.source, &self.policy, self.ui).await;
        let provider = loaded.map_err(|error| match error {
            LoadError::Refused(refusal) => self.refused(refusal),
            LoadError::Host(error) => self.host_error(&error),
            error => error.into(),
        })?;
        self.pin()?;
        if !self.reporter.is_stderr() {
            tell_of_cache(&provider, self.ui);
        }
        Ok(provider)
    }

    /// The end of a command whose call gave no report of its own.
    pub(crate) fn no_call(&self, error: CallError) -> Stop {
        match error {
            CallError::Refused(refusal) => self.refused(refusal),
            CallError::Host(error) => self.host_error(&error),
            error => error.into(),
        }
    }

    /// The end of a command whose component is refused.
    pub(crate) fn refused(&self, refusal: Refusal) -> Stop {
        let report = || refused_json(&self.info(), &refusal, &self.policy.limits);
        match self.reporter.write(self.ui, report) {
            Ok(()) => said(&self.reporter, Stop::Refused(refusal)),
            Err(stop) => stop,
        }
    }

    fn host_error(&self, error: &HostError) -> Stop {
        match self
            .reporter
            .write(self.ui, || host_error_json(&self.info(), error))
        {
            Ok(()) => said(&self.reporter, Stop::Host(error.to_string())),
            Err(stop) => stop,
        }
    }

    fn info(&self) -> ProviderInfo {
        self.source.info(&self.policy)
    }
}

/// What is in the report on stderr is not said a second time.
fn said(reporter: &Reporter, stop: Stop) -> Stop {
    match reporter.is_stderr() {
        true => Stop::Said(Box::new(stop)),
        false => stop,
    }
}

/// The report of a file that was too large to be read: its digest is not known.
fn unread_json(path: &Path, refusal: &Refusal, policy: &Policy) -> Value {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let info = ProviderInfo {
        name: name.as_ref().into(),
        digest: String::new(),
        size: std::fs::metadata(path).map_or(0, |found| found.len()),
        world: None,
        signer: None,
    };
    let mut report = refused_json(&info, refusal, &policy.limits);
    if let Some(digest) = report.pointer_mut("/provider/digest") {
        *digest = Value::Null;
    }
    report
}

/// The runtime of this program: what a guest writes to its output is what the program is for, and what
/// strangers wrote is compiled by a process of its own.
pub(crate) fn runtime(cache: Option<Cache>) -> Result<Runtime, Stop> {
    let compiler = Compiler::this_program()
        .map_err(|error| Stop::Host(format!("cannot find this program's own file: {error}")))?;
    let mut builder = Runtime::builder()
        // One call after the other: a pool of one place is made in a tenth of the time.
        .concurrency(1)
        .allow_inherited_stdio()
        .compiler(compiler);
    if let Some(cache) = cache {
        builder = builder.cache(cache);
    }
    Ok(builder.build())
}

/// Says so when something in the cache was not as it had been left there.
pub(crate) fn tell_of_cache(provider: &Provider, ui: &Ui) {
    if let Compiled::Recompiled(why) = provider.compiled() {
        let name = tollgate::escape::line(&provider.info().name).into_owned();
        ui.note(&format!(
            "what the cache had for {name} was not executed: {why}; it was compiled anew"
        ));
    }
}

/// Loads a component, with a line on the terminal when that takes its time.
pub(crate) async fn load(
    runtime: &Runtime,
    source: &Source,
    policy: &Policy,
    ui: &Ui,
) -> Result<Provider, LoadError> {
    let mut load = pin!(runtime.load(source, policy));
    let start = Instant::now();
    // Short enough to stay on one line, or it could not be updated in place.
    let name: String = tollgate::escape::line(source.name())
        .chars()
        .take(SHOWN)
        .collect();
    loop {
        if let Ok(loaded) = tokio::time::timeout(TICK, &mut load).await {
            end_progress();
            return loaded;
        }
        if ui.has_progress() && start.elapsed() >= PATIENCE {
            ui.progress(&format!(
                "compiling {name} … {:.1} s",
                start.elapsed().as_secs_f64()
            ));
        }
    }
}
