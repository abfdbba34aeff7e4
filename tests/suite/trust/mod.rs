//! Signatures and keys.

mod minisign;
mod signatures;
