//! Properties of policies and decisions, over generated texts, policies, paths and URLs.
//!
//! `PROPTEST_CASES` says how many cases of each there are.

mod paths;
mod policies;
mod strategies;
mod urls;
