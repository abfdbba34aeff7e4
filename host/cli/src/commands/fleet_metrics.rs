//! The numbers of a worker and of the queue of its fleet, for Prometheus.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;
use tollgate::Provider;
use tollgate_fleet::Fleet;
use tollgate_serve::{Metrics, Queue, Server};

/// The time between two looks at the queue.
const STEP: Duration = Duration::from_secs(5);

/// Serves the numbers, and no provider, without end.
pub(super) async fn serve(listener: TcpListener, metrics: Metrics) {
    let nothing: BTreeMap<String, Provider> = BTreeMap::new();
    let server = Server::new(nothing).metrics(metrics);
    if let Err(error) = server.run(listener, pending()).await {
        tracing::error!(%error, "the metrics");
    }
}

/// Follows the queue, without end.
pub(super) async fn follow(fleet: Fleet, metrics: Metrics) {
    loop {
        match fleet.state().await {
            Ok(state) => metrics.queue(Some(&Queue {
                waiting: state.queued.saturating_sub(state.under_way),
                under_way: state.under_way,
                redelivered: state.redelivered,
                dead: state.dead,
                oldest: state.oldest,
            })),
            Err(error) => {
                tracing::warn!(%error, "the queue");
                metrics.queue(None);
            }
        }
        sleep(STEP).await;
    }
}
