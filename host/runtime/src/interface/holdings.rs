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
    /// Puts a resource into the table, and counts the `bytes` of host memory that it holds until it is
    /// [taken](CallContext::take) or the session ends.
    ///
    /// # Errors
    ///
    /// The limit `handles` or `host-memory`.
    pub(crate) fn put<T: Send + 'static>(
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

    /// Counts that a resource holds `bytes` of host memory from now on, in place of its earlier bytes.
    ///
    /// # Errors
    ///
    /// The limit `host-memory`; the resource then counts as before. It is not there.
    pub(crate) fn hold<T: 'static>(
        &mut self,
        resource: &Resource<T>,
        bytes: u64,
    ) -> wasmtime::Result<()> {
        self.table.get(resource)?;
        let before = self.holdings.0.get(&resource.rep()).copied().unwrap_or(0);
        let memory = &self.call.meter.host_memory;
        memory.hold(bytes.saturating_sub(before))?;
        memory.release(before.saturating_sub(bytes));
        self.holdings.0.insert(resource.rep(), bytes);
        Ok(())
    }

    /// Takes a resource out of the table.
    ///
    /// # Errors
    ///
    /// It is not there, or is of another type.
    pub(crate) fn take<T: 'static>(&mut self, resource: Resource<T>) -> wasmtime::Result<T> {
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
