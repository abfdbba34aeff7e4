//! `store-handles`: opens buckets and keeps them. A27-handles.

use crate::{Answer, tollgate::provider::store::Bucket};

pub(super) fn run(_: &str) -> Answer {
    let mut kept = Vec::new();
    loop {
        kept.push(Bucket::open(&format!("bucket-{}", kept.len()))?);
    }
}
