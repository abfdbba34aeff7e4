//! The rules that every list of grants keeps, and the key that an error about one begins with.

use crate::error::ValueError;
use crate::toml::messages::shown;

pub(super) fn in_key(key: &str) -> impl Fn(ValueError) -> ValueError {
    move |error| ValueError::new(format!("{key}: {error}"))
}

/// Twice is refused even where it would be harmless: one of the two was meant to be something else.
pub(super) fn reject_duplicate(is_new: bool, what: &str) -> Result<(), ValueError> {
    match is_new {
        true => Ok(()),
        false => Err(ValueError::new(format!(
            "`{}` is granted twice; keep one",
            shown(what)
        ))),
    }
}
