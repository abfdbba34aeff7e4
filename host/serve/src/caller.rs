//! The callers that are let in: those with a token, or without tokens those of this machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{StatusCode, Version};

use crate::bounds::Bounds;
use crate::problem::Problem;
use crate::quota::{Account, Caller, Ticket};
use crate::routes::Routes;
use crate::tokens::Tokens;

/// The accounts of callers by certificate from which on those without a call are forgotten.
const KEPT: usize = 1_000;

/// The callers by their certificates.
#[derive(Default)]
pub(crate) struct Certified(Mutex<BTreeMap<Arc<str>, Arc<Account>>>);

impl Certified {
    fn caller(&self, digest: &Arc<str>) -> Caller {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= KEPT {
            // An account counts calls under way alone, each of which holds it.
            accounts.retain(|_, account| Arc::strong_count(account) > 1);
        }
        let account = accounts.entry(Arc::clone(digest)).or_default();
        Caller {
            name: format!("cert:{digest}").into(),
            account: Arc::clone(account),
            only: None,
            policies: None,
        }
    }
}

/// The other side of a connection, which each of its requests has among its extensions.
#[derive(Clone, Default)]
pub(crate) struct Peer {
    /// Whether it speaks TLS.
    pub(crate) is_tls: bool,
    /// The SHA-256 of its certificate, in hexadecimal digits, if one was asked for.
    pub(crate) certificate: Option<Arc<str>>,
}

/// The caller of a request by its token, if callers need one. Refuses one that is not let in. A caller with a certificate was
/// let in by the connection.
pub(crate) fn admit(
    head: &Parts,
    tokens: Option<&Tokens>,
    certified: &Certified,
    routes: &Routes,
) -> Result<Option<Caller>, Problem> {
    let peer = head.extensions.get::<Peer>();
    match (tokens, peer.and_then(|peer| peer.certificate.as_ref())) {
        (Some(tokens), _) => authorized(head, tokens).map(Some),
        (None, Some(digest)) => Ok(Some(certified.caller(digest))),
        (None, None) => addressed_here(head, routes).map(|()| None),
    }
}

/// Begins a call of the caller, which may use so much fuel, once it is its turn.
pub(crate) async fn begin(
    caller: Option<&Caller>,
    fuel: u64,
    bounds: &Bounds,
) -> Result<Option<Ticket>, Problem> {
    let Some(mut ticket) = count(caller, fuel)? else {
        return Ok(None);
    };
    if !ticket.waits(bounds).await {
        ticket.unused();
        return Err(Problem::busy(
            "other calls of this caller take all its turns",
        ));
    }
    Ok(Some(ticket))
}

/// Counts a call of the caller, which may use so much fuel, and waits for no turn.
pub(crate) fn count(caller: Option<&Caller>, fuel: u64) -> Result<Option<Ticket>, Problem> {
    let Some(Caller { account, .. }) = caller else {
        return Ok(None);
    };
    let begun = account.begin(fuel, Instant::now());
    begun.map(Some).map_err(|why| Problem::quota(&why))
}

/// A bearer token that is known.
fn authorized(head: &Parts, tokens: &Tokens) -> Result<Caller, Problem> {
    let mut given = head.headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (given.next(), given.next());
    let token = first.and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    let known = token.and_then(|token| tokens.known(token));
    match (known, second) {
        (Some(caller), None) => Ok(caller.clone()),
        _ => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "no token that is known; send one as `Authorization: Bearer TOKEN`",
        )
        .ending()),
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

/// A web page whose name was made to point to this machine sends its own name: it is refused. The operator chose
/// the names of routes, and nothing of the server's own is at them.
fn addressed_here(head: &Parts, routes: &Routes) -> Result<(), Problem> {
    let is_ours = |authority: &Authority| {
        is_loopback(authority) || routes.have(&authority.host().to_ascii_lowercase())
    };
    let mut hosts = head.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let named = first.map(|host| host.to_str().ok()?.parse::<Authority>().ok());
    // HTTP/2 has the name in its target, and `Host` only from a proxy.
    let is_named =
        named.is_some() || head.version == Version::HTTP_2 && head.uri.authority().is_some();
    let is_here = is_named
        && named.is_none_or(|named| named.as_ref().is_some_and(is_ours))
        && second.is_none()
        && head.uri.authority().is_none_or(is_ours);
    match is_here {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host",
            "`Host` is not `localhost`, a loopback address or the host of a route; a server without tokens answers no other",
        )
        .ending()),
    }
}

/// Whether a host is this machine by its name.
pub(crate) fn is_loopback(authority: &Authority) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_by_certificate_without_a_call_are_forgotten() {
        let certified = Certified::default();
        let count = || certified.0.lock().unwrap().len();
        let held: Vec<Caller> = (0..10)
            .map(|number| certified.caller(&format!("held {number}").into()))
            .collect();
        for number in 0..3 * KEPT {
            drop(certified.caller(&number.to_string().into()));
            assert!(count() <= KEPT + held.len());
        }
        for (number, caller) in held.iter().enumerate() {
            let again = certified.caller(&format!("held {number}").into());
            assert!(Arc::ptr_eq(&again.account, &caller.account));
        }
    }
}
