//! The host memory of each resource that a guest has a handle of, counted from when it is made until it is dropped.

use std::collections::BTreeMap;

use tollgate_capability::LimitReached;
use wasmtime::component::Resource;

use super::wasi_p2::Refused;
use crate::call::context::CallContext;

/// The bytes of each resource of the table, by the number of its entry.
#[derive(Default)]
pub(crate) struct Holdings(BTreeMap<u32, u64>);

impl CallContext {
    /// Puts a resource into the table, which is as large as the `handles` limit, and counts the host memory that it
    /// holds.
    ///
    /// # Errors
    ///
    /// The limit `handles` or `host-memory`.
    pub(super) fn put<T: Send + 'static>(
        &mut self,
        resource: T,
        bytes: u64,
    ) -> wasmtime::Result<Resource<T>> {
        let entry = self.table.push(resource);
        let entry = entry.map_err(|_| LimitReached::Handles)?;
        Ok(self.keep(entry, bytes)?)
    }

    /// Takes a resource out of the table.
    pub(super) fn take<T: 'static>(&mut self, resource: Resource<T>) -> wasmtime::Result<T> {
        self.forget(resource.rep());
        Ok(self.table.delete(resource)?)
    }

    /// Counts the host memory that a resource holds, from now until [`CallContext::forget`].
    ///
    /// # Errors
    ///
    /// The limit `host-memory`.
    pub(super) fn keep<T: 'static>(
        &mut self,
        resource: Resource<T>,
        bytes: u64,
    ) -> Result<Resource<T>, Refused> {
        // An entry whose number is used again was dropped.
        self.forget(resource.rep());
        self.call.meter.host_memory.hold(bytes)?;
        self.holdings.0.insert(resource.rep(), bytes);
        Ok(resource)
    }

    /// Counts a resource as gone.
    pub(super) fn forget(&mut self, entry: u32) {
        if let Some(bytes) = self.holdings.0.remove(&entry) {
            self.call.meter.host_memory.release(bytes);
        }
    }
}
