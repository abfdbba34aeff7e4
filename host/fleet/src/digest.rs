//! Digests, by which components, policies and calls are named.

use sha2::{Digest as _, Sha256};

/// The characters of a digest.
const LENGTH: usize = 64;

/// 64 hexadecimal digits, of all parts one after the other; each with its length before it, so that no two lists of parts are the same
/// text.
pub(crate) fn of_parts(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// The digest of one text, as other programs compute it.
pub(crate) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Whether a text has the form of a digest.
pub(crate) fn is(text: &str) -> bool {
    text.len() == LENGTH
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
