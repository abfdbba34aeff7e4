//! Calls: from a loaded provider through a session and its store to the report.

pub(crate) mod arguments;
pub(crate) mod charged;
pub(crate) mod classify;
pub(crate) mod context;
pub(crate) mod deadline;
mod engine_text;
pub(crate) mod exports;
pub(crate) mod fault;
pub(crate) mod handle;
mod hook;
pub(crate) mod invoke;
pub(crate) mod names;
mod panic;
pub(crate) mod provider;
mod provider_again;
pub(crate) mod report;
pub(crate) mod report_data;
mod report_fields;
pub(crate) mod report_interrupted;
pub(crate) mod report_refused;
mod sampling;
pub(crate) mod session;
mod store;
pub(crate) mod wave;
mod wave_arguments;
pub(crate) mod wave_tokens;
mod weight;
