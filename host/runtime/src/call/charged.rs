//! The state of a call behind the price of an embedder's host function.

use std::sync::Arc;

use tollgate_capability::{HostFailure, MOVE_PRICE};
use tollgate_policy::{GrantName, Reason};
use wasmtime::component::Resource;

use super::context::CallContext;

/// The state of a call for a host function of the embedder, once [`CallContext::charge`] has counted the call. `CallContext` has no
/// other method for the data of a session, the parameters of a grant, or resources, so a function that does not charge has
/// nothing to work on:
///
/// ```compile_fail,E0599
/// fn rate(call: &mut tollgate::CallContext) -> tollgate::wasmtime::Result<u32> {
///     Ok(*call.data::<u32>()?)
/// }
/// ```
pub struct Charged<'a>(pub(super) &'a mut CallContext);

impl Charged<'_> {
    /// Charges for `bytes` more that the function moves, such as those of its result, which `host-memory` counts until it
    /// returns.
    ///
    /// # Errors
    ///
    /// The limit that ends the call; pass it on with `?`.
    pub fn charge_more(&mut self, bytes: u64) -> wasmtime::Result<()> {
        self.0.call.meter.charge_more(bytes, MOVE_PRICE)?;
        self.0.call.meter.hold_for_call(bytes)?;
        Ok(())
    }

    /// The embedder's own data, put there with [`Session::with_data`](crate::Session::with_data).
    pub fn data_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.0.embedder.as_mut()?.downcast_mut()
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
        let found = self.0.parameters.get(interface).cloned();
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
        let target = format!("{interface} {target}");
        self.0.call.allowed(INTERFACES, &target);
    }

    /// Notes in the audit log and in the report that a function of `interface` denies the guest something. The
    /// function answers as its interface defines.
    ///
    /// ```
    /// # use tollgate::CallContext;
    /// # use tollgate::policy::Reason;
    /// fn rate(call: &mut CallContext, of: &str) -> tollgate::wasmtime::Result<Option<f64>> {
    ///     let call = call.charge(of.len() as u64)?;
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
        self.0.call.denied(INTERFACES, &target, reason);
    }

    /// Puts a resource into the table, which is as large as the `handles` limit, and counts the `bytes` of host memory
    /// that it holds until it is [taken](Charged::take) or the session ends.
    ///
    /// # Errors
    ///
    /// The limit `handles` or `host-memory`, which ends the call; pass it on with `?`.
    pub fn put<T: Send + 'static>(
        &mut self,
        resource: T,
        bytes: u64,
    ) -> wasmtime::Result<Resource<T>> {
        self.0.put(resource, bytes)
    }

    /// A resource of the table.
    ///
    /// # Errors
    ///
    /// It is not there, or is of another type.
    pub fn resource<T: 'static>(&self, resource: &Resource<T>) -> wasmtime::Result<&T> {
        Ok(self.0.table.get(resource)?)
    }

    /// A resource of the table, to be changed. If it holds more memory afterwards, [`hold`](Charged::hold) counts it.
    ///
    /// # Errors
    ///
    /// As for [`resource`](Charged::resource).
    pub fn resource_mut<T: 'static>(&mut self, resource: &Resource<T>) -> wasmtime::Result<&mut T> {
        Ok(self.0.table.get_mut(resource)?)
    }

    /// Counts that a resource holds `bytes` of host memory from now on, in place of what it held.
    ///
    /// # Errors
    ///
    /// The limit `host-memory`, which ends the call; the resource then counts as before.
    pub fn hold<T: 'static>(&mut self, resource: &Resource<T>, bytes: u64) -> wasmtime::Result<()> {
        self.0.hold(resource, bytes)
    }

    /// Takes a resource out of the table, for the guest's last handle of it is gone: what `drop` of a resource does.
    ///
    /// # Errors
    ///
    /// As for [`resource`](Charged::resource).
    pub fn take<T: 'static>(&mut self, resource: Resource<T>) -> wasmtime::Result<T> {
        self.0.take(resource)
    }
}

/// The key of the grant of an interface of the embedder.
const INTERFACES: &str = GrantName::Interfaces.key();
