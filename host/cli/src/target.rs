//! The component that a command line names: opened with its policy, then loaded. Each failure is reported.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate::approve::Approver;
use tollgate::cache::{Cache, CodeOrigin};
use tollgate::component::{Inspection, signature_path};
use tollgate::load::{Refusal, SourceError};
use tollgate::policy::{Access, Protected};
use tollgate::report::{HostErrorReport, InterruptedReport, ProviderInfo, RefusedReport};
use tollgate::{
    Builder, CallError, Compiler, HostError, LoadError, Policy, Provider, Runtime, Session, Source,
};

use crate::files::input::is_stream;
use crate::files::interrupt;
use crate::files::lock::LockFile;
use crate::options::assumed::AssumedOpts;
use crate::options::cache::usual_folders;
use crate::options::component::ComponentOpts;
use crate::options::wall::WallOpts;
use crate::output::report::Reporter;
use crate::output::status::ExitReason;
use crate::output::text;
use crate::output::ui::{Ui, end_progress, last_words, silence_log, stderr_is_reserved};

/// Compiling that takes longer than this shows a progress line.
const PROGRESS_AFTER: Duration = Duration::from_millis(300);
/// The time after which compiling is told once, if no progress line is shown.
const NOTE_AFTER: Duration = Duration::from_secs(5);
/// The time between two updates of the progress line.
const TICK: Duration = Duration::from_millis(100);
/// Characters of the component's name in the progress line: the line fits a terminal of 40 columns.
const NAME_WIDTH: usize = 16;

/// A component and the policy that applies to it. Nothing is compiled yet.
pub(crate) struct Target<'u> {
    /// The destination of messages.
    pub(crate) ui: &'u Ui,
    /// The component's file.
    path: PathBuf,
    /// The component's bytes.
    pub(crate) source: Source,
    /// The policy.
    pub(crate) policy: Policy,
    /// The runtime.
    pub(crate) runtime: Runtime,
    /// The destination of the report.
    pub(crate) reporter: Reporter,
    /// The lock file, with `--lock` or `--locked`.
    lock: Option<LockFile>,
}

/// A component that is compiled, linked and pinned.
pub(crate) struct LoadedTarget<'u> {
    /// The component and its policy.
    pub(crate) target: Target<'u>,
    /// The component, ready to be called.
    pub(crate) provider: Provider,
}

impl<'u> Target<'u> {
    /// Reads the policy and the component's bytes.
    pub(crate) fn open(
        opts: &ComponentOpts,
        cache: Option<Cache>,
        ui: &'u Ui,
    ) -> Result<Target<'u>, ExitReason> {
        Target::open_with(opts, None, cache, ui)
    }

    /// The same for a command that judges the component and does not load it.
    pub(crate) fn to_judge(
        opts: &ComponentOpts,
        assumed: &AssumedOpts,
        ui: &'u Ui,
    ) -> Result<Target<'u>, ExitReason> {
        let runtime = judging_runtime(assumed)?;
        let target = Target::open(opts, None, ui)?;
        Ok(Target { runtime, ..target })
    }

    /// The same for a command that writes its result to the file `output`.
    pub(crate) fn open_with(
        opts: &ComponentOpts,
        output: Option<&Path>,
        cache: Option<Cache>,
        ui: &'u Ui,
    ) -> Result<Target<'u>, ExitReason> {
        let output = output.filter(|output| !is_stream(output));
        let output = output.map(|output| Protected::new("the output", output, Access::ReadWrite));
        Target::open_protecting(opts, output, cache, ui)
    }

    /// The same for a command that has more files which no root may cover.
    pub(crate) fn open_protecting(
        opts: &ComponentOpts,
        more: impl IntoIterator<Item = Protected>,
        cache: Option<Cache>,
        ui: &'u Ui,
    ) -> Result<Target<'u>, ExitReason> {
        let mut files = files_of_command(opts, cache.as_ref());
        files.extend(more);
        let policy = opts.policy.policy(files, opts.has_stderr().then_some(ui))?;
        let reporter = Reporter::new(opts.report.as_deref())?;
        if ui.verbose() && !reporter.is_stderr() {
            note_resolved(&policy, ui);
        }
        if reporter.is_stderr() {
            silence_log();
        }
        let source = match Source::file(&opts.component, &policy.limits) {
            Ok(source) => source,
            Err(SourceError::Refused(refusal)) => {
                let report = || unread(&opts.component, &refusal, &policy);
                reporter.write(ui, report)?;
                return Err(already_reported(&reporter, about(&opts.component, refusal)));
            }
            Err(error) => return Err(error.into()),
        };
        report_interrupts(&source, &policy, &reporter);
        Ok(Target {
            ui,
            path: opts.component.clone(),
            source,
            policy,
            runtime: runtime(cache)?,
            reporter,
            lock: opts.policy.lock_file(),
        })
    }

    /// Verifies the signature and the pin; then a worker inspects the component.
    pub(crate) async fn inspect(&self) -> Result<Inspection, ExitReason> {
        let vetted = self.runtime.inspect(&self.source, &self.policy).await;
        vetted
            .map(|vetted| vetted.inspection)
            .map_err(|error| self.load_error(error))
    }

    /// The interfaces of the component as WIT, written by a worker after the same checks.
    pub(crate) async fn wit(&self) -> Result<String, ExitReason> {
        let wit = self.runtime.wit(&self.source, &self.policy).await;
        wit.map_err(|error| self.load_error(error))
    }

    /// Pins the component in the lock file, if `--lock` is given and it is not pinned yet.
    pub(crate) fn pin(&self) -> Result<(), ExitReason> {
        let pinned = self.lock.as_ref().map(|lock| lock.pin(&self.source));
        pinned.unwrap_or(Ok(())).map_err(|reason| match reason {
            ExitReason::Refused(refusal) => self.refused(refusal),
            reason => reason,
        })
    }

    /// Judges, compiles, links and pins the component.
    pub(crate) async fn load(self) -> Result<LoadedTarget<'u>, ExitReason> {
        let loaded = load(&self.runtime, &self.source, &self.policy, self.ui).await;
        let provider = loaded.map_err(|error| self.load_error(error))?;
        self.pin()?;
        if !self.reporter.is_stderr() {
            note_recompiled(&provider, self.ui);
        }
        Ok(LoadedTarget {
            target: self,
            provider,
        })
    }

    fn load_error(&self, error: LoadError) -> ExitReason {
        match error {
            LoadError::Refused(refusal) => self.refused(refusal),
            LoadError::Host(error) => self.host_error(&error),
            error => error.into(),
        }
    }

    /// Reports a refusal.
    pub(crate) fn refused(&self, refusal: Refusal) -> ExitReason {
        let report = || RefusedReport::new(&self.info(), &refusal, &self.policy.limits);
        match self.reporter.write(self.ui, report) {
            Ok(()) => already_reported(&self.reporter, about(&self.path, refusal)),
            Err(reason) => reason,
        }
    }

    fn host_error(&self, error: &HostError) -> ExitReason {
        match self
            .reporter
            .write(self.ui, || HostErrorReport::new(&self.info(), error))
        {
            Ok(()) => already_reported(&self.reporter, ExitReason::Host(error.to_string())),
            Err(reason) => reason,
        }
    }

    fn info(&self) -> ProviderInfo {
        self.source.info(&self.policy)
    }
}

impl LoadedTarget<'_> {
    /// Raises the wall, after all that is read by name and before the first call.
    pub(crate) fn raise(&mut self, wall: &WallOpts) -> Result<(), ExitReason> {
        if wall.is_on() {
            self.target.reporter.prepare_for_wall()?;
        }
        let has_stderr = !self.target.reporter.is_stderr();
        wall.raise([&self.provider], self.target.ui, has_stderr)
    }

    /// A new session, whose questions the approver answers.
    pub(crate) fn session(&self, approver: Option<Arc<dyn Approver>>) -> Session {
        let session = self.provider.session();
        match approver {
            Some(approver) => session.with_approver(approver),
            None => session,
        }
    }

    /// Reports a call that gave no report of its own.
    pub(crate) fn call_error(&self, error: CallError) -> ExitReason {
        match error {
            CallError::Refused(refusal) => self.target.refused(refusal),
            CallError::Host(error) => self.target.host_error(&error),
            error => error.into(),
        }
    }
}

/// Has an interrupt from now on say the component's name and make a report.
fn report_interrupts(source: &Source, policy: &Policy, reporter: &Reporter) {
    let start = Instant::now();
    let (info, limits, reporter) = (source.info(policy), policy.limits.clone(), reporter.clone());
    interrupt::at_interrupt(move |signal| {
        let elapsed = start.elapsed();
        if !reporter.is_stderr() {
            let name = tollgate::escape::line(&info.name);
            let time = text::time(elapsed);
            last_words(&format!(
                "error: {name}: interrupted by {signal} after {time}\n"
            ));
        }
        reporter.write_last(&InterruptedReport::new(
            &info,
            signal.number(),
            elapsed,
            &limits,
        ));
    });
}

/// Notes where the paths of a policy lead that are written with `..` or through links.
pub(crate) fn note_resolved(policy: &Policy, ui: &Ui) {
    let roots = policy.grants.files.iter();
    let roots = roots.map(|grant| (format!("the root `{}`", grant.root), grant.path.as_path()));
    let store = policy.grants.store.iter();
    let store = store.filter_map(|store| Some(("the store".to_owned(), store.path.as_deref()?)));
    for (what, path) in roots.chain(store) {
        // A path that leads nowhere is an error of its own when the grants are opened.
        if let Ok(resolved) = std::fs::canonicalize(path)
            && resolved != path
        {
            let (path, resolved) = (text::path(path), text::path(&resolved));
            ui.note(&format!("{what}, {path}, is {resolved}"));
        }
    }
}

/// The files of a command that no root may cover. The key of the cache is in its folder, and seals the code that runs.
fn files_of_command(opts: &ComponentOpts, cache: Option<&Cache>) -> Vec<Protected> {
    let signature = signature_path(&opts.component);
    let mut files = vec![
        Protected::new("the component", &opts.component, Access::ReadWrite),
        Protected::new(
            "the signature of the component",
            signature,
            Access::ReadWrite,
        ),
    ];
    if let Some(report) = opts.report.as_ref().filter(|report| !is_stream(report)) {
        files.push(Protected::new("the report", report, Access::ReadWrite));
    }
    // The caches of other runs as well: a run without one would give their key away.
    let used = cache.map(|cache| cache.path().to_owned());
    for folder in used.into_iter().chain(usual_folders()) {
        let what = "the cache of compiled code";
        files.push(Protected::new(what, folder, Access::Read));
    }
    files
}

fn about(path: &Path, refusal: Refusal) -> ExitReason {
    ExitReason::About(path.to_owned(), Box::new(ExitReason::Refused(refusal)))
}

/// Keeps a reason that the report on stderr holds from being printed a second time.
pub(crate) fn already_reported(reporter: &Reporter, reason: ExitReason) -> ExitReason {
    match reporter.is_stderr() {
        true => ExitReason::AlreadyReported(Box::new(reason)),
        false => reason,
    }
}

/// The report of a file that is too large to be read: its digest is not known.
fn unread(path: &Path, refusal: &Refusal, policy: &Policy) -> RefusedReport {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let info = ProviderInfo {
        name: name.as_ref().into(),
        digest: String::new(),
        size: std::fs::metadata(path).map_or(0, |found| found.len()),
        world: None,
        signer: None,
    };
    RefusedReport::new(&info, refusal, &policy.limits)
}

/// The runtime of this program. A WASI command may write to this program's own output, and components are vetted and
/// compiled in a separate process, since they are untrusted.
pub(crate) fn runtime(cache: Option<Cache>) -> Result<Runtime, ExitReason> {
    let builder = builder()?;
    Ok(match cache {
        Some(cache) => builder.cache(cache),
        None => builder,
    }
    .build())
}

/// The same for judging alone, with the interfaces that are assumed.
pub(crate) fn judging_runtime(assumed: &AssumedOpts) -> Result<Runtime, ExitReason> {
    Ok(assumed.offer(builder()?)?.build())
}

/// The builder of a runtime for one call after the other.
fn builder() -> Result<Builder, ExitReason> {
    Ok(server_builder()?
        // A pool with one slot takes a tenth of the time to make.
        .concurrency(1)
        .allow_inherited_stdio())
}

/// The builder of a runtime for calls at the same time, none of which has this program's own output.
pub(crate) fn server_builder() -> Result<Builder, ExitReason> {
    let compiler = Compiler::this_program().map_err(|error| {
        ExitReason::Host(format!("cannot find this program's own file: {error}"))
    })?;
    Ok(Runtime::builder().compiler(compiler))
}

/// Notes that a cache entry was damaged or changed, and that the component was compiled again.
pub(crate) fn note_recompiled(provider: &Provider, ui: &Ui) {
    if let CodeOrigin::Recompiled(why) = provider.code_origin() {
        let name = tollgate::escape::line(&provider.info().name).into_owned();
        ui.note(&format!(
            "the cache entry of {name} was not used: {why}; the component was compiled again"
        ));
    }
}

/// Loads a component, with a progress line on the terminal if loading takes long.
pub(crate) async fn load(
    runtime: &Runtime,
    source: &Source,
    policy: &Policy,
    ui: &Ui,
) -> Result<Provider, LoadError> {
    let mut load = pin!(runtime.load(source, policy));
    let start = Instant::now();
    // A line that wraps could not be updated in place.
    let name: String = tollgate::escape::line(source.name())
        .chars()
        .take(NAME_WIDTH)
        .collect();
    let mut is_noted = ui.has_progress() || stderr_is_reserved();
    loop {
        if let Ok(loaded) = tokio::time::timeout(TICK, &mut load).await {
            end_progress();
            return loaded;
        }
        if !is_noted && start.elapsed() >= NOTE_AFTER {
            is_noted = true;
            ui.note(&format!(
                "compiling {name} takes longer than {} s; a cache keeps what is compiled",
                NOTE_AFTER.as_secs()
            ));
        }
        if ui.has_progress() && !stderr_is_reserved() && start.elapsed() >= PROGRESS_AFTER {
            ui.progress(&format!(
                "compiling {name} … {:.1} s",
                start.elapsed().as_secs_f64()
            ));
        }
    }
}
