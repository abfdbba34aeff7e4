//! The digest by which reports, signatures, pins and the cache name a component.

use sha2::{Digest, Sha256};

/// `sha256:` and 64 hexadecimal digits, over every byte.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
