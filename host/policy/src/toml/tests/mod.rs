//! Tests of the text of a policy: valid texts, and mistakes.

mod all_mistakes;
mod http;
pub(crate) mod mistakes;
mod protected;
mod read;
mod reference;
mod values;

use std::path::Path;

use crate::policy::Policy;

/// Asserts that a policy is read from the text that is written of it, in another folder, whose files are protected then.
fn is_written_back(policy: &Policy) {
    let text = policy.to_toml();
    let mut again = Policy::parse(&text, Path::new("/elsewhere")).unwrap();
    assert_eq!(again.protected.len(), policy.protected.len());
    again.protected.clone_from(&policy.protected);
    assert_eq!(&again, policy, "{text}");
}
