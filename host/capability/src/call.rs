//! The calls of one store: their usage, their grants, and the entry of every host function.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_policy::{Limits, Reason};

use crate::audit::Audit;
use crate::error::LimitReached;
use crate::files::FileQuota;
use crate::granted::Granted;
use crate::http::HttpClient;
use crate::jobs::Jobs;
use crate::log::Log;
use crate::meter::Meter;
use crate::open_files::OpenFiles;
use crate::prices::{Price, Work};
use crate::questions::Questions;

/// The state that host functions have of the call they serve.
pub struct Call {
    /// Its limits and its usage.
    pub meter: Meter,
    /// The record of its decisions.
    pub audit: Arc<Audit>,
    /// The opened grants of its policy.
    pub granted: Arc<Granted>,
    /// Its HTTP requests.
    pub http: HttpClient,
    /// Its usage of the quotas of file grants.
    pub quota: FileQuota,
    /// Its log lines.
    pub log: Log,
    /// Its work on threads that may block.
    pub jobs: Jobs,
    /// Its open files and connections.
    pub open_files: OpenFiles,
    /// Its questions to an approver.
    pub questions: Questions,
}

impl Drop for Call {
    // The store is gone. A job of it may still be under way, and need not continue.
    fn drop(&mut self) {
        self.jobs.end();
    }
}

impl Call {
    /// Creates the state of one store of the named provider.
    pub fn new(provider: Arc<str>, granted: &Arc<Granted>, limits: Arc<Limits>) -> Call {
        let questions = Questions::new(Arc::clone(&provider), &granted.grants, Arc::clone(&limits));
        let audit = Arc::new(granted.audit(provider));
        let open_files = OpenFiles::new(limits.open_files, &granted.descriptors);
        let meter = Meter::new(limits);
        let http = HttpClient::new(
            Arc::clone(granted),
            Arc::clone(&audit),
            open_files.clone(),
            questions.clone(),
            &meter,
        );
        Call {
            meter,
            http,
            quota: FileQuota::new(granted, &audit),
            audit,
            granted: Arc::clone(granted),
            log: Log::default(),
            jobs: Jobs::new(&granted.threads, &granted.share.jobs),
            open_files,
            questions,
        }
    }

    /// Fills the budget of one call. The counts of the store, such as its memory, stay. `id` is the number of the call in
    /// its decisions; 0 if there is no observer.
    pub fn begin(&mut self, now: Instant, id: u64) {
        self.audit.begin_call(id);
        self.meter.begin_call(now);
        self.http.begin_call();
        self.quota.begin_call();
        self.questions.begin_call();
    }

    /// Goes on with a call that has begun before it was asked for; see [`Meter::resume_call`].
    pub fn resume(&mut self, now: Instant, spent: Duration, id: u64) {
        self.audit.begin_call(id);
        self.meter.resume_call(now, spent);
    }

    /// Begins a host function: counts it, charges for `bytes` at `price` fuel each, and lets other tasks run when a
    /// guest that lives on host calls has kept its thread for long.
    ///
    /// # Errors
    ///
    /// The limit that ends the call: `host-calls`, `fuel` or `host-memory`.
    pub async fn enter(&mut self, bytes: u64, price: u64) -> Result<(), LimitReached> {
        self.meter.charge(bytes, price)?;
        self.yield_if_due().await;
        Ok(())
    }

    /// Begins a host function of a declared price, as [`Call::enter`] does.
    ///
    /// # Errors
    ///
    /// The limit that ends the call: `host-calls`, `fuel` or `host-memory`.
    pub(crate) async fn enter_at(&mut self, price: &Price, work: Work) -> Result<(), LimitReached> {
        self.meter.enter(price, work)?;
        self.yield_if_due().await;
        Ok(())
    }

    /// Lets other tasks run when the guest has kept its thread for long.
    pub async fn yield_if_due(&self) {
        if self.meter.turn_is_over() {
            tokio::task::yield_now().await;
        }
    }

    /// Notes a decision in the audit log and, when it is a denial, for the report.
    pub fn note<T>(
        &self,
        capability: &'static str,
        target: &str,
        decision: Result<T, Reason>,
    ) -> Result<T, Reason> {
        self.audit.note(capability, target, decision)
    }

    /// Notes a use of a granted capability in the audit log.
    pub fn allowed(&self, capability: &'static str, target: &str) {
        self.audit.allowed(capability, target);
    }

    /// Notes a denial in the audit log and for the report.
    pub fn denied(&self, capability: &'static str, target: &str, reason: Reason) {
        self.audit.denied(capability, target, reason);
    }
}
