//! Denials in words: the rule that a request broke, for people.

use super::http::why_bad;
use super::reason::{Denial, Reason};

impl Denial {
    /// The rule that the request broke, as the end of a sentence: "the path leads out of its root". For a `bad-url` it is
    /// found in the target once more.
    ///
    /// ```
    /// use tollgate_policy::{Denial, Reason};
    ///
    /// let denial = Denial {
    ///     capability: "http",
    ///     target: "https://me@example.com/".into(),
    ///     reason: Reason::BadUrl,
    ///     address: None,
    /// };
    /// assert_eq!(denial.explanation(), "the URL has a name or a password before its host");
    /// ```
    pub fn explanation(&self) -> &'static str {
        match self.reason {
            Reason::NotGranted => "the policy grants nothing that matches it",
            Reason::UnknownRoot => "the policy grants no root of this name",
            Reason::BadPath => "the path has an empty part, a `.`, a NUL or too many characters",
            Reason::OutsideRoot => "the path leads out of its root",
            Reason::ReadOnly => "the root is granted for reading only",
            Reason::NotAFile => "it is not a regular file",
            Reason::Protected => {
                "it is another name of a file that no root may hold, or has the name of a policy or a lock file"
            }
            Reason::BadUrl => why_bad(&self.target),
            Reason::EscapedSlash => {
                "the path has an escaped `/`, which some servers read as a separator"
            }
            Reason::Method => "the grant does not list the method, or the method has no body",
            Reason::PrivateAddress => "its host has an address that is not public",
            Reason::PublicAddress => "a credential would go to a public address in plain text",
            Reason::BadHeader => "the host sets this header itself, or it is not valid",
            Reason::Header => "the grant does not list this header",
            Reason::HeadTooLarge => "the request has too many headers, or too long ones",
            Reason::TooManyRequests => "the call has used up the requests of the grant",
            Reason::TooManyRedirects => "the host follows no further redirect",
            Reason::TooManyConnections => "as many connections are open as granted",
            Reason::SecretInResponse => {
                "the response has the credential, or cannot be searched for it"
            }
            Reason::Quota => "a quota of the grant is used up, or would be exceeded",
            Reason::Link => "guests may not make a link that leads there",
            Reason::TooManyOpenFiles => "as many files and connections are open as allowed",
            Reason::NotApproved => "the grant asks before it is used, and nobody said yes",
            Reason::TooManyQuestions => "the call has used up its questions",
            Reason::BadKey => "the key or the name of the bucket is empty or too long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Target;

    fn denial(reason: Reason, target: &str) -> Denial {
        Denial {
            capability: "http",
            target: target.to_owned(),
            reason,
            address: None,
        }
    }

    #[test]
    fn every_reason_is_explained() {
        let explained = Reason::ALL
            .iter()
            .map(|reason| denial(*reason, "x").explanation());
        let mut explained: Vec<&str> = explained.collect();
        explained.sort_unstable();
        explained.dedup();
        assert_eq!(explained.len(), Reason::ALL.len());
    }

    #[test]
    fn a_bad_url_tells_its_rule() {
        let long = format!("https://a.example/{}", "x".repeat(9_000));
        for (url, rule) in [
            (&*long, "is longer than 8 KiB"),
            ("ftp://a.example/", "does not begin with"),
            ("HTTPS://a.example/", "does not begin with"),
            ("https://a.example/a b", "a space"),
            ("https://a.example/\\u{1b}", "a backslash"),
            ("https://a.example/{a}", "has a space"),
            ("https://a.example/#x", "a fragment"),
            ("https://me:pw@a.example/", "a name or a password"),
            ("https://", "no valid host"),
            ("https://A.example/", "another spelling of its host"),
            ("https://0x7f.1/", "another spelling of its host"),
            ("https://a.example:0443/", "another spelling of its host"),
            ("https://a..example/", "an empty label"),
            ("https://a!b.example/", "an empty label"),
            ("https://a.example/../b", "a part that a server may read"),
            (
                "https://a.example/%2e%2e/b",
                "a part that a server may read",
            ),
            ("https://a.example/%", "a part that a server may read"),
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
            let told = denial(Reason::BadUrl, url).explanation();
            assert!(
                told.starts_with("the URL ") && told.contains(rule),
                "{url:.40}: {told}"
            );
        }
        // One that was cut to be shown.
        let told = denial(Reason::BadUrl, "https://a.example/").explanation();
        assert_eq!(told, "two programs could read the URL in two ways");
    }
}
