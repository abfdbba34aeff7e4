//! Why something was denied: a closed set of reasons with labels that do not change.

use std::fmt;

use serde::Serialize;

/// Why a request was denied. The set may grow, and a label never changes: reports and metrics hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "&'static str")]
#[non_exhaustive]
pub enum Reason {
    /// The policy grants nothing of the kind.
    NotGranted,
    /// The policy grants no root of that name.
    UnknownRoot,
    /// The path is not written as a path below a root is.
    BadPath,
    /// The path leads out of its root: by `..`, by being absolute, or by a symbolic link.
    OutsideRoot,
    /// The root is granted for reading only.
    ReadOnly,
    /// There is something, and it is not a regular file.
    NotAFile,
    /// The URL can be read in more than one way, or is none.
    BadUrl,
    /// The URL is granted, and not by this method.
    Method,
    /// The host is at an address that is not public.
    PrivateAddress,
    /// A header that only the host may set, or that is none.
    BadHeader,
    /// A header that the grant does not list.
    Header,
    /// More requests than granted, redirects among them.
    TooManyRequests,
    /// More redirects than one request follows, whatever is granted.
    TooManyRedirects,
    /// More connections open at the same time than granted.
    TooManyConnections,
    /// The response holds the credential that the request carried.
    SecretInResponse,
    /// A quota of the grant is used up, or the request is larger than it allows.
    Quota,
    /// Links are not made for guests: what they lead to is decided when they are followed, and not only
    /// guests follow them.
    Link,
    /// The key, or the name of a bucket, is empty or too long.
    BadKey,
}

impl Reason {
    /// All of them, for documentation and for tests that want each to be provoked.
    pub const ALL: &'static [Reason] = &[
        Reason::NotGranted,
        Reason::UnknownRoot,
        Reason::BadPath,
        Reason::OutsideRoot,
        Reason::ReadOnly,
        Reason::NotAFile,
        Reason::BadUrl,
        Reason::Method,
        Reason::PrivateAddress,
        Reason::BadHeader,
        Reason::Header,
        Reason::TooManyRequests,
        Reason::TooManyRedirects,
        Reason::TooManyConnections,
        Reason::SecretInResponse,
        Reason::Quota,
        Reason::Link,
        Reason::BadKey,
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
            Reason::BadUrl => "bad-url",
            Reason::Method => "method",
            Reason::PrivateAddress => "private-address",
            Reason::BadHeader => "bad-header",
            Reason::Header => "header",
            Reason::TooManyRequests => "too-many-requests",
            Reason::TooManyRedirects => "too-many-redirects",
            Reason::TooManyConnections => "too-many-connections",
            Reason::SecretInResponse => "secret-in-response",
            Reason::Quota => "quota",
            Reason::Link => "link",
            Reason::BadKey => "bad-key",
        }
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
    /// What was asked of: `files`, `http` and so on.
    pub capability: &'static str,
    /// What was asked for, as the guest wrote it; for a header the URL, `header` and its name. Reports have it escaped
    /// and cut to one line.
    pub target: String,
    /// Why not.
    pub reason: Reason,
}

impl Denial {
    /// The part of a policy that would allow it, for whoever reads the report. None for what no policy
    /// allows, such as a path out of its root.
    ///
    /// ```
    /// use tollgate_policy::{Denial, Reason};
    ///
    /// let denial = Denial { capability: "http", target: "http://10.0.0.1/".into(), reason: Reason::PrivateAddress };
    /// assert_eq!(denial.remedy(), Some("`private = true` in its `[[grants.http]]`"));
    /// ```
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match (self.capability, self.reason) {
            ("http", Reason::NotGranted) => "a `[[grants.http]]` with its `url`",
            ("config", Reason::NotGranted) => "its key in `[grants.config]`",
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
            (_, Reason::Method) => "its method among the `methods` of its `[[grants.http]]`",
            (_, Reason::Header) => "its name among the `headers` of its `[[grants.http]]`",
            (_, Reason::PrivateAddress) => "`private = true` in its `[[grants.http]]`",
            (_, Reason::TooManyRequests) => "a larger `max-requests` in its `[[grants.http]]`",
            (_, Reason::TooManyConnections) => {
                "a larger `max-connections` in its `[[grants.http]]`"
            }
            _ => return None,
        })
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
            "bad-url",
            "method",
            "private-address",
            "bad-header",
            "header",
            "too-many-requests",
            "too-many-redirects",
            "too-many-connections",
            "secret-in-response",
            "quota",
            "link",
            "bad-key",
        ];
        assert_eq!(labels, published);
        assert_eq!(Reason::Quota.to_string(), "quota");
    }

    #[test]
    fn a_remedy_names_what_to_write() {
        let remedies: &[(&str, Reason, &[&str])] = &[
            ("http", Reason::NotGranted, &["[[grants.http]]", "`url`"]),
            ("config", Reason::NotGranted, &["[grants.config]"]),
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
            ("http", Reason::Method, &["`methods`"]),
            ("http", Reason::Header, &["`headers`"]),
            ("http", Reason::PrivateAddress, &["private = true"]),
            ("http", Reason::TooManyRequests, &["max-requests"]),
            ("http", Reason::TooManyConnections, &["max-connections"]),
        ];
        for capability in ["http", "config", "store", "files"] {
            for &reason in Reason::ALL {
                let denial = Denial {
                    capability,
                    target: String::new(),
                    reason,
                };
                let remedy = denial.remedy();
                let words = remedies.iter().find_map(|(of, why, words)| {
                    // What only requests can meet is the same for whoever makes them.
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
                    let remedy = remedy.unwrap();
                    assert!(remedy.contains(word), "{capability}, {reason}: {remedy}");
                }
            }
        }
    }

    #[test]
    fn a_denial_is_written_with_its_label() {
        let denial = Denial {
            capability: "files",
            target: "../x".to_owned(),
            reason: Reason::OutsideRoot,
        };
        let toml = toml::to_string(&denial).unwrap();
        assert_eq!(
            toml,
            "capability = \"files\"\ntarget = \"../x\"\nreason = \"outside-root\"\n"
        );
    }
}
