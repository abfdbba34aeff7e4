//! `store-churn SIZE COUNT`: writes one key over and over, each value all of one letter. A52-kill.
//!
//! 60,000 bytes each, and without end, unless told. Answers with the last letter.

use crate::{Answer, argument, tollgate::provider::store::Bucket};

pub(super) fn run(argument: &str) -> Answer {
    let (size, count) = argument::first_word(argument);
    let (size, count) = (
        argument::number(size, 60_000)?,
        argument::number(count, u64::MAX)?,
    );
    let bucket = Bucket::open("churn")?;
    let mut letter = b'a';
    for round in 0..count {
        letter = b'a' + (round % 26) as u8;
        // Each value has another length, so that no page is written in place.
        let size = size - (round % 26) as usize;
        bucket.set("key", &vec![letter; size])?;
        bucket.set("other", &[letter])?;
    }
    Ok(vec![letter])
}
