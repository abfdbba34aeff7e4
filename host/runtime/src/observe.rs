//! Loads, calls and decisions, told to the embedder as they happen: the seam for metrics, traces and audit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tollgate_component::{Identity, ProviderInfo, panic_text};

pub use tollgate_capability::{Decision, Follower, Outgoing};

use crate::call::fault::Fault;
use crate::call::provider::Provider;
use crate::call::report::{Outcome, Report, Usage};
use crate::error::{CallError, HostError, LoadError};

/// Is told of loads, calls and decisions; [`Builder::observer`](crate::Builder::observer) takes one. Every method does
/// nothing unless it is implemented.
///
/// A method may run on any thread, several at the same time, and holds up the load or the call for as long as it takes.
/// Requests that a guest left under way may be decided on after the end of its call. A method that panics is logged as a
/// host error, and changes nothing of the load, the call or the decision.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use tollgate::observe::{CallEnd, CallEnded, Observer};
/// use tollgate::{Limits, Policy, Runtime, Source, blocking};
///
/// #[derive(Default)]
/// struct Fuel(AtomicU64);
///
/// impl Observer for Fuel {
///     fn call_ended(&self, call: &CallEnded<'_>) {
///         if let CallEnd::Returned(usage) = call.end {
///             self.0.fetch_add(usage.fuel, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let fuel = Arc::new(Fuel::default());
/// let runtime = Runtime::builder().observer(Arc::clone(&fuel)).build();
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/echo.wasm"));
/// let source = Source::file(path, &Limits::default())?;
/// let echo = blocking::Runtime::from(runtime).load(&source, &Policy::default())?;
/// let report = echo.session().run(b"hello")?;
/// assert_eq!(fuel.0.load(Ordering::Relaxed), report.usage.fuel);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer: Send + Sync {
    /// A component was loaded, or was not.
    fn loaded(&self, _load: &Loaded<'_>) {}

    /// A call begins. Each is followed by one [`call_ended`](Self::call_ended).
    fn call_started(&self, _call: &CallStarted<'_>) {}

    /// A call has ended.
    fn call_ended(&self, _call: &CallEnded<'_>) {}

    /// A request of a guest was decided on: each one, unlike the denials of a report, which are the first hundred.
    fn decided(&self, _decision: &Decision<'_>) {}

    /// A request of a guest goes out, once it is admitted. With a follower it names the trace of the follower, and none of
    /// the guest's own. Not told of requests of sessions in a process of their own.
    fn requested(&self, _request: &Outgoing<'_>) -> Option<Box<dyn Follower>> {
        None
    }
}

/// The start of a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallStarted<'a> {
    /// The number of the call in this process, which its end and its decisions have too.
    pub call: u64,
    /// The component that is called.
    pub provider: &'a Arc<ProviderInfo>,
}

/// The end of a load.
#[non_exhaustive]
pub struct Loaded<'a> {
    /// The component.
    pub component: &'a Identity,
    /// The provider, or why there is none.
    pub result: Result<&'a Provider, &'a LoadError>,
    /// The time that it took.
    pub elapsed: Duration,
}

/// The end of a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallEnded<'a> {
    /// The number that the call started with.
    pub call: u64,
    /// The component that was called.
    pub provider: &'a Arc<ProviderInfo>,
    /// The end of the call.
    pub end: CallEnd<'a>,
    /// From the start of the call to its end, waiting for a slot included.
    pub elapsed: Duration,
}

/// The end of a call. A call without a report has no usage.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum CallEnd<'a> {
    /// The provider returned a result.
    Returned(&'a Usage),
    /// The provider returned an error of its own.
    Failed(&'a Usage),
    /// A limit was reached, or the guest trapped.
    Faulted(&'a Usage, &'a Fault),
    /// The call gave no report.
    Error(&'a CallError),
    /// The caller dropped the call before it was done.
    Dropped,
    /// The host panicked outside of the guest's work.
    Panicked,
}

impl CallEnd<'_> {
    /// A stable name: `returned`, `failed`, `faulted`, `error`, `dropped` or `panicked`.
    pub fn label(&self) -> &'static str {
        match self {
            CallEnd::Returned(_) => "returned",
            CallEnd::Failed(_) => "failed",
            CallEnd::Faulted(..) => "faulted",
            CallEnd::Error(_) => "error",
            CallEnd::Dropped => "dropped",
            CallEnd::Panicked => "panicked",
        }
    }
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn loaded(&self, load: &Loaded<'_>) {
        (**self).loaded(load);
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        (**self).call_started(call);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        (**self).call_ended(call);
    }

    fn decided(&self, decision: &Decision<'_>) {
        (**self).decided(decision);
    }

    fn requested(&self, request: &Outgoing<'_>) -> Option<Box<dyn Follower>> {
        (**self).requested(request)
    }
}

/// Both are told, in this order. A request is followed by the first that follows it.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn loaded(&self, load: &Loaded<'_>) {
        self.0.loaded(load);
        self.1.loaded(load);
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        self.0.call_started(call);
        self.1.call_started(call);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.0.call_ended(call);
        self.1.call_ended(call);
    }

    fn decided(&self, decision: &Decision<'_>) {
        self.0.decided(decision);
        self.1.decided(decision);
    }

    fn requested(&self, request: &Outgoing<'_>) -> Option<Box<dyn Follower>> {
        let first = self.0.requested(request);
        first.or_else(|| self.1.requested(request))
    }
}

/// Nobody is told if there is none.
impl<O: Observer> Observer for Option<O> {
    fn loaded(&self, load: &Loaded<'_>) {
        self.iter().for_each(|it| it.loaded(load));
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        self.iter().for_each(|it| it.call_started(call));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.iter().for_each(|it| it.call_ended(call));
    }

    fn decided(&self, decision: &Decision<'_>) {
        self.iter().for_each(|it| it.decided(decision));
    }

    fn requested(&self, request: &Outgoing<'_>) -> Option<Box<dyn Follower>> {
        self.as_ref()?.requested(request)
    }
}

/// The observer of a runtime, if it has one.
#[derive(Clone, Default)]
pub(crate) struct Observed(pub(crate) Option<Arc<dyn Observer>>);

impl Observed {
    fn tell(observer: &dyn Observer, what: impl FnOnce(&dyn Observer)) {
        // An observer must not end the call or the load that it is told of.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| what(observer))) {
            let text = panic_text(&*panic);
            let _ = HostError::new(format_args!("an observer panicked: {text}"));
        }
    }

    pub(crate) fn decided(&self, decision: &Decision<'_>) {
        if let Some(observer) = &self.0 {
            Observed::tell(&**observer, |it| it.decided(decision));
        }
    }

    pub(crate) fn requested(&self, request: &Outgoing<'_>) -> Option<Box<dyn Follower>> {
        let mut follower = None;
        if let Some(observer) = &self.0 {
            Observed::tell(&**observer, |it| follower = it.requested(request));
        }
        follower
    }

    /// Tells of a load that began at `start`, if it has ended, and gives its result back.
    pub(crate) fn load<'i>(
        &self,
        start: Instant,
        component: impl Fn() -> &'i Identity,
        load: impl FnOnce() -> Result<Provider, LoadError>,
        has_ended: impl Fn() -> bool,
    ) -> Result<Provider, LoadError> {
        let Some(observer) = &self.0 else {
            return load();
        };
        let result = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|panic| {
            let text = panic_text(&*panic);
            Err(HostError::new(format_args!("loading panicked: {text}")).into())
        });
        if !has_ended() {
            return result;
        }
        let loaded = Loaded {
            component: component(),
            result: result.as_ref(),
            elapsed: start.elapsed(),
        };
        Observed::tell(&**observer, |it| it.loaded(&loaded));
        result
    }

    /// Tells that a call begins. The guard tells of its end, also when the call is dropped.
    pub(crate) fn call(&self, provider: &Arc<ProviderInfo>) -> CallGuard {
        CallGuard(self.0.as_ref().map(|observer| {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            let call = NEXT.fetch_add(1, Ordering::Relaxed);
            Observed::tell(&**observer, |it| {
                it.call_started(&CallStarted { call, provider })
            });
            Started {
                call,
                observer: Arc::clone(observer),
                provider: Arc::clone(provider),
                start: Instant::now(),
            }
        }))
    }
}

/// A call under way, for an observer.
pub(crate) struct CallGuard(Option<Started>);

struct Started {
    call: u64,
    observer: Arc<dyn Observer>,
    provider: Arc<ProviderInfo>,
    start: Instant,
}

impl CallGuard {
    /// The number of the call; 0 if there is no observer.
    pub(crate) fn id(&self) -> u64 {
        self.0.as_ref().map_or(0, |started| started.call)
    }

    pub(crate) fn ended<T, E>(mut self, result: &Result<Report<T, E>, CallError>) {
        let Some(started) = self.0.take() else { return };
        started.ended(match result {
            Ok(report) => match &report.outcome {
                Outcome::Returned(_) => CallEnd::Returned(&report.usage),
                Outcome::Failed(_) => CallEnd::Failed(&report.usage),
                Outcome::Faulted(fault) => CallEnd::Faulted(&report.usage, fault),
            },
            Err(error) => CallEnd::Error(error),
        });
    }
}

impl Started {
    fn ended(&self, end: CallEnd<'_>) {
        let ended = CallEnded {
            call: self.call,
            provider: &self.provider,
            end,
            elapsed: self.start.elapsed(),
        };
        Observed::tell(&*self.observer, |it| it.call_ended(&ended));
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        if let Some(started) = self.0.take() {
            started.ended(match std::thread::panicking() {
                true => CallEnd::Panicked,
                false => CallEnd::Dropped,
            });
        }
    }
}
