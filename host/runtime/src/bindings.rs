//! The host side of `tollgate:provider`, a module for each version that this host serves.
//!
//! An embedder's own world names the module of the version it stands on in `with`, so that its types and ours
//! are the same:
//!
//! ```ignore
//! wasmtime::component::bindgen!({
//!     path: ["wit/provider", "wit/ledger"],
//!     world: "tollgate:ledger/statement-importer",
//!     with: { "tollgate:provider": ::tollgate::bindings::v0_1::provider },
//!     imports: { default: async | trappable },
//!     exports: { default: async },
//! });
//! ```
//!
//! `imports/` implements the newest version, and `imports/v0_1.rs` says the older one in its words. How a version
//! comes and goes is in `docs/adr/0011-how-a-world-changes.md`.

pub mod v0_1;
pub mod v0_2;
