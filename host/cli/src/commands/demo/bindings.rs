//! `bindgen!` and nothing else: the two domain worlds, as an embedder would call them.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    reason = "generated; the documentation is in wit/"
)]

pub(super) mod ledger {
    ::tollgate::wasmtime::component::bindgen!({
        path: ["wit/provider", "wit/ledger"],
        world: "tollgate:ledger/statement-importer",
        with: { "tollgate:provider": ::tollgate::bindings::v0_1::provider },
        imports: { default: async | trappable },
        exports: { default: async },
        wasmtime_crate: ::tollgate::wasmtime,
    });
}

pub(super) mod releases {
    ::tollgate::wasmtime::component::bindgen!({
        path: ["wit/provider", "wit/releases"],
        world: "tollgate:releases/releases",
        with: { "tollgate:provider": ::tollgate::bindings::v0_1::provider },
        imports: { default: async | trappable },
        exports: { default: async },
        wasmtime_crate: ::tollgate::wasmtime,
    });
}
