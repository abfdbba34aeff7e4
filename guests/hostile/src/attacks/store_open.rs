//! `store-open NAME`: opens any bucket and lists its keys. A53-store.

use crate::{Answer, argument, tollgate::provider::store::Bucket};

pub(super) fn run(name: &str) -> Answer {
    argument::shown(Bucket::open(name).and_then(|bucket| bucket.list_keys()))
}
