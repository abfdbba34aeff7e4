//! The worlds that providers are written against, and the sample providers.

mod capabilities;
pub(crate) mod hooks;
#[cfg(feature = "polyglot")]
mod polyglot;
mod providers;
mod registry;
mod versions;
mod wit;
