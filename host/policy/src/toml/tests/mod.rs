//! Tests of the text of a policy: what may be said, and what may not.

mod http;
pub(crate) mod mistakes;
mod read;
mod reference;
mod values;
