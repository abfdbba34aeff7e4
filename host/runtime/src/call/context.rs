//! The data of a store: the state of a call that its host functions use.

use std::any::Any;
use std::sync::Arc;

use tollgate_capability::files::Identities;
use tollgate_capability::{Call, MOVE_PRICE};
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::call::charged::Charged;
use crate::engine::metering::Metering;
use crate::interface::OwnParameters;
use crate::interface::holdings::Holdings;
use crate::interface::wasi_p2::Wasi;
use crate::profile::sampler::Sampler;

/// The state of a call that its host functions use. Embedders meet it as the `T` of `Store<T>`.
pub struct CallContext {
    pub(crate) call: Call,
    pub(crate) metering: Metering,
    pub(crate) table: ResourceTable,
    /// The host memory of the table's entries.
    pub(crate) holdings: Holdings,
    pub(crate) wasi: Wasi,
    /// The files that the guest has compared.
    pub(crate) identities: Identities,
    pub(crate) embedder: Option<Box<dyn Any + Send>>,
    /// The parameters of the embedder's interfaces.
    pub(crate) parameters: Arc<OwnParameters>,
    /// The interface of the last host function of this host's that began: a name for profiles.
    pub(crate) interface: &'static str,
    /// Whether the next yield is to come before the interval is over.
    pub(crate) is_hurried: bool,
    /// The samples of a profile, if the session is profiled.
    pub(crate) sampler: Option<Box<Sampler>>,
}

impl CallContext {
    /// Itself, for a host function of this interface.
    pub(crate) fn serving(&mut self, interface: &'static str) -> &mut CallContext {
        self.interface = interface;
        self
    }
}

/// Methods for host functions of the embedder, which [`Builder::interface`](crate::Builder::interface) adds.
impl CallContext {
    /// Counts a host call of the embedder's own against the `host-calls` limit, charges fuel for it
    /// and for `bytes` that it moves, and opens the state of the call. `host-memory` counts these bytes until the host function
    /// returns.
    ///
    /// # Errors
    ///
    /// The limit that ends the call; pass it on with `?`.
    pub fn charge(&mut self, bytes: u64) -> wasmtime::Result<Charged<'_>> {
        self.call.meter.is_embedders = true;
        self.call.meter.charge(bytes, MOVE_PRICE)?;
        Ok(Charged(self))
    }
}

impl WasiView for CallContext {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.make_wasi();
        WasiCtxView {
            ctx: self.wasi.context(),
            table: &mut self.table,
        }
    }
}

/// The engine asks before a memory or a table grows, and how many there may be.
impl ResourceLimiter for CallContext {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.call.meter.grow_memory(current, desired))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.call.meter.memory_grow_failed();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.call.meter.grow_table(current, desired))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.call.meter.table_grow_failed();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.call.meter.limits.instances as usize
    }

    fn tables(&self) -> usize {
        self.call.meter.limits.instances as usize
    }

    fn memories(&self) -> usize {
        self.call.meter.limits.instances as usize
    }
}
