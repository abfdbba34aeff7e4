//! A component before it is loaded: its bytes, its name, and the signature beside it.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use thiserror::Error;
use tollgate_policy::trust::MAX_SIGNATURE;
use tollgate_policy::{Limits, SignatureError};

use crate::digest::digest;
use crate::escape;
use crate::identity::{Attached, FileName, Identity};
use crate::inspect::{Inspection, Objections, inspect};
use crate::refusal::{Refusal, RefusalKind};
use crate::regular_file::open_regular;
use crate::remedy::Remedy;

/// The bytes and the name of a component, and its detached signature when there is one.
///
/// The bytes are read once: the verified bytes are those that are judged, compiled and run, even if the file changes
/// meanwhile.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) identity: Identity,
    bytes: Arc<[u8]>,
    inspection: Arc<OnceLock<Inspection>>,
}

/// Reasons for which a component's file gives no [`Source`].
#[derive(Debug, Error)]
pub enum SourceError {
    /// It is larger than the policy's `component-size`.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be read.
    #[error("{path}: {error}", path = escape::line(&.path.to_string_lossy()))]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
}

impl Source {
    /// Makes a source of bytes in memory, under the name that reports and logs show. They are unsigned until
    /// [`Source::signed`] adds a signature.
    pub fn bytes(name: &str, bytes: impl Into<Arc<[u8]>>) -> Source {
        let bytes = bytes.into();
        Source {
            identity: Identity::of_bytes(name, bytes.len()),
            bytes,
            inspection: Arc::default(),
        }
    }

    /// Adds the text of its detached signature, a `.minisig` file.
    #[must_use]
    pub fn signed(mut self, signature: &str) -> Source {
        self.identity.signature = match signature.len() > MAX_SIGNATURE {
            true => Err(SignatureError::TooLarge),
            false => Ok(signature.into()),
        };
        self
    }

    /// Reads a file, up to the `component-size` limit, under its name without the extension; and the signature beside
    /// it, `NAME.wasm.minisig`, when there is one. Whether a signature is needed, and whether this one is good, is
    /// checked when the component is loaded.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not a regular file, or is larger than the limit.
    pub fn file(path: &Path, limits: &Limits) -> Result<Source, SourceError> {
        let part = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let read = || {
            let file = open_regular(path)?.ok_or_else(|| io::Error::other("not a regular file"))?;
            let mut bytes = Vec::new();
            // A file over the limit is not read. One that grows while it is read is, up to the limit and a byte.
            let size = file.metadata()?.len();
            if size <= limits.component_size {
                file.take(limits.component_size.saturating_add(1))
                    .read_to_end(&mut bytes)?;
            }
            Ok((size.max(bytes.len() as u64), bytes))
        };
        let (size, bytes) = read().map_err(|error| SourceError::Read {
            path: path.to_owned(),
            error,
        })?;
        check_size(usize::try_from(size).unwrap_or(usize::MAX), limits)?;
        let mut source = Source::bytes(&part(path.file_stem()), bytes);
        source.identity.file = FileName::Exact(part(path.file_name()).into());
        source.identity.signature = beside(path);
        Ok(source)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The name of its file, for which its signature and its pin must be: that of the file it was read from, or its
    /// name with `.wasm`.
    pub fn file_name(&self) -> String {
        self.identity.file_name()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `sha256:` and the digest of all its bytes. Computed on the first call and kept for all clones.
    pub fn digest(&self) -> &str {
        self.identity.digest.get_or_init(|| digest(&self.bytes))
    }

    /// Its identity with its digest.
    #[doc(hidden)]
    pub fn named(&self) -> &Identity {
        self.digest();
        &self.identity
    }

    /// Its identity without its bytes, by which another policy can judge its signer and its pin.
    pub fn identity(&self) -> &Identity {
        self.digest();
        if self.identity.signature.is_ok() {
            self.hash();
        }
        &self.identity
    }

    fn hash(&self) {
        let hash = || *blake2b_simd::blake2b(&self.bytes).as_array();
        self.identity.hash.get_or_init(hash);
    }

    /// Whether it has the same bytes and the same signature.
    pub fn is_same(&self, other: &Source) -> bool {
        self.bytes == other.bytes && self.identity.signature == other.identity.signature
    }

    /// The text of its signature, or the reason for which there is none.
    pub fn attached(&self) -> Attached {
        self.identity.signature.clone()
    }

    /// Inspects its bytes: validity, digest, imports and exports. Nothing is compiled, and trust is not checked:
    /// [`Source::vet`] does that first. The result is kept for all clones.
    ///
    /// **This happens in this process.** Limits of shape refuse components that are known to be out of proportion
    /// (docs/security/limits.md); for other components, validating takes as much time and memory as the component's
    /// author wants, and an allocation that fails ends the process. `tollgate::Runtime::inspect` does the same in a
    /// worker process, under `compile-time` and `compile-memory`.
    ///
    /// # Errors
    ///
    /// The bytes are not a component, or not a valid one, or its shape is over the default `complexity`.
    pub fn inspect(&self) -> Result<Inspection, Refusal> {
        self.inspect_within(&Limits::default())
    }

    /// [Inspects](Source::inspect) it under the `complexity` of these limits.
    ///
    /// # Errors
    ///
    /// The same as those of [`inspect`](Source::inspect).
    pub fn inspect_within(&self, limits: &Limits) -> Result<Inspection, Refusal> {
        self.inspect_by(limits, |_| Objections::default())
    }

    /// The same, with the objections of the engine to these bytes, which are valid.
    #[doc(hidden)]
    pub fn inspect_by(
        &self,
        limits: &Limits,
        engine: impl FnOnce(&[u8]) -> Objections,
    ) -> Result<Inspection, Refusal> {
        if let Some(known) = self.inspected() {
            known.is_within(limits)?;
            return Ok(known.clone());
        }
        let mut inspection = inspect(&self.bytes, self.digest(), limits.complexity)?;
        inspection.objections = engine(&self.bytes);
        Ok(self.inspection.get_or_init(|| inspection).clone())
    }

    /// The result of inspecting it, if it or a clone of it was inspected before.
    pub fn inspected(&self) -> Option<&Inspection> {
        self.inspection.get()
    }

    /// Keeps the result of an inspection that another process made, for all clones. Returns whether it is of these
    /// bytes, by their digest and size; if not, it is not kept.
    #[doc(hidden)]
    pub fn keep_inspection(&self, inspection: &Inspection) -> bool {
        let is_same =
            inspection.digest == self.digest() && inspection.size == self.bytes.len() as u64;
        if is_same {
            self.inspection.get_or_init(|| inspection.clone());
        }
        is_same
    }

    /// Its name, shared.
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.identity.name)
    }
}

/// The path of a file's signature: beside it, under its whole name and `.minisig`.
pub fn signature_path(path: &Path) -> PathBuf {
    let mut signature = path.as_os_str().to_owned();
    signature.push(".minisig");
    signature.into()
}

/// The text of the signature beside a file, or the reason for which there is none.
fn beside(path: &Path) -> Attached {
    let read = || {
        let Some(file) = open_regular(&signature_path(path))? else {
            return Ok(Err(SignatureError::NotAFile));
        };
        let mut bytes = Vec::new();
        file.take(MAX_SIGNATURE as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() > MAX_SIGNATURE {
            return Ok(Err(SignatureError::TooLarge));
        }
        let text = String::from_utf8(bytes);
        Ok(text.map(Into::into).map_err(|_| SignatureError::Malformed))
    };
    read().unwrap_or_else(|error: io::Error| match error.kind() {
        ErrorKind::NotFound => Err(SignatureError::Missing),
        _ => Err(SignatureError::Unreadable),
    })
}

/// Refuses a component over the `component-size` limit.
pub(crate) fn check_size(size: usize, limits: &Limits) -> Result<(), Refusal> {
    if size as u64 > limits.component_size {
        return Err(Refusal::new(
            RefusalKind::TooLarge,
            format!(
                "larger than the {} bytes allowed; raise `limits.component-size` in the policy",
                limits.component_size
            ),
        )
        .with_remedy(Remedy::RaiseLimit("component-size")));
    }
    Ok(())
}
