//! A component before it is loaded: its bytes, its name, and the signature beside it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_policy::signature::MAX_SIGNATURE;
use tollgate_policy::{Limits, Lock, Policy, SignatureFault, Trust};

use crate::error::{LoadError, Refusal, RefusalKind};
use crate::inspect::{Inspection, digest, inspect};
use crate::remedy::Remedy;
use crate::report::ProviderInfo;
use crate::signature::{self, Signer};

/// A component's bytes and its name, and its detached signature when there is one.
///
/// The bytes are read once: what is verified is what is then judged, compiled and run, whatever becomes of
/// the file meanwhile.
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    file: FileName,
    bytes: Arc<[u8]>,
    signature: Attached,
}

/// The name that a signature must be for.
#[derive(Clone, Debug)]
enum FileName {
    /// This one, of the file that was read.
    Exact(Arc<str>),
    /// That of the source, with or without `.wasm`: bytes have no file.
    OfSource,
}

/// What stands in the place of the signature.
pub(crate) type Attached = Result<Arc<str>, SignatureFault>;

/// A component that is signed as the policy asks, is a valid one, and of which nothing is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vetted {
    /// What its bytes say.
    pub inspection: Inspection,
    /// Whose signature was verified; none when the policy asks for no signature.
    pub signer: Option<Signer>,
}

impl Source {
    /// Bytes that are at hand, under the name that reports and logs show. They are not signed until
    /// [`Source::signed`] says by what.
    pub fn bytes(name: &str, bytes: impl Into<Arc<[u8]>>) -> Source {
        Source {
            name: name.into(),
            file: FileName::OfSource,
            bytes: bytes.into(),
            signature: Err(SignatureFault::Missing),
        }
    }

    /// The same with the text of its detached signature, a `.minisig` file.
    #[must_use]
    pub fn signed(self, signature: &str) -> Source {
        let signature = match signature.len() > MAX_SIGNATURE {
            true => Err(SignatureFault::TooLarge),
            false => Ok(signature.into()),
        };
        Source { signature, ..self }
    }

    /// Reads a file, up to the `component-size` limit, under its name without the extension; and the
    /// signature beside it, `NAME.wasm.minisig`, when there is one. Whether a signature is needed, and
    /// whether this one is good, is known when the component is loaded.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not a regular file, or is larger than the limit.
    pub fn file(path: &Path, limits: &Limits) -> Result<Source, LoadError> {
        let part = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let read = || {
            let mut bytes = Vec::new();
            open_regular(path)?
                .ok_or_else(|| io::Error::other("not a regular file"))?
                .take(limits.component_size.saturating_add(1))
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| LoadError::Read {
            path: path.to_owned(),
            error,
        })?;
        too_large(bytes.len(), limits)?;
        Ok(Source {
            file: FileName::Exact(part(path.file_name()).into()),
            signature: beside(path),
            ..Source::bytes(&part(path.file_stem()), bytes)
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its file, which its signature and its pin are for: that of the file it was read from,
    /// or its name with `.wasm`.
    pub fn file_name(&self) -> String {
        match &self.file {
            FileName::Exact(name) => name.to_string(),
            FileName::OfSource => format!("{}.wasm", stem(&self.name)),
        }
    }

    /// Whether that is the name of its file.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match &self.file {
            FileName::Exact(file) => name == &**file,
            FileName::OfSource => stem(name) == stem(&self.name),
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `sha256:` and the digest of all of them.
    pub fn digest(&self) -> String {
        digest(&self.bytes)
    }

    pub(crate) fn signature(&self) -> Result<&str, SignatureFault> {
        self.signature.as_deref().map_err(|fault| *fault)
    }

    /// Whether it has the same bytes and the same signature.
    pub(crate) fn is_same(&self, other: &Source) -> bool {
        self.bytes == other.bytes && self.signature == other.signature
    }

    /// The text of its signature, or what is there instead.
    pub(crate) fn attached(&self) -> Attached {
        self.signature.clone()
    }

    /// Who signed it, as the signature beside it says. **Nothing is verified**: anybody can write this.
    ///
    /// # Errors
    ///
    /// There is no signature, or what is there cannot be read as one.
    pub fn claim(&self) -> Result<Signer, SignatureFault> {
        signature::claim(self)
    }

    /// Whose signature it has, when `trust` asks for one; `None` when it does not.
    ///
    /// # Errors
    ///
    /// It is not signed as `trust` asks.
    pub fn signer(&self, trust: &Trust) -> Result<Option<Signer>, Refusal> {
        signature::verify(self, trust)
    }

    /// Whether it has the bytes that a lock pins, or none are pinned and none have to be.
    ///
    /// # Errors
    ///
    /// Others are pinned, or none where all have to be.
    pub fn pinned(&self, lock: &Lock) -> Result<(), Refusal> {
        signature::pinned(self, lock)
    }

    /// What its bytes say: validity, digest, imports and exports. Nothing is compiled, and nobody is asked
    /// whether it is trusted: [`Source::vet`] does that first.
    ///
    /// # Errors
    ///
    /// It is no component, or not a valid one.
    pub fn inspect(&self) -> Result<Inspection, Refusal> {
        inspect(&self.bytes)
    }

    /// What stands before anything else, in this order: its size, its signature and its pin by the policy's
    /// `trust`, and only then what its bytes say. Every way of loading and judging begins here.
    ///
    /// # Errors
    ///
    /// The first that is not as it has to be.
    pub fn vet(&self, policy: &Policy) -> Result<Vetted, Refusal> {
        too_large(self.bytes.len(), &policy.limits)?;
        let signer = self.signer(&policy.trust)?;
        if let Some(lock) = &policy.trust.lock {
            self.pinned(lock)?;
        }
        let inspection = self.inspect()?;
        Ok(Vetted { inspection, signer })
    }

    /// What reports say of it under a policy. Of what is not trusted they say what can be said without
    /// reading it.
    pub fn info(&self, policy: &Policy) -> ProviderInfo {
        match self.vet(policy) {
            Ok(vetted) => vetted.info(&self.name),
            Err(_) => ProviderInfo {
                name: Arc::clone(&self.name),
                digest: self.digest(),
                size: self.bytes.len() as u64,
                world: None,
                signer: None,
            },
        }
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

impl Vetted {
    pub(crate) fn info(&self, name: &Arc<str>) -> ProviderInfo {
        ProviderInfo {
            name: Arc::clone(name),
            digest: self.inspection.digest.clone(),
            size: self.inspection.size,
            world: self.inspection.world(),
            signer: self.signer.clone(),
        }
    }
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".wasm").unwrap_or(name)
}

/// Where the signature of a file is: beside it, under its whole name and `.minisig`.
pub fn signature_path(path: &Path) -> PathBuf {
    let mut signature = path.as_os_str().to_owned();
    signature.push(".minisig");
    signature.into()
}

/// The text of the signature beside a file, or what is there instead.
fn beside(path: &Path) -> Attached {
    let read = || {
        let Some(file) = open_regular(&signature_path(path))? else {
            return Ok(Err(SignatureFault::NotAFile));
        };
        let mut bytes = Vec::new();
        file.take(MAX_SIGNATURE as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() > MAX_SIGNATURE {
            return Ok(Err(SignatureFault::TooLarge));
        }
        let text = String::from_utf8(bytes);
        Ok(text.map(Into::into).map_err(|_| SignatureFault::Malformed))
    };
    read().unwrap_or_else(|error: io::Error| match error.kind() {
        ErrorKind::NotFound => Err(SignatureFault::Missing),
        _ => Err(SignatureFault::Unreadable),
    })
}

/// Opens a regular file. Anything else is left alone before it is opened, so that a pipe does not block and a
/// device does not act; and looked at again afterwards, should it have been swapped.
pub(crate) fn open_regular(path: &Path) -> io::Result<Option<File>> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(crate::imports::files::NONBLOCK);
    }
    let file = options.open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

fn too_large(size: usize, limits: &Limits) -> Result<(), Refusal> {
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
