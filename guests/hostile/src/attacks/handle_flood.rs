//! `handle-flood`: makes resources without end and gives none back. A27-handles.

use std::mem;

use crate::{Answer, tollgate::provider::hash};

pub(super) fn run(_: &str) -> Answer {
    loop {
        mem::forget(hash::Hasher::new(hash::Algorithm::Sha256));
    }
}
