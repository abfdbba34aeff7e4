//! Trust: the signature that a component must have before any of it is read, and the digest that it is pinned to.

use crate::error::ValueError;

pub use key::{KeyId, PublicKey};
pub use lock::{Lock, Pin};
pub use signature::{MAX_SIGNATURE, Signature, SignatureError};

pub mod base64;
mod key;
mod lock;
mod signature;

/// The lines of a key or a signature file, as editors and shells leave them: without a byte order mark and without empty
/// lines at the end.
fn lines(text: &str) -> Vec<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.trim_end_matches(BLANK).lines().collect()
}

/// The space that editors and shells leave. No other character is dropped: a signature that was changed has no effect.
const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

/// The signature that a component must have. The default requires none.
///
/// ```
/// use tollgate_policy::{PublicKey, Trust};
///
/// let mut trust = Trust::default();
/// assert!(!trust.requires_signature());
/// trust.add_key(PublicKey::parse("RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ")?)?;
/// assert!(trust.requires_signature());
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// A component must have a detached signature by one of these keys. With no key, no signature is required, unless
    /// `require` is set.
    pub keys: Vec<PublicKey>,
    /// Requires a signature even without `keys`; then every component is refused.
    pub require: bool,
    /// The digests that components were pinned to. They have a file of their own and are no part of the policy's text.
    pub lock: Option<Lock>,
}

impl Trust {
    /// Whether a component must be signed.
    pub fn requires_signature(&self) -> bool {
        self.require || !self.keys.is_empty()
    }

    /// Trusts one more key.
    ///
    /// # Errors
    ///
    /// If the key is trusted already.
    pub fn add_key(&mut self, key: PublicKey) -> Result<(), ValueError> {
        if self.keys.contains(&key) {
            return Err(ValueError::new(format!(
                "the key {} is listed twice; keep one of the two",
                key.id()
            )));
        }
        self.keys.push(key);
        Ok(())
    }

    /// The trust that is satisfied only by components that satisfy both `self` and `other`, by signature and by pin. A
    /// trust that requires no signature adds no condition; of two that do, the keys that both list remain. If none
    /// remains, every component is refused, as it is by a trust that requires a signature and lists no key. Pins are
    /// joined by [`Lock::intersect`].
    ///
    /// ```
    /// use tollgate_policy::{PublicKey, Trust};
    ///
    /// let nobody = Trust { require: true, ..Trust::default() };
    /// let key = PublicKey::parse("RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ")?;
    /// let one = Trust { keys: vec![key], ..Trust::default() };
    /// assert_eq!(nobody.intersect(&one), nobody);
    /// # Ok::<(), tollgate_policy::ValueError>(())
    /// ```
    #[must_use]
    pub fn intersect(&self, other: &Trust) -> Trust {
        let keys = match (self.signers(), other.signers()) {
            (Signers::Anybody, Signers::Anybody) => Vec::new(),
            (Signers::Anybody, Signers::Of(keys)) | (Signers::Of(keys), Signers::Anybody) => {
                keys.to_vec()
            }
            (Signers::Of(ours), Signers::Of(theirs)) => {
                let common = ours.iter().filter(|key| theirs.contains(key));
                common.cloned().collect()
            }
        };
        Trust {
            keys,
            // Without a key in common, the result has no keys and must still require a signature.
            require: self.requires_signature() || other.requires_signature(),
            lock: match (&self.lock, &other.lock) {
                (Some(ours), Some(theirs)) => Some(ours.intersect(theirs)),
                (ours, theirs) => ours.as_ref().or(theirs.as_ref()).cloned(),
            },
        }
    }

    /// The signers that are accepted. The two meanings of an empty list of keys are told apart here.
    fn signers(&self) -> Signers<'_> {
        match self.requires_signature() {
            false => Signers::Anybody,
            true => Signers::Of(&self.keys),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ValueError> {
        let mut rebuilt = Trust::default();
        for key in &self.keys {
            rebuilt
                .add_key(key.clone())
                .map_err(|error| ValueError::new(format!("trust.keys: {}", error.message)))?;
        }
        Ok(())
    }
}

/// The signers that a trust accepts.
enum Signers<'t> {
    /// No signature is required.
    Anybody,
    /// The owners of these keys; with an empty list, no signer.
    Of(&'t [PublicKey]),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by minisign 0.11, which calls it A3A8BAA244D14AB4.
    const KEY: &str = "RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ";

    #[test]
    fn an_intersection_requires_no_less_than_either() {
        let key = |number: u8| PublicKey::from_parts(KeyId([number; 8]), [number; 32]).unwrap();
        let trust = |keys: &[u8], require| Trust {
            keys: keys.iter().map(|number| key(*number)).collect(),
            require,
            lock: None,
        };
        for (one, other, keys, require) in [
            (trust(&[], false), trust(&[], false), &[][..], false),
            (trust(&[], false), trust(&[], true), &[], true),
            (trust(&[1, 2], false), trust(&[], false), &[1, 2], true),
            (trust(&[1, 2], false), trust(&[2, 3], false), &[2], true),
            // No key is trusted by both, so every component is refused.
            (trust(&[1], false), trust(&[2], false), &[], true),
            // One of the two refuses every component already.
            (trust(&[], true), trust(&[1], false), &[], true),
            (trust(&[], true), trust(&[1, 2], true), &[], true),
        ] {
            for both in [one.intersect(&other), other.intersect(&one)] {
                assert_eq!(both, trust(keys, require), "{one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn a_key_is_listed_once() {
        let key = PublicKey::parse(KEY).unwrap();
        let mut trust = Trust::default();
        assert!(!trust.requires_signature());
        assert_eq!(trust.add_key(key.clone()), Ok(()));
        assert!(trust.requires_signature() && trust.check().is_ok());
        assert!(trust.add_key(key.clone()).is_err());
        trust.keys.push(key);
        assert!(
            trust
                .check()
                .unwrap_err()
                .message
                .starts_with("trust.keys: ")
        );
    }
}
