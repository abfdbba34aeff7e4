//! The connection to a fleet, as an operator sees it come and go.

use tokio::sync::watch;

use crate::options::folder::eprint_event;

/// Tells of a connection that is lost, and of one that is there again, until there is no more of it.
pub(super) async fn follow(mut connected: watch::Receiver<bool>) {
    let mut was = *connected.borrow_and_update();
    while connected.changed().await.is_ok() {
        let is = *connected.borrow_and_update();
        match (was, is) {
            (true, false) => eprint_event("the fleet: the connection is lost; it is tried again"),
            (false, true) => eprint_event("the fleet: connected again"),
            _ => {}
        }
        was = is;
    }
}
