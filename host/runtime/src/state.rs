//! The data of a store: what host functions see of the call they serve.

use std::any::Any;
use std::sync::Arc;

use tollgate_policy::Reason;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::audit::Audit;
use crate::imports::ledger::Ledger;
use crate::imports::wasi::Wasi;
use crate::meter::Meter;
use crate::outgoing::Outgoing;
use crate::reach::Reach;
use crate::report::LogLine;

/// What host functions see of the call they serve. Embedders meet it as the `T` of `Store<T>`.
pub struct HostState {
    pub(crate) meter: Meter,
    pub(crate) audit: Arc<Audit>,
    pub(crate) reach: Arc<Reach>,
    pub(crate) outgoing: Outgoing,
    pub(crate) ledger: Ledger,
    pub(crate) table: ResourceTable,
    pub(crate) log: Log,
    pub(crate) wasi: Wasi,
    pub(crate) embedder: Option<Box<dyn Any + Send>>,
}

impl HostState {
    /// The embedder's own data, put there with [`Session::with_data`](crate::Session::with_data), for the
    /// host functions it adds with [`Builder::interface`](crate::Builder::interface).
    pub fn data_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.embedder.as_mut()?.downcast_mut()
    }

    /// Counts a host call of the embedder's own against the `host-calls` limit and charges fuel for it
    /// and for `bytes` that it moves. An error ends the call; pass it on with `?`.
    pub fn charge(&mut self, bytes: u64) -> wasmtime::Result<()> {
        self.meter.charge(bytes, crate::meter::MOVE_PRICE)?;
        Ok(())
    }

    /// Lets other tasks run when the guest, living on host calls, has kept its thread for long.
    pub(crate) async fn be_fair(&mut self) {
        if self.meter.turn_is_over() {
            tokio::task::yield_now().await;
        }
    }

    /// Notes a use of a granted capability.
    pub(crate) fn allowed(&self, capability: &'static str, target: &str) {
        self.audit.allowed(capability, target);
    }

    /// Notes a denial, for the audit log and the report.
    pub(crate) fn denied(&self, capability: &'static str, target: &str, reason: Reason) {
        self.audit.denied(capability, target, reason);
    }
}

impl WasiView for HostState {
    // Called for every WASI function, which makes it the place to count them.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.meter.count_wasi();
        self.make_wasi();
        WasiCtxView {
            ctx: self.wasi.context(),
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for HostState {
    // As above, for every function of `wasi:http`.
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.meter.count_wasi();
        WasiHttpCtxView {
            ctx: &mut self.wasi.http,
            table: &mut self.table,
            hooks: &mut self.outgoing,
        }
    }
}

/// Log lines of one call, up to the `log` limit.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) bytes: u64,
    pub(crate) dropped: u64,
}

/// What a kept line costs beside its text: a million empty lines are not free.
const LINE_OVERHEAD: u64 = 32;

impl Log {
    /// Keeps the line if the whole of it fits under `cap` bytes, else counts it.
    pub(crate) fn push(&mut self, line: LogLine, cap: u64) {
        let size = line.message.len() as u64 + LINE_OVERHEAD;
        if self.bytes.saturating_add(size) > cap {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.bytes += size;
        self.lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::v0_2::provider::log::Level;

    #[test]
    fn lines_that_fit_to_the_byte_are_kept() {
        let mut log = Log::default();
        for (message, kept) in [("full", true), ("", false)] {
            let level = Level::Info;
            let message = message.to_owned();
            log.push(LogLine { level, message }, 4 + LINE_OVERHEAD);
            assert_eq!(log.dropped == 0, kept);
        }
        assert_eq!((log.lines.len(), log.bytes), (1, 4 + LINE_OVERHEAD));
    }
}
