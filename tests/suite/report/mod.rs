//! The accounts of a call: reports, numbers, text, the audit log.

mod audit;
mod json;
mod numbers;
mod observer;
mod order;
pub(crate) mod profile;
mod text;
