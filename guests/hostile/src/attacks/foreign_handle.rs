//! `foreign-handle N`: uses a resource that it was never given, number 4242 unless told. A27-handles.

use crate::{Answer, argument, tollgate::provider::hash::Hasher};

pub(super) fn run(argument: &str) -> Answer {
    // SAFETY: none. The handle is made up.
    let hasher = unsafe { Hasher::from_handle(argument::number(argument, 4242)?) };
    hasher.update(b"not mine");
    Ok(Hasher::finish(hasher))
}
