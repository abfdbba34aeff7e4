//! The names of streams, buckets and subjects: those of a tenant have its name in them, so that an account of NATS can be kept to
//! them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Characters of the name of a provider.
const MAX_NAME: usize = 64;

/// Characters of the name of a tenant.
const MAX_TENANT: usize = 32;

/// The name under which a group of workers and submitters share streams and buckets: small letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant(String);

/// The reason why a text is no name of a tenant or of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NameError(String);

impl Default for Tenant {
    fn default() -> Tenant {
        Tenant("default".to_owned())
    }
}

impl FromStr for Tenant {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Tenant, NameError> {
        let is_known = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        match (1..=MAX_TENANT).contains(&text.len()) && text.bytes().all(is_known) {
            true => Ok(Tenant(text.to_owned())),
            false => Err(NameError(format!(
                "{}: no name of a tenant; take up to {MAX_TENANT} small letters, digits and `-`",
                tollgate::escape::line(text)
            ))),
        }
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Tenant {
    /// The stream of work.
    pub(crate) fn work(&self) -> String {
        format!("tollgate_{}_work", self.0)
    }

    /// The subject of a call: each has its own, so that the server takes it once. Of all calls by `*` twice.
    pub(crate) fn work_of(&self, provider: &str, call: &str) -> String {
        format!("tollgate.{}.work.{provider}.{call}", self.0)
    }

    /// The stream of calls that no worker could end.
    pub(crate) fn dead(&self) -> String {
        format!("tollgate_{}_dead", self.0)
    }

    pub(crate) fn dead_of(&self, provider: &str) -> String {
        format!("tollgate.{}.dead.{provider}", self.0)
    }

    /// The subject at which a result is told as soon as it is there. It has no reply of the submitter's choice in it: a worker
    /// publishes at no subject that a message names.
    pub(crate) fn done(&self, key: &str) -> String {
        format!("tollgate.{}.done.{key}", self.0)
    }

    /// The bucket of results.
    pub(crate) fn results(&self) -> String {
        format!("tollgate_{}_results", self.0)
    }

    /// The bucket of the versions that serve.
    pub(crate) fn providers(&self) -> String {
        format!("tollgate_{}_providers", self.0)
    }

    /// The object store of components, policies and signatures.
    pub(crate) fn files(&self) -> String {
        format!("tollgate_{}_files", self.0)
    }

    /// The stream of that object store (NATS, ADR-20).
    pub(crate) fn stream_of_files(&self) -> String {
        format!("OBJ_{}", self.files())
    }

    /// The subject of the bytes of an object in it.
    pub(crate) fn chunks_of_files(&self, object: &str) -> String {
        format!("$O.{}.C.{object}", self.files())
    }
}

/// Checks the name of a provider, which is a part of subjects and keys.
pub(crate) fn check_provider(name: &str) -> Result<(), NameError> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_known) {
        true => Ok(()),
        false => Err(NameError(format!(
            "{}: no name of a provider here; take up to {MAX_NAME} letters, digits, `-` and `_`",
            tollgate::escape::line(name)
        ))),
    }
}

/// The provider of the subject of a call; empty in a subject that is none.
pub(crate) fn provider_of(subject: &str) -> &str {
    subject.split('.').nth(3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_part_of_another_subject() {
        for text in ["", "a.b", "*", ">", "a b", "A", "a_b", "ä", &"a".repeat(33)] {
            assert!(text.parse::<Tenant>().is_err(), "{text}");
        }
        for text in [
            "",
            "a.b",
            "*",
            ">",
            "a b",
            "$JS",
            "a/b",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(check_provider(text).is_err(), "{text}");
        }
        assert!("team-1".parse::<Tenant>().is_ok());
        assert_eq!(check_provider("Ledger_csv-2"), Ok(()));
    }
}
