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

pub mod capability;
pub mod decide;
pub mod error;
pub mod grants;
pub mod limits;
pub mod policy;
pub mod toml;
pub mod trust;

pub use capability::Capability;
pub use decide::{Denial, FileDecision, FileUse, Reason, StoreRequest, StoreUsage, Target};
pub use error::{PolicyError, ValueError};
pub use grants::{
    Access, Clocks, Credential, FileGrant, Grants, HttpGrant, Random, SecretSource, StoreGrant,
    Streams, WasiGrant,
};
pub use limits::{LimitKey, Limits};
pub use policy::Policy;
pub use toml::units::Unit;
pub use trust::{KeyId, Lock, Pin, PublicKey, Signature, SignatureError, Trust};
