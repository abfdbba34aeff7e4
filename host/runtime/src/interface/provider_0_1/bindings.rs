//! `tollgate:provider@0.1.0`: `bindgen!` and nothing else. Unchanged types are those of the newest version.

/// The interfaces.
pub mod provider {
    pub use super::generated::tollgate::provider::{config, files, hash, http, log, store};
    pub use crate::interface::provider_0_2::bindings::provider::types;
}

#[expect(
    missing_docs,
    reason = "generated; the documentation is in wit/provider"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "wit/provider",
        world: "tollgate:provider/provider",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "tollgate:provider/types": crate::interface::provider_0_2::bindings::provider::types,
            "tollgate:provider/hash.hasher": tollgate_capability::Hasher,
            "tollgate:provider/store.bucket": tollgate_capability::store::Bucket,
        },
        require_store_data_send: true,
    });
}
