//! The callers that are let in: those with a token, or without tokens those of this machine.

use std::net::IpAddr;

use http::StatusCode;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::Authority;

use crate::problem::Problem;
use crate::tokens::Tokens;

/// Refuses the request of a caller that is not let in.
pub(crate) fn admit(head: &Parts, tokens: Option<&Tokens>) -> Result<(), Problem> {
    match tokens {
        Some(tokens) => authorized(head, tokens),
        None => addressed_here(head),
    }
}

/// A bearer token that is known.
fn authorized(head: &Parts, tokens: &Tokens) -> Result<(), Problem> {
    let mut given = head.headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (given.next(), given.next());
    let token = first.and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    let known = token.is_some_and(|token| tokens.caller(token).is_some());
    match known && second.is_none() {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "no token that is known; send one as `Authorization: Bearer TOKEN`",
        )),
    }
}

/// A web page whose name was made to point to this machine sends its own name: it is refused.
fn addressed_here(head: &Parts) -> Result<(), Problem> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let named = first.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_here = named.as_ref().is_some_and(is_loopback)
        && second.is_none()
        && head.uri.authority().is_none_or(is_loopback);
    match is_here {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host",
            "`Host` is not `localhost` or a loopback address; a server without tokens answers no other",
        )),
    }
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || bare
            .unwrap_or(host)
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}
