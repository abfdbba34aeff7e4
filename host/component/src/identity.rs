//! Which component a report is about, and by which key it is signed.

use std::sync::Arc;

use tollgate_policy::KeyId;

/// Which component a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderInfo {
    /// The file's name without its extension, or what the embedder called it.
    pub name: Arc<str>,
    /// `sha256:` and the digest of the bytes that were judged and compiled.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// The world it is recognised to be of.
    pub world: Option<String>,
    /// Whose signature was verified; none when the policy asks for no signature.
    pub signer: Option<Signer>,
}

/// The signer of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key. Its maker chooses its id, so an id proves nothing by itself.
    pub key_id: KeyId,
    /// What the signer added, as it was written: escape it before showing it.
    pub comment: String,
}
