//! The decisions: pure functions from the grants and a request to a yes with its details, or a [`Reason`].

mod address;
mod config;
mod files;
mod http;
mod reason;
mod store;

pub use address::address;
pub use config::config;
pub use files::{FileDecision, FileUse, MAX_PATH, file_quota, files, read_cap, wasi_path};
pub use http::{MAX_URL, Target, header, http};
pub use reason::{Denial, Reason};
pub use store::{StoreRequest, StoreUsage, store};
