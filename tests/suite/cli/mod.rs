//! The program `tollgate` as a user meets it.

mod assumed;
mod attack;
mod cache;
mod cases;
mod check;
mod compat;
mod contract;
mod convenience;
mod document;
mod examples;
mod found_policy;
mod golden;
mod input;
mod interrupt;
mod json;
mod lock;
mod mistakes;
mod new;
pub(crate) mod new_host;
mod new_worlds;
mod policy;
mod profile;
mod trust;
mod undo;
mod words;
