//! The door that every function of WASI passes: its price is declared, and charged before the function may do anything.
//!
//! The bindings are implemented for [`Door`], and the field of a door is private. [`Door::enter`] is the only way to the
//! state behind it, and takes a price, so a function without a price has nothing to work on.

use tollgate_capability::{LimitReached, Price, Work};
use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::io::streams;
use wasmtime_wasi::p2::{FsError, SocketError, StreamError};
use wasmtime_wasi_http::p2::{HeaderError, HttpError};

use crate::call::context::CallContext;

/// The host memory of the error of a stream: its text and its causes.
const STREAM_ERROR: u64 = 512;

/// The state of a call, behind its price.
pub(super) struct Door<'a>(&'a mut CallContext);

/// Tells the linker that host functions are those of [`Door`].
pub(super) struct Doors;

impl HasData for Doors {
    type Data<'a> = Door<'a>;
}

/// A limit that ends the call at the door.
pub(crate) struct Refused(LimitReached);

impl From<LimitReached> for Refused {
    fn from(reached: LimitReached) -> Refused {
        Refused(reached)
    }
}

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

    /// The error of a stream as the guest gets it: a resource, which is counted. This is no host function of its own.
    pub(super) fn convert(&mut self, error: StreamError) -> wasmtime::Result<streams::StreamError> {
        let converted = streams::Host::convert_stream_error(&mut self.0.table, error)?;
        Ok(match converted {
            streams::StreamError::LastOperationFailed(error) => {
                streams::StreamError::LastOperationFailed(self.0.keep(error, STREAM_ERROR)?)
            }
            closed @ streams::StreamError::Closed => closed,
        })
    }
}

impl CallContext {
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

impl From<Refused> for SocketError {
    fn from(refused: Refused) -> SocketError {
        SocketError::trap(wasmtime::Error::from(refused))
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
