//! The reasons of denials: a closed set with labels that do not change.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::grants::GrantName;
use crate::toml::messages::shown;

use super::address::network_of;

/// The reason why a request was denied. The set may grow; a label never changes, since reports and metrics contain it.
///
/// A reason is serialized as its label, and read back from it.
///
/// ```
/// use tollgate_policy::Reason;
///
/// assert_eq!(Reason::OutsideRoot.label(), "outside-root");
/// assert_eq!(Reason::try_from("outside-root".to_owned()), Ok(Reason::OutsideRoot));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum Reason {
    /// The policy grants nothing that matches the request.
    NotGranted,
    /// The policy grants no root of this name.
    UnknownRoot,
    /// The path is not a valid path below a root.
    BadPath,
    /// The path leads out of its root: by `..`, by being absolute, or by a symbolic link.
    OutsideRoot,
    /// The root is granted for reading only.
    ReadOnly,
    /// The path leads to something other than a regular file.
    NotAFile,
    /// The path leads to a file that no root may hold, which has a second name here, a hard link; or it is to be written and
    /// has the name of a policy or of a lock file.
    Protected,
    /// The text is not a URL, or two parsers could read it in two ways, also after decoding it.
    BadUrl,
    /// The URL is granted, but its path has an escaped `/`, which some servers read as a separator.
    EscapedSlash,
    /// The URL is granted, but not with this method, or not with a body by this method.
    Method,
    /// The host has an address that is neither public nor of a network of the grant, or that of a cloud's metadata service.
    PrivateAddress,
    /// The request would carry a credential as plain text to an address that is not of a network of the grant.
    PublicAddress,
    /// The header is one that only the host may set, or it is not valid.
    BadHeader,
    /// The grant lists headers, and this is not one of them; or it lists none, and this is an override.
    Header,
    /// The request has more headers, or longer ones, than the host sends.
    HeadTooLarge,
    /// The call has used up its granted requests; redirects count.
    TooManyRequests,
    /// The request was redirected more often than the host follows, for any policy.
    TooManyRedirects,
    /// As many connections are open as granted.
    TooManyConnections,
    /// The response contains the credential that the request carried, or cannot be searched for it.
    SecretInResponse,
    /// A quota of the grant is used up, or the request exceeds it.
    Quota,
    /// Guests may not make links: programs outside the sandbox would follow them without a decision.
    Link,
    /// The guest, or all guests together, hold as many open files and connections as they may.
    TooManyOpenFiles,
    /// The key or the name of the bucket is empty or too long.
    BadKey,
    /// The rule that allows the request asks, and nobody said yes: the answer was no, none came in time, or there was nobody
    /// to ask.
    NotApproved,
    /// The rule that allows the request asks, and the call has used up its questions.
    TooManyQuestions,
}

impl Reason {
    /// All reasons, for documentation and for tests that provoke each.
    pub const ALL: &'static [Reason] = &[
        Reason::NotGranted,
        Reason::UnknownRoot,
        Reason::BadPath,
        Reason::OutsideRoot,
        Reason::ReadOnly,
        Reason::NotAFile,
        Reason::Protected,
        Reason::BadUrl,
        Reason::EscapedSlash,
        Reason::Method,
        Reason::PrivateAddress,
        Reason::PublicAddress,
        Reason::BadHeader,
        Reason::Header,
        Reason::HeadTooLarge,
        Reason::TooManyRequests,
        Reason::TooManyRedirects,
        Reason::TooManyConnections,
        Reason::SecretInResponse,
        Reason::Quota,
        Reason::Link,
        Reason::TooManyOpenFiles,
        Reason::BadKey,
        Reason::NotApproved,
        Reason::TooManyQuestions,
    ];

    /// The stable label, in kebab-case.
    pub const fn label(self) -> &'static str {
        match self {
            Reason::NotGranted => "not-granted",
            Reason::UnknownRoot => "unknown-root",
            Reason::BadPath => "bad-path",
            Reason::OutsideRoot => "outside-root",
            Reason::ReadOnly => "read-only",
            Reason::NotAFile => "not-a-file",
            Reason::Protected => "protected",
            Reason::BadUrl => "bad-url",
            Reason::EscapedSlash => "escaped-slash",
            Reason::Method => "method",
            Reason::PrivateAddress => "private-address",
            Reason::PublicAddress => "public-address",
            Reason::BadHeader => "bad-header",
            Reason::Header => "header",
            Reason::HeadTooLarge => "head-too-large",
            Reason::TooManyRequests => "too-many-requests",
            Reason::TooManyRedirects => "too-many-redirects",
            Reason::TooManyConnections => "too-many-connections",
            Reason::SecretInResponse => "secret-in-response",
            Reason::Quota => "quota",
            Reason::Link => "link",
            Reason::TooManyOpenFiles => "too-many-open-files",
            Reason::BadKey => "bad-key",
            Reason::NotApproved => "not-approved",
            Reason::TooManyQuestions => "too-many-questions",
        }
    }
}

/// Parses a label.
impl TryFrom<String> for Reason {
    type Error = String;

    fn try_from(label: String) -> Result<Reason, String> {
        let found = Reason::ALL.iter().find(|reason| reason.label() == label);
        found
            .copied()
            .ok_or_else(|| format!("unknown reason `{}`", shown(&label)))
    }
}

impl From<Reason> for &'static str {
    fn from(reason: Reason) -> &'static str {
        reason.label()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// One denied request, as the report lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// The key of the grant that was needed: `files`, `http` and so on.
    pub capability: &'static str,
    /// The object of the request, as the guest wrote it: a path, a URL, a key; for a header the URL, `header` and its name.
    /// Reports have it escaped and cut to one line.
    pub target: String,
    /// The reason of the denial.
    pub reason: Reason,
    /// The address that a request was denied because of. The host has looked it up, and the guest never sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

/// Reads a serialized denial; the capability must be the key of a grant.
impl<'de> Deserialize<'de> for Denial {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Denial, D::Error> {
        #[derive(Deserialize)]
        struct Owned {
            capability: String,
            target: String,
            reason: Reason,
            #[serde(default)]
            address: Option<IpAddr>,
        }
        let Owned {
            capability,
            target,
            reason,
            address,
        } = Owned::deserialize(deserializer)?;
        let Some(name) = GrantName::of_key(&capability) else {
            let error = format!("unknown capability `{}`", shown(&capability));
            return Err(serde::de::Error::custom(error));
        };
        Ok(Denial {
            capability: name.key(),
            target,
            reason,
            address,
        })
    }
}

impl Denial {
    /// The part of a policy that would allow the request. `None` for a request that no policy allows, such as a path
    /// out of its root.
    ///
    /// ```
    /// use tollgate_policy::{Denial, Reason};
    ///
    /// let denial = Denial {
    ///     capability: "http",
    ///     target: "http://inside.example/".into(),
    ///     reason: Reason::PrivateAddress,
    ///     address: Some("10.0.0.1".parse().unwrap()),
    /// };
    /// assert_eq!(denial.remedy().unwrap(), "`networks = [\"private\"]` in its `[[grants.http]]`");
    /// ```
    pub fn remedy(&self) -> Option<Cow<'static, str>> {
        if let (Reason::PrivateAddress, Some(address)) = (self.reason, self.address) {
            let network = network_of(address)?;
            let line = format!("`networks = [\"{network}\"]` in its `[[grants.http]]`");
            return Some(line.into());
        }
        let line = match (self.capability, self.reason) {
            ("http", Reason::NotGranted) => "a `[[grants.http]]` with its `url`",
            ("config", Reason::NotGranted) => "its key in `[grants.config]`",
            ("stub", Reason::NotGranted) => "a grant of its interface beside `stub`",
            ("store", Reason::NotGranted) => "`store = true` in `[grants]`",
            ("files", Reason::UnknownRoot) => "a `[[grants.files]]` with its `root`",
            ("files", Reason::ReadOnly) => "`access = \"read-write\"` in its `[[grants.files]]`",
            ("files", Reason::Quota) => {
                "a larger `max-write`, `max-files` or `max-read` in its `[[grants.files]]`"
            }
            ("http", Reason::Quota) => "a larger `max-body` in its `[[grants.http]]`",
            ("store", Reason::Quota) => {
                "a larger `max-keys`, `max-value` or `max-total` in `[grants.store]`"
            }
            (_, Reason::EscapedSlash) => "`escaped-slashes = true` in its `[[grants.http]]`",
            (_, Reason::Method) => "its method among the `methods` of its `[[grants.http]]`",
            (_, Reason::Header) => "its name among the `headers` of its `[[grants.http]]`",
            (_, Reason::PrivateAddress) => {
                "the network of its address among the `networks` of its `[[grants.http]]`"
            }
            (_, Reason::PublicAddress) => "an `https://` URL in its `[[grants.http]]`",
            (_, Reason::TooManyRequests) => "a larger `max-requests` in its `[[grants.http]]`",
            (_, Reason::TooManyConnections) => {
                "a larger `max-connections` in its `[[grants.http]]`"
            }
            (_, Reason::TooManyOpenFiles) => "a larger `limits.open-files`",
            (_, Reason::NotApproved) => "its rule without `ask = true`",
            (_, Reason::TooManyQuestions) => "a larger `limits.questions`",
            _ => return None,
        };
        Some(line.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_published_ones() {
        let labels: Vec<&str> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        let published = [
            "not-granted",
            "unknown-root",
            "bad-path",
            "outside-root",
            "read-only",
            "not-a-file",
            "protected",
            "bad-url",
            "escaped-slash",
            "method",
            "private-address",
            "public-address",
            "bad-header",
            "header",
            "head-too-large",
            "too-many-requests",
            "too-many-redirects",
            "too-many-connections",
            "secret-in-response",
            "quota",
            "link",
            "too-many-open-files",
            "bad-key",
            "not-approved",
            "too-many-questions",
        ];
        assert_eq!(labels, published);
        assert_eq!(Reason::Quota.to_string(), "quota");
    }

    #[test]
    fn a_remedy_names_what_to_write() {
        let remedies: &[(&str, Reason, &[&str])] = &[
            ("http", Reason::NotGranted, &["[[grants.http]]", "`url`"]),
            ("config", Reason::NotGranted, &["[grants.config]"]),
            ("stub", Reason::NotGranted, &["grant of its interface"]),
            ("store", Reason::NotGranted, &["store = true"]),
            (
                "files",
                Reason::UnknownRoot,
                &["[[grants.files]]", "`root`"],
            ),
            ("files", Reason::ReadOnly, &["access = \"read-write\""]),
            (
                "files",
                Reason::Quota,
                &["max-write", "max-files", "max-read"],
            ),
            (
                "store",
                Reason::Quota,
                &["max-keys", "max-value", "max-total"],
            ),
            ("http", Reason::Quota, &["max-body"]),
            ("http", Reason::EscapedSlash, &["escaped-slashes = true"]),
            ("http", Reason::Method, &["`methods`"]),
            ("http", Reason::Header, &["`headers`"]),
            ("http", Reason::PrivateAddress, &["`networks`"]),
            ("http", Reason::PublicAddress, &["https://"]),
            ("http", Reason::TooManyRequests, &["max-requests"]),
            ("http", Reason::TooManyConnections, &["max-connections"]),
            ("http", Reason::TooManyOpenFiles, &["open-files"]),
            ("http", Reason::NotApproved, &["without `ask = true`"]),
            ("http", Reason::TooManyQuestions, &["limits.questions"]),
        ];
        for capability in ["http", "config", "store", "files", "stub"] {
            for &reason in Reason::ALL {
                let denial = Denial {
                    capability,
                    target: String::new(),
                    reason,
                    address: None,
                };
                let remedy = denial.remedy();
                let words = remedies.iter().find_map(|(of, why, words)| {
                    // Reasons that depend only on the request are the same for every capability.
                    let anybodys = !matches!(why, Reason::NotGranted | Reason::Quota);
                    let same = *of == capability || *of == "http" && anybodys;
                    (same && *why == reason).then_some(*words)
                });
                assert_eq!(
                    remedy.is_some(),
                    words.is_some(),
                    "{capability}, {reason}: {remedy:?}"
                );
                for word in words.unwrap_or_default() {
                    let remedy = remedy.as_deref().unwrap();
                    assert!(remedy.contains(word), "{capability}, {reason}: {remedy}");
                }
            }
        }
    }

    /// The entry of `networks` that is named is the one that the address needs; an address that no entry allows has none.
    #[test]
    fn the_remedy_of_an_address_is_its_network() {
        for (address, entry) in [
            ("127.0.0.1", Some("networks = [\"loopback\"]")),
            ("fd12::1", Some("networks = [\"private\"]")),
            ("169.254.0.1", Some("networks = [\"link-local\"]")),
            ("168.63.129.16", Some("networks = [\"168.63.129.16/32\"]")),
            ("64:ff9b::7f00:1", None),
            ("0.0.0.0", None),
        ] {
            let denial = Denial {
                capability: "http",
                target: "http://inside.example/".to_owned(),
                reason: Reason::PrivateAddress,
                address: Some(address.parse().unwrap()),
            };
            let expected = entry.map(|entry| format!("`{entry}` in its `[[grants.http]]`"));
            assert_eq!(denial.remedy().as_deref(), expected.as_deref(), "{address}");
            let toml = toml::to_string(&denial).unwrap();
            assert!(
                toml.ends_with(&format!("address = \"{address}\"\n")),
                "{toml}"
            );
            assert_eq!(toml::from_str(&toml), Ok(denial));
        }
    }

    #[test]
    fn a_denial_is_written_with_its_label() {
        let denial = Denial {
            capability: "files",
            target: "../x".to_owned(),
            reason: Reason::OutsideRoot,
            address: None,
        };
        let toml = toml::to_string(&denial).unwrap();
        assert_eq!(
            toml,
            "capability = \"files\"\ntarget = \"../x\"\nreason = \"outside-root\"\n"
        );
        assert_eq!(toml::from_str(&toml), Ok(denial));
        for odd in [
            toml.replace("files", "file"),
            toml.replace("outside", "inside"),
        ] {
            assert!(toml::from_str::<Denial>(&odd).is_err(), "{odd}");
        }
    }
}
