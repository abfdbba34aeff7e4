//! `big-arg N [log|hash|config]`: N bytes as one argument of a host call. A23-overlapping-lists.
//!
//! 64 MiB to the log unless told.

use crate::{
    Answer, Error, argument,
    tollgate::provider::{config, hash, log},
};

pub(super) fn run(argument: &str) -> Answer {
    let (size, to) = argument::first_word(argument);
    let text = "x".repeat(argument::number(size, 64 << 20)?);
    match to {
        "" | "log" => {
            log::write(log::Level::Info, &text);
            argument::shown(())
        }
        "hash" => argument::shown(hash::digest(hash::Algorithm::Sha256, text.as_bytes()).len()),
        "config" => argument::shown(config::get(&text)),
        _ => Err(Error::InvalidInput(format!("`{to}` takes no argument"))),
    }
}
