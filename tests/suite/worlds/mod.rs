//! The worlds that providers are written against, and the sample providers.

mod attacked;
mod capabilities;
mod expected;
pub(crate) mod hooks;
mod own_interfaces;
#[cfg(feature = "polyglot")]
mod polyglot;
mod providers;
mod registry;
mod stubs;
mod versions;
mod wit;
