//! The guests against the host, the command line and the policies. One binary: the host is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and what it says is shown then"
)]

mod abi;
mod admission;
mod audit;
mod budget;
mod cache;
mod cache_files;
mod cache_size;
mod cancel;
mod cancel_polls;
mod capabilities;
mod cli;
mod cli_cache;
mod cli_contract;
mod cli_golden;
mod cli_lock;
mod cli_mistakes;
mod cli_trust;
mod client;
mod clock;
mod compile;
mod cost;
mod counting;
mod credentials;
mod dns;
mod engines;
mod expressions;
mod files;
mod floods;
mod harness;
mod hooks;
mod host_panics;
mod http;
mod http_send;
mod invariant;
mod lifting;
mod load;
mod memory;
mod minisign;
mod nameserver;
mod numbers;
mod place;
#[cfg(feature = "polyglot")]
mod polyglot;
mod profile;
mod providers;
mod quotas;
mod registry;
mod reports;
mod roots;
mod server;
mod sessions;
mod shape;
mod signer;
mod standard;
mod store;
mod store_file;
mod story;
mod text;
mod traps;
mod trust;
mod wasi;
mod wasi_bodies;
mod wasi_client;
mod wasi_files;
mod wasi_http;
mod wasi_raw;
mod wasi_table;
mod watch;
mod watch_folder;
mod watch_held;
mod watch_hostile;
mod watch_policy;
mod watched;
mod wit;
mod worlds;
