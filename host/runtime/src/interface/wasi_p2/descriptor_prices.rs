//! The prices of `wasi:filesystem`.

use tollgate_capability::{ENTRY_PRICE, FILE, Price, SYNC_PRICE, WASI_CALL_PRICE, Work};

use super::descriptor_table::OpenDescriptor;

/// A question that the table answers.
pub(super) const ASK: Price = Price::of_call(WASI_CALL_PRICE);
/// A name that is opened, or a file that gets a stream.
pub(super) const OPEN: Price = FILE.holding(OpenDescriptor::HOLDS);
/// A folder that is made or removed, which takes 40 to 80 µs.
pub(super) const FOLDER: Price = Price {
    call: 50_000,
    ..FILE
};
/// Two names or two files that are looked up.
pub(super) const TWO: Price = Price {
    call: 2 * FILE.call,
    ..FILE
};
/// A file that is made durable.
pub(super) const SYNC: Price = Price::of_call(SYNC_PRICE);
/// The entries of a folder, which are kept until the guest has taken them.
pub(super) const LIST: Price = FILE.per_entry(ENTRY_PRICE).holding(OpenDescriptor::HOLDS);

/// The work on `bytes` bytes.
pub(super) fn bytes(bytes: u64) -> Work {
    Work { bytes, entries: 0 }
}

/// The work on two paths.
pub(super) fn paths(from: &str, to: &str) -> Work {
    let (from, to) = (Work::path(from), Work::path(to));
    Work {
        bytes: from.bytes.saturating_add(to.bytes),
        entries: from.entries.saturating_add(to.entries),
    }
}
