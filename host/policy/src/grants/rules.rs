//! Rules that several grants share: an error names its key, and nothing is granted twice.

use crate::error::ValueError;
use crate::toml::messages::shown;

/// Puts `key` in front of an error.
pub(super) fn in_key(key: &str) -> impl Fn(ValueError) -> ValueError {
    move |error| ValueError::new(format!("{key}: {error}"))
}

/// Refuses a second grant of the same thing. It is refused even where it is harmless: one of the two is a mistake.
pub(super) fn reject_duplicate(is_new: bool, what: &str) -> Result<(), ValueError> {
    match is_new {
        true => Ok(()),
        false => Err(ValueError::new(format!(
            "`{}` is granted twice; keep one",
            shown(what)
        ))),
    }
}
