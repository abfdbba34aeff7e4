//! Trust: the signature that a component must have before any of it is read, and the digest that it is pinned to.

use crate::error::ValueError;

pub use key::{KeyId, PublicKey};
pub use lock::{Lock, Pin};
pub use signature::{MAX_SIGNATURE, Signature, SignatureError};

pub mod base64;
mod key;
mod lock;
mod signature;

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

    /// The trust that is satisfied only by components that satisfy both `self` and `other`: the keys that both list, or
    /// those of the one that lists any. If both list keys and none in common, every component is refused. The pins are
    /// those of `other` if it has any, otherwise those of `self`.
    ///
    /// ```
    /// use tollgate_policy::Trust;
    ///
    /// let required = Trust { require: true, ..Trust::default() };
    /// assert!(required.intersect(&Trust::default()).requires_signature());
    /// ```
    #[must_use]
    pub fn intersect(&self, other: &Trust) -> Trust {
        let mut keys = match self.keys.is_empty() {
            true => other.keys.clone(),
            false => self.keys.clone(),
        };
        if !other.keys.is_empty() {
            keys.retain(|key| other.keys.contains(key));
        }
        Trust {
            keys,
            // Without a key in common, the result has no keys and must still require a signature.
            require: self.requires_signature() || other.requires_signature(),
            lock: other.lock.clone().or_else(|| self.lock.clone()),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by minisign 0.11, which calls it A3A8BAA244D14AB4.
    const KEY: &str = "RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ";

    #[test]
    fn both_is_never_less_than_either() {
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
        ] {
            for both in [one.intersect(&other), other.intersect(&one)] {
                assert_eq!(both, trust(keys, require), "{one:?} and {other:?}");
            }
        }
        let locked = |strict| {
            let mut lock = Lock::default();
            lock.strict = strict;
            Trust {
                lock: Some(lock),
                ..Trust::default()
            }
        };
        for other in [locked(false), Trust::default()] {
            let pins = locked(true).intersect(&other).lock;
            assert_eq!(pins, other.lock.or(locked(true).lock));
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
