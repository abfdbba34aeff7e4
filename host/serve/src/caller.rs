//! The callers that are let in: those with a token, or without tokens those of this machine.

use std::net::IpAddr;

use http::StatusCode;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::Authority;

use crate::problem::Problem;
use crate::routes::Routes;
use crate::tokens::Tokens;

/// Refuses the request of a caller that is not let in.
pub(crate) fn admit(head: &Parts, tokens: Option<&Tokens>, routes: &Routes) -> Result<(), Problem> {
    match tokens {
        Some(tokens) => authorized(head, tokens),
        None => addressed_here(head, routes),
    }
}

/// The host that a request is for, which it names once.
pub(crate) fn host(head: &Parts) -> Option<Authority> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let named = || first?.to_str().ok()?.parse::<Authority>().ok();
    let host = head.uri.authority().cloned().or_else(named);
    host.filter(|_| second.is_none())
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

/// A web page whose name was made to point to this machine sends its own name: it is refused. The name of a route was chosen by
/// whoever runs the server, and nothing of the server's own is at it.
fn addressed_here(head: &Parts, routes: &Routes) -> Result<(), Problem> {
    let is_here = |authority: &Authority| {
        is_loopback(authority) || routes.have(&authority.host().to_ascii_lowercase())
    };
    let mut hosts = head.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let named = first.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_ours = named.as_ref().is_some_and(is_here)
        && second.is_none()
        && head.uri.authority().is_none_or(is_here);
    match is_ours {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host",
            "`Host` is not `localhost`, a loopback address or the host of a route; a server without tokens answers no other",
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
