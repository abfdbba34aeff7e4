//! Whether a component is signed as the policy asks and has the bytes it was pinned to; before any of it is parsed.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use tollgate_policy::{KeyId, Lock, Pin, PublicKey, Signature, SignatureFault, Trust};

use crate::error::{Refusal, RefusalKind};
use crate::escape;
use crate::remedy::Remedy;
use crate::source::Source;

/// Who signed a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key. Its id is chosen by whoever makes the key.
    pub key_id: KeyId,
    /// What the signer added, as it was written: escape it before showing it.
    pub comment: String,
}

impl Signer {
    /// As the report shows it.
    pub fn to_json(&self) -> Value {
        json!({ "key_id": self.key_id.to_string(), "comment": self.comment })
    }
}

/// What the signature says, unverified.
pub(crate) fn claim(source: &Source) -> Result<Signer, SignatureFault> {
    let signature = Signature::parse(source.signature()?).map_err(|_| SignatureFault::Malformed)?;
    Ok(Signer {
        key_id: signature.key_id,
        comment: signature.comment,
    })
}

/// Whose signature the component has, when the policy asks for one. Where it asks for none, one that is there is
/// not looked at: there is nothing to check it against.
pub(crate) fn verify(source: &Source, trust: &Trust) -> Result<Option<Signer>, Refusal> {
    if !trust.asks() {
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
            return refuse(SignatureFault::Malformed, text);
        }
    };
    let id = signature.key_id;
    // Whoever makes a key chooses its id, so two may have the same.
    let keys: Vec<&PublicKey> = trust.keys.iter().filter(|key| key.id() == id).collect();
    if keys.is_empty() {
        let text = match trust.keys.is_empty() {
            true => format!("{file} is signed by the key {id}; {}", no_key()),
            false => format!(
                "{file} is signed by the key {id}, which the policy does not trust; if it should be, add \
                 the whole public key to `trust.keys`"
            ),
        };
        let refusal = Refusal::signature(SignatureFault::UnknownKey, text);
        return Err(refusal.with_remedy(Remedy::TrustKey));
    }
    if signature.legacy {
        let text = format!(
            "the signature of {file} is of minisign's old kind, over the bytes and not over their hash; sign it \
             anew, for example with minisign 0.10 or later, without `-l`"
        );
        return Err(Refusal::signature(SignatureFault::Legacy, text).with_remedy(Remedy::Sign));
    }
    let hash = blake2b_simd::blake2b(source.as_bytes());
    let sealed = signature.sealed();
    let checks = |key: &&PublicKey| {
        let key = UnparsedPublicKey::new(&ED25519, key.as_bytes());
        (
            key.verify(hash.as_bytes(), &signature.bytes).is_ok(),
            key.verify(&sealed, &signature.seal).is_ok(),
        )
    };
    let checks: Vec<(bool, bool)> = keys.iter().map(checks).collect();
    if !checks.iter().any(|(bytes, _)| *bytes) {
        let text = format!(
            "the signature by the key {id} is not one of {file} as it is: either was changed, or the signature is \
             another file's; get both anew from who signed it"
        );
        return refuse(SignatureFault::Altered, text);
    }
    if !checks.contains(&(true, true)) {
        let text = format!(
            "the trusted comment in {file}.minisig is not the one that the key {id} signed; get the signature \
             anew from who signed it"
        );
        return refuse(SignatureFault::Comment, text);
    }
    let digest = source.digest();
    if let Err(fault) = signature.is_for(|name| source.is_named(name), &digest) {
        let refusal = Refusal::signature(fault, not_for(&signature, fault, &file, &digest));
        return Err(refusal.with_remedy(Remedy::Sign));
    }
    Ok(Some(Signer {
        key_id: id,
        comment: signature.comment,
    }))
}

/// Refuses a component that was pinned to other bytes, or to none where all have to be pinned.
pub(crate) fn pinned(source: &Source, lock: &Lock) -> Result<(), Refusal> {
    let (file, digest) = (source.file_name(), source.digest());
    let (shown, lock_file) = (escape::line(&file), Lock::FILE);
    let pin = lock.judge(&file, &digest);
    let unpinned = matches!(pin, Pin::None);
    let text = match pin {
        Pin::Same => return Ok(()),
        Pin::None if !lock.complete => return Ok(()),
        Pin::None => format!(
            "{shown} is not pinned in {lock_file}; if it may be used, add the line `{}` below [components]",
            Lock::line(&file, &digest)
        ),
        Pin::Other(pinned) => format!(
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

/// There is no text of a signature.
fn unusable(fault: SignatureFault, file: &str, trust: &Trust) -> Refusal {
    let what = match fault {
        SignatureFault::NotAFile => format!("{file}.minisig is not a regular file"),
        SignatureFault::TooLarge => format!("{file}.minisig is larger than any signature, 4 KiB"),
        SignatureFault::Unreadable => {
            format!("{file}.minisig cannot be read; look at its permissions")
        }
        SignatureFault::Malformed => {
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

/// It is a good signature, for something else.
fn not_for(signature: &Signature, fault: SignatureFault, file: &str, digest: &str) -> String {
    match (fault, signature.file()) {
        (SignatureFault::Digest, _) => format!(
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
