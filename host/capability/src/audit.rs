//! The record of decisions: all of them in the audit log, denials also in the report.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_component::escape;
use tollgate_policy::{Denial, Reason};

use crate::outgoing::{Follower, OnRequest, Outgoing};
use crate::questions::Answer;

/// Denials kept for the report; the rest are in the audit log. A guest may try 10,000 paths.
const MAX_DENIALS: usize = 100;

/// A decision on one request of a guest, told before the request is acted on.
///
/// A request whose text is allowed may be denied for its outcome: a link that leads out of its root, an
/// address of its host, a response with the secret, a quota. Then it is told once more, with the reason.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// The number of the call that made the request, the same as at the call's start and end.
    pub call: u64,
    /// The name of the provider that made the request.
    pub provider: &'a str,
    /// The key of the grant that it needed: `files`, `http` and so on.
    pub capability: &'static str,
    /// The object of the request, as the guest wrote it: escape it before showing it.
    pub target: &'a str,
    /// Why the request was denied; `None` if it was allowed.
    pub denied: Option<Reason>,
    /// The address of the host that the request was denied because of.
    pub address: Option<IpAddr>,
    /// The answer by which it was allowed, if its rule asks: `once` or `session`.
    pub approved: Option<Answer>,
}

/// A callback for every decision.
pub type OnDecision = Arc<dyn Fn(&Decision<'_>) + Send + Sync>;

/// The decisions of one store. Shared with requests under way, whose later decisions are noted too.
pub struct Audit {
    provider: Arc<str>,
    denials: Mutex<Vec<Denial>>,
    on_decision: Option<OnDecision>,
    on_request: Option<OnRequest>,
    /// The call under way.
    call: AtomicU64,
}

impl Audit {
    /// Creates the record of one store of the named provider.
    pub fn new(provider: Arc<str>, on_decision: Option<OnDecision>) -> Audit {
        Audit {
            provider,
            denials: Mutex::default(),
            on_decision,
            on_request: None,
            call: AtomicU64::new(0),
        }
    }

    /// Tells of requests that go out, too.
    pub(crate) fn following(mut self, on_request: Option<OnRequest>) -> Audit {
        self.on_request = on_request;
        self
    }

    /// Tells of a request that goes out.
    pub(crate) fn requested(&self, method: &str, url: &str) -> Option<Box<dyn Follower>> {
        let tell = self.on_request.as_ref()?;
        tell(&Outgoing {
            call: self.call.load(Ordering::Relaxed),
            provider: &self.provider,
            method,
            url,
        })
    }

    /// Notes which call the decisions from now on belong to.
    pub fn begin_call(&self, id: u64) {
        self.call.store(id, Ordering::Relaxed);
    }

    fn tell(
        &self,
        capability: &'static str,
        target: &str,
        denied: Option<Reason>,
        address: Option<IpAddr>,
        approved: Option<Answer>,
    ) {
        if let Some(tell) = &self.on_decision {
            tell(&Decision {
                call: self.call.load(Ordering::Relaxed),
                provider: &self.provider,
                capability,
                target,
                denied,
                address,
                approved,
            });
        }
    }

    /// Notes a decision: see [`Audit::allowed`] and [`Audit::denied`].
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

    /// Notes a use of a granted capability in the audit log. To be called before the act: the call may end with it.
    pub fn allowed(&self, capability: &'static str, target: &str) {
        self.approved(capability, target, None);
    }

    /// The same for a use that an approver has said yes to, if its rule asks.
    pub fn approved(&self, capability: &'static str, target: &str, answer: Option<Answer>) {
        tracing::debug!(
            target: "tollgate::audit",
            provider = %escape::line(&self.provider),
            capability,
            target = %escape::line(target),
            approved = answer.map(Answer::label),
            "allowed"
        );
        self.tell(capability, target, None, None, answer);
    }

    /// Notes a denial, for the audit log and the report.
    pub fn denied(&self, capability: &'static str, target: &str, reason: Reason) {
        self.note_denial(capability, target, reason, None);
    }

    /// Notes a denial because of an address of the host that the target names.
    pub fn denied_address(
        &self,
        capability: &'static str,
        target: &str,
        reason: Reason,
        address: IpAddr,
    ) {
        self.note_denial(capability, target, reason, Some(address));
    }

    fn note_denial(
        &self,
        capability: &'static str,
        target: &str,
        reason: Reason,
        address: Option<IpAddr>,
    ) {
        tracing::info!(
            target: "tollgate::audit",
            provider = %escape::line(&self.provider),
            capability,
            target = %escape::line(target),
            reason = reason.label(),
            address = address.map(tracing::field::display),
            "denied"
        );
        self.tell(capability, target, Some(reason), address, None);
        let mut denials = self.denials.lock().unwrap_or_else(PoisonError::into_inner);
        if denials.len() < MAX_DENIALS {
            denials.push(Denial {
                capability,
                target: escape::line(target).into_owned(),
                reason,
                address,
            });
        }
    }

    /// The denials so far, for the report of the call that ends.
    pub fn take_denials(&self) -> Vec<Denial> {
        std::mem::take(&mut *self.denials.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_first_denials_and_no_more() {
        let audit = Audit::new("guest".into(), None);
        for number in 0..=MAX_DENIALS {
            audit.denied("files", &number.to_string(), Reason::NotGranted);
        }
        let denials = audit.take_denials();
        assert_eq!(denials.len(), MAX_DENIALS);
        assert_eq!(denials.last().map(|last| &*last.target), Some("99"));
        assert!(audit.take_denials().is_empty());
    }
    /// A report has the first hundred denials; a listener is told of all, and of allowed requests.
    #[test]
    fn every_decision_is_told() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&told);
        let listener: OnDecision = Arc::new(move |decision| {
            let Decision {
                provider,
                target,
                denied,
                ..
            } = *decision;
            list.lock()
                .unwrap()
                .push((provider.to_owned(), target.to_owned(), denied));
        });
        let audit = Audit::new("guest".into(), Some(listener));
        for number in 0..=MAX_DENIALS {
            audit.denied("files", &number.to_string(), Reason::NotGranted);
        }
        audit.allowed("files", "data/a");
        let told = told.lock().unwrap();
        assert_eq!(told.len(), MAX_DENIALS + 2);
        assert_eq!(
            told[100],
            (
                "guest".to_owned(),
                "100".to_owned(),
                Some(Reason::NotGranted)
            )
        );
        assert_eq!(told[101], ("guest".to_owned(), "data/a".to_owned(), None));
    }
}

#[cfg(all(test, feature = "http", feature = "store"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#[path = "audit_order_tests.rs"]
mod order;
