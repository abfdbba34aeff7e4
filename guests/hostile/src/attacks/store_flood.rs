//! `store-flood SIZE`: stores values of SIZE bytes until it is refused. A53-store.
//!
//! Answers with how many were stored and why no more. 1024 bytes each unless told.

use crate::{Answer, argument, tollgate::provider::store::Bucket};

pub(super) fn run(argument: &str) -> Answer {
    let value = vec![b'x'; argument::number(argument, 1024)?];
    let bucket = Bucket::open("flood")?;
    let mut stored = 0_u64;
    loop {
        if let Err(why) = bucket.set(&format!("key-{stored}"), &value) {
            return argument::shown((stored, why));
        }
        stored += 1;
    }
}
