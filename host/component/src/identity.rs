//! The identity of a component: in reports, and for signatures and pins.

use std::sync::{Arc, OnceLock};

use tollgate_policy::{KeyId, Limits, Policy, SignatureError};

use crate::refusal::Refusal;
use crate::signature::{verify, verify_pin};
use crate::source::check_size;

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

/// A component without its bytes: its name, size, digest and signature. [`Source::identity`](crate::Source::identity)
/// makes one.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) name: Arc<str>,
    pub(crate) file: FileName,
    size: usize,
    /// The digest of all bytes, shared by all clones of a source.
    pub(crate) digest: Arc<OnceLock<String>>,
    /// The BLAKE2b hash, which signatures are of.
    pub(crate) hash: Arc<OnceLock<[u8; 64]>>,
    pub(crate) signature: Attached,
}

/// The file name that a signature must be for.
#[derive(Clone, Debug)]
pub(crate) enum FileName {
    /// The name of the file that was read.
    Exact(Arc<str>),
    /// The name of the source, with or without `.wasm`: bytes have no file.
    OfSource,
}

/// The text of the signature, or the reason for which there is none.
pub type Attached = Result<Arc<str>, SignatureError>;

impl Identity {
    /// The identity of bytes in memory that have this name, and no signature yet.
    pub(crate) fn of_bytes(name: &str, size: usize) -> Identity {
        Identity {
            name: name.into(),
            file: FileName::OfSource,
            size,
            digest: Arc::default(),
            hash: Arc::default(),
            signature: Err(SignatureError::Missing),
        }
    }

    /// Checks size, signature and pin by a policy, and returns the signer. Nothing is hashed.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn authenticate(&self, policy: &Policy) -> Result<Option<Signer>, Refusal> {
        let signer = self.recheck(policy)?;
        if let Some(lock) = &policy.trust.lock {
            verify_pin(self, lock)?;
        }
        Ok(signer)
    }

    /// The same without the pin.
    pub(crate) fn recheck(&self, policy: &Policy) -> Result<Option<Signer>, Refusal> {
        self.check_size(&policy.limits)?;
        verify(self, &policy.trust)
    }

    pub(crate) fn check_size(&self, limits: &Limits) -> Result<(), Refusal> {
        check_size(self.size, limits)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size as u64
    }

    /// `sha256:` and the digest of all its bytes.
    pub fn digest(&self) -> &str {
        self.digest.get().map_or("", String::as_str)
    }

    pub(crate) fn signature(&self) -> Result<&str, SignatureError> {
        self.signature.as_deref().map_err(|fault| *fault)
    }

    pub(crate) fn file_name(&self) -> String {
        match &self.file {
            FileName::Exact(name) => name.to_string(),
            FileName::OfSource => format!("{}.wasm", stem(&self.name)),
        }
    }

    /// Whether its file has this name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match &self.file {
            FileName::Exact(file) => name == &**file,
            FileName::OfSource => stem(name) == stem(&self.name),
        }
    }
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".wasm").unwrap_or(name)
}
