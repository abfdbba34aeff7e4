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
    /// Puts a resource into the table, which is as large as the `handles` limit, and counts the `bytes` of host memory
    /// that it holds until it is [taken](CallContext::take) or the session ends. For resources of the embedder's
    /// interfaces, and for ours.
    ///
    /// # Errors
    ///
    /// The limit `handles` or `host-memory`, which ends the call; pass it on with `?`.
    pub fn put<T: Send + 'static>(
        &mut self,
        resource: T,
        bytes: u64,
    ) -> wasmtime::Result<Resource<T>> {
        let entry = self.table.push(resource);
        let entry = entry.map_err(|_| LimitReached::Handles)?;
        let rep = entry.rep();
        match self.keep(entry, bytes) {
            Ok(entry) => Ok(entry),
            Err(refused) => {
                // The function may answer an error, and the guest continue: all held memory is counted.
                self.table.delete(Resource::<T>::new_own(rep))?;
                Err(refused.into())
            }
        }
    }

    /// A resource of the table.
    ///
    /// # Errors
    ///
    /// It is not there, or is of another type.
    pub fn resource<T: 'static>(&self, resource: &Resource<T>) -> wasmtime::Result<&T> {
        Ok(self.table.get(resource)?)
    }

    /// Counts that a resource holds `bytes` of host memory from now on, in place of its earlier bytes.
    ///
    /// # Errors
    ///
    /// The limit `host-memory`, which ends the call; the resource then counts as before.
    pub fn hold<T: 'static>(&mut self, resource: &Resource<T>, bytes: u64) -> wasmtime::Result<()> {
        self.table.get(resource)?;
        let before = self.holdings.0.get(&resource.rep()).copied().unwrap_or(0);
        let memory = &self.call.meter.host_memory;
        memory.hold(bytes.saturating_sub(before))?;
        memory.release(before.saturating_sub(bytes));
        self.holdings.0.insert(resource.rep(), bytes);
        Ok(())
    }

    /// A resource of the table, to be changed. If it holds more memory afterwards, [`hold`](CallContext::hold) counts it.
    ///
    /// # Errors
    ///
    /// As for [`resource`](CallContext::resource).
    pub fn resource_mut<T: 'static>(&mut self, resource: &Resource<T>) -> wasmtime::Result<&mut T> {
        Ok(self.table.get_mut(resource)?)
    }

    /// Takes a resource out of the table, for the guest's last handle of it is gone, as `drop` of a resource does.
    ///
    /// # Errors
    ///
    /// As for [`resource`](CallContext::resource).
    pub fn take<T: 'static>(&mut self, resource: Resource<T>) -> wasmtime::Result<T> {
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
