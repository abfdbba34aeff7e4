//! The choice of the process in which components are vetted and compiled, and the refusals that come of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate_policy::Limits;
use wasmtime::Engine;
use wasmtime_environ::component::{ComponentTypesBuilder, Translator};
use wasmtime_environ::wasmparser::Validator;
use wasmtime_environ::{ScopeVec, Tunables};

use super::typed::mistyped;
use crate::error::{MAX_CAUSE, Unsupported};
use crate::wire;
use tollgate_component::{Objections, Refusal, RefusalKind, Remedy, charged};

/// The process that components are vetted and compiled in.
///
/// The component's bytes, which may be hostile, determine how much time and memory validating and compiling take, and
/// neither the parser nor the engine promises bounds. Components of a shape known to be out of proportion are refused
/// early (docs/security/limits.md); a worker bounds the rest. Size, signature and pin are checked before, in this
/// process: that hashes the bytes and parses nothing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Compiler {
    /// In this process. **The process is not protected from a component that takes too long or too much memory to be
    /// validated or compiled, or that crashes the compiler**, and the limits `compile-time` and `compile-memory` cannot
    /// be kept: a policy in which they differ from the defaults is refused. A load that is given up continues to its
    /// end. Use it for trusted components, or in a process that may die.
    #[default]
    InProcess,
    /// In a process of its own for each component (on Unix), under the limits `compile-time` and `compile-memory`; it is
    /// killed when it reaches them, and when its load is given up.
    /// [`Builder::workers`](crate::Builder::workers) bounds how many run at the same time. `program` calls [`run_if_worker`](crate::run_if_worker) first
    /// and is built with the same version of this library.
    Worker {
        /// The program to start. It gets an empty environment.
        program: PathBuf,
    },
}

impl Compiler {
    /// A worker that runs this same program, which must call
    /// [`run_if_worker`](crate::run_if_worker) first.
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

    /// Refuses limits of vetting and compiling that cannot be kept; default values count as not set.
    pub(crate) fn supports(&self, limits: &Limits) -> Result<(), Unsupported> {
        let default = Limits::default();
        let asked = limits.compile_time != default.compile_time
            || limits.compile_memory != default.compile_memory;
        if asked && matches!(self, Compiler::InProcess) {
            return Err(Unsupported::CompileLimits);
        }
        Ok(())
    }
}

/// The interval at which a load that waits checks whether its caller has given up.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// Why the engine does not compile a valid component, if it does not: by the first step of compiling it, which makes no
/// machine code. So each command refuses the same components as one that compiles.
fn unsupported(bytes: &[u8]) -> Option<String> {
    let tunables = Tunables::default_host();
    let scope = ScopeVec::new();
    let mut validator = Validator::new_with_features(tollgate_component::PROPOSALS);
    let mut types = ComponentTypesBuilder::new(&validator);
    let translator = Translator::new(&tunables, &mut validator, &mut types, &scope);
    let why = match charged(bytes) {
        Ok(bytes) => format!("{:#}", translator.translate(&bytes).err()?),
        Err(why) => why,
    };
    Some(wire::cut(&why, MAX_CAUSE).to_owned())
}

/// The reasons for which the engine refuses valid bytes, found without making machine code.
pub(crate) fn objections(bytes: &[u8]) -> Objections {
    match unsupported(bytes) {
        Some(why) => Objections {
            unsupported: Some(why),
            mistyped: None,
        },
        None => Objections {
            unsupported: None,
            mistyped: mistyped(bytes),
        },
    }
}

/// The same in a process that lives on when the engine panics.
pub(crate) fn objections_here(bytes: &[u8]) -> Objections {
    catch_unwind(|| objections(bytes)).unwrap_or_else(|panic| {
        let text = tollgate_component::panic_text(&*panic);
        tracing::error!(panic = text, "the compiler panicked");
        Objections {
            unsupported: Some("the compiler panicked".to_owned()),
            mistyped: None,
        }
    })
}

/// The machine code of a component, in which strings between its components cost fuel.
pub(crate) fn compile(engine: &Engine, original: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let bytes = charged(original).map_err(wasmtime::Error::msg)?;
    engine.precompile_component(&bytes)
}

/// Compiles in this process, to machine code for any engine of the same settings.
pub(crate) fn in_process(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    match catch_unwind(AssertUnwindSafe(|| compile(engine, bytes))) {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Err(not_compiled(&format!("{error:#}"))),
        Err(panic) => {
            let text = tollgate_component::panic_text(&*panic);
            tracing::error!(panic = text, "the compiler panicked");
            Err(failed("the compiler", "it panicked"))
        }
    }
}

pub(crate) fn not_compiled(text: &str) -> Refusal {
    // The engine calls every component a module.
    let text = text
        .strip_prefix("failed to parse WebAssembly module: ")
        .unwrap_or(text);
    Refusal::not_compiled(text)
}

/// The refusal of a component that takes longer than allowed. `what` names the step, such as `compiling`.
pub(crate) fn too_slow(what: &str, limits: &Limits) -> Refusal {
    let text = format!(
        "{what} it takes longer than the {:?} allowed; raise `limits.compile-time` in the policy",
        limits.compile_time
    );
    Refusal::new(RefusalKind::CompileLimit, text).with_remedy(Remedy::RaiseLimit("compile-time"))
}

pub(crate) fn too_large(what: &str, limits: &Limits) -> Refusal {
    let text = format!(
        "{what} it takes more than the {} bytes of memory allowed; raise `limits.compile-memory` in the policy",
        limits.compile_memory
    );
    Refusal::new(RefusalKind::CompileLimit, text).with_remedy(Remedy::RaiseLimit("compile-memory"))
}

/// The refusal of a component on which `what` failed.
pub(crate) fn failed(what: &str, how: &str) -> Refusal {
    let text = format!("{what} failed on this component: {how}");
    Refusal::new(RefusalKind::CompileLimit, text)
}

/// The refusal that ends a load whose caller is gone.
pub(crate) fn given_up() -> Refusal {
    Refusal::new(RefusalKind::CompileLimit, "the load was given up")
}
