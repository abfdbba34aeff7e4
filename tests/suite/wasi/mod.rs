//! Standard WASI under the same policy.

mod bodies;
mod differential;
mod files;
mod framing;
mod grants;
mod http;
mod http_credentials;
mod inert;
mod native_files;
mod posix;
mod programs;
mod raw;
mod standard;
mod streams;
mod timers;
mod turns;
mod unlike_wasmtime;
