//! The bounds of a server: each is finite.

use std::time::Duration;

/// The bounds on the clients of a server, beside the slots of the runtime.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections at once; more wait in the queue of the system. 256.
    pub connections: usize,
    /// Bytes of the head of a request, at least 8,192. 16 KiB.
    pub head: usize,
    /// Header lines of a request. 64.
    pub headers: usize,
    /// Requests at once in one connection of HTTP/2. 32.
    pub streams: u32,
    /// The time for the head of a request, and for the wait for the next one. 10 s.
    pub head_time: Duration,
    /// Bytes of the body of one request; it is less if `host-data` of the provider's policy asks for less. 8 MiB.
    pub body: u64,
    /// Bytes of the bodies of all requests that are read or called at once, at most 4 GiB. 64 MiB. Arguments take up to 64
    /// times as much memory as their text, since a call has them as values of this library and of the engine.
    pub bodies: u32,
    /// Bytes of all answers that their clients have not taken yet, but for the list of providers and OpenAPI, which are there
    /// once, and answers of guests, which come in pieces; at most 4 GiB. 64 MiB.
    pub answers: u32,
    /// Requests at once of a client of [`Mcp`](crate::Mcp), those included whose answers it has not taken. 64.
    pub requests: usize,
    /// Clients at once that wait to be told that the tools of MCP have changed, of one caller a quarter of them; over HTTP no more
    /// than a quarter of the connections. 64.
    pub listeners: usize,
    /// Calls of one caller at once, as far as callers are told apart by a token or a certificate. Its further ones wait for their
    /// turn, so that other callers find slots of the runtime: 48, as the runtime has 64.
    pub turns: usize,
    /// Calls of one caller that wait for their turn. 256.
    pub waiting: usize,
    /// The time for which a call waits for its turn. 10 s.
    pub turn_time: Duration,
    /// The time for the body of a request; where a guest reads it as it comes, the time that the guest waits for it. 30 s.
    pub body_time: Duration,
    /// The time in which a client takes 512 KiB of its answers, or all that is left of them. 10 s.
    pub write_time: Duration,
    /// The time for requests under way, once the server is to stop. 20 s.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 256,
            head: 16 << 10,
            headers: 64,
            streams: 32,
            head_time: Duration::from_secs(10),
            body: 8 << 20,
            bodies: 64 << 20,
            answers: 64 << 20,
            requests: 64,
            listeners: 64,
            turns: 48,
            waiting: 256,
            turn_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            write_time: Duration::from_secs(10),
            drain: Duration::from_secs(20),
        }
    }
}
