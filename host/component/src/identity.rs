//! The identity of a component in reports, and its signer.

use std::sync::Arc;

use tollgate_policy::KeyId;

/// The component that a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderInfo {
    /// The file's name without its extension, or the name that the embedder gave it.
    pub name: Arc<str>,
    /// `sha256:` and the digest of the bytes that were judged and compiled.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// The world that its exports show.
    pub world: Option<String>,
    /// The signer whose signature was verified; `None` when the policy asks for no signature.
    pub signer: Option<Signer>,
}

/// The signer of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key. The maker of a key chooses its id, so an id proves nothing by itself.
    pub key_id: KeyId,
    /// The comment that the signer added, unescaped: escape it before you show it.
    pub comment: String,
}
