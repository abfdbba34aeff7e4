//! The requirement of a user, and the releases that satisfy it.

use semver::{Comparator, Op, VersionReq};

use crate::Entry;

/// A requirement such as `1.0`, `^1.2`, `=1.0.3` or `latest`.
pub(crate) struct Requirement {
    /// A pre-release satisfies it only when it names one, as in `2.0.0-rc.1`.
    versions: VersionReq,
    /// Names a single version, which may then be a withdrawn one.
    exact: bool,
}

impl Requirement {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "latest" {
            return Ok(Self {
                versions: VersionReq::STAR,
                exact: false,
            });
        }
        let versions = VersionReq::parse(text)
            .map_err(|why| format!("`{text}` is not a requirement: {why}"))?;
        let exact = matches!(
            versions.comparators.as_slice(),
            [Comparator {
                op: Op::Exact,
                minor: Some(_),
                patch: Some(_),
                ..
            }]
        );
        Ok(Self { versions, exact })
    }

    pub(crate) fn allows(&self, entry: &Entry) -> bool {
        (self.exact || !entry.yanked) && self.versions.matches(&entry.version)
    }
}
