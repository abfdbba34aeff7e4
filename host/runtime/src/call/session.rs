//! One store with its guest: calls one after the other, each with a budget of its own.

use std::any::Any;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_capability::{Approver, Asking, HostFailure, ProviderError};
use tollgate_component::panic_text;
use wasmtime::Store;
use wasmtime::component::Instance;
use wasmtime_wasi::I32Exit;

use crate::call::arguments::{self, command_bytes};
use crate::call::classify::classify;
use crate::call::context::CallContext;
use crate::call::deadline::{Ended, run_until_deadline};
use crate::call::exports::CommandResult;
use crate::call::fault::{Fault, FaultKind};
use crate::call::provider::{Provider, Shared};
use crate::call::report::{ErrorReport, Outcome, Report};
use crate::call::store::{LiveInstance, admit_instance, new_store};
use crate::error::{CallError, HostError};
use crate::interface::wasi_p2::CommandInput;
#[cfg(target_os = "linux")]
use crate::interface::wasi_p2::Reader;
use crate::isolate::Remote;
use crate::profile::tree::SharedTree;

/// One store with its guest. Calls run one after the other, in the same instance and so in the same
/// memory; each has the whole budget of fuel, time, host calls, logs and output. Memory, tables and
/// handles belong to the store.
///
/// The guest is instantiated by the first call, on that call's budget, so that a component whose start
/// function loops faults like any other. A fault, or a call that is dropped before it is done, ends the
/// session and frees the store at once.
///
/// ```
/// use tollgate::{CallError, Limits, Outcome, Policy, Source, blocking::Runtime};
///
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/counter.wasm"));
/// let source = Source::file(path, &Limits::default())?;
/// let mut session = Runtime::new().load(&source, &Policy::default())?.session();
///
/// // The guest counts in its memory, which lives as long as the session.
/// assert_eq!(session.wave("next()")?.outcome, Outcome::Returned("1".to_owned()));
/// assert_eq!(session.wave("next()")?.outcome, Outcome::Returned("2".to_owned()));
///
/// assert_eq!(session.wave("trap()")?.outcome.label(), "faulted");
/// assert!(matches!(session.wave("next()"), Err(CallError::Ended)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    pub(crate) provider: Provider,
    pub(crate) state: State,
    data: Option<Box<dyn Any + Send>>,
    /// The input of a command, whose start functions may ask for it already.
    input: Option<CommandInput>,
    /// The standard input of a command in a process.
    #[cfg(target_os = "linux")]
    pub(crate) reader: Option<Reader>,
    /// In the process of a provider: the host's message on the next call.
    pub(crate) relayed: Option<Relayed>,
    /// The profile that its calls are counted in.
    profile: Option<SharedTree>,
    /// Answers the questions of its calls.
    approver: Option<Arc<dyn Approver>>,
}

/// A call that began in another process.
#[derive(Clone, Copy)]
pub(crate) struct Relayed {
    /// The number that its decisions have.
    pub(crate) id: u64,
    /// The time of it that has passed.
    pub(crate) spent: Duration,
}

pub(crate) enum State {
    /// No export has been called yet.
    Fresh,
    /// The guest is there and idle.
    Ready(Box<LiveInstance>),
    /// The guest is in the process of its provider, and idle.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "there are no such processes")
    )]
    Remote(Remote),
    /// A call faulted, was dropped, or is under way.
    Ended,
}

/// The guest inside of a call, for generated bindings.
pub struct Guest<'a> {
    /// The store.
    pub store: &'a mut Store<CallContext>,
    /// The instance in it.
    pub instance: &'a Instance,
}

/// The failure of a WASI command by itself: the exit code that it chose, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(pub i32);

impl ErrorReport for ExitCode {
    fn kind(&self) -> String {
        "exit".to_owned()
    }

    fn message(&self) -> String {
        format!("exit code {}", self.0)
    }
}

impl Session {
    pub(crate) fn new(provider: Provider) -> Session {
        Session {
            provider,
            state: State::Fresh,
            data: None,
            input: None,
            #[cfg(target_os = "linux")]
            reader: None,
            relayed: None,
            profile: None,
            approver: None,
        }
    }

    /// A session whose calls are counted in a profile.
    pub(crate) fn profiled(provider: Provider, profile: SharedTree) -> Session {
        let mut session = Session::new(provider);
        session.profile = Some(profile);
        session
    }

    /// Whether it lives in the process of its provider.
    pub(crate) fn is_there(&self) -> bool {
        self.provider.shared.isolated.is_some()
    }

    /// The provider it is of.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Whether it can be called: no call of it has faulted or was dropped.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, State::Ended)
    }

    /// Data for the host functions that the embedder adds, before the first call. With
    /// [`Isolation::Process`](crate::Isolation::Process) there are no such functions, and nothing reads it.
    #[must_use]
    pub fn with_data(mut self, data: impl Any + Send) -> Session {
        self.put_data(Box::new(data));
        self
    }

    /// Has `approver` answer the questions of its calls: requests that a rule of the policy with `ask = true` allows once
    /// somebody has said yes. Without an approver they are denied as `not-approved`, and so they are with
    /// [`Isolation::Process`](crate::Isolation::Process), where nothing reads it.
    ///
    /// While a question is open the guest stands still, and so does its deadline. The limits `questions` and `question-time` bound both.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use tollgate::approve::{Answer, Approver, PendingAnswer, Question};
    /// use tollgate::{Limits, Policy, Source, blocking::Runtime};
    ///
    /// struct Nobody;
    ///
    /// impl Approver for Nobody {
    ///     fn answer(&self, question: Question) -> PendingAnswer {
    ///         println!("{} wants to {} {}", question.provider, question.action, question.target);
    ///         Box::pin(async { Answer::No })
    ///     }
    /// }
    ///
    /// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/echo.wasm"));
    /// let source = Source::file(path, &Limits::default())?;
    /// let session = Runtime::new().load(&source, &Policy::default())?.session();
    /// let report = session.with_approver(Arc::new(Nobody)).run(b"hello")?;
    /// assert!(report.questions.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_approver(mut self, approver: Arc<dyn Approver>) -> Session {
        self.put_approver(approver);
        self
    }

    pub(crate) fn put_approver(&mut self, approver: Arc<dyn Approver>) {
        self.approver = Some(approver);
    }

    pub(crate) fn put_data(&mut self, data: Box<dyn Any + Send>) {
        self.data = Some(data);
    }

    /// Calls the provider world's `run`.
    ///
    /// # Errors
    ///
    /// When there is no such export, the input has more bytes than `host-data` allows, the session has ended, or the host
    /// failed. The report tells of the guest, its faults included.
    pub async fn run(&mut self, input: &[u8]) -> Result<Report<Vec<u8>>, CallError> {
        let run = self.provider.run_export()?;
        #[cfg(target_os = "linux")]
        if self.is_there() {
            return self.run_there(input).await;
        }
        let work = async |guest: &mut Guest<'_>| {
            let run = run.of(guest.store, guest.instance)?;
            let (result,) = run.call_async(&mut *guest.store, (input,)).await?;
            Ok(result.map_err(ProviderError::from))
        };
        self.measured_call(input.len() as u64, work, run_bytes)
            .await
    }

    /// Runs a WASI command to its end. A command runs once: the session is over afterwards.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub async fn command(mut self, input: CommandInput) -> Result<Report<(), ExitCode>, CallError> {
        self.command_once(input).await
    }

    pub(crate) async fn command_once(
        &mut self,
        input: CommandInput,
    ) -> Result<Report<(), ExitCode>, CallError> {
        let run = *self.provider.command_export()?;
        #[cfg(target_os = "linux")]
        if self.is_there() {
            return self.command_there(input).await;
        }
        let bytes = command_bytes(&input.args);
        match &mut self.state {
            State::Ready(live) => live.store.data_mut().wasi.begin_command(input),
            State::Fresh | State::Remote(_) | State::Ended => self.input = Some(input),
        }
        let work = async move |guest: &mut Guest<'_>| {
            let run = guest
                .instance
                .get_typed_func::<(), CommandResult>(&mut *guest.store, &run)?;
            match run.call_async(&mut *guest.store, ()).await {
                Ok((Ok(()),)) => Ok(Ok(())),
                Ok((Err(()),)) => Ok(Err(ExitCode(1))),
                // Only a command may end by exiting.
                Err(error) => match error.downcast_ref::<I32Exit>() {
                    Some(I32Exit(0)) => Ok(Ok(())),
                    Some(I32Exit(code)) => Ok(Err(ExitCode(*code))),
                    None => Err(error),
                },
            }
        };
        self.measured_call(bytes, work, |_| None).await
    }

    /// Frees the store now, or has that done where instances are made ahead.
    pub(crate) fn end(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Ended);
        if let (State::Ready(live), Some(warm)) = (state, &self.provider.warm) {
            warm.leave(live);
        }
    }

    /// Runs `work` as one call under the limits: for typed worlds.
    ///
    /// `work` gets the store and the instance, makes the bindings that `bindgen!` generated for the
    /// embedder's world, and returns the result of the export: a `Result` of the provider's own, or
    /// `Ok(value)` for an export that cannot fail. Errors of the engine are passed on with `?`.
    ///
    /// # Errors
    ///
    /// When the session has ended or the host failed, or when the session is in another process
    /// ([`CallError::Isolated`]). The actions of the guest are in the report.
    pub async fn call<T, E>(
        &mut self,
        work: impl AsyncFnOnce(&mut Guest<'_>) -> wasmtime::Result<Result<T, E>>,
    ) -> Result<Report<T, E>, CallError> {
        if self.is_there() {
            return Err(CallError::Isolated);
        }
        // The caller's bindings pass the arguments to the engine, so their size is not known here.
        self.measured_call(0, work, |_| None).await
    }

    /// A call with `arguments` bytes of arguments. `measure` gives the size of its outcome in bytes.
    pub(super) async fn measured_call<T, E>(
        &mut self,
        arguments: u64,
        work: impl AsyncFnOnce(&mut Guest<'_>) -> wasmtime::Result<Result<T, E>>,
        measure: impl FnOnce(&Outcome<T, E>) -> Option<u64>,
    ) -> Result<Report<T, E>, CallError> {
        arguments::admit(arguments, &self.provider.limits)?;
        let shared = &self.provider.shared;
        let observed = shared.host().observer.call(&shared.info);
        let mut result = self.call_unobserved(arguments, work, observed.id()).await;
        if let Ok(report) = &mut result {
            report.usage.output_bytes = measure(&report.outcome);
        }
        observed.ended(&result);
        result
    }

    async fn call_unobserved<T, E>(
        &mut self,
        arguments: u64,
        work: impl AsyncFnOnce(&mut Guest<'_>) -> wasmtime::Result<Result<T, E>>,
        id: u64,
    ) -> Result<Report<T, E>, CallError> {
        let now = Instant::now();
        let (start, id) = match self.relayed.take() {
            Some(Relayed { id, spent }) => (now.checked_sub(spent).unwrap_or(now), id),
            None => (now, id),
        };
        let limits = Arc::clone(&self.provider.limits);
        // Out of the session while it runs: a call that is dropped takes its store along.
        let deadline = start.checked_add(limits.deadline).unwrap_or(start);
        let mut live = self.acquire(deadline, arguments).await?;
        let _ticking = self.provider.shared.unit().tick();
        match live.ahead.take() {
            Some(spent) => live.resume(start, spent, id),
            None => live.begin(start, &limits, id)?,
        }
        let deadline = live.store.data().call.meter.deadline;
        let poll_clock = Arc::clone(&live.store.data().call.meter.poll_clock);
        let asking = Asking::new(&live.store.data().call.questions, self.approver.as_ref());

        let mut instantiating = live.instance.is_none();
        let LiveInstance {
            store, instance, ..
        } = &mut *live;
        // In a block, so that the work is dropped as soon as it has ended: a late call waits for nothing more.
        let (ended, end) = {
            let work = pin!(async {
                store.data_mut().call.meter.take_arguments(arguments)?;
                if instance.is_none() {
                    let Shared { pre, code, .. } = &*self.provider.shared;
                    admit_instance(store, code.inspection.instance_data)?;
                    *instance = Some(pre.instantiate_async(&mut *store).await?);
                    instantiating = false;
                }
                match instance.as_ref() {
                    Some(instance) => work(&mut Guest { store, instance }).await,
                    None => Err(HostFailure("no instance".to_owned()).into()),
                }
            });
            run_until_deadline(deadline, poll_clock, asking, work).await
        };

        let outcome = match ended {
            Ended::Done(Ok(Ok(value))) => Outcome::Returned(value),
            Ended::Done(Ok(Err(error))) => Outcome::Failed(error),
            Ended::Done(Err(error)) => {
                Outcome::Faulted(classify(&mut live.store, &error, instantiating)?)
            }
            Ended::TimedOut => Outcome::Faulted(Fault::new(FaultKind::Deadline(limits.deadline))),
            Ended::Panicked(panic) => {
                let text = format!("a host function panicked: {}", panic_text(&*panic));
                return Err(HostError::new(text).into());
            }
        };
        live.store.data_mut().call.meter.drop_arguments();
        let elapsed = end.saturating_duration_since(start);
        let report = live.report(&self.provider.shared.info, limits, elapsed, outcome);
        if report.outcome.fault().is_none() {
            self.state = State::Ready(live);
        }
        Ok(report)
    }

    /// An instance that was made ahead, for the first call, if its arguments would have changed nothing.
    fn take_warm(&mut self, arguments: u64) -> Option<Box<LiveInstance>> {
        let warm = self.provider.warm.as_ref()?;
        if !matches!(self.state, State::Fresh) {
            return None;
        }
        let mut live = warm.take()?;
        let state = live.store.data_mut();
        if !state.call.meter.has_room_for_arguments(arguments) {
            return None;
        }
        state.embedder = self.data.take();
        if let Some(input) = self.input.take() {
            state.wasi.begin_command(input);
        }
        Some(live)
    }

    /// The store, made if there is none yet. The session counts as ended until the call gives it back.
    async fn acquire(
        &mut self,
        deadline: Instant,
        arguments: u64,
    ) -> Result<Box<LiveInstance>, CallError> {
        if let Some(live) = self.take_warm(arguments) {
            self.state = State::Ended;
            return Ok(live);
        }
        let shared = &self.provider.shared;
        let slot = match self.state {
            // A call that gives up while it waits, or is refused, leaves a session that was never begun.
            State::Fresh => Some(shared.slot(deadline).await?),
            _ => None,
        };
        match (std::mem::replace(&mut self.state, State::Ended), slot) {
            (State::Ready(live), _) => Ok(live),
            (State::Fresh, Some(slot)) => {
                let command = self.input.take();
                let store = new_store(
                    &self.provider,
                    command,
                    self.data.take(),
                    self.profile.clone(),
                )?;
                Ok(Box::new(LiveInstance::new(store, slot)))
            }
            _ => Err(CallError::Ended),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

/// Bytes of the result of `run`.
pub(crate) fn run_bytes(outcome: &Outcome<Vec<u8>>) -> Option<u64> {
    Some(match outcome {
        Outcome::Returned(output) => output.len() as u64,
        Outcome::Failed(error) => error.message.len() as u64,
        Outcome::Faulted(_) => 0,
    })
}
