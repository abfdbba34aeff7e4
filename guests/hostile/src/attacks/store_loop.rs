//! `store-loop HOW COUNT`: asks the store the same thing over and over, `get`, `set`, `delete`, `list`, or opens
//! another bucket and lets it go, `open`. A27-handles and A53-store.

use crate::{Answer, Error, argument, tollgate::provider::store::Bucket};

pub(super) fn run(argument: &str) -> Answer {
    let (how, count) = argument::first_word(argument);
    let bucket = Bucket::open("loop")?;
    let value = vec![b'x'; 1_000];
    let once: &dyn Fn() -> Result<(), Error> = match how {
        "get" => &|| bucket.get("key").map(drop),
        "set" => &|| bucket.set("key", &value),
        "open" => &|| Bucket::open("other").map(drop),
        "delete" => &|| bucket.delete("key"),
        _ => &|| bucket.list_keys().map(drop),
    };
    for _ in 0..argument::number(count, u64::MAX)? {
        once()?;
    }
    argument::shown(
        bucket
            .get("key")
            .map(|value| value.map(|bytes| bytes.len())),
    )
}
