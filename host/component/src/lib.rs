//! Facts about a WebAssembly component, read before any of it compiles: its bytes and digest, the signature beside it,
//! the shape of its code, its imports and exports, and the verdict on them under a policy.
//!
//! This crate reads bytes. It never compiles, instantiates or calls a component, and links no engine. Embedders use
//! the crate `tollgate`, which re-exports the items they need.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::string_slice))]

#[cfg(feature = "wit")]
pub mod compat;
pub mod escape;

mod charged;
mod digest;
mod docs;
mod identity;
mod inspect;
mod panics;
mod proposals;
mod refusal;
mod regular_file;
mod remedy;
mod served;
mod shape;
mod signature;
mod source;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod spec_tests;
mod unused;
pub mod value;
mod verdict;
mod vet;
#[cfg(feature = "wit")]
mod wit;
#[cfg(feature = "wit")]
mod world;

pub use charged::{ROOM_PRICE, charged};
pub use docs::Docs;
#[cfg(feature = "wit")]
pub use docs::documented;
pub use identity::{Attached, Identity, ProviderInfo, Signer};
pub use inspect::{Export, Import, Inspection, ItemKind, MAX_WIT, Mistyped, Objections};
pub use panics::panic_text;
pub use proposals::PROPOSALS;
pub use refusal::{ImportVerdict, Judgement, Refusal, RefusalKind};
#[cfg(unix)]
pub use regular_file::NONBLOCK;
pub use regular_file::open_regular;
pub use remedy::Remedy;
pub use served::{PROVIDER_VERSIONS, SERVED, Served, served, split_version};
pub use shape::{SHAPE_LIMITS, ShapeLimit};
pub use source::{Source, SourceError, signature_path};
pub use unused::unused;
pub use verdict::{Verdict, judge};
pub use vet::Vetted;
#[cfg(feature = "wit")]
pub use wit_parser;
#[cfg(feature = "wit")]
pub use world::{World, WorldError};
