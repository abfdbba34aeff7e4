//! Tollgate runs untrusted WebAssembly components under a policy.
//!
//! A [`Provider`] is a component loaded under a [`Policy`]: its imports are judged before anything compiles, and only
//! the interfaces that the policy grants are linked. Each call pays in fuel, memory, time, host calls and bytes, and
//! ends in a [`Report`].
//!
//! # Call a provider
//!
//! ```
//! use tollgate::{Outcome, Policy, Source, blocking::Runtime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy::parse("limits.fuel = 10_000_000", std::path::Path::new("."))?;
//! # let echo = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/echo.wasm"));
//! let source = Source::file(echo, &policy.limits)?;
//!
//! let provider = Runtime::new().load(&source, &policy)?;
//! let report = provider.session().run(b"hello")?;
//!
//! match report.outcome {
//!     Outcome::Returned(bytes) => assert_eq!(bytes, b"hello"),
//!     Outcome::Failed(error) => eprintln!("the provider says: {error}"),
//!     Outcome::Faulted(fault) => eprintln!("stopped: {fault}"),
//! }
//! println!("{} fuel, {} bytes of memory", report.usage.fuel, report.usage.memory_peak);
//! # Ok(()) }
//! ```
//!
//! The async API is the same without [`blocking`]. It needs a tokio runtime with its timer enabled, and for HTTP its
//! I/O (`enable_all`).
//!
//! # Read the needs of a refused component
//!
//! A component that asks for more than the policy grants is refused before any of its code runs. The refusal lists all
//! of its denied imports, each with the line of policy that grants it:
//!
//! ```
//! use tollgate::{LoadError, Policy, Source, blocking::Runtime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/checksums.wasm"));
//! let policy = Policy::default();
//! let source = Source::file(path, &policy.limits)?;
//! let Err(LoadError::Refused(refusal)) = Runtime::new().load(&source, &policy) else {
//!     panic!("it imports log, hash and files, and nothing is granted");
//! };
//! assert!(refusal.to_string().contains("add `grants.log = true` to the policy"));
//! # Ok(()) }
//! ```
//!
//! Types of this step: [`load`], [`component`], [`policy`].
//!
//! # Call a world of your own
//!
//! [`Session::call`] runs typed calls with the bindings that `bindgen!` generates from your WIT, under the same limits.
//! [`Provider::expects`] checks beforehand that the component is one of that world.
//! [`bindings`] are the host's side of `tollgate:provider`, to be named in `with`; [`wasmtime`] is re-exported, so that
//! an embedder uses the same version with the same features. The examples `ledger` and `releases` are whole programs.
//!
//! # Call any export
//!
//! [`Provider::functions`] lists exported functions with their types, and [`Session::invoke`] calls one with values;
//! [`Session::wave`] does the same with text. Types of this step: [`value`].
//!
//! # Offer an interface of your own
//!
//! [`Builder::interface`] adds host functions of the embedder, which a policy grants by name under
//! `grants.interfaces`, and [`Builder::interface_with`] some whose grant has parameters. Each begins with
//! [`CallContext::charge`], which counts it and gives a [`Charged`] with the rest: data, resources, decisions. An error
//! of such a function is the host's: the report shows a number, and the text goes to the log. A
//! [`GuestError`](load::GuestError) is the guest's.
//!
//! # Ask before a request is allowed
//!
//! A rule of the policy with `ask = true` allows a request once an [`Approver`](approve::Approver) has said yes:
//! [`Session::with_approver`] takes one. Without one such requests are denied.
//!
//! # Serve many tenants
//!
//! [`Provider::with_policy`] is a loaded component under another policy, without compiling it again.
//!
//! # Vet and compile untrusted components in a worker
//!
//! The validator and the compiler have no limits of their own. With [`Compiler::Worker`] a separate process does both,
//! under the policy's `compile-time` and `compile-memory`, for [`Runtime::load`] and for [`Runtime::inspect`]:
//!
//! ```no_run
//! use tollgate::{Compiler, Runtime};
//!
//! fn main() -> std::io::Result<()> {
//!     tollgate::run_if_worker(); // first: this program is its own worker
//!     let runtime = Runtime::builder().compiler(Compiler::this_program()?).build();
//!     // …
//!     Ok(())
//! }
//! ```
//!
//! # Keep sessions in a process of their own
//!
//! [`Isolation::Process`] has the sessions of each provider in a process beside this one, which a crash of the engine ends
//! alone and which a [wall] is around. The API is the same.
//!
//! # Keep compiled code
//!
//! [`Builder::cache`] keeps compiled code in a folder, sealed, so that a component is compiled once; see [`cache`].
//!
//! # Serve a folder of providers
//!
//! [`Runtime::watch`] loads every component of a folder and replaces each whole when its files change; see [`watch`].
//!
//! # Watch the runtime
//!
//! [`Builder::observer`] takes an [`Observer`](observe::Observer), which is told of loads, calls and decisions. A
//! [`Catalog`] is a set of providers by name; a watched folder is one.
//!
//! # See where the fuel goes
//!
//! [`Profile`] samples the stacks of calls by fuel, not by time: the same call gives the same profile.
//!
//! # Read a report
//!
//! Reports are serialized as the command line writes them ([`Report::to_json`]), and read back. Guest text in them stays
//! as the guest wrote it: [`escape`] makes it safe to show. Types of this step: [`report`].
//!
//! # Features
//!
//! `http`, `store`, `watch` and `wit`, all of them default. Without `http` or `store`, a policy that grants it is refused at
//! load. The functions of a feature are there with it only: `Builder::resolver` and `Builder::root_certificate` of `http`,
//! [`Runtime::watch`] of `watch`, [`Runtime::wit`] and [`Provider::expects`] of `wit`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::string_slice))]

pub mod blocking;
mod builder;
mod call;
mod catalog;
mod compile;
mod engine;
mod error;
mod host;
mod inspect;
mod interface;
mod isolate;
pub mod load;
pub mod observe;
mod preflight;
pub mod profile;
mod runtime;
pub mod wall;
#[cfg(feature = "watch")]
pub mod watch;
mod wire;
mod worker_entry;

pub use builder::Builder;
pub use call::charged::Charged;
pub use call::context::CallContext;
pub use call::fault::Fault;
pub use call::provider::Provider;
pub use call::report::{Outcome, Report};
pub use call::session::{Guest, Session};
pub use catalog::Catalog;
pub use compile::compiler::Compiler;
pub use engine::metering::Metering;
pub use error::{CallError, HostError, LoadError};
pub use isolate::Isolation;
pub use profile::Profile;
pub use runtime::Runtime;
pub use tollgate_capability::ProviderError;
pub use tollgate_component::{Source, escape, value};
pub use tollgate_policy as policy;
pub use tollgate_policy::{Limits, Policy};
pub use wasmtime;
pub use worker_entry::run_if_worker;

/// The host side of `tollgate:provider`, a module for each version that this host serves.
///
/// An embedder's own world names the module of the version it stands on in `with`, so that its types and ours are the
/// same:
///
/// ```ignore
/// tollgate::wasmtime::component::bindgen!({
///     path: ["wit/provider", "wit/ledger"],
///     world: "tollgate:ledger/statement-importer",
///     with: { "tollgate:provider": ::tollgate::bindings::v0_1::provider },
///     imports: { default: async | trappable },
///     exports: { default: async },
///     wasmtime_crate: ::tollgate::wasmtime,
/// });
/// ```
pub mod bindings {
    pub use crate::interface::provider_0_1::bindings as v0_1;
    pub use crate::interface::provider_0_2::bindings as v0_2;
}

/// Questions of rules that ask, and the approvers that answer them: see [`Session::with_approver`].
pub mod approve {
    pub use tollgate_capability::{Answer, Answered, Approver, PendingAnswer, Question};
}

/// Reports: the results of a call, and the component it was made to.
pub mod report {
    pub use crate::call::fault::FaultKind;
    pub use crate::call::invoke::ReturnedError;
    pub use crate::call::report::{ErrorReport, Stdio, Usage};
    pub use crate::call::report_data::ReportedError;
    pub use crate::call::report_interrupted::{InterruptedData, InterruptedReport};
    pub use crate::call::report_refused::{
        HostErrorData, HostErrorReport, ImportData, RefusalData, RefusedReport,
    };
    pub use crate::call::session::ExitCode;
    pub use crate::call::wave::WaveError;
    pub use tollgate_capability::{ErrorKind, LogLevel, LogLine};
    pub use tollgate_component::{ProviderInfo, Signer};
    pub use tollgate_policy::Denial;
}

/// Requests of HTTP that components of `wasi:http/proxy` answer; see [`Session::handle`].
pub mod http {
    pub use crate::call::handle::HandlerError;
    pub use crate::interface::wasi_p2::{Incomplete, ResponseBody};
}

/// The cache of compiled code.
pub mod cache {
    pub use crate::compile::cache::{Cache, CacheEntry, CacheError, CacheRejection, CodeOrigin};
}

/// Components before they are compiled: imports, exports and the verdict on them.
pub mod component {
    pub use tollgate_component::{
        Docs, Export, Identity, Import, ImportVerdict, Inspection, ItemKind, Judgement, Mistyped,
        Objections, PROVIDER_VERSIONS, SERVED, Served, Verdict, Vetted, signature_path,
    };
    #[cfg(feature = "wit")]
    pub use tollgate_component::{World, WorldError, compat, documented};
}

/// The inputs of WASI commands, and arguments of calls in WAVE notation.
pub mod embed {
    pub use crate::call::wave::check_expression;
    #[doc(hidden)]
    pub use crate::call::wave_tokens::token_length;
    pub use crate::interface::wasi_p2::{CommandInput, Stdin, inherited_output};
}
