//! Providers behind HTTP, on loopback: calls, and each attack on a server.

mod attacks;
mod bounded;
pub(crate) mod callers;
mod calls;
mod documented;
mod http2;
mod mcp;
mod names;
mod observed;
mod page;
pub(crate) mod process;
mod program;
mod proxy;
mod proxy_attacks;
mod proxy_clients;
mod reload;
mod tls;
mod traces;
mod traces_hostile;
mod traces_outgoing;
mod turns;

pub(crate) use support::served::{PATIENCE, Reply, Served, catalog, is_ended, post, reply};
