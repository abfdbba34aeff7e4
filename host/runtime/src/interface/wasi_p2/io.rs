//! `wasi:io`: wasmtime's own functions on the resource table, behind their prices. A piece of a stream is bounded here,
//! also for streams that would give more.

use std::iter;

use tollgate_capability::{Price, Work};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::io::{error, poll, streams};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, IoError, StreamError, StreamResult,
};

use super::door::Door;

/// The most that is read from a stream or moved between two at once; a common limit of WASI streams.
const PIECE: u64 = 64 << 10;

/// A call on a stream.
const STREAM: Price = Price::of_call(5_000);

/// A call that may wait, for a file on another thread.
const BLOCKING: Price = Price::of_call(30_000);

/// A pollable: the entry of the table, and the future that it makes.
const POLLABLE: Price = Price::of_call(5_000).holding(256);

/// A wait for several pollables. Each has a future, and a place in the list.
const POLL: Price = Price::of_call(5_000).per_entry(1_500);

/// The error of a stream, in words: bounded, since the text is of this program or of the system.
const ERROR_TEXT: Price = Price::of_call(10_000);

impl error::Host for Door<'_> {}

impl error::HostError for Door<'_> {
    fn to_debug_string(&mut self, error: Resource<IoError>) -> wasmtime::Result<String> {
        let state = self.enter(&ERROR_TEXT, Work::NONE)?;
        error::HostError::to_debug_string(&mut state.table, error)
    }

    fn drop(&mut self, error: Resource<IoError>) -> wasmtime::Result<()> {
        let state = self.enter(&STREAM, Work::NONE)?;
        state.forget(error.rep());
        error::HostError::drop(&mut state.table, error)
    }
}

impl poll::Host for Door<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let work = Work::bytes(pollables.len().saturating_mul(size_of::<u32>()));
        let state = self.enter(&POLL, work.entries(pollables.len()))?;
        let _waits = state.wasi.wait(pollables.iter().map(Resource::rep));
        poll::Host::poll(&mut state.table, pollables).await
    }
}

impl poll::HostPollable for Door<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        let state = self.enter(&STREAM, Work::NONE)?;
        let _waits = state.wasi.wait(iter::once(pollable.rep()));
        poll::HostPollable::ready(&mut state.table, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let state = self.enter(&STREAM, Work::NONE)?;
        let _waits = state.wasi.wait(iter::once(pollable.rep()));
        poll::HostPollable::block(&mut state.table, pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let state = self.enter(&STREAM, Work::NONE)?;
        state.forget(pollable.rep());
        state.wasi.alarms.forget(pollable.rep());
        poll::HostPollable::drop(&mut state.table, pollable)
    }
}

impl streams::Host for Door<'_> {
    fn convert_stream_error(
        &mut self,
        error: StreamError,
    ) -> wasmtime::Result<streams::StreamError> {
        self.convert(error)
    }
}

impl streams::HostInputStream for Door<'_> {
    fn read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        let state = self.enter(&STREAM, Work::NONE)?;
        let bytes = streams::HostInputStream::read(&mut state.table, stream, len.min(PIECE))?;
        state.pay_more(&STREAM, Work::bytes(bytes.len()))?;
        Ok(bytes)
    }

    async fn blocking_read(
        &mut self,
        stream: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<Vec<u8>> {
        let state = self.enter(&BLOCKING, Work::NONE)?;
        state.call.yield_if_due().await;
        let len = len.min(PIECE);
        let bytes = streams::HostInputStream::blocking_read(&mut state.table, stream, len).await?;
        state.pay_more(&BLOCKING, Work::bytes(bytes.len()))?;
        Ok(bytes)
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        let state = self.enter(&STREAM, Work::NONE)?;
        let skipped = streams::HostInputStream::skip(&mut state.table, stream, len.min(PIECE))?;
        state.pay_more(&STREAM, moved(skipped))?;
        Ok(skipped)
    }

    async fn blocking_skip(
        &mut self,
        stream: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        let state = self.enter(&BLOCKING, Work::NONE)?;
        state.call.yield_if_due().await;
        let len = len.min(PIECE);
        let skipped =
            streams::HostInputStream::blocking_skip(&mut state.table, stream, len).await?;
        state.pay_more(&BLOCKING, moved(skipped))?;
        Ok(skipped)
    }

    fn subscribe(
        &mut self,
        stream: Resource<DynInputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let state = self.enter(&POLLABLE, Work::NONE)?;
        let pollable = streams::HostInputStream::subscribe(&mut state.table, stream)?;
        Ok(state.keep(pollable, POLLABLE.holds)?)
    }

    async fn drop(&mut self, stream: Resource<DynInputStream>) -> wasmtime::Result<()> {
        let state = self.enter(&STREAM, Work::NONE)?;
        state.forget(stream.rep());
        streams::HostInputStream::drop(&mut state.table, stream).await
    }
}

impl streams::HostOutputStream for Door<'_> {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        let state = self.enter(&STREAM, Work::NONE)?;
        streams::HostOutputStream::check_write(&mut state.table, stream)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        let state = self.enter(&STREAM, Work::bytes(bytes.len()))?;
        streams::HostOutputStream::write(&mut state.table, stream, bytes)
    }

    async fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        let state = self.enter(&BLOCKING, Work::bytes(bytes.len()))?;
        streams::HostOutputStream::blocking_write_and_flush(&mut state.table, stream, bytes).await
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        let state = self.enter(&STREAM, Work::NONE)?;
        streams::HostOutputStream::flush(&mut state.table, stream)
    }

    async fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        let state = self.enter(&BLOCKING, Work::NONE)?;
        streams::HostOutputStream::blocking_flush(&mut state.table, stream).await
    }

    fn subscribe(
        &mut self,
        stream: Resource<DynOutputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let state = self.enter(&POLLABLE, Work::NONE)?;
        let pollable = streams::HostOutputStream::subscribe(&mut state.table, stream)?;
        Ok(state.keep(pollable, POLLABLE.holds)?)
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        // The stream refuses more than its permit, which is a piece at most.
        let state = self.enter(&STREAM, moved(len.min(PIECE)))?;
        streams::HostOutputStream::write_zeroes(&mut state.table, stream, len)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        len: u64,
    ) -> StreamResult<()> {
        let state = self.enter(&BLOCKING, moved(len.min(PIECE)))?;
        streams::HostOutputStream::blocking_write_zeroes_and_flush(&mut state.table, stream, len)
            .await
    }

    fn splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        let state = self.enter(&STREAM, Work::NONE)?;
        let len = len.min(PIECE);
        let count = streams::HostOutputStream::splice(&mut state.table, to, from, len)?;
        state.pay_more(&STREAM, moved(count))?;
        Ok(count)
    }

    async fn blocking_splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        let state = self.enter(&BLOCKING, Work::NONE)?;
        let len = len.min(PIECE);
        let done = streams::HostOutputStream::blocking_splice(&mut state.table, to, from, len);
        let count = done.await?;
        state.pay_more(&BLOCKING, moved(count))?;
        Ok(count)
    }

    async fn drop(&mut self, stream: Resource<DynOutputStream>) -> wasmtime::Result<()> {
        let state = self.enter(&STREAM, Work::NONE)?;
        state.forget(stream.rep());
        streams::HostOutputStream::drop(&mut state.table, stream).await
    }
}

/// The work of moving `bytes` bytes.
fn moved(bytes: u64) -> Work {
    Work { bytes, entries: 0 }
}
