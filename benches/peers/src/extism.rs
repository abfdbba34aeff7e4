//! Extism: a plugin made of a compiled plugin, for one call or for many. Nothing is limited, which is its default.

use std::path::Path;

use anyhow::Result;
use extism::{CompiledPlugin, Manifest, PluginBuilder, Wasm};

/// A compiled plugin.
pub struct Plugin(CompiledPlugin);

impl Plugin {
    /// Compiles one. The cache is for the next process, and off.
    pub fn load(file: &Path) -> Result<Plugin> {
        let manifest = Manifest::new([Wasm::data(std::fs::read(file)?)]);
        let builder = PluginBuilder::new(manifest).with_cache_disabled();
        Ok(Plugin(builder.compile()?))
    }

    /// The same with instances that are kept ready by its engine, as Tollgate's are.
    pub fn load_pooled(file: &Path) -> Result<Plugin> {
        let manifest = Manifest::new([Wasm::data(std::fs::read(file)?)]);
        let mut pool = extism_engine::PoolingAllocationConfig::default();
        pool.linear_memory_keep_resident(64 << 10);
        let mut config = extism_engine::Config::new();
        config.allocation_strategy(pool);
        let builder = PluginBuilder::new(manifest).with_cache_disabled();
        Ok(Plugin(builder.with_wasmtime_config(config).compile()?))
    }

    /// A plugin for one call.
    pub fn call(&self, input: &[u8]) -> Result<Vec<u8>> {
        self.reused()?.call(input)
    }

    /// A plugin for many calls.
    pub fn reused(&self) -> Result<PluginReused> {
        Ok(PluginReused(extism::Plugin::new_from_compiled(&self.0)?))
    }
}

/// A plugin that is called again and again.
pub struct PluginReused(extism::Plugin);

impl PluginReused {
    /// One call.
    pub fn call(&mut self, input: &[u8]) -> Result<Vec<u8>> {
        self.0.call("run", input)
    }
}
