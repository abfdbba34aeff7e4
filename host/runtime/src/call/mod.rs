//! Calls: from a loaded provider through a session and its store to the report.

pub(crate) mod classify;
pub(crate) mod context;
pub(crate) mod deadline;
pub(crate) mod exports;
pub(crate) mod fault;
mod hook;
pub(crate) mod invoke;
pub(crate) mod provider;
pub(crate) mod report;
pub(crate) mod report_data;
mod report_fields;
pub(crate) mod report_refused;
pub(crate) mod session;
mod store;
pub(crate) mod wave;
mod weight;
