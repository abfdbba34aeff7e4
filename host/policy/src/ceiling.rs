//! A policy as the ceiling of other policies.

use crate::grants::Grants;
use crate::limits::Limits;
use crate::policy::Policy;

impl Policy {
    /// The key of this policy that is above a ceiling, if one is: a limit that is higher, or a grant that the ceiling has not.
    ///
    /// Rules of `grants.files`, parameters of interfaces, and the grants of stores and of WASI are compared as they are
    /// written: one that allows less than a rule of the ceiling, and is another rule, is above it. `grants.http` is compared as a whole, since the
    /// first rule that fits a request decides on it. The values of `grants.config` are free, as they allow nothing.
    ///
    /// ```
    /// use tollgate_policy::Policy;
    /// use std::path::Path;
    ///
    /// let ceiling = Policy::parse("limits.fuel = 1_000\ngrants.log = true", Path::new("/"))?;
    /// let policy = |text| Policy::parse(text, Path::new("/"));
    /// assert_eq!(policy("limits.fuel = 1_000\ngrants.log = true")?.exceeds(&ceiling), None);
    /// assert_eq!(policy("limits.fuel = 1_001")?.exceeds(&ceiling), Some("limits.fuel".to_owned()));
    /// assert_eq!(policy("limits.fuel = 1_000\ngrants.hash = true")?.exceeds(&ceiling), Some("grants.hash".to_owned()));
    /// # Ok::<(), tollgate_policy::PolicyError>(())
    /// ```
    pub fn exceeds(&self, ceiling: &Policy) -> Option<String> {
        let higher = Limits::KEYS
            .iter()
            .find(|key| key.get(&self.limits) > key.get(&ceiling.limits));
        if let Some(key) = higher {
            return Some(format!("limits.{}", key.name));
        }
        // Each of them, so that none is forgotten. A stub denies.
        let Grants {
            log,
            hash,
            store,
            config,
            http,
            files,
            wasi,
            interfaces,
            stub: _,
        } = &self.grants;
        let most = &ceiling.grants;
        let interface = interfaces
            .iter()
            .find(|(name, parameters)| most.interfaces.get(*name) != Some(parameters));
        let grants = [
            ("log", *log && !most.log),
            ("hash", *hash && !most.hash),
            ("store", store.is_some() && *store != most.store),
            ("config", config.is_some() && most.config.is_none()),
            // The first rule that fits decides, so one that is left out changes the others.
            ("http", !http.is_empty() && *http != most.http),
            ("files", !files.iter().all(|rule| most.files.contains(rule))),
            ("wasi", wasi.is_some() && *wasi != most.wasi),
        ];
        let grant = grants.iter().find(|(_, exceeds)| *exceeds);
        let grant = grant.map(|(name, _)| format!("grants.{name}"));
        grant.or_else(|| interface.map(|(name, _)| format!("grants.interfaces.{name:?}")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says so by failing")]
mod tests {
    use std::path::Path;

    use super::*;

    fn policy(text: &str) -> Policy {
        Policy::parse(text, Path::new("/")).unwrap()
    }

    /// Each limit, as no list of names could be kept whole.
    #[test]
    fn each_limit_above_the_ceiling_is_found() {
        for key in Limits::KEYS {
            let (mut own, mut ceiling) = (Policy::default(), Policy::default());
            let value = key.get(&own.limits);
            // One of the two can be set: some limits are at their highest by default.
            if key.set(&mut own.limits, value.saturating_mul(2)).is_err() {
                key.set(&mut ceiling.limits, value / 2).unwrap();
            }
            assert_eq!(own.exceeds(&ceiling), Some(format!("limits.{}", key.name)));
            assert_eq!(ceiling.exceeds(&own), None, "{}", key.name);
        }
    }

    #[test]
    fn each_grant_that_the_ceiling_has_not_is_found() {
        let all = [
            ("log", "grants.log = true", "grants.log = false"),
            ("hash", "grants.hash = true", ""),
            (
                "store",
                "grants.store = true",
                "grants.store = { path = \"/s\", namespace = \"a\" }",
            ),
            ("config", "grants.config = { a = \"b\" }", ""),
            (
                "http",
                "grants.http = [{ url = \"https://a.example/\" }]",
                "grants.http = [{ url = \"https://a.example/b\" }]",
            ),
            (
                "files",
                "grants.files = [{ root = \"a\", path = \"/a\", access = \"read\" }]",
                "grants.files = [{ root = \"a\", path = \"/b\", access = \"read\" }]",
            ),
            (
                "wasi",
                "grants.wasi = \"inert\"",
                "grants.wasi = { clocks = \"real\" }",
            ),
            (
                "interfaces.\"a:b/c@1.0.0\"",
                "grants.interfaces.\"a:b/c@1.0.0\" = { x = 1 }",
                "grants.interfaces.\"a:b/c@1.0.0\" = { x = 2 }",
            ),
        ];
        for (name, text, other) in all {
            let own = policy(text);
            let found = Some(format!("grants.{name}"));
            assert_eq!(own.exceeds(&Policy::default()), found);
            assert_eq!(own.exceeds(&policy(other)), found, "{other}");
            assert_eq!(own.exceeds(&own), None, "{name}");
            assert_eq!(Policy::default().exceeds(&own), None, "{name}");
        }
    }
}
