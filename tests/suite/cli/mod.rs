//! The program `tollgate` as a user meets it.

mod cache;
mod contract;
mod golden;
mod lock;
mod mistakes;
mod trust;
mod undo;
