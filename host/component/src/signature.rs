//! Checks of a component's signature and pin, before any of its bytes are parsed.

use ring::signature::{ED25519, UnparsedPublicKey};
use tollgate_policy::{Lock, Pin, PublicKey, Signature, SignatureError, Trust};

use crate::escape;
use crate::identity::{Identity, Signer};
use crate::refusal::{Refusal, RefusalKind};
use crate::remedy::Remedy;
use crate::source::Source;

impl Source {
    /// The signer that the signature beside it names. **Nothing is verified**: any author can write any name.
    ///
    /// # Errors
    ///
    /// There is no signature, or the file cannot be read as one.
    pub fn claimed_signer(&self) -> Result<Signer, SignatureError> {
        let signature =
            Signature::parse(self.identity.signature()?).map_err(|_| SignatureError::Malformed)?;
        Ok(Signer {
            key_id: signature.key_id,
            comment: signature.comment,
        })
    }

    /// Verifies the signature, when `trust` requires one, and returns its signer. `None` when `trust` requires none: a
    /// signature beside the component is then not read, since there is no key to check it with.
    ///
    /// # Errors
    ///
    /// The component is not signed as `trust` requires.
    pub fn verify(&self, trust: &Trust) -> Result<Option<Signer>, Refusal> {
        // Its bytes need no hash here for a policy that asks for no signature.
        match trust.requires_signature() {
            true => verify(self.identity(), trust),
            false => Ok(None),
        }
    }

    /// Checks that its bytes are the pinned ones, or that no pin exists and none is required.
    ///
    /// # Errors
    ///
    /// Other bytes are pinned, or no pin exists although one is required.
    pub fn verify_pin(&self, lock: &Lock) -> Result<(), Refusal> {
        verify_pin(self.named(), lock)
    }
}

/// See [`Source::verify`].
pub(crate) fn verify(source: &Identity, trust: &Trust) -> Result<Option<Signer>, Refusal> {
    if !trust.requires_signature() {
        return Ok(None);
    }
    let refuse = |fault, text: String| Err(Refusal::signature(fault, text));
    let file = escape::line(&source.file_name()).into_owned();
    let text = match source.signature() {
        Ok(text) => text,
        Err(fault) => return Err(unusable(fault, &file, trust)),
    };
    let signature = match Signature::parse(text) {
        Ok(signature) => signature,
        Err(error) => {
            let text =
                format!("{file}.minisig is no signature: {error}; have it made or fetched anew");
            return refuse(SignatureError::Malformed, text);
        }
    };
    let id = signature.key_id;
    // The maker of a key chooses its id, so two keys may share one.
    let keys: Vec<&PublicKey> = trust.keys.iter().filter(|key| key.id() == id).collect();
    if keys.is_empty() {
        let text = match trust.keys.is_empty() {
            true => format!("{file} is signed by the key {id}; {}", no_key()),
            false => format!(
                "{file} is signed by the key {id}, which the policy does not trust; if it should be, add \
                 the whole public key to `trust.keys`"
            ),
        };
        let refusal = Refusal::signature(SignatureError::UnknownKey, text);
        return Err(refusal.with_remedy(Remedy::TrustKey));
    }
    if signature.legacy {
        let text = format!(
            "the signature of {file} is of minisign's old kind, over the bytes and not over their hash; sign it \
             anew, for example with minisign 0.10 or later, without `-l`"
        );
        return Err(Refusal::signature(SignatureError::Legacy, text).with_remedy(Remedy::Sign));
    }
    let Some(hash) = source.hash.get() else {
        let text = format!("{file} was not hashed; load it anew");
        return refuse(SignatureError::Unreadable, text);
    };
    let sealed = signature.sealed();
    let checks = |key: &&PublicKey| {
        let key = UnparsedPublicKey::new(&ED25519, key.as_bytes());
        (
            key.verify(hash, &signature.bytes).is_ok(),
            key.verify(&sealed, &signature.seal).is_ok(),
        )
    };
    let checks: Vec<(bool, bool)> = keys.iter().map(checks).collect();
    if !checks.iter().any(|(bytes, _)| *bytes) {
        let text = format!(
            "the signature by the key {id} is not one of {file} as it is: either was changed, or the signature is \
             another file's; get both anew from the signer"
        );
        return refuse(SignatureError::Altered, text);
    }
    if !checks.contains(&(true, true)) {
        let text = format!(
            "the trusted comment in {file}.minisig is not the one that the key {id} signed; get the signature \
             anew from the signer"
        );
        return refuse(SignatureError::Comment, text);
    }
    let digest = source.digest();
    if let Err(fault) = signature.is_for(|name| source.is_named(name), digest) {
        let refusal = Refusal::signature(fault, not_for(&signature, fault, &file, digest));
        return Err(refusal.with_remedy(Remedy::Sign));
    }
    Ok(Some(Signer {
        key_id: id,
        comment: signature.comment,
    }))
}

/// See [`Source::verify_pin`].
pub(crate) fn verify_pin(source: &Identity, lock: &Lock) -> Result<(), Refusal> {
    let (file, digest) = (source.file_name(), source.digest());
    let (shown, lock_file) = (escape::line(&file), Lock::FILE);
    let pin = lock.check(&file, digest);
    let unpinned = matches!(pin, Pin::Unpinned);
    let text = match pin {
        Pin::Match => return Ok(()),
        Pin::Unpinned if !lock.strict => return Ok(()),
        Pin::Unpinned => format!(
            "{shown} is not pinned in {lock_file}; if it may be used, add the line `{}` below [components]",
            Lock::line(&file, digest)
        ),
        Pin::Mismatch(pinned) => format!(
            "{shown} is not the one that was pinned: it is {digest}; if this version is meant, delete the line \
             `{}` from {lock_file}",
            Lock::line(&file, pinned)
        ),
    };
    let refusal = Refusal::new(RefusalKind::Digest, text);
    Err(match unpinned {
        true => refusal.with_remedy(Remedy::Pin),
        false => refusal,
    })
}

fn no_key() -> &'static str {
    "the policy requires a signature and trusts no key, so it refuses every component; add \
     `trust.keys = [\"RWQ…\"]` with the public key of a permitted signer"
}

/// The refusal of a component without a readable signature.
fn unusable(fault: SignatureError, file: &str, trust: &Trust) -> Refusal {
    let what = match fault {
        SignatureError::NotAFile => format!("{file}.minisig is not a regular file"),
        SignatureError::TooLarge => format!("{file}.minisig is larger than any signature, 4 KiB"),
        SignatureError::Unreadable => {
            format!("{file}.minisig cannot be read; look at its permissions")
        }
        SignatureError::Malformed => {
            format!("{file}.minisig is no signature: it is not UTF-8 text")
        }
        _ => format!("{file} is not signed: there is no {file}.minisig beside it"),
    };
    let (text, remedy) = match trust.keys.is_empty() {
        true => (format!("{what}; {}", no_key()), Remedy::TrustKey),
        false => (
            format!("{what}; get it from the author, or sign the component"),
            Remedy::Sign,
        ),
    };
    Refusal::signature(fault, text).with_remedy(remedy)
}

/// The reason for which a valid signature is not for this component.
fn not_for(signature: &Signature, fault: SignatureError, file: &str, digest: &str) -> String {
    match (fault, signature.file()) {
        (SignatureError::Digest, _) => format!(
            "the trusted comment of {file}.minisig gives another digest than {digest}; have it signed anew"
        ),
        (_, Some(name)) => format!(
            "{file} was signed under the name `{}`; give it that name again, or have it signed under this one",
            escape::line(name)
        ),
        (_, None) => format!(
            "the signature does not say that it is for {file}: its trusted comment needs one `file:`; have it \
             signed anew, for example with minisign, without `-t`"
        ),
    }
}
