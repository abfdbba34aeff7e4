//! The numbers of a fleet, for Prometheus. Each is in a family, which has no row until there is a value: other servers do not have them.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The queue of a fleet, for [`Metrics::queue`](crate::Metrics::queue).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Calls that wait.
    pub waiting: u64,
    /// Calls that workers have.
    pub under_way: u64,
    /// Those of them that another worker had before.
    pub redelivered: u64,
    /// Calls that no worker could end.
    pub dead: u64,
    /// The age of the oldest call that waits or is under way.
    pub oldest: Duration,
}

/// The families.
#[derive(Default)]
pub(crate) struct FleetNumbers {
    queued: Family<Queued, Gauge>,
    oldest: Family<Unlabelled, Gauge<f64, AtomicU64>>,
    given_back: Family<GivenBack, Counter>,
    reached: Family<Unlabelled, Gauge>,
}

type Unlabelled = [(&'static str, &'static str); 0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Queued {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct GivenBack {
    reason: &'static str,
}

impl FleetNumbers {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "fleet_calls",
            "Calls in the queue of the fleet, by their state",
            self.queued.clone(),
        );
        registry.register_with_unit(
            "fleet_oldest",
            "The age of the oldest call in the queue of the fleet",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "fleet_given_back",
            "Calls that this worker gave back to the fleet, by the reason",
            self.given_back.clone(),
        );
        registry.register(
            "fleet_reached",
            "Whether the numbers of the queue could be read: 1, or 0, and then there are none",
            self.reached.clone(),
        );
    }

    pub(crate) fn set(&self, queue: Option<&Queue>) {
        self.reached.get_or_create(&[]).set(queue.is_some().into());
        let Some(queue) = queue else {
            self.queued.clear();
            self.oldest.clear();
            return;
        };
        let states = [
            ("waiting", queue.waiting),
            ("under-way", queue.under_way),
            ("redelivered", queue.redelivered),
            ("dead", queue.dead),
        ];
        for (state, calls) in states {
            let row = self.queued.get_or_create(&Queued { state });
            row.set(i64::try_from(calls).unwrap_or(i64::MAX));
        }
        let oldest = self.oldest.get_or_create(&[]);
        oldest.set(queue.oldest.as_secs_f64());
    }

    pub(crate) fn given_back(&self, reason: &'static str) {
        let row = self.given_back.get_or_create(&GivenBack { reason });
        row.inc();
    }
}
