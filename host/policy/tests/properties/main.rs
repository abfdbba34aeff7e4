//! Properties of policies and decisions, over generated texts, policies, paths and URLs.
//!
//! Those of paths and URLs have a million cases. `TOLLGATE_SEED=1` makes another million of each, `TOLLGATE_CASES`
//! another number than a million; `PROPTEST_CASES=1000000` makes more of the others.

mod hostile_urls;
mod oracle;
mod paths;
mod policies;
mod random;
mod strategies;
mod urls;
