//! Options that several subcommands share.

pub(crate) mod assumed;
pub(crate) mod cache;
pub(crate) mod component;
#[cfg(feature = "fleet")]
pub(crate) mod fleet;
pub(crate) mod folder;
pub(crate) mod limits;
pub(crate) mod policy;
pub(crate) mod remedy;
pub(crate) mod wall;
