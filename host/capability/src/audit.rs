//! The record of decisions: all of them in the audit log, denials also in the report.

use std::sync::{Arc, Mutex, PoisonError};

use tollgate_component::escape;
use tollgate_policy::{Denial, Reason};

/// Denials kept for the report; the rest are in the audit log. A guest may try 10,000 paths.
const MAX_DENIALS: usize = 100;

/// The decisions of one store. Shared with the requests under way, which are decided on as they go.
pub struct Audit {
    provider: Arc<str>,
    denials: Mutex<Vec<Denial>>,
}

impl Audit {
    /// Of a store of a provider of that name.
    pub fn new(provider: Arc<str>) -> Audit {
        Audit {
            provider,
            denials: Mutex::default(),
        }
    }

    /// Notes a use of a granted capability in the audit log.
    pub fn allowed(&self, capability: &'static str, target: &str) {
        tracing::debug!(
            target: "tollgate::audit",
            provider = %escape::line(&self.provider),
            capability,
            target = %escape::line(target),
            "allowed"
        );
    }

    /// Notes a denial, for the audit log and the report.
    pub fn denied(&self, capability: &'static str, target: &str, reason: Reason) {
        tracing::info!(
            target: "tollgate::audit",
            provider = %escape::line(&self.provider),
            capability,
            target = %escape::line(target),
            reason = reason.label(),
            "denied"
        );
        let mut denials = self.denials.lock().unwrap_or_else(PoisonError::into_inner);
        if denials.len() < MAX_DENIALS {
            denials.push(Denial {
                capability,
                target: escape::line(target).into_owned(),
                reason,
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
        let audit = Audit::new("guest".into());
        for number in 0..=MAX_DENIALS {
            audit.denied("files", &number.to_string(), Reason::NotGranted);
        }
        let denials = audit.take_denials();
        assert_eq!(denials.len(), MAX_DENIALS);
        assert_eq!(denials.last().map(|last| &*last.target), Some("99"));
        assert!(audit.take_denials().is_empty());
    }
}
