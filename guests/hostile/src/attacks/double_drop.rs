//! `double-drop`: gives the same resource back twice. A27-handles.

use crate::{
    Answer,
    tollgate::provider::hash::{Algorithm, Hasher},
};

pub(super) fn run(_: &str) -> Answer {
    let handle = Hasher::new(Algorithm::Sha256).take_handle();
    for _ in 0..2 {
        // SAFETY: none the second time, when the handle is no longer ours.
        drop(unsafe { Hasher::from_handle(handle) });
    }
    Ok(Vec::new())
}
