//! `tollgate:provider@0.2.0`: `bindgen!` and nothing else.

pub use generated::tollgate::provider;

#[expect(
    missing_docs,
    reason = "generated; the documentation is in wit/provider-0.2"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "wit/provider-0.2",
        world: "tollgate:provider/provider",
        // Async, so that a deadline can end the functions; trappable, so that a limit can end the call.
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "tollgate:provider/hash.hasher": tollgate_capability::Hasher,
            "tollgate:provider/store.bucket": tollgate_capability::store::Bucket,
        },
        require_store_data_send: true,
    });
}
