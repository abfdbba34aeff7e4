//! The same library for programs without an async runtime: every call blocks until it is done.
//!
//! Each calling thread gets a small runtime of its own on its first call, so calls on several threads never wait for
//! each other.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::runtime::{Builder as TokioBuilder, Handle, Runtime as Tokio};
use tollgate_capability::Approver;
use tollgate_component::Vetted;
use tollgate_component::value::{Function, Value};
#[cfg(feature = "wit")]
use tollgate_component::{Refusal, World};
use tollgate_policy::{Limits, Policy};

use crate::call::invoke::ReturnedError;
use crate::call::report::Report;
use crate::call::session::{ExitCode, Guest};
use crate::call::wave::WaveError;
use crate::compile::places::Turn;
use crate::error::{CallError, HostError, LoadError};
use crate::interface::wasi_p2::CommandInput;
#[cfg(feature = "watch")]
use crate::watch::{WatchError, WatchOptions, WatchedFolder};
use crate::{Provider as AsyncProvider, Runtime as AsyncRuntime, Session as AsyncSession, Source};

/// A [`Runtime`](crate::Runtime) whose providers block.
#[derive(Clone, Default)]
pub struct Runtime(AsyncRuntime);

impl From<AsyncRuntime> for Runtime {
    fn from(runtime: AsyncRuntime) -> Runtime {
        Runtime(runtime)
    }
}

impl Runtime {
    /// A runtime with the defaults.
    pub fn new() -> Runtime {
        Runtime::default()
    }

    /// The async runtime.
    pub fn as_async(&self) -> &AsyncRuntime {
        &self.0
    }

    /// See [`Runtime::load`](crate::Runtime::load).
    ///
    /// # Errors
    ///
    /// Those of the async method.
    pub fn load(&self, source: &Source, policy: &Policy) -> Result<Provider, LoadError> {
        let never = AtomicBool::new(false);
        self.0.load_now(source, policy, &never).map(Provider)
    }

    /// See [`Runtime::inspect`](crate::Runtime::inspect).
    ///
    /// # Errors
    ///
    /// Those of the async method.
    pub fn inspect(&self, source: &Source, policy: &Policy) -> Result<Vetted, LoadError> {
        let never = AtomicBool::new(false);
        self.0.inspect_in_turn(source, policy, &Turn::here(&never))
    }

    /// See [`Runtime::wit`](crate::Runtime::wit).
    ///
    /// # Errors
    ///
    /// Those of the async method.
    #[cfg(feature = "wit")]
    pub fn wit(&self, source: &Source, policy: &Policy) -> Result<String, LoadError> {
        let never = AtomicBool::new(false);
        self.0.wit_in_turn(source, policy, &Turn::here(&never))
    }

    /// See [`Runtime::watch`](crate::Runtime::watch). [`Provider::from`] makes a provider of [`WatchedFolder::get`]
    /// block.
    ///
    /// # Errors
    ///
    /// Those of the async method.
    #[cfg(feature = "watch")]
    pub fn watch(&self, watch: WatchOptions) -> Result<WatchedFolder, WatchError> {
        self.0.watch_now(watch)
    }
}

/// A [`Provider`](crate::Provider) whose sessions block.
#[derive(Clone)]
pub struct Provider(AsyncProvider);

impl From<AsyncProvider> for Provider {
    fn from(provider: AsyncProvider) -> Provider {
        Provider(provider)
    }
}

impl Provider {
    /// The async provider.
    pub fn as_async(&self) -> &AsyncProvider {
        &self.0
    }

    /// See [`Provider::with_limits`](crate::Provider::with_limits).
    ///
    /// # Errors
    ///
    /// Those of the async method.
    pub fn with_limits(&self, limits: Limits) -> Result<Provider, LoadError> {
        self.0.with_limits(limits).map(Provider)
    }

    /// See [`Provider::with_policy`](crate::Provider::with_policy).
    ///
    /// # Errors
    ///
    /// Those of the async method.
    pub fn with_policy(&self, policy: &Policy) -> Result<Provider, LoadError> {
        self.0.with_policy(policy).map(Provider)
    }

    /// See [`Provider::on_own_engine`](crate::Provider::on_own_engine).
    ///
    /// # Errors
    ///
    /// Those of the async method.
    pub fn on_own_engine(&self) -> Result<Provider, LoadError> {
        self.0.on_own_engine().map(Provider)
    }

    /// See [`Provider::warm`](crate::Provider::warm).
    #[must_use]
    pub fn warm(&self, instances: u32) -> Provider {
        Provider(self.0.warm(instances))
    }

    /// See [`Provider::warm_count`](crate::Provider::warm_count).
    pub fn warm_count(&self) -> usize {
        self.0.warm_count()
    }

    /// See [`Provider::expects`](crate::Provider::expects).
    ///
    /// # Errors
    ///
    /// Those of the async method.
    #[cfg(feature = "wit")]
    pub fn expects(&self, world: &World) -> Result<(), Refusal> {
        self.0.expects(world)
    }

    /// See [`Provider::functions`](crate::Provider::functions).
    pub fn functions(&self) -> impl ExactSizeIterator<Item = &Function> {
        self.0.functions()
    }

    /// See [`Provider::session`](crate::Provider::session).
    pub fn session(&self) -> Session {
        Session(self.0.session())
    }
}

/// A [`Session`](crate::Session) that blocks.
pub struct Session(AsyncSession);

impl From<AsyncSession> for Session {
    fn from(session: AsyncSession) -> Session {
        Session(session)
    }
}

impl Session {
    /// See [`Session::with_data`](crate::Session::with_data).
    #[must_use]
    pub fn with_data(mut self, data: impl Any + Send) -> Session {
        self.0.put_data(Box::new(data));
        self
    }

    /// See [`Session::with_approver`](crate::Session::with_approver).
    #[must_use]
    pub fn with_approver(mut self, approver: Arc<dyn Approver>) -> Session {
        self.0.put_approver(approver);
        self
    }

    /// See [`Session::run`](crate::Session::run).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`CallError::InsideAsync`] on a thread of an async runtime.
    pub fn run(&mut self, input: &[u8]) -> Result<Report<Vec<u8>>, CallError> {
        block_on(self.0.run(input))
    }

    /// See [`Session::wave`](crate::Session::wave).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`CallError::InsideAsync`] on a thread of an async runtime.
    pub fn wave(&mut self, expression: &str) -> Result<Report<String, WaveError>, CallError> {
        block_on(self.0.wave(expression))
    }

    /// See [`Session::invoke`](crate::Session::invoke).
    ///
    /// # Errors
    ///
    /// The same, and [`CallError::InsideAsync`] on a thread of an async runtime.
    pub fn invoke(
        &mut self,
        function: &str,
        arguments: &[Value],
    ) -> Result<Report<Option<Value>, ReturnedError>, CallError> {
        block_on(self.0.invoke(function, arguments))
    }

    /// See [`Session::command`](crate::Session::command).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`CallError::InsideAsync`] on a thread of an async runtime.
    pub fn command(mut self, input: CommandInput) -> Result<Report<(), ExitCode>, CallError> {
        block_on(self.0.command_once(input))
    }

    /// See [`Session::call`](crate::Session::call).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`CallError::InsideAsync`] on a thread of an async runtime.
    pub fn call<T, E>(
        &mut self,
        work: impl AsyncFnOnce(&mut Guest<'_>) -> wasmtime::Result<Result<T, E>>,
    ) -> Result<Report<T, E>, CallError> {
        block_on(self.0.call(work))
    }
}

thread_local! {
    static TOKIO: std::io::Result<Tokio> =
        TokioBuilder::new_current_thread().enable_all().build();
}

fn block_on<T>(work: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    if Handle::try_current().is_ok() {
        return Err(CallError::InsideAsync);
    }
    TOKIO.with(|tokio| match tokio {
        Ok(tokio) => {
            let done = tokio.block_on(work);
            sweep(tokio);
            done
        }
        Err(error) => Err(HostError::new(error).into()),
    })
}

/// The number of tasks of this thread's runtime: 0 while no session lives. For tests.
#[doc(hidden)]
pub fn alive_tasks() -> usize {
    TOKIO.with(|tokio| {
        let tokio = tokio.as_ref();
        tokio.map_or(0, |tokio| tokio.metrics().num_alive_tasks())
    })
}

/// Runs the tasks of a dropped store to their end. They were told to end and do so when they next run: here, since this
/// thread may never call again.
fn sweep(tokio: &Tokio) {
    // A yield runs some of the tasks. Tasks that remain in the end belong to other sessions.
    let mut before = usize::MAX;
    loop {
        let alive = tokio.metrics().num_alive_tasks();
        if alive == 0 || alive >= before {
            return;
        }
        before = alive;
        tokio.block_on(tokio::task::yield_now());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.0.end();
        if Handle::try_current().is_err() {
            // On a thread that ends, the runtime and its tasks may be gone already.
            let _ = TOKIO.try_with(|tokio| tokio.as_ref().map(sweep).is_ok());
        }
    }
}
