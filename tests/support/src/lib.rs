//! The base of Tollgate's tests: guests by name, policies from text, hostile servers, folders and processes, and the
//! invariant that holds after every attack. Modelled on cargo's `cargo-test-support`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::new_without_default,
    reason = "a test fails by panicking, and what it says is shown then; a fixture has one way to be made"
)]

pub mod approver;
pub mod audit_log;
pub mod cli;
pub mod clock;
pub mod code_cache;
pub mod collector;
pub mod counting;
pub mod file_roots;
pub mod growth;
pub mod harness;
pub mod host_work;
pub mod http2;
pub mod http_client;
pub mod http_server;
pub mod invariant;
pub mod memory;
pub mod nameserver;
pub mod processes;
pub mod rates;
pub mod served;
pub mod signer;
pub mod skip;
pub mod stores;
pub mod walk;
pub mod wasi_client;
pub mod wasi_command;
pub mod watched_folder;
pub mod workdir;
