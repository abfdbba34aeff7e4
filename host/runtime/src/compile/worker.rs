//! The host's side of a worker process: started for one component, listened to for as long as the limits allow, killed
//! when it is no longer needed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tollgate_component::{Refusal, RefusalKind, Remedy, Source, escape};
use tollgate_policy::Limits;

use super::compiler::{LOOK, failed, given_up, not_compiled, too_large, too_slow};
use super::places::Place;
use super::protocol::{Findings, GO, MAX_FIRST, Message, Task, write_component};
use super::queued::{Lost, queued};
use super::worker_main;
use crate::engine::metering::Metering;
use crate::error::{HostError, LoadError};
use crate::wall::worker::{read_lacks, tell_lacks};

/// The time in which a worker ends after it has closed its output, or has sent a forbidden message.
const GRACE: Duration = Duration::from_secs(1);

/// The time that a worker may lose to other processes, in multiples of `compile-time`.
const MOST_LOST: u32 = 9;

/// A worker process and its component. The process is killed when this is dropped.
pub(crate) struct Worker<'a> {
    child: Child,
    program: PathBuf,
    limits: &'a Limits,
    cancelled: &'a AtomicBool,
    /// The rest of `compile-time`: the time in which the host waited for this worker is taken from it.
    left: Duration,
    /// The time that it lost to other processes, by which `left` is longer.
    lost: Lost,
    messages: Receiver<io::Result<Option<Message>>>,
    /// The parts of its wall that the worker lacks, said once.
    lacks: Receiver<u8>,
    /// Asks for the code, of a worker that is to load.
    go: Option<SyncSender<()>>,
    /// The thread that writes and reads.
    pipes: Option<JoinHandle<()>>,
    _place: Place,
}

/// The work of a worker, in the words of its refusals.
#[derive(Clone, Copy)]
enum Stage {
    Vetting,
    Compiling,
}

impl Stage {
    fn work(self) -> &'static str {
        match self {
            Stage::Vetting => "validating",
            Stage::Compiling => "compiling",
        }
    }

    fn worker(self) -> &'static str {
        match self {
            Stage::Vetting => "the validator",
            Stage::Compiling => "the compiler",
        }
    }
}

impl<'a> Worker<'a> {
    /// Starts a worker, which begins to inspect the component.
    pub(crate) fn start(
        program: &Path,
        metering: Metering,
        task: Task,
        source: &Source,
        (limits, cancelled): (&'a Limits, &'a AtomicBool),
        place: Place,
    ) -> Result<Worker<'a>, LoadError> {
        let spawned = command(program)
            .args(worker_main::arguments(metering, task, limits))
            // The worker cannot read how many processors its control group leaves it.
            .env("RAYON_NUM_THREADS", worker_main::threads().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let child = spawned.map_err(|error| host_error(program, &error))?;
        let (say, messages) = sync_channel(2);
        let (lack, lacks) = sync_channel(1);
        let (go, asked) = sync_channel(1);
        let mut worker = Worker {
            child,
            program: program.to_owned(),
            limits,
            cancelled,
            left: limits.compile_time,
            lost: Lost::up_to(limits.compile_time.saturating_mul(MOST_LOST)),
            messages,
            lacks,
            go: (task == Task::Load).then_some(go),
            pipes: None,
            _place: place,
        };
        let (Some(stdin), Some(stdout)) = (worker.child.stdin.take(), worker.child.stdout.take())
        else {
            return Err(worker.host_error(&io::ErrorKind::BrokenPipe.into()).into());
        };
        let (source, most) = (source.clone(), limits.compile_memory);
        let talk = move || {
            let (mut stdin, mut stdout) = (stdin, stdout);
            // A worker that does not read, or writes more than it may, counts as one that ended early.
            let _ = write_component(&mut stdin, source.as_bytes());
            // A worker that says nothing at all has no message either.
            if let Ok(bits) = read_lacks(&mut stdout) {
                let _ = lack.send(bits);
            }
            if say.send(Message::read(&mut stdout, MAX_FIRST)).is_err() || asked.recv().is_err() {
                return;
            }
            let _ = io::Write::write_all(&mut stdin, &[GO]);
            let _ = say.send(Message::read(&mut stdout, most));
        };
        let pipes = std::thread::Builder::new().name("tollgate-worker".to_owned());
        let pipes = pipes.spawn(talk);
        worker.pipes = Some(pipes.map_err(|error| worker.host_error(&error))?);
        Ok(worker)
    }

    /// Waits for the findings of the worker on the component.
    pub(crate) fn findings(&mut self, source: &Source) -> Result<Findings, LoadError> {
        match self.message(Stage::Vetting)? {
            // A worker that reports on other bytes is not trusted.
            Message::Findings(findings) if source.keep_inspection(&findings.inspection) => {
                Ok(*findings)
            }
            other => Err(self.unexpected(other, Stage::Vetting)),
        }
    }

    /// Asks for the code of a component that was found valid, and waits for it.
    pub(crate) fn code(mut self) -> Result<Vec<u8>, LoadError> {
        if let Some(go) = self.go.take() {
            // The thread of the pipes is gone only if the worker is, which the wait for its message finds.
            let _ = go.send(());
        }
        match self.message(Stage::Compiling)? {
            Message::Code(code) => Ok(code),
            other => Err(self.unexpected(other, Stage::Compiling)),
        }
    }

    fn message(&mut self, stage: Stage) -> Result<Message, LoadError> {
        let start = Instant::now();
        let said = loop {
            let left = self.left.saturating_sub(start.elapsed());
            match self.messages.recv_timeout(left.min(LOOK)) {
                Ok(said) => break said,
                Err(RecvTimeoutError::Disconnected) => break Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if left.is_zero() {
                let lost = self.lost.more(queued(self.child.id()));
                if lost < LOOK {
                    return Err(too_slow(stage.work(), self.limits).into());
                }
                self.left = self.left.saturating_add(lost);
            }
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(given_up().into());
            }
        };
        self.left = self.left.saturating_sub(start.elapsed());
        // Here, and not on the thread of the pipes: events go to the subscriber of the load.
        if let Ok(bits) = self.lacks.try_recv() {
            tell_lacks(bits, "the compile worker");
        }
        match said.map_err(|error| self.host_error(&error))? {
            Some(message) => Ok(message),
            None => Err(self.ended(stage)),
        }
    }

    fn unexpected(&mut self, message: Message, stage: Stage) -> LoadError {
        match message {
            // The worker escaped the text that it quotes, unless the component has taken it over.
            Message::Refused(kind, text) => refused(kind, &text).into(),
            Message::NotCompiled(text) => not_compiled(&text).into(),
            Message::OutOfMemory => too_large(stage.work(), self.limits).into(),
            Message::Panicked => failed(stage.worker(), "it panicked").into(),
            Message::Findings(_) | Message::Code(_) => {
                let error = io::Error::other("answers what it was not asked");
                self.host_error(&error).into()
            }
        }
    }

    /// The error for a worker that ended without an answer. Its limits ended it, or the component did.
    fn ended(&mut self, stage: Stage) -> LoadError {
        let patience = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return self.ended_with(status, stage),
                Ok(None) if patience.elapsed() < GRACE => std::thread::sleep(GRACE / 1_000),
                Ok(None) => {
                    let error = io::Error::other("is no worker of this version (it goes on)");
                    return self.host_error(&error).into();
                }
                Err(error) => return self.host_error(&error).into(),
            }
        }
    }

    fn ended_with(&self, status: ExitStatus, stage: Stage) -> LoadError {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            use rustix::process::Signal;
            return match Signal::from_named_raw(signal) {
                // Rust aborts when an allocation fails.
                Some(Signal::ABORT) => too_large(stage.work(), self.limits).into(),
                Some(Signal::XCPU | Signal::KILL) => too_slow(stage.work(), self.limits).into(),
                _ => failed(stage.worker(), &format!("it was ended by signal {signal}")).into(),
            };
        }
        #[cfg(not(unix))]
        let _ = stage;
        let text = format!("is no worker of this version ({status})");
        self.host_error(&io::Error::other(text)).into()
    }

    fn host_error(&self, error: &io::Error) -> HostError {
        host_error(&self.program, error)
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.go = None;
        if let Some(pipes) = self.pipes.take() {
            // It ends as well: its pipes are closed, and no code is requested.
            let _ = pipes.join();
        }
    }
}

/// The command that starts every worker: with an empty environment, in no folder of this process, and silent.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("MALLOC_ARENA_MAX", "2")
        .current_dir("/")
        .stderr(Stdio::null());
    command
}

fn host_error(program: &Path, error: &io::Error) -> HostError {
    HostError::new(format_args!("worker {}: {error}", program.display()))
}

fn refused(kind: RefusalKind, text: &str) -> Refusal {
    let refusal = Refusal::new(kind, escape::whole(text));
    match kind {
        // A worker refuses by itself only components over the limits of shape.
        RefusalKind::CompileLimit => refusal.with_remedy(Remedy::RaiseLimit("complexity")),
        _ => refusal,
    }
}
