//! Requests that go out, told to those that follow them.

use std::sync::Arc;

/// A request of a guest that is about to be sent: each hop of one that is redirected.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Outgoing<'a> {
    /// The number of the call that makes it, the same as at the call's start and end.
    pub call: u64,
    /// The name of the provider that makes it.
    pub provider: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its URL, as the guest wrote it: escape it before showing it.
    pub url: &'a str,
}

/// Follows one request. It is dropped when the connection of the request is done with.
pub trait Follower: Send + Sync {
    /// The header `traceparent` that the request gets, in place of the guest's own; `None` for none at all.
    fn traceparent(&self) -> Option<String>;

    /// The head of the response has come, with this status. Not told of a response that is withheld from the guest.
    fn answered(&self, status: u16);
}

/// A callback for every request.
pub type OnRequest = Arc<dyn Fn(&Outgoing<'_>) -> Option<Box<dyn Follower>> + Send + Sync>;
