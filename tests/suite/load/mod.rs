//! What happens before a call: refusals, compilation, engines.

mod compile;
mod engines;
mod profile;
mod refusals;
mod shape;
mod vetting;
