//! `error-escape`: an error whose text would take over a terminal. A32-hostile-text.

use super::log_escape::EVIL;
use crate::{Answer, Error};

pub(super) fn run(_: &str) -> Answer {
    Err(Error::Other(EVIL.concat()))
}
