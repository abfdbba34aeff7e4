//! The decisions: pure functions of the grants and a request, which return its details or a [`Reason`] to deny it.
//!
//! ```
//! use tollgate_policy::decide::{self, HttpDecision, Target};
//! use tollgate_policy::{Grants, HttpGrant, Reason};
//!
//! let grants = Grants { http: vec![HttpGrant::new("https://api.example.com/**")], ..Grants::default() };
//! let target = Target::parse("https://api.example.com/a?b")?;
//! assert_eq!(decide::http(&grants, "GET", &target), Ok(HttpDecision { index: 0, ask: false }));
//! assert_eq!(decide::http(&grants, "POST", &target), Err(Reason::Method));
//! assert_eq!(decide::address("127.0.0.1".parse().unwrap(), &grants.http[0]), Err(Reason::PrivateAddress));
//! # Ok::<(), Reason>(())
//! ```

mod address;
mod config;
mod explain;
mod files;
mod http;
mod path;
mod reason;
mod store;
mod stub;
mod wasi_path;

pub use address::{address, network_of};
pub use config::config;
pub use files::{
    FileDecision, FileUse, MAX_PATH, file_quota, files, names_operators_file, read_cap,
};
pub use http::{HttpDecision, MAX_URL, Target, body, header, http, known_credentials};
pub use reason::{Denial, Reason};
pub use store::{StoreRequest, StoreUsage, store};
pub use stub::stub;
pub use wasi_path::{PathEnd, WasiPath, link_stays_below, wasi_files};
