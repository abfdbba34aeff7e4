//! Tests of the text of a policy: valid texts, and mistakes.

mod all_mistakes;
mod http;
pub(crate) mod mistakes;
mod protected;
mod read;
mod reference;
mod values;
