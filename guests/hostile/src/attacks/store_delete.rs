//! `store-delete NAME KEY`: deletes any key of any bucket. A53-store.

use crate::{Answer, argument, tollgate::provider::store::Bucket};

pub(super) fn run(argument: &str) -> Answer {
    let (name, key) = argument::first_word(argument);
    argument::shown(Bucket::open(name).and_then(|bucket| bucket.delete(key)))
}
