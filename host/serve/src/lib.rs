//! Providers behind HTTP/1.1 and HTTP/2: a call is a `POST` with JSON arguments, and runs under the limits and the grants of the
//! provider's policy.
//!
//! ```no_run
//! use tollgate::watch::WatchOptions;
//! use tollgate::Runtime;
//! use tollgate_serve::Server;
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = Runtime::new().watch(WatchOptions::new("providers")).await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! Server::new(folder).run(listener, std::future::pending()).await?;
//! # Ok(()) }
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/providers/NAME/EXPORT` | the result of the call; `{"args": …}` has the arguments |
//! | any at `/http/NAME/…`, or at a [`Route`] | that of the component, which answers requests by `wasi:http/incoming-handler` |
//! | `GET /v1/providers` | the providers that serve, and their functions |
//! | `GET /openapi.json` | the same as OpenAPI 3.1 |
//! | `POST /mcp` | the model context protocol: each function is a tool |
//! | `GET /metrics` | the numbers of [`Metrics`], if the server has them |
//! | `GET /` | a page for people |
//! | `GET /healthz`, `GET /readyz` | whether the server lives; whether it takes calls |
//!
//! With the feature `otlp`, `Traces` sends spans of requests, loads and calls to a collector of OpenTelemetry.
//!
//! Errors are problem details (RFC 9457) with a `kind`. Values are JSON as [`tollgate::value::json`] has them. A client that
//! goes away drops its call, and the guest stops. Without [`Tokens`] the server listens on loopback addresses only, and refuses
//! requests whose `Host` is another one: a web page in a browser of the same machine could send them.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::string_slice))]

mod audit_log;
mod bounds;
mod call;
mod caller;
mod capped;
mod connection;
mod elsewhere;
mod fleet_numbers;
mod flush;
mod kept;
mod list;
mod mcp;
mod metrics;
mod openapi;
mod origin;
mod paced;
mod page;
mod panics;
mod problem;
mod proxy;
mod proxy_body;
mod proxy_head;
mod quota;
mod recent;
mod request;
mod router;
mod routes;
mod schema;
mod server;
mod shared;
mod stalls;
mod tls;
mod tokens;
#[cfg(not(feature = "otlp"))]
#[path = "no_traces.rs"]
mod traces;
#[cfg(feature = "otlp")]
mod traces;
mod turns;
mod view;

pub use audit_log::AuditLog;
pub use bounds::Bounds;
pub use elsewhere::{CallElsewhere, Elsewhere, MadeElsewhere, NotMade};
pub use fleet_numbers::Queue;
pub use mcp::{Mcp, McpError};
pub use metrics::Metrics;
pub use routes::{Route, RouteError, Routes};
pub use server::{Drained, ServeError, Server};
pub use tls::{Tls, TlsError};
pub use tokens::{TokenError, Tokens};
#[cfg(feature = "otlp")]
pub use traces::{Traces, TracesError};
