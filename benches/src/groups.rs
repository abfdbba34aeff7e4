//! One file for each group of measurements.

pub(crate) mod concurrency;
mod errors;
#[cfg(feature = "others")]
mod fresh;
mod host_calls;
mod load;
mod metering;
mod overshoot;
mod payload;
mod process;
pub(crate) mod protections;
#[cfg(feature = "others")]
mod session;
pub(crate) mod threads;
mod warm;

use anyhow::Result;

use crate::bench::Bench;

/// A group: its name and its measurements.
pub(crate) type Group = (&'static str, fn(&mut Bench) -> Result<()>);

/// All of them, in the order in which they run.
pub(crate) const GROUPS: &[Group] = &[
    #[cfg(feature = "others")]
    ("fresh", fresh::run),
    #[cfg(feature = "others")]
    ("session", session::run),
    ("warm", warm::run),
    ("protections", protections::run),
    ("metering", metering::run),
    ("payload", payload::run),
    ("host-calls", host_calls::run),
    ("concurrency", concurrency::run),
    ("threads", threads::run),
    ("load", load::run),
    ("process", process::run),
    ("errors", errors::run),
    ("overshoot", overshoot::run),
];
