//! `bindgen!` and nothing else: interfaces of the standard for capabilities that this host also has under its own
//! names.

wasmtime::component::bindgen!({
    path: ["wit/deps/keyvalue", "wit/deps/config"],
    inline: "
        package tollgate:standard;

        world standard {
            import wasi:keyvalue/store@0.2.0-draft;
            import wasi:config/store@0.2.0-rc.1;
        }
    ",
    world: "tollgate:standard/standard",
    imports: { default: async | trappable },
    with: { "wasi:keyvalue/store.bucket": tollgate_capability::store::Bucket },
    require_store_data_send: true,
});
