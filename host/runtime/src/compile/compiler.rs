//! Compilation of a component to machine code, in this process or in a worker process.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tollgate_policy::Limits;
use wasmtime::Engine;

use crate::compile::worker_main::{self, WorkerReply};
use crate::engine::metering::Metering;
use crate::error::{HostError, LoadError};
use tollgate_component::{Refusal, RefusalKind, Remedy};

/// The process that components are compiled in.
///
/// The component's bytes, which may be hostile, determine how much time and memory compiling takes, and the engine
/// promises no bounds. Components of a shape known to be out of proportion are refused before they are compiled
/// (docs/security/limits.md); a worker bounds the rest.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Compiler {
    /// In this process. **The process is not protected from a component that takes too long, takes too much memory or
    /// crashes the compiler**, and the limits `compile-time` and `compile-memory` cannot be kept: a policy in which
    /// they differ from the defaults is refused. Use it for trusted components, or in a process that may die.
    #[default]
    InProcess,
    /// In a process of its own (on Unix), under the limits `compile-time` and `compile-memory`; it is killed when it
    /// reaches them. `program` calls [`worker_main::run_if_worker`](crate::compile::worker_main::run_if_worker) first
    /// and is built with the same version of this library.
    Worker {
        /// The program to start. It gets an empty environment.
        program: PathBuf,
    },
}

impl Compiler {
    /// A worker that runs this same program, which must call
    /// [`worker_main::run_if_worker`](crate::compile::worker_main::run_if_worker) first.
    ///
    /// # Errors
    ///
    /// The system does not report the path of this program.
    pub fn this_program() -> std::io::Result<Compiler> {
        // This path is the running program, even if its file has been replaced since.
        let running = Path::new("/proc/self/exe");
        let program = match running.exists() {
            true => running.to_owned(),
            false => std::env::current_exe()?,
        };
        Ok(Compiler::Worker { program })
    }

    /// Compiles to machine code for any engine of the same settings.
    pub(crate) fn compile(
        &self,
        metering: Metering,
        engine: &Engine,
        bytes: &[u8],
        limits: &Limits,
        cancelled: &AtomicBool,
    ) -> Result<Vec<u8>, LoadError> {
        match self {
            Compiler::InProcess => in_process(engine, bytes),
            Compiler::Worker { program } => by_worker(program, metering, bytes, limits, cancelled),
        }
    }

    /// Whether the limits of compiling can be kept; default values count as not set.
    pub(crate) fn supports(&self, limits: &Limits) -> bool {
        let default = Limits::default();
        let asked = limits.compile_time != default.compile_time
            || limits.compile_memory != default.compile_memory;
        !asked || matches!(self, Compiler::Worker { .. })
    }
}

fn in_process(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    match catch_unwind(AssertUnwindSafe(|| engine.precompile_component(bytes))) {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Err(malformed(&format!("{error:#}")).into()),
        Err(panic) => {
            let text = tollgate_component::panic_text(&*panic);
            tracing::error!(panic = text, "the compiler panicked");
            Err(gave_up("it panicked").into())
        }
    }
}

/// The interval at which the wait for a worker checks whether its caller has given up.
const LOOK: Duration = Duration::from_millis(50);

/// A worker process, which is killed when this is dropped.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn by_worker(
    program: &Path,
    metering: Metering,
    bytes: &[u8],
    limits: &Limits,
    cancelled: &AtomicBool,
) -> Result<Vec<u8>, LoadError> {
    let failed = |error: std::io::Error| {
        HostError::new(format_args!(
            "compile worker {}: {error}",
            program.display()
        ))
    };
    let start = Instant::now();
    let child = Command::new(program)
        .args(worker_main::arguments(metering, limits))
        .env_clear()
        .env("MALLOC_ARENA_MAX", "2")
        // The worker cannot read how many processors its control group leaves it.
        .env("RAYON_NUM_THREADS", worker_main::threads().to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut worker = Worker(child.map_err(failed)?);
    let (Some(mut stdin), Some(stdout)) = (worker.0.stdin.take(), worker.0.stdout.take()) else {
        return Err(failed(std::io::ErrorKind::BrokenPipe.into()).into());
    };
    std::thread::scope(|scope| {
        let (done, answer) = mpsc::sync_channel(1);
        // A worker that does not read, or writes more than it may, counts as one that ended early.
        scope.spawn(move || drop(stdin.write_all(bytes)));
        scope.spawn(move || {
            let mut said = Vec::new();
            let read = stdout.take(limits.compile_memory).read_to_end(&mut said);
            drop(done.send(read.map(|_| said)));
        });
        let said = loop {
            let left = limits.compile_time.saturating_sub(start.elapsed());
            match answer.recv_timeout(left.min(LOOK)) {
                Ok(said) => break said.map_err(failed)?,
                Err(RecvTimeoutError::Disconnected) => break Vec::new(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if left.is_zero() || cancelled.load(Ordering::Relaxed) {
                // The two threads end as well, since their pipes close.
                drop(worker);
                return Err(too_slow(limits).into());
            }
        };
        match worker_main::read(crate::wall::worker::without_lacks(said)) {
            Some(WorkerReply::Code(code)) => Ok(code),
            Some(WorkerReply::Malformed(text)) => Err(malformed(&text).into()),
            Some(WorkerReply::OutOfMemory) => Err(too_large(limits).into()),
            Some(WorkerReply::Panicked) => Err(gave_up("it panicked").into()),
            None => Err(ended(worker.0.wait().map_err(failed)?, limits, failed)),
        }
    })
}

/// The error for a worker that ended without an answer. Its limits ended it, or the component did.
fn ended(
    status: ExitStatus,
    limits: &Limits,
    failed: impl Fn(std::io::Error) -> HostError,
) -> LoadError {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        use rustix::process::Signal;
        return match Signal::from_named_raw(signal) {
            // Rust aborts when an allocation fails.
            Some(Signal::ABORT) => too_large(limits).into(),
            Some(Signal::XCPU | Signal::KILL) => too_slow(limits).into(),
            _ => gave_up(&format!("it was ended by signal {signal}")).into(),
        };
    }
    let text = format!("is no compile worker of this version ({status})");
    failed(std::io::Error::other(text)).into()
}

fn malformed(text: &str) -> Refusal {
    let text = format!("it does not compile: {text}");
    Refusal::new(
        RefusalKind::Malformed,
        tollgate_component::escape::line(&text),
    )
}

fn too_slow(limits: &Limits) -> Refusal {
    let text = format!(
        "compiling it takes longer than the {:?} allowed; raise `limits.compile-time` in the policy",
        limits.compile_time
    );
    Refusal::new(RefusalKind::CompileLimit, text).with_remedy(Remedy::RaiseLimit("compile-time"))
}

fn too_large(limits: &Limits) -> Refusal {
    let text = format!(
        "compiling it takes more than the {} bytes of memory allowed; raise `limits.compile-memory` in the policy",
        limits.compile_memory
    );
    Refusal::new(RefusalKind::CompileLimit, text).with_remedy(Remedy::RaiseLimit("compile-memory"))
}

fn gave_up(how: &str) -> Refusal {
    let text = format!("the compiler failed on this component: {how}");
    Refusal::new(RefusalKind::CompileLimit, text)
}
