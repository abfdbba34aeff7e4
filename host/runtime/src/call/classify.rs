//! Errors of the engine and of the host's own limits, told apart by type: the fault that a call ended with, or a failure
//! of the host.
//!
//! Two conditions reach the host without a type of their own. They are told apart by what is known at that moment, never
//! by their text: see [`classify_untyped`].

use tollgate_capability::{HostFailure, Interrupt, LimitReached, Phase};
use tollgate_policy::Limits;
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::call::context::CallContext;
use crate::call::fault::{Fault, FaultKind};
use crate::error::HostError;

/// What the engine's error was, given the store it happened in and whether the guest was still being
/// instantiated.
pub(crate) fn classify(
    store: &mut Store<CallContext>,
    error: &wasmtime::Error,
    instantiating: bool,
) -> Result<Fault, HostError> {
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
        return Err(HostError::new(failure));
    } else if error.is::<wasmtime::PoolConcurrencyLimitError>() || is_system_error(error) {
        // Slots are counted before an instance is made; reaching the pool's own count is our mistake.
        return Err(HostError::of_engine(error));
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

/// Whether the system failed the host, or a task of the host's died. What the system says of what a guest asked for is
/// an answer to the guest, and never comes here.
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

/// Errors that the engine raises as a bare message, or with a type it keeps to itself.
///
/// - Too much data: the one error of the engine's reading of guest values that has a type, and a private
///   one. So: raised while reading, typed, and of none of the types that reading otherwise raises.
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
    let (phase, (_, limit)) = if from_guest {
        (meter.host_phase, meter.lift_cap())
    } else {
        (meter.phase, meter.result_cap())
    };
    if phase == Phase::Lifting && !bare && !is_bad_text(error) {
        return limit_fault(limit, limits);
    }
    if bare && instantiating && !from_guest {
        return FaultKind::Instances(limits.instances);
    }
    if bare && !takes_a_handle(store) {
        return FaultKind::Handles(limits.handles);
    }
    let text = error.root_cause().to_string();
    FaultKind::Trap(format!(
        "the guest broke the component model's rules: {}",
        tollgate_component::escape::line(&text)
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
        Some(name) => tollgate_component::escape::line(&demangled(name)).into_owned(),
        None => format!("function {}", frame.func_index()),
    };
    backtrace.frames().iter().map(name).collect()
}

fn demangled(name: &str) -> String {
    // Demangling is the engine's: it expands what a guest wrote, so it gets a bounded piece.
    let end = name
        .char_indices()
        .nth(tollgate_component::escape::SHOWN)
        .map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or_default().to_owned()
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
