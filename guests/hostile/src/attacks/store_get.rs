//! `store-get NAME KEY`: reads any key of any bucket. A53-store.

use crate::{Answer, argument, tollgate::provider::store::Bucket};

pub(super) fn run(argument: &str) -> Answer {
    let (name, key) = argument::first_word(argument);
    let value = Bucket::open(name).and_then(|bucket| bucket.get(key));
    argument::shown(
        value.map(|value| value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
    )
}
