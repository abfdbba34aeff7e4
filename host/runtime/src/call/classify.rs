//! Errors of the engine and of the host's own limits, told apart by type: the fault that a call ended with, or a failure
//! of the host.
//!
//! Some conditions reach the host without a type of their own. They are told apart by the state at that moment: see
//! [`classify_untyped`]. An error of a function of the embedding program is the program's: see [`is_foreign`].

use tollgate_capability::{GuestError, HostFailure, Interrupt, LimitReached, Phase};
use tollgate_component::{Refusal, escape};
use tollgate_policy::Limits;
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::call::context::CallContext;
use crate::call::engine_text::{is_of_exports, is_of_rules, is_too_many, is_too_much};
use crate::call::exports::missing;
use crate::call::fault::{Fault, FaultKind};
use crate::call::names::demangled;
use crate::engine::FRAMES;
use crate::error::{CallError, HostError};

/// The cause of an error of the engine, given its wasmtime store and whether the guest was still being instantiated.
///
/// # Errors
///
/// The host failed, or the caller's bindings are of another world than the component's.
pub(crate) fn classify(
    store: &mut Store<CallContext>,
    error: &wasmtime::Error,
    instantiating: bool,
) -> Result<Fault, CallError> {
    let meter = &store.data().call.meter;
    let limits = std::sync::Arc::clone(&meter.limits);
    let trap = error.downcast_ref::<Trap>().copied();
    let kind = if let Some(reached) = limit_reached(error) {
        limit_fault(reached, &limits)
    } else if let Some(exit) = error.downcast_ref::<I32Exit>() {
        FaultKind::Exit(exit.0)
    } else if let Some(ResourceTableError::Full) = error.downcast_ref() {
        FaultKind::Handles(limits.handles)
    } else if let Some(failure) = host_failure(error) {
        return Err(HostError::new(failure).into());
    } else if error.is::<wasmtime::PoolConcurrencyLimitError>() || is_system_error(error) {
        // Slots are counted before an instance is made; reaching the pool's own count is our mistake.
        return Err(HostError::of_engine(error).into());
    } else if let Some(GuestError(text)) = error.downcast_ref() {
        FaultKind::Trap(escape::line(text).into_owned())
    } else if let Some(refusal) = other_exports(error) {
        return Err(refusal.into());
    } else if trap.is_none() && is_foreign(store, error, instantiating) {
        return Err(HostError::of_engine(error).into());
    } else {
        match trap {
            Some(Trap::OutOfFuel) => FaultKind::Fuel(limits.fuel),
            Some(Trap::StackOverflow) => FaultKind::Stack(limits.stack),
            // A guest that was refused memory and then trapped ran out of memory.
            _ if meter.memory_denied() => FaultKind::Memory(limits.memory),
            _ if meter.host_memory_denied() => FaultKind::HostMemory(limits.host_memory),
            _ if meter.table_denied() => FaultKind::Table(limits.table_elements),
            Some(trap) => {
                let text = trap.to_string();
                let text = text.strip_prefix("wasm trap: ").unwrap_or(&text);
                FaultKind::Trap(text.to_owned())
            }
            None => classify_untyped(store, error, &limits, instantiating),
        }
    };
    let name = match (&kind, trap) {
        (FaultKind::Trap(_), None) if error.is::<GuestError>() => Some("host-function".to_owned()),
        (FaultKind::Trap(_), None) => Some("canonical-abi".to_owned()),
        (_, Some(trap)) => Some(trap_name(trap)),
        _ => None,
    };
    Ok(Fault {
        kind,
        trap: name,
        backtrace: backtrace(error),
    })
}

/// The limit that a host function ran into.
fn limit_reached(error: &wasmtime::Error) -> Option<LimitReached> {
    match error.downcast_ref::<Interrupt>() {
        Some(Interrupt::Limit(reached)) => Some(*reached),
        _ => error.downcast_ref::<LimitReached>().copied(),
    }
}

/// A failure of the host that a host function declared as one.
fn host_failure(error: &wasmtime::Error) -> Option<&HostFailure> {
    match error.downcast_ref::<Interrupt>() {
        Some(Interrupt::Host(failure)) => Some(failure),
        _ => error.downcast_ref::<HostFailure>(),
    }
}

/// Whether the system failed the host, or a task of the host's died. The system's answer to a request of a guest is an
/// answer to the guest, and is no error of the engine.
fn is_system_error(error: &wasmtime::Error) -> bool {
    error.is::<rustix::io::Errno>()
        || error.is::<std::io::Error>()
        || error.is::<tokio::task::JoinError>()
}

fn limit_fault(reached: LimitReached, limits: &Limits) -> FaultKind {
    match reached {
        LimitReached::Fuel => FaultKind::Fuel(limits.fuel),
        LimitReached::Deadline => FaultKind::Deadline(limits.deadline),
        LimitReached::HostCalls => FaultKind::HostCalls(limits.host_calls),
        LimitReached::HostData => FaultKind::HostData(limits.host_data),
        LimitReached::Output => FaultKind::Output(limits.output),
        LimitReached::Stdio => FaultKind::Stdio(limits.stdio),
        LimitReached::Handles => FaultKind::Handles(limits.handles),
        LimitReached::HostMemory => FaultKind::HostMemory(limits.host_memory),
    }
}

/// The refusal of a component whose exports are not those that the caller's bindings are for.
fn other_exports(error: &wasmtime::Error) -> Option<Refusal> {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let at = causes.iter().position(|cause| is_of_exports(cause));
    let says = at.and_then(|at| causes.get(at..));
    // Causes in front of it are the caller's own, and may be secret.
    let says = says.filter(|_| !error.is::<WasmBacktrace>())?;
    let text = format!("what its caller's world has: {}", says.join(": "));
    Some(missing(&escape::line(&text)))
}

/// Whether an error that is of no public type is one of the embedding program: of one of its host functions, or of the
/// closure of a typed call. Its text may hold secrets that no report should contain, so it is for the log.
///
/// The engine's own errors in the same places are known by their text ([`super::engine_text`]). A text that is not known
/// is taken for the program's: after an update of the engine, a guest that broke the rules would end with a host error,
/// which the tests of the rules find.
fn is_foreign(store: &Store<CallContext>, error: &wasmtime::Error, instantiating: bool) -> bool {
    let meter = &store.data().call.meter;
    let from_guest = error.is::<WasmBacktrace>();
    let text = error.root_cause().to_string();
    let may_be = if from_guest {
        // A function of WASI or of ours blames the guest alone: their failures have types. Where no function has begun,
        // the engine reads arguments, or a function of the program has not charged.
        meter.is_embedders || meter.host_phase == Phase::Lifting
    } else if instantiating {
        // A host function that is itself the start function leaves no frame of the guest. The engine refuses an instance in a
        // known text, or because memory was denied.
        let denied = meter.memory_denied() || meter.table_denied() || meter.host_memory_denied();
        !denied && !is_too_many(&text)
    } else {
        true
    };
    let bad_text = || meter.host_phase_of(from_guest) == Phase::Lifting && is_bad_text(error);
    may_be
        && !is_of_rules(&text)
        && !is_too_much(&text)
        && (meter.is_embedders || !error.is::<ResourceTableError>())
        && !bad_text()
}

/// Errors that the engine raises as a bare message, or with a type it keeps to itself.
///
/// - Too much data: a private type. So: raised while reading, with this text.
/// - Too many handles: a bare message. The store answers the question itself: can it take one more?
/// - Too many instances: a bare message while the guest was being made, not from within guest code.
///
/// All else that comes as a bare message is a guest that broke the component model's rules: a pointer
/// out of bounds, a bad discriminant, an unknown handle. Each of these has a test (tests/suite/limits/lifting.rs).
fn classify_untyped(
    store: &mut Store<CallContext>,
    error: &wasmtime::Error,
    limits: &Limits,
    instantiating: bool,
) -> FaultKind {
    let bare = error.is::<&'static str>() || error.is::<String>();
    let from_guest = error.is::<WasmBacktrace>();
    let meter = &store.data().call.meter;
    let (_, limit) = if from_guest {
        meter.lift_cap()
    } else {
        meter.result_cap()
    };
    let text = error.root_cause().to_string();
    if meter.host_phase_of(from_guest) == Phase::Lifting && is_too_much(&text) {
        return limit_fault(limit, limits);
    }
    if bare && instantiating && !from_guest {
        return FaultKind::Instances(limits.instances);
    }
    if bare && !takes_a_handle(store) {
        return FaultKind::Handles(limits.handles);
    }
    FaultKind::Trap(format!(
        "the guest broke the component model's rules: {}",
        escape::line(&text)
    ))
}

/// Whether reading a string or a number failed on its contents.
fn is_bad_text(error: &wasmtime::Error) -> bool {
    error.is::<std::str::Utf8Error>()
        || error.is::<std::char::DecodeUtf16Error>()
        || error.is::<std::char::CharTryFromError>()
        || error.is::<std::num::TryFromIntError>()
        || error.is::<wasmtime::error::OutOfMemory>()
}

/// Whether the store can hold one more handle. Only asked of a store that is about to be dropped.
fn takes_a_handle(store: &mut Store<CallContext>) -> bool {
    struct Probe;
    Resource::<Probe>::new_own(0)
        .try_into_resource_any(store)
        .is_ok()
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => escape::line(&demangled(name)).into_owned(),
        None => format!("function {}", frame.func_index()),
    };
    // A profile's engine tells more.
    let frames = backtrace.frames().iter().take(FRAMES);
    frames.map(name).collect()
}

/// A stable name for each trap, in the words of the specification where it has some.
fn trap_name(trap: Trap) -> String {
    match trap {
        Trap::UnreachableCodeReached => "unreachable".to_owned(),
        Trap::IntegerDivisionByZero => "integer-divide-by-zero".to_owned(),
        Trap::BadConversionToInteger => "invalid-conversion-to-integer".to_owned(),
        Trap::BadSignature => "indirect-call-type-mismatch".to_owned(),
        Trap::StackOverflow => "call-stack-exhausted".to_owned(),
        // The engine's own name is good: MemoryOutOfBounds, CannotLeaveComponent.
        other => kebab(&format!("{other:?}")),
    }
}

fn kebab(camel: &str) -> String {
    let mut name = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The engine puts messages around them, and a message alone would be the guest's fault.
    #[test]
    fn errors_of_the_system_are_the_hosts() {
        let wrapped = |error: wasmtime::Error| error.context("mmap failed to reserve".to_owned());
        let errno = wasmtime::Error::from(rustix::io::Errno::NOMEM);
        let io = wasmtime::Error::from(std::io::Error::from(std::io::ErrorKind::OutOfMemory));
        assert!(is_system_error(&wrapped(errno)));
        assert!(is_system_error(&wrapped(io)));
        assert!(!is_system_error(&wrapped(wasmtime::Error::msg(
            "unknown handle index 7"
        ))));
    }

    #[test]
    fn traps_have_stable_names() {
        for (trap, name) in [
            (Trap::UnreachableCodeReached, "unreachable"),
            (Trap::MemoryOutOfBounds, "memory-out-of-bounds"),
            (Trap::TableOutOfBounds, "table-out-of-bounds"),
            (Trap::IndirectCallToNull, "indirect-call-to-null"),
            (Trap::BadSignature, "indirect-call-type-mismatch"),
            (Trap::IntegerOverflow, "integer-overflow"),
            (Trap::IntegerDivisionByZero, "integer-divide-by-zero"),
            (
                Trap::BadConversionToInteger,
                "invalid-conversion-to-integer",
            ),
            (Trap::CannotEnterComponent, "cannot-enter-component"),
            (Trap::CannotLeaveComponent, "cannot-leave-component"),
        ] {
            assert_eq!(trap_name(trap), name);
        }
    }
}
