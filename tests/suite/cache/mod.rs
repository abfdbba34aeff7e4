//! The cache of compiled code.

mod files;
mod seal;
mod size;
