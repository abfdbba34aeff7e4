//! The permissions of a provider: limits, grants and the decisions on requests, as pure data.
//!
//! A [`Policy`] has three parts: [`Limits`] (finite numbers, one per resource that can run out), [`Grants`] (the access
//! of a provider; none by default) and [`Trust`] (the signature that a component must have).
//!
//! # Read a policy
//!
//! A policy is TOML. Every unknown key or value is refused, with its position and a fix, all of them at once:
//!
//! ```
//! use std::path::Path;
//! use tollgate_policy::Policy;
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
//! let error = Policy::parse("[limits]\nmemry = 1", Path::new("")).unwrap_err();
//! assert!(error.to_string().starts_with("2:1: limits.memry: unknown key; did you mean `memory`?"));
//! # Ok::<(), tollgate_policy::PolicyError>(())
//! ```
//!
//! # Decide on a request
//!
//! The functions of [`decide`] answer a request with its details or with a [`Reason`]. The interfaces of `tollgate` and
//! those of WASI call the same functions:
//!
//! ```
//! use std::path::Path;
//! use tollgate_policy::{Access, Policy, Reason, decide};
//!
//! let text = r#"grants.files = [{ root = "data", path = "./data", access = "read" }]"#;
//! let grants = Policy::parse(text, Path::new("/etc/tollgate"))?.grants;
//!
//! assert!(decide::files(&grants, "data", "a/b.txt", Access::Read).is_ok());
//! let denied = decide::files(&grants, "data", "../secret", Access::Read);
//! assert_eq!(denied, Err(Reason::OutsideRoot));
//! # Ok::<(), tollgate_policy::PolicyError>(())
//! ```
//!
//! # List the keys of a policy
//!
//! [`Limits::KEYS`] and [`toml::TABLES`] describe every key with its type, its default and its meaning. The reader uses
//! the same tables, so a reference page made from them is complete.
//!
//! # No I/O
//!
//! It opens no file, uses no network, reads no environment variable and no clock. A decision depends on its arguments
//! and on nothing else.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::string_slice))]

pub mod capability;
mod ceiling;
pub mod decide;
pub mod error;
pub mod grants;
pub mod limits;
pub mod policy;
#[cfg(test)]
mod reference;
pub mod toml;
pub mod trust;

pub use capability::Capability;
pub use decide::{
    Denial, FileDecision, FileUse, HttpDecision, Reason, StoreRequest, StoreUsage, Target,
};
pub use error::{Excerpt, Mistake, PolicyError, ValueError};
pub use grants::{
    Access, Block, Clocks, Credential, FileGrant, GrantName, Grants, HttpGrant, Network,
    Parameters, Preopen, Protected, Random, Rule, SecretSource, StoreGrant, Streams, WasiGrant,
};
pub use limits::{LimitKey, Limits};
pub use policy::Policy;
pub use toml::messages::nearest;
pub use toml::units::Unit;
pub use trust::{KeyId, Lock, Pin, PublicKey, Signature, SignatureError, Trust};
