//! The worker process: it reads one component, tells its contents, writes its machine code if the host asks for it, and
//! ends.

use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::panic::catch_unwind;

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, setrlimit};
use tollgate_component::{Refusal, Source};
use tollgate_policy::Limits;

use super::compiler::{self, objections};
use super::protocol::{Findings, GO, Message, Task, read_component};
use crate::engine::compiling;
use crate::engine::metering::Metering;

/// The first argument that makes a program a worker.
pub(crate) const FLAG: &str = "--tollgate-compile-worker";

/// The arguments of a worker: its flag, the metering, its limits and its task.
pub(crate) fn arguments(metering: Metering, task: Task, limits: &Limits) -> [String; 6] {
    // The parent enforces the time limit by its clock; this limit is for a worker whose parent is gone.
    let threads = threads();
    let seconds = limits.compile_time.as_secs() + 1;
    [
        FLAG.to_owned(),
        metering.label().to_owned(),
        limits.compile_memory.to_string(),
        seconds.saturating_mul(threads).to_string(),
        limits.complexity.to_string(),
        task.label().to_owned(),
    ]
}

/// The number of threads that a worker compiles with.
pub(crate) fn threads() -> u64 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u64)
}

pub(crate) fn serve(
    mut args: impl Iterator<Item = OsString>,
) -> Result<(), Box<dyn std::error::Error>> {
    let metering = args.next().and_then(|label| Metering::of(label.to_str()?));
    let mut number = || args.next()?.to_str()?.parse::<u64>().ok();
    let (memory, seconds, complexity) = (number(), number(), number());
    let task = args.next().and_then(|label| Task::of(label.to_str()?));
    let (Some(metering), Some(memory), Some(seconds), Some(complexity), Some(task)) =
        (metering, memory, seconds, complexity, task)
    else {
        return Err("started by hand".into());
    };
    // The limits are set before a byte of the component is read.
    restrain(memory, seconds)?;
    let mut input = std::io::stdin().lock();
    let source = match read_component(&mut input) {
        Ok(bytes) => Source::bytes("component", bytes),
        Err(error) if error.kind() == ErrorKind::OutOfMemory => return say(Message::OutOfMemory),
        Err(error) => return Err(error.into()),
    };
    let limits = Limits {
        complexity,
        ..Limits::default()
    };
    let found = catch_unwind(|| inspect(&source, task, &limits)).unwrap_or(Message::Panicked);
    let is_valid = matches!(found, Message::Findings(_));
    say(found)?;
    if task != Task::Load || !is_valid {
        return Ok(());
    }
    let mut asked = [0];
    // The host judges the component first, and closes the pipe if it has no use for the code.
    if input.read(&mut asked)? == 0 || asked != [GO] {
        return Ok(());
    }
    say(catch_unwind(|| compile(metering, source.as_bytes())).unwrap_or(Message::Panicked))
}

/// Validates the component and lists its imports and exports, within the limits of shape.
fn inspect(source: &Source, task: Task, limits: &Limits) -> Message {
    match findings(source, task, limits) {
        Ok(findings) => Message::Findings(Box::new(findings)),
        Err(refusal) => Message::Refused(refusal.kind, refusal.message),
    }
}

fn findings(source: &Source, task: Task, limits: &Limits) -> Result<Findings, Refusal> {
    let inspection = source.inspect_by(limits, objections)?;
    let wit = match task {
        #[cfg(feature = "wit")]
        Task::Wit => Some(source.wit_within(limits)?),
        Task::Inspect | Task::Load => None,
    };
    Ok(Findings { inspection, wit })
}

fn compile(metering: Metering, bytes: &[u8]) -> Message {
    let compiled = compiling(metering).and_then(|engine| compiler::compile(&engine, bytes));
    match compiled {
        Ok(code) => Message::Code(code),
        Err(error) if is_out_of_memory(&error) => Message::OutOfMemory,
        Err(error) => Message::NotCompiled(format!("{error:#}")),
    }
}

fn say(message: Message) -> Result<(), Box<dyn std::error::Error>> {
    Ok(message.write(std::io::stdout().lock())?)
}

/// Sets resource limits on this process, and raises the wall around it.
#[cfg(unix)]
fn restrain(memory: u64, seconds: u64) -> std::io::Result<()> {
    limit(Resource::As, memory)?;
    limit(Resource::Cpu, seconds)?;
    // The worker writes to no file.
    limit(Resource::Fsize, 0)?;
    be_a_worker()?;
    crate::wall::worker::confine()
}

/// The rules for every worker: its memory, with its secrets, is not written to a file when it crashes, and it ends with
/// its parent, since nothing reads its answers then.
#[cfg(unix)]
pub(crate) fn be_a_worker() -> std::io::Result<()> {
    limit(Resource::Core, 0)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

#[cfg(unix)]
fn limit(resource: Resource, most: u64) -> std::io::Result<()> {
    let most = Some(most);
    let both = Rlimit {
        current: most,
        maximum: most,
    };
    Ok(setrlimit(resource, both)?)
}

/// The worker does not compile on systems where it cannot set limits.
#[cfg(not(unix))]
fn restrain(_memory: u64, _seconds: u64) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::error::OutOfMemory>()
        || error.chain().any(|cause| {
            let from_system = cause.downcast_ref::<rustix::io::Errno>().copied();
            let from_system = from_system.map(|errno| std::io::Error::from(errno).kind());
            let io = cause.downcast_ref::<std::io::Error>();
            let kind = io.map(std::io::Error::kind).or(from_system);
            kind == Some(std::io::ErrorKind::OutOfMemory)
        })
}
