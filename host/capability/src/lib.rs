//! The acts of grants: the functions behind the interfaces that a guest imports, each charged, decided and noted.
//!
//! A host function is a method of [`Call`]. It begins with [`Call::enter`], which counts and charges it, and it decides
//! by `tollgate-policy` before it acts. This crate links no engine: the crate `tollgate` translates between WIT and
//! these functions, and takes the cost that the [`Meter`] has counted from the guest's fuel.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::string_slice))]

mod audit;
mod background;
mod call;
mod config;
mod error;
pub mod files;
mod granted;
mod hash;
mod held;
pub mod http;
mod jobs;
mod log;
mod meter;
mod open_files;
mod outgoing;
mod preflight;
mod prices;
mod questions;
mod share;
pub mod store;
mod wasi;

pub use audit::{Audit, Decision, OnDecision};
pub use background::PollClock;
pub use call::Call;
pub use error::{
    ErrorKind, GrantError, GuestError, HostFailure, HostResult, Interrupt, LimitReached, OpenError,
    ProviderError,
};
pub use granted::{Granted, HandedFolder, Handover, Shared};
pub use hash::{Algorithm, Hasher};
pub use held::{Gathered, HostMemory};
pub use jobs::{Ended, Jobs, Threads};
pub use log::{Log, LogLevel, LogLine};
pub use meter::{Meter, Phase};
pub use open_files::{Descriptors, Open, OpenFiles};
pub use outgoing::{Follower, OnRequest, Outgoing};
pub use preflight::preflight;
pub use prices::{CALL_PRICE, HASH_PRICE, MOVE_PRICE, Price, WASI_CALL_PRICE, Work};
pub use prices::{ENTRY_PRICE, FILE, SEND_PRICE, SYNC_PRICE, TEXT_PRICE, URL_PRICE, instance_fuel};
pub use questions::{
    Answer, Answered, Approver, Asking, PendingAnswer, Question, Questions, Request,
};
pub use share::Share;
pub use wasi::WasiSettings;
