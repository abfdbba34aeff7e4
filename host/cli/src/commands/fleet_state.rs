//! The state of a fleet, followed: whether it is reached, and the numbers of its queue.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tollgate::Provider;
use tollgate_fleet::Fleet;
use tollgate_serve::{Metrics, Queue, Server};

use crate::options::folder::eprint_event;

/// The time between two looks at the queue.
const STEP: Duration = Duration::from_secs(5);

/// The shortest time between two of them.
const LEAST: Duration = Duration::from_millis(500);

/// Whether a fleet is reached: its server is connected, and its queue could be read.
#[derive(Clone)]
pub(super) struct FleetState {
    reached: watch::Sender<bool>,
    doubted: Arc<Notify>,
}

impl Default for FleetState {
    fn default() -> FleetState {
        FleetState {
            reached: watch::Sender::new(true),
            doubted: Arc::default(),
        }
    }
}

impl FleetState {
    pub(super) fn is_reached(&self) -> bool {
        *self.reached.borrow()
    }

    pub(super) fn reached(&self) -> watch::Receiver<bool> {
        self.reached.subscribe()
    }

    /// Has the fleet looked at now, as a request to it has failed.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Follows the fleet, without end. What an operator has deleted of it is made again.
    pub(super) async fn follow(self, fleet: Fleet, metrics: Metrics) {
        let mut connection = fleet.connection();
        loop {
            let is_connected = *connection.borrow_and_update();
            let state = match is_connected {
                true => Some(fleet.state().await),
                // A request would wait for the connection.
                false => None,
            };
            let state = match state {
                Some(Ok(state)) => Some(state),
                Some(Err(error)) => {
                    tracing::warn!(%error, "the queue");
                    // It is there again at the next look.
                    let _ = fleet.restore().await;
                    None
                }
                None => None,
            };
            let queue = state.map(|state| Queue {
                waiting: state.queued.saturating_sub(state.under_way),
                under_way: state.under_way,
                redelivered: state.redelivered,
                dead: state.dead,
                oldest: state.oldest,
            });
            metrics.queue(queue.as_ref());
            self.set(queue.is_some());
            sleep(LEAST).await;
            tokio::select! {
                () = sleep(STEP) => {}
                _ = connection.changed() => {}
                () = self.doubted.notified() => {
                    let _ = fleet.restore().await;
                }
            }
        }
    }

    fn set(&self, is: bool) {
        self.reached
            .send_if_modified(|was| std::mem::replace(was, is) != is);
    }
}

/// Tells of a fleet that is not reached any more, and of one that is reached again, without end.
pub(super) async fn tell(mut reached: watch::Receiver<bool>) {
    let mut was = *reached.borrow_and_update();
    while reached.changed().await.is_ok() {
        let is = *reached.borrow_and_update();
        match (was, is) {
            (true, false) => eprint_event("the fleet: not reached; it is tried again"),
            (false, true) => eprint_event("the fleet: reached again"),
            _ => {}
        }
        was = is;
    }
}

/// Serves the numbers, and no provider, without end.
pub(super) async fn serve(listener: TcpListener, metrics: Metrics) {
    let nothing: BTreeMap<String, Provider> = BTreeMap::new();
    let server = Server::new(nothing).metrics(metrics);
    if let Err(error) = server.run(listener, pending()).await {
        tracing::error!(%error, "the metrics");
    }
}
