//! `store-set NAME KEY VALUE`: writes any key of any bucket. A53-store.

use crate::{Answer, argument, tollgate::provider::store::Bucket};

pub(super) fn run(argument: &str) -> Answer {
    let (name, rest) = argument::first_word(argument);
    let (key, value) = argument::first_word(rest);
    argument::shown(Bucket::open(name).and_then(|bucket| bucket.set(key, value.as_bytes())))
}
