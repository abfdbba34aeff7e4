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

pub mod blocking;
mod builder;
mod call;
mod compile;
mod engine;
pub mod error;
mod interface;
mod load;
mod runtime;
pub mod watch;

/// The host side of `tollgate:provider`, a module for each version that this host serves.
pub mod bindings {
    pub use crate::interface::provider_0_1::bindings as v0_1;
    pub use crate::interface::provider_0_2::bindings as v0_2;
}

pub use builder::Builder;
pub use call::context::CallContext;
pub use call::fault::{Fault, FaultKind};
pub use call::provider::Provider;
pub use call::report::{ErrorReport, Outcome, Report, Stdio, Usage, host_error_json, refused_json};
pub use call::session::{ExitCode, Guest, Session};
pub use call::wave::{WaveError, check_expression};
pub use compile::cache::{Cache, CacheEntry, CacheError, CacheRejection, CodeOrigin};
pub use compile::compiler::Compiler;
pub use compile::worker_main::run_if_worker;
pub use engine::metering::Metering;
pub use error::{CallError, HostError, LoadError, Unsupported};
pub use interface::wasi_p2::CommandInput;
pub use runtime::Runtime;
pub use tollgate_capability::http::connect::Resolver;
pub use tollgate_capability::{
    ErrorKind, GrantError, HostFailure, LogLevel, LogLine, ProviderError,
};
pub use tollgate_component::{
    CONFIG_VERSION, Export, Import, ImportVerdict, Inspection, ItemKind, Judgement,
    KEYVALUE_VERSION, PROVIDER_VERSIONS, ProviderInfo, Refusal, RefusalKind, Remedy, Signer,
    Source, SourceError, Verdict, Vetted, WASI_VERSION, escape, signature_path,
};
pub use tollgate_policy as policy;
pub use tollgate_policy::{Denial, Grants, Limits, Policy, PolicyError, SignatureError, Trust};
pub use wasmtime;
