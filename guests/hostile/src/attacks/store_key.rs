//! `store-key LENGTH VALUE`: sets, gets and deletes a key of LENGTH bytes and a value of VALUE bytes, and opens a
//! bucket whose name is LENGTH bytes. A53-store.

use crate::{Answer, argument, tollgate::provider::store::Bucket};

pub(super) fn run(argument: &str) -> Answer {
    let (length, value) = argument::first_word(argument);
    let key = "k".repeat(argument::number(length, 1)?);
    let value = vec![b'v'; argument::number(value, 0)?];
    let bucket = Bucket::open("keys")?;
    argument::shown((
        bucket.set(&key, &value),
        bucket.get(&key).map(|value| value.map(|bytes| bytes.len())),
        bucket.delete(&key),
        Bucket::open(&key).map(drop),
    ))
}
