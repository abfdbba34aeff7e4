//! Attacks on the host, one per file of `attacks/`.
//!
//! Input is the name of an attack and, after a space, its argument: `spin`, `touch 16`,
//! `path-escape ../secret`. `ping` attacks nothing and answers `pong`. The answers of the host are
//! the output, as text, so that a test can tell a refusal from a success.

#![allow(
    unsafe_code,
    clippy::panic,
    reason = "an attack does what a provider must not"
)]

mod argument;
mod attacks;

wit_bindgen::generate!({
    path: "../../wit/provider",
    world: "tollgate:provider/provider",
    generate_all,
});

/// The result of `run`.
type Answer = Result<Vec<u8>, Error>;

struct Hostile;

impl Guest for Hostile {
    fn run(input: Vec<u8>) -> Answer {
        let input = String::from_utf8(input)
            .map_err(|_| Error::InvalidInput("the input is not UTF-8".into()))?;
        let (name, argument) = input.split_once(' ').unwrap_or((&input, ""));
        attacks::find(name)
            .ok_or_else(|| Error::InvalidInput(format!("there is no attack `{name}`")))?(
            argument
        )
    }
}

export!(Hostile);
