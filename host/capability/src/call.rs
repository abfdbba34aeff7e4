//! One store's calls: what they have used, what they may reach, and the one way into a host function.

use std::sync::Arc;
use std::time::Instant;

use tollgate_policy::{Limits, Reason};

use crate::audit::Audit;
use crate::error::LimitReached;
use crate::files::FileQuota;
use crate::granted::Granted;
use crate::http::HttpClient;
use crate::log::Log;
use crate::meter::Meter;

/// What host functions see of the call they serve.
pub struct Call {
    /// What it may use and has used.
    pub meter: Meter,
    /// Its decisions.
    pub audit: Arc<Audit>,
    /// What its policy grants, opened.
    pub granted: Arc<Granted>,
    /// Its HTTP requests.
    pub http: HttpClient,
    /// What it has used of the quotas of its file grants.
    pub quota: FileQuota,
    /// Its log lines.
    pub log: Log,
}

impl Call {
    /// For a store of a provider of that name.
    pub fn new(provider: Arc<str>, granted: &Arc<Granted>, limits: Arc<Limits>) -> Call {
        let audit = Arc::new(Audit::new(provider, granted.on_decision.clone()));
        Call {
            meter: Meter::new(limits),
            http: HttpClient::new(Arc::clone(granted), Arc::clone(&audit)),
            audit,
            granted: Arc::clone(granted),
            quota: FileQuota::new(granted),
            log: Log::default(),
        }
    }

    /// Fills the budget of one call. What belongs to the store, such as its memory, stays counted.
    pub fn begin(&mut self, now: Instant) {
        self.meter.begin_call(now);
        self.http.begin_call();
        self.quota.begin_call();
    }

    /// Begins a host function: counts it, charges for `bytes` at `price` fuel each, and lets other tasks run when the
    /// guest, living on host calls, has kept its thread for long.
    ///
    /// # Errors
    ///
    /// The limit that ends the call: `host-calls` or `fuel`.
    pub async fn enter(&mut self, bytes: u64, price: u64) -> Result<(), LimitReached> {
        self.meter.charge(bytes, price)?;
        self.yield_if_due().await;
        Ok(())
    }

    /// Lets other tasks run when the guest has kept its thread for long.
    pub(crate) async fn yield_if_due(&self) {
        if self.meter.turn_is_over() {
            tokio::task::yield_now().await;
        }
    }

    /// Notes a decision, for the audit log and, when it is a denial, for the report.
    pub fn note<T>(
        &self,
        capability: &'static str,
        target: &str,
        decision: Result<T, Reason>,
    ) -> Result<T, Reason> {
        match &decision {
            Ok(_) => self.allowed(capability, target),
            Err(reason) => self.denied(capability, target, *reason),
        }
        decision
    }

    /// Notes a use of a granted capability.
    pub fn allowed(&self, capability: &'static str, target: &str) {
        self.audit.allowed(capability, target);
    }

    /// Notes a denial, for the audit log and the report.
    pub fn denied(&self, capability: &'static str, target: &str, reason: Reason) {
        self.audit.denied(capability, target, reason);
    }
}
