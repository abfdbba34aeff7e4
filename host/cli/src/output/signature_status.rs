//! Who signed a component, in a word and in JSON.

use serde_json::{Value, json};
use tollgate::{SignatureFault, Signer, Source, Trust};

/// What is known of a component's signature.
pub(crate) enum Signed {
    /// It is by a trusted key.
    Verified(Signer),
    /// It says so, and there is no key to check it against.
    Claimed(Signer),
    /// There is none, or none that is good.
    Not(SignatureFault),
}

impl Signed {
    /// Looks at the signature; of the component nothing is parsed.
    pub(crate) fn of(source: &Source, trust: &Trust) -> Signed {
        match source.signer(trust) {
            Ok(Some(signer)) => Signed::Verified(signer),
            Ok(None) => source.claim().map_or_else(Signed::Not, Signed::Claimed),
            Err(refusal) => Signed::Not(refusal.signature.unwrap_or(SignatureFault::Missing)),
        }
    }

    /// The signer, verified or not.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        match self {
            Signed::Verified(signer) | Signed::Claimed(signer) => Some(signer),
            Signed::Not(_) => None,
        }
    }

    /// For a table.
    pub(crate) fn word(&self) -> String {
        match self {
            Signed::Verified(signer) => signer.key_id.to_string(),
            Signed::Claimed(signer) => format!("{} unverified", signer.key_id),
            Signed::Not(SignatureFault::Missing) => "unsigned".to_owned(),
            Signed::Not(fault) => fault.label().to_owned(),
        }
    }

    /// For programs: null when there is none.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Signed::Verified(signer) | Signed::Claimed(signer) => json!({
                "verified": matches!(self, Signed::Verified(_)),
                "key_id": signer.key_id.to_string(),
                "comment": signer.comment,
            }),
            Signed::Not(SignatureFault::Missing) => Value::Null,
            Signed::Not(fault) => json!({ "verified": false, "reason": fault.label() }),
        }
    }
}
