//! Properties of policies and decisions, over generated texts, policies, paths and URLs.
//!
//! The properties of paths and URLs have a million cases. `TOLLGATE_SEED=1` runs another million of each, and
//! `TOLLGATE_CASES` sets another number; `PROPTEST_CASES=1000000` runs more cases of the others.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "generators may panic, and policies meet no guest"
)]

mod decodings;
mod hostile_urls;
mod networks;
mod oracle;
mod paths;
mod policies;
mod random;
mod strategies;
mod trusts;
mod urls;
