//! Tests of lists: a long one is no work for the thread of the guest.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::Semaphore;
use tollgate_policy::{Limits, Policy};

use super::*;
use crate::granted::{Granted, Shared};
use crate::http::connect::Egress;
use crate::jobs::{Jobs, Threads};
use crate::open_files::Descriptors;

/// No thread is free, so that a list which needs one waits, and one on the thread of the guest does not.
#[tokio::test]
async fn a_list_of_many_keys_is_made_on_a_thread() {
    let shared = Shared {
        egress: Arc::new(Egress::new(None, Vec::new())),
        stores: StoreRegistry::default(),
        on_decision: None,
        on_request: None,
        threads: Arc::new(Threads::default()),
        descriptors: Descriptors::default(),
        share: crate::share::Share::default(),
    };
    let text = "[grants.store]\nmax-keys = 2_000";
    let policy = Policy::parse(text, Path::new("")).unwrap();
    let granted = Arc::new(Granted::open(&policy, "guest", &shared).unwrap());
    let limits: Arc<Limits> = Arc::new(policy.limits);
    let mut call = Call::new("guest".into(), &granted, limits);
    call.begin(Instant::now(), 1);
    call.meter.enter_host(1 << 40);
    call.jobs = Jobs::new(&shared.threads, &Arc::new(Semaphore::new(0)));
    let bucket = call.open_bucket("bucket".to_owned()).await;
    let bucket = bucket.ok().unwrap().ok().unwrap();
    let mut are_made_at_once = Vec::new();
    for number in 0..=FEW {
        let set = call.change_value(&bucket, format!("{number:05}"), Some(Vec::new()));
        assert!(matches!(set.await, Ok(Ok(()))), "{number}");
        if number + 2 > FEW {
            let mut list = pin!(call.list_bucket(&bucket, 0, usize::MAX));
            let polled = std::future::poll_fn(|cx| Poll::Ready(list.as_mut().poll(cx)));
            are_made_at_once.push(polled.await.is_ready());
        }
    }
    assert_eq!(are_made_at_once, [true, false]);
}
