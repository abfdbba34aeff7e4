//! The signature of a component: as a table cell and as JSON.

use serde_json::{Value, json};
use tollgate::Source;
use tollgate::policy::{SignatureError, Trust};
use tollgate::report::Signer;

/// The state of a component's signature.
pub(crate) enum SignatureStatus {
    /// A trusted key signed the component.
    Verified(Signer),
    /// The signature names this signer, and no key is given to verify it with.
    Claimed(Signer),
    /// The component has no signature, or one that does not verify.
    Unverifiable(SignatureError),
}

impl SignatureStatus {
    /// Verifies the signature; the component is not parsed.
    pub(crate) fn of(source: &Source, trust: &Trust) -> SignatureStatus {
        match source.verify(trust) {
            Ok(Some(signer)) => SignatureStatus::Verified(signer),
            Ok(None) => source
                .claimed_signer()
                .map_or_else(SignatureStatus::Unverifiable, SignatureStatus::Claimed),
            Err(refusal) => {
                SignatureStatus::Unverifiable(refusal.signature.unwrap_or(SignatureError::Missing))
            }
        }
    }

    /// The signer, verified or not.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        match self {
            SignatureStatus::Verified(signer) | SignatureStatus::Claimed(signer) => Some(signer),
            SignatureStatus::Unverifiable(_) => None,
        }
    }

    /// A word or two for a table.
    pub(crate) fn word(&self) -> String {
        match self {
            SignatureStatus::Verified(signer) => signer.key_id.to_string(),
            SignatureStatus::Claimed(signer) => format!("{} unverified", signer.key_id),
            SignatureStatus::Unverifiable(SignatureError::Missing) => "unsigned".to_owned(),
            SignatureStatus::Unverifiable(fault) => fault.label().to_owned(),
        }
    }

    /// The signature as JSON; null without a signature.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            SignatureStatus::Verified(signer) | SignatureStatus::Claimed(signer) => json!({
                "verified": matches!(self, SignatureStatus::Verified(_)),
                "key_id": signer.key_id.to_string(),
                "comment": signer.comment,
            }),
            SignatureStatus::Unverifiable(SignatureError::Missing) => Value::Null,
            SignatureStatus::Unverifiable(fault) => {
                json!({ "verified": false, "reason": fault.label() })
            }
        }
    }
}
