//! The door that every function of WASI passes: its price is declared, and charged before the function may do anything.
//!
//! The bindings are implemented for [`Door`], and the field of a door is private. [`Door::enter`] is the only way to the
//! state behind it, and takes a price, so a function without a price has nothing to work on.

use std::collections::BTreeMap;

use tollgate_capability::{LimitReached, Price, Work};
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::{FsError, StreamError};
use wasmtime_wasi_http::p2::{HeaderError, HttpError};

use crate::call::context::CallContext;

/// The state of a call, behind its price.
pub(super) struct Door<'a>(&'a mut CallContext);

/// Tells the linker that host functions are those of [`Door`].
pub(super) struct Doors;

impl HasData for Doors {
    type Data<'a> = Door<'a>;
}

/// A limit that ends the call at the door.
pub(super) struct Refused(LimitReached);

impl<'a> Door<'a> {
    /// The door of a call.
    pub(super) fn new(state: &'a mut CallContext) -> Door<'a> {
        Door(state)
    }

    /// Counts one call of a host function, charges for its work, and opens the state.
    ///
    /// # Errors
    ///
    /// The limit `host-calls` or `fuel`.
    pub(super) fn enter(&mut self, price: &Price, work: Work) -> Result<&mut CallContext, Refused> {
        self.0.call.meter.enter(price, work).map_err(Refused)?;
        Ok(self.0)
    }

    /// For the conversion of errors, which is no host function: the guest does not call it.
    pub(super) fn table(&mut self) -> &mut ResourceTable {
        &mut self.0.table
    }
}

/// The host memory that each resource of the table holds, by the number of its entry.
#[derive(Default)]
pub(crate) struct Holdings(BTreeMap<u32, u64>);

impl CallContext {
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
        self.call.meter.host_memory.hold(bytes).map_err(Refused)?;
        self.holdings.0.insert(resource.rep(), bytes);
        Ok(resource)
    }

    /// Counts a resource as gone.
    pub(super) fn forget(&mut self, entry: u32) {
        if let Some(bytes) = self.holdings.0.remove(&entry) {
            self.call.meter.host_memory.release(bytes);
        }
    }

    /// Charges for more of the work of a call that has entered: its result.
    ///
    /// # Errors
    ///
    /// The limit `fuel`.
    pub(super) fn pay_more(&mut self, price: &Price, work: Work) -> Result<(), Refused> {
        self.call.meter.enter_more(price, work).map_err(Refused)
    }
}

impl From<Refused> for wasmtime::Error {
    fn from(refused: Refused) -> wasmtime::Error {
        refused.0.into()
    }
}

impl From<Refused> for FsError {
    fn from(refused: Refused) -> FsError {
        FsError::trap(wasmtime::Error::from(refused))
    }
}

impl From<Refused> for StreamError {
    fn from(refused: Refused) -> StreamError {
        StreamError::Trap(refused.into())
    }
}

impl From<Refused> for HttpError {
    fn from(refused: Refused) -> HttpError {
        HttpError::trap(wasmtime::Error::from(refused))
    }
}

impl From<Refused> for HeaderError {
    fn from(refused: Refused) -> HeaderError {
        HeaderError::trap(wasmtime::Error::from(refused))
    }
}
