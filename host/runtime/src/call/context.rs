//! The data of a store: the state of a call that its host functions use.

use std::any::Any;
use std::sync::Arc;

use tollgate_capability::files::Identities;
use tollgate_capability::{Call, HostFailure, MOVE_PRICE};
use tollgate_policy::{GrantName, Reason};
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::engine::metering::Metering;
use crate::interface::OwnParameters;
use crate::interface::holdings::Holdings;
use crate::interface::wasi_p2::Wasi;

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
}

/// Methods for host functions of the embedder, which [`Builder::interface`](crate::Builder::interface) adds. Each calls
/// [`charge`](CallContext::charge) first.
impl CallContext {
    /// Counts a host call of the embedder's own against the `host-calls` limit and charges fuel for it
    /// and for `bytes` that it moves. `host-memory` counts these bytes until the host function returns.
    ///
    /// # Errors
    ///
    /// The limit that ends the call; pass it on with `?`.
    pub fn charge(&mut self, bytes: u64) -> wasmtime::Result<()> {
        self.call.meter.is_embedders = true;
        self.call.meter.charge(bytes, MOVE_PRICE)?;
        Ok(())
    }

    /// The embedder's own data, put there with [`Session::with_data`](crate::Session::with_data).
    pub fn data_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.embedder.as_mut()?.downcast_mut()
    }

    /// The same for a function that cannot do without.
    ///
    /// # Errors
    ///
    /// The session has no data of this type: a mistake of the program, which ends the call as a host error.
    pub fn data<T: 'static>(&mut self) -> wasmtime::Result<&mut T> {
        let missing = || {
            let name = std::any::type_name::<T>();
            HostFailure(format!(
                "the session has no {name}: see `Session::with_data`"
            ))
            .into()
        };
        self.data_mut().ok_or_else(missing)
    }

    /// The parameters of the policy's grant of `interface`, as
    /// [`Builder::interface_with`](crate::Builder::interface_with) read them.
    ///
    /// # Errors
    ///
    /// The runtime offers no such interface with parameters of this type, or the policy does not grant it: a mistake of
    /// the program, which ends the call as a host error.
    pub fn parameters<P: Send + Sync + 'static>(
        &self,
        interface: &str,
    ) -> wasmtime::Result<Arc<P>> {
        let found = self.parameters.get(interface).cloned();
        let found = found.and_then(|it| it.downcast::<P>().ok());
        found.ok_or_else(|| {
            let name = std::any::type_name::<P>();
            let text =
                format!("no parameters of {interface} are a {name}: see `Builder::interface_with`");
            HostFailure(text).into()
        })
    }

    /// Notes in the audit log that a function of `interface` does something for the guest, before it does it. `target` is the
    /// object of it on one line, such as a name or a currency.
    pub fn allowed(&self, interface: &str, target: &str) {
        self.call
            .allowed(INTERFACES, &format!("{interface} {target}"));
    }

    /// Notes in the audit log and in the report that a function of `interface` denies the guest something. The
    /// function answers as its interface defines.
    ///
    /// ```
    /// # use tollgate::CallContext;
    /// # use tollgate::policy::Reason;
    /// fn rate(call: &mut CallContext, of: &str) -> tollgate::wasmtime::Result<Option<f64>> {
    ///     call.charge(of.len() as u64)?;
    ///     if of != "EUR" {
    ///         call.denied("acme:report/rates@1.0.0", of, Reason::NotGranted);
    ///         return Ok(None);
    ///     }
    ///     call.allowed("acme:report/rates@1.0.0", of);
    ///     Ok(Some(1.17))
    /// }
    /// ```
    pub fn denied(&self, interface: &str, target: &str, reason: Reason) {
        let target = format!("{interface} {target}");
        self.call.denied(INTERFACES, &target, reason);
    }
}

/// The key of the grant of an interface of the embedder.
const INTERFACES: &str = GrantName::Interfaces.key();

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
