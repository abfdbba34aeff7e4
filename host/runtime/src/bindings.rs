//! `bindgen!` and nothing else: the host side of `tollgate:provider`.
//!
//! An embedder's own world names these modules in `with`, so that its types and ours are the same:
//!
//! ```ignore
//! wasmtime::component::bindgen!({
//!     path: ["wit/provider", "wit/ledger"],
//!     world: "tollgate:ledger/statement-importer",
//!     with: { "tollgate:provider": ::tollgate::bindings::tollgate::provider },
//!     imports: { default: async | trappable },
//!     exports: { default: async },
//! });
//! ```
#![expect(
    missing_docs,
    reason = "generated; the documentation is in wit/provider"
)]

wasmtime::component::bindgen!({
    path: "../../wit/provider",
    world: "tollgate:provider/provider",
    // Async, so that a deadline reaches into them; trappable, so that a limit can end the call.
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "tollgate:provider/hash.hasher": crate::imports::hash::Hasher,
        "tollgate:provider/store.bucket": crate::imports::store::Bucket,
    },
    require_store_data_send: true,
});
