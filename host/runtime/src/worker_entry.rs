//! The entry of a program that is its own worker: which kind of worker it was started as.

use std::process::exit;

use crate::compile::worker_main;

/// Does the work and ends the process if it was started as a worker; otherwise returns. A worker vets and compiles one
/// component, or, with [`Isolation::Process`](crate::Isolation::Process), has the sessions of one provider.
///
/// Call it first in the `main` of a program that is a [`Compiler::Worker`](crate::Compiler::Worker), before the program
/// reads its arguments and starts threads.
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
    let Some(first) = args.next() else { return };
    if first == worker_main::FLAG {
        let served = worker_main::serve(args);
        exit(i32::from(served.is_err()));
    }
    #[cfg(target_os = "linux")]
    if first == crate::isolate::FLAG {
        crate::isolate::worker::serve();
    }
}
