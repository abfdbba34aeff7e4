//! The subcommands: each file holds the options and the `run` function of one.

pub(crate) mod attack;
pub(crate) mod cache;
pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod compat;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod demo;
#[cfg(feature = "fleet")]
pub(crate) mod deploy;
pub(crate) mod document;
#[cfg(feature = "fleet")]
mod fleet_state;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod mcp;
pub(crate) mod new;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod serve;
#[cfg(feature = "fleet")]
mod serve_fleet;
pub(crate) mod sign;
#[cfg(feature = "fleet")]
pub(crate) mod submit;
pub(crate) mod test;
pub(crate) mod verify;
#[cfg(feature = "fleet")]
pub(crate) mod worker;
