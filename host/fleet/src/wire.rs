//! The messages: bytes that anybody who may publish has chosen.

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::names;

/// Bytes of a call. The default of the NATS server is the same.
pub(crate) const MAX_JOB: usize = 1 << 20;

/// Characters of a key, which is a part of a subject.
const MAX_KEY: usize = 64;

/// A version of a provider: digests of its files.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) component: String,
    pub(crate) policy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<String>,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    pub(crate) provider: String,
    pub(crate) version: Version,
    /// In WAVE: `resolve("^1", "linux/x86_64")`; with `arguments` the full name of a function.
    pub(crate) call: String,
    /// A JSON array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arguments: Option<String>,
    /// Two calls with one key are one. It is derived from the rest, and compared by workers: a call takes no other call's result.
    pub(crate) key: String,
    /// The submitter's own key, if it has given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) own_key: Option<String>,
    /// Milliseconds after which nobody waits for a call that no worker has begun.
    pub(crate) patience: u64,
}

/// The reason why a message is no call. Its text has nothing of the message but what is escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Garbage(pub(crate) String);

impl Version {
    /// Reads the value of a key in the bucket of providers.
    pub(crate) fn read(bytes: &[u8]) -> Result<Version, Garbage> {
        let version: Version = parsed(bytes)?;
        version.check()?;
        Ok(version)
    }

    fn check(&self) -> Result<(), Garbage> {
        let signature = self.signature.as_deref();
        let mut digests = [&*self.component, &*self.policy]
            .into_iter()
            .chain(signature);
        match digests.all(digest::is) {
            true => Ok(()),
            false => Err(Garbage(
                "a version has something that is no digest".to_owned(),
            )),
        }
    }

    /// The digest of all of it.
    pub(crate) fn digest(&self) -> String {
        let signature = self.signature.as_deref().unwrap_or_default();
        let parts = [&*self.component, &*self.policy, signature];
        digest::of_parts(&parts.map(str::as_bytes))
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Job {
    /// Reads a message. `provider` is the one of its subject.
    pub(crate) fn read(bytes: &[u8], provider: &str) -> Result<Job, Garbage> {
        if bytes.len() > MAX_JOB {
            return Err(Garbage(format!("a call has more than {MAX_JOB} bytes")));
        }
        let job: Job = parsed(bytes)?;
        job.version.check()?;
        if let Some(own) = &job.own_key {
            check_key(own).map_err(Garbage)?;
        }
        if job.key != job.derived_key() {
            return Err(Garbage("the key is not that of the call".to_owned()));
        }
        names::check_provider(&job.provider).map_err(|error| Garbage(error.to_string()))?;
        match job.provider == provider {
            true => Ok(job),
            false => Err(Garbage("the subject is of another provider".to_owned())),
        }
    }

    /// The key of the call: of its own key and provider, or of all that decides on its result.
    pub(crate) fn derived_key(&self) -> String {
        let provider = self.provider.as_bytes();
        let Version {
            component,
            policy,
            signature,
        } = &self.version;
        match &self.own_key {
            Some(own) => digest::of_parts(&[b"key", provider, own.as_bytes()]),
            None => digest::of_parts(&[
                match self.arguments {
                    Some(_) => b"json",
                    None => b"call",
                },
                provider,
                component.as_bytes(),
                policy.as_bytes(),
                signature.as_deref().unwrap_or_default().as_bytes(),
                self.call.as_bytes(),
                self.arguments.as_deref().unwrap_or_default().as_bytes(),
            ]),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Checks a key, which is a part of a subject and of a bucket.
pub(crate) fn check_key(key: &str) -> Result<(), String> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(is_known) {
        true => Ok(()),
        false => Err(format!(
            "a key has up to {MAX_KEY} letters, digits, `-` and `_`"
        )),
    }
}

fn parsed<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, Garbage> {
    serde_json::from_slice(bytes)
        .map_err(|error| Garbage(tollgate::escape::line(&error.to_string()).into_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says so by failing")]
mod tests {
    use super::*;

    fn job() -> Job {
        let mut job = Job {
            provider: "echo".to_owned(),
            version: Version {
                component: digest::of(b"a"),
                policy: digest::of(b"b"),
                signature: None,
            },
            call: "run(\"\")".to_owned(),
            arguments: None,
            key: String::new(),
            own_key: Some("k1".to_owned()),
            patience: 1,
        };
        job.key = job.derived_key();
        job
    }

    #[test]
    fn a_key_is_of_all_that_decides_on_the_result() {
        let own = job();
        let mut plain = Job {
            own_key: None,
            ..job()
        };
        plain.key = plain.derived_key();
        let keys = [
            own.key.clone(),
            plain.key.clone(),
            Job {
                provider: "other".to_owned(),
                ..own.clone()
            }
            .derived_key(),
            Job {
                provider: "other".to_owned(),
                ..plain.clone()
            }
            .derived_key(),
            Job {
                call: "other()".to_owned(),
                ..plain.clone()
            }
            .derived_key(),
            Job {
                arguments: Some("[]".to_owned()),
                ..plain.clone()
            }
            .derived_key(),
            {
                let mut signed = plain.clone();
                signed.version.signature = Some(digest::of(b"c"));
                signed.derived_key()
            },
        ];
        let all: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(all.len(), keys.len());
        // The result of another call.
        let stolen = Job {
            key: plain.key,
            ..own
        };
        assert!(Job::read(stolen.to_json().as_bytes(), "echo").is_err());
    }

    #[test]
    fn a_call_is_read_as_it_was_written() {
        let text = job().to_json();
        assert_eq!(Job::read(text.as_bytes(), "echo"), Ok(job()));
        // Its subject is that of another provider.
        assert!(Job::read(text.as_bytes(), "other").is_err());
    }

    #[test]
    fn what_is_no_call_is_refused() {
        let text = job().to_json();
        let digest = digest::of(b"a");
        let long = format!("{}{text}", " ".repeat(MAX_JOB));
        for hostile in [
            "",
            "{",
            "[]",
            "null",
            &"[".repeat(100_000),
            &text.replace("\"echo\"", "\"other\""),
            &text.replace("\"k1\"", "\"\""),
            &text.replace("\"k1\"", "\"a.b\""),
            &text.replace("\"k1\"", "\">\""),
            &text.replace("\"k1\"", &format!("\"{}\"", "k".repeat(65))),
            &text.replace(&digest, "../../etc/passwd"),
            &text.replace(&digest, &digest.to_uppercase()),
            &text.replace("\"patience\":1", "\"patience\":-1"),
            &text.replace("\"patience\":1", "\"patience\":1,\"more\":1"),
            &long,
        ] {
            assert!(Job::read(hostile.as_bytes(), "echo").is_err(), "{hostile}");
        }
    }
}
