//! `hash-flood N`: hashes N bytes, 16 MiB unless told, again and again. A54-hash-flood.

use crate::{Answer, argument, tollgate::provider::hash};

pub(super) fn run(argument: &str) -> Answer {
    let data = vec![0; argument::number(argument, 16 << 20)?];
    loop {
        hash::digest(hash::Algorithm::Sha256, &data);
    }
}
