//! `tollgate:provider/types`: nothing to call; the error that crosses the border.

pub use crate::bindings::v0_2::provider::types::Error;

impl Error {
    /// The stable name of the case, as in WIT and in the report.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::InvalidInput(_) => "invalid-input",
            Error::NotFound(_) => "not-found",
            Error::AccessDenied(_) => "access-denied",
            Error::QuotaExceeded(_) => "quota-exceeded",
            Error::Unavailable(_) => "unavailable",
            Error::Other(_) => "other",
        }
    }

    /// The text that came with it, as the guest wrote it: escape it before showing it.
    pub fn message(&self) -> &str {
        match self {
            Error::InvalidInput(text)
            | Error::NotFound(text)
            | Error::AccessDenied(text)
            | Error::QuotaExceeded(text)
            | Error::Unavailable(text)
            | Error::Other(text) => text,
        }
    }
}

impl crate::bindings::v0_2::provider::types::Host for crate::state::HostState {}
