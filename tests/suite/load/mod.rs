//! The steps before a call: refusals, compilation, engines.

mod busy;
mod compile;
mod engines;
mod profile;
mod real_shapes;
mod refusals;
mod shape;
mod tenants;
mod vetting;
mod waiting;
