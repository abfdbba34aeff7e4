//! `tollgate:provider/log`: lines for the report, up to the `log` limit.

use crate::bindings::v0_2::provider::log::{Host, Level};
use crate::meter::MOVE_PRICE;
use crate::report::LogLine;
use crate::state::HostState;

impl Level {
    /// The stable name, as in WIT and in the report.
    pub fn label(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

impl Host for HostState {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.meter.charge(message.len() as u64, MOVE_PRICE)?;
        self.be_fair().await;
        let cap = self.meter.limits.log;
        self.log.push(LogLine { level, message }, cap);
        Ok(())
    }
}
