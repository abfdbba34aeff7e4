//! Requests of guests through `tollgate:provider`, and the servers and names they meet.

mod credentials;
mod dns;
mod floods;
mod networks;
mod requests;
mod send;
pub(crate) mod tls;
