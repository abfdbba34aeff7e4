//! What a provider may do: limits, grants and the decisions on them, as pure data.
//!
//! A [`Policy`] is [`Limits`] (finite numbers, one per thing that can run out), [`Grants`] (what a
//! provider may reach; the default is nothing) and [`Trust`] (who must have signed it). It is read from TOML, where everything unknown is refused
//! with its place and a cure:
//!
//! ```
//! use std::path::Path;
//! use tollgate_policy::{Access, Policy, Reason, decide};
//!
//! let text = r#"
//! [limits]
//! memory = "64MiB"
//!
//! [[grants.files]]
//! root = "data"
//! path = "./data"
//! access = "read"
//! "#;
//! let policy = Policy::parse(text, Path::new("/etc/tollgate"))?;
//! assert_eq!(policy.limits.memory, 64 << 20);
//!
//! // The same decision serves whoever asks: an interface of ours or one of WASI.
//! assert!(decide::files(&policy.grants, "data", "a/b.txt", Access::Read).is_ok());
//! let denied = decide::files(&policy.grants, "data", "../secret", Access::Read);
//! assert_eq!(denied, Err(Reason::OutsideRoot));
//!
//! let error = Policy::parse("[limits]\nmemry = 1", Path::new("")).unwrap_err();
//! assert!(error.to_string().starts_with("2:1: limits.memry: unknown key; did you mean `memory`?"));
//! # Ok::<(), tollgate_policy::PolicyError>(())
//! ```
//!
//! Nothing here touches a file, the network, the environment or the clock: a decision depends on its
//! arguments and on nothing else.

pub mod base64;
pub mod decide;
pub mod denied;
mod document;
pub mod egress;
pub mod error;
pub mod file;
mod file_http;
mod file_trust;
mod flag;
pub mod grants;
pub mod http;
pub mod imports;
pub mod limits;
pub mod lock;
mod names;
pub mod signature;
pub mod store;
mod time;
pub mod trust;
pub mod units;
mod url;
pub mod wasi;
mod words;
mod write;

pub use decide::{FileDecision, FileUse, StoreRequest, StoreUsage};
pub use denied::{Denial, Reason};
pub use egress::Target;
pub use error::{PolicyError, ValueError};
pub use file::Policy;
pub use grants::{Access, FileGrant, Grants};
pub use http::{Credential, HttpGrant, SecretSource};
pub use imports::Capability;
pub use limits::{LimitKey, Limits};
pub use lock::{Lock, Pin};
pub use signature::{Signature, SignatureFault};
pub use store::StoreGrant;
pub use trust::{KeyId, PublicKey, Trust};
pub use units::Unit;
pub use wasi::{Clocks, Random, Streams, WasiGrant};
