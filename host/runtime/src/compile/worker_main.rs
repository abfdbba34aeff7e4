//! The worker process: it reads one component, writes machine code, and ends.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::panic::catch_unwind;
use std::process::exit;

use tollgate_policy::Limits;

use crate::engine::compiling;
use crate::engine::metering::Metering;

/// The first argument that makes a program a worker.
const FLAG: &str = "--tollgate-compile-worker";

/// The first byte of an answer: its kind.
const CODE: u8 = 0;
const MALFORMED: u8 = 1;
const OUT_OF_MEMORY: u8 = 2;
const PANICKED: u8 = 3;

/// The answer of a worker.
pub(crate) enum WorkerReply {
    Code(Vec<u8>),
    Malformed(String),
    OutOfMemory,
    Panicked,
}

/// Compiles one component and ends the process if it was started as a worker; otherwise returns.
///
/// Call it first in the `main` of a program that is a [`Compiler::Worker`](crate::Compiler::Worker), before the program
/// reads its arguments.
///
/// ```no_run
/// use tollgate::{Compiler, Runtime};
///
/// fn main() -> std::io::Result<()> {
///     tollgate::run_if_worker();
///     let runtime = Runtime::builder().compiler(Compiler::this_program()?).build();
///     // …
///     Ok(())
/// }
/// ```
pub fn run_if_worker() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == FLAG) {
        let served = serve(args);
        exit(i32::from(served.is_err()));
    }
}

/// The arguments of a worker: its flag, the metering and its limits.
pub(crate) fn arguments(metering: Metering, limits: &Limits) -> [String; 4] {
    // The parent enforces the time limit by its clock; this limit is for a worker whose parent is gone.
    let threads = threads();
    let seconds = limits.compile_time.as_secs() + 1;
    [
        FLAG.to_owned(),
        metering.label().to_owned(),
        limits.compile_memory.to_string(),
        seconds.saturating_mul(threads).to_string(),
    ]
}

/// The number of threads that a worker compiles with.
pub(crate) fn threads() -> u64 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u64)
}

/// Parses the answer of a worker. `None` if the answer is incomplete.
pub(crate) fn read(mut said: Vec<u8>) -> Option<WorkerReply> {
    let (head, body) = said.split_at_checked(1 + blake3::OUT_LEN)?;
    let (kind, digest) = head.split_first()?;
    let kind = *kind;
    if blake3::hash(body).as_bytes() != digest {
        return None;
    }
    #[expect(clippy::disallowed_methods, reason = "it was split there above")]
    let body = said.split_off(1 + blake3::OUT_LEN);
    match kind {
        CODE => Some(WorkerReply::Code(body)),
        MALFORMED => Some(WorkerReply::Malformed(
            String::from_utf8_lossy(&body).into_owned(),
        )),
        OUT_OF_MEMORY => Some(WorkerReply::OutOfMemory),
        PANICKED => Some(WorkerReply::Panicked),
        _ => None,
    }
}

fn serve(mut args: impl Iterator<Item = OsString>) -> Result<(), Box<dyn std::error::Error>> {
    let metering = args.next().and_then(|label| Metering::of(label.to_str()?));
    let mut number = || args.next()?.to_str()?.parse::<u64>().ok();
    let (Some(metering), Some(memory), Some(seconds)) = (metering, number(), number()) else {
        return Err("started by hand".into());
    };
    // The limits are set before a byte of the component is read.
    restrain(memory, seconds)?;
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let (kind, body) = match catch_unwind(|| compiling(metering)?.precompile_component(&bytes)) {
        Ok(Ok(code)) => (CODE, code),
        Ok(Err(error)) if is_out_of_memory(&error) => (OUT_OF_MEMORY, Vec::new()),
        Ok(Err(error)) => (MALFORMED, format!("{error:#}").into_bytes()),
        Err(_) => (PANICKED, Vec::new()),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&[kind])?;
    out.write_all(blake3::hash(&body).as_bytes())?;
    out.write_all(&body)?;
    Ok(out.flush()?)
}

/// Sets resource limits on this process, and raises the wall around it.
#[cfg(unix)]
fn restrain(memory: u64, seconds: u64) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |resource, most| {
        let most = Some(most);
        setrlimit(
            resource,
            Rlimit {
                current: most,
                maximum: most,
            },
        )
    };
    limit(Resource::As, memory)?;
    limit(Resource::Cpu, seconds)?;
    limit(Resource::Core, 0)?;
    // The worker writes to no file.
    limit(Resource::Fsize, 0)?;
    // When the parent is gone, nothing reads the answer.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    crate::wall::worker::confine()
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

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;

    /// A reply that was cut or changed on its way is none: its code would be executed.
    #[test]
    fn a_changed_reply_is_none() {
        let body = b"code";
        let mut reply = vec![CODE];
        reply.extend_from_slice(blake3::hash(body).as_bytes());
        reply.extend_from_slice(body);
        assert!(matches!(read(reply.clone()), Some(WorkerReply::Code(code)) if code == body));
        for at in 1..reply.len() {
            let mut changed = reply.clone();
            changed[at] ^= 1;
            assert!(read(changed).is_none(), "byte {at}");
        }
        for end in 0..reply.len() {
            assert!(read(reply[..end].to_vec()).is_none(), "{end} bytes");
        }
    }
}
