//! Tollgate runs WebAssembly components that nobody should have to trust.
//!
//! A component is loaded under a [`Policy`]: every import is judged before anything is compiled, and
//! only what the policy grants is linked. Each call then pays its toll in fuel, memory, time, host calls
//! and bytes, and ends in a [`Report`].
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
//!     Outcome::Failed(error) => eprintln!("the provider says: {}", error.message()),
//!     Outcome::Faulted(fault) => eprintln!("stopped: {fault}"),
//! }
//! println!("{} fuel, {} bytes of memory", report.usage.fuel, report.usage.memory_peak);
//! # Ok(()) }
//! ```
//!
//! The async API is the same without `blocking`; it needs a tokio runtime with its timer enabled, and for
//! HTTP its I/O (`enable_all`). Worlds of your own are called through [`Session::call`] with the bindings that
//! `bindgen!` generates; see [`bindings`] and `examples/`. A folder of providers that are replaced while they serve
//! is [`watch`]'s.

mod admission;
mod audit;
pub mod bindings;
mod bindings_standard;
pub mod blocking;
mod cache;
mod call;
mod code;
mod compile;
pub mod compile_worker;
mod database;
mod egress;
mod engine;
mod error;
pub mod escape;
mod fault;
mod imports;
mod inspect;
mod meter;
mod outgoing;
mod profile;
mod provider;
mod reach;
mod remedy;
mod report;
mod runtime;
mod scan;
mod secrets;
mod session;
mod signature;
mod source;
mod state;
mod stores;
mod ticker;
mod verdict;
pub mod watch;
mod wave;
mod wit;

pub use cache::{Cache, CacheEntry, CacheError, Compiled, Distrust};
pub use compile::Compiler;
pub use egress::Resolver;
pub use error::{CallError, HostError, LoadError, Refusal, RefusalKind};
pub use fault::{Fault, FaultKind, HostFailure};
pub use imports::types::Error;
pub use imports::wasi::CommandInput;
pub use inspect::{Export, Import, Inspection, ItemKind};
pub use profile::Profile;
pub use provider::Provider;
pub use remedy::Remedy;
pub use report::{
    Describe, LogLine, Outcome, ProviderInfo, Report, Stdio, Usage, host_error_json, refused_json,
};
pub use runtime::{Builder, Runtime};
pub use session::{ExitCode, Guest, Session};
pub use signature::Signer;
pub use source::{Source, Vetted, signature_path};
pub use state::HostState;
pub use tollgate_policy as policy;
pub use tollgate_policy::{Denial, Grants, Limits, Policy, PolicyError, SignatureFault, Trust};
pub use verdict::{
    CONFIG_VERSION, ImportVerdict, Judgement, KEYVALUE_VERSION, PROVIDER_VERSIONS, Verdict,
    WASI_VERSION,
};
pub use wave::{WaveError, check_expression};
pub use wit::wit;
