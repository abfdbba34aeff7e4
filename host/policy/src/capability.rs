//! The capabilities that imported interfaces need, and how a policy grants each.

use crate::grants::Grants;
use crate::toml::quoted::quoted;

/// A kind of grant, which lets a component import an interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Types without functions: nothing to grant.
    Types,
    /// `tollgate:provider/log`.
    Log,
    /// `tollgate:provider/hash`.
    Hash,
    /// `tollgate:provider/http`.
    Http,
    /// `tollgate:provider/files`.
    Files,
    /// `tollgate:provider/config` and `wasi:config/store`.
    Config,
    /// `tollgate:provider/store` and `wasi:keyvalue/store`.
    Store,
    /// Every other interface of the namespace `wasi`.
    Wasi,
    /// An interface of the embedding program, by its full name.
    Interface(String),
}

impl Capability {
    /// Every kind that has a grant and is no interface of the embedding program.
    pub const KINDS: &'static [Capability] = &[
        Capability::Log,
        Capability::Hash,
        Capability::Http,
        Capability::Files,
        Capability::Config,
        Capability::Store,
        Capability::Wasi,
    ];

    /// Whether the interface may be linked. Each request through it is then decided on its own; see
    /// [`decide`](crate::decide).
    ///
    /// ```
    /// use tollgate_policy::{Capability, Grants};
    ///
    /// let grants = Grants { log: true, ..Grants::default() };
    /// assert!(Capability::Log.granted_by(&grants) && !Capability::Files.granted_by(&grants));
    /// ```
    pub fn granted_by(&self, grants: &Grants) -> bool {
        match self {
            Capability::Types => true,
            Capability::Log => grants.log,
            Capability::Hash => grants.hash,
            Capability::Http => !grants.http.is_empty(),
            Capability::Files => !grants.files.is_empty(),
            Capability::Config => grants.config.is_some(),
            Capability::Store => grants.store.is_some(),
            Capability::Wasi => grants.wasi.is_some(),
            Capability::Interface(name) => grants.interfaces.contains_key(name),
        }
    }

    /// One line of TOML that grants it, valid at the top of a policy. URLs and paths in it are examples. Empty for
    /// [`Capability::Types`], which needs no grant.
    ///
    /// ```
    /// use tollgate_policy::Capability;
    ///
    /// assert_eq!(Capability::Log.policy_line(), "grants.log = true");
    /// ```
    pub fn policy_line(&self) -> String {
        match self {
            Capability::Types => "",
            Capability::Log => "grants.log = true",
            Capability::Hash => "grants.hash = true",
            Capability::Http => r#"grants.http = [{ url = "https://example.com/**" }]"#,
            Capability::Files => {
                r#"grants.files = [{ root = "data", path = "./data", access = "read" }]"#
            }
            Capability::Config => "grants.config = {}",
            Capability::Store => "grants.store = true",
            Capability::Wasi => r#"grants.wasi = "inert""#,
            Capability::Interface(name) => {
                return format!("grants.interfaces = [{}]", quoted(name));
            }
        }
        .to_owned()
    }

    /// The grant in the short form that [`Grants::add`] reads; values in it are examples. Empty for
    /// [`Capability::Types`].
    ///
    /// ```
    /// use tollgate_policy::Capability;
    ///
    /// assert_eq!(Capability::Files.short_form(), "files=data:./data");
    /// ```
    pub fn short_form(&self) -> String {
        match self {
            Capability::Types => "",
            Capability::Log => "log",
            Capability::Hash => "hash",
            Capability::Http => "http=https://example.com/**",
            Capability::Files => "files=data:./data",
            Capability::Config => "config=KEY:VALUE",
            Capability::Store => "store",
            Capability::Wasi => "wasi=inert",
            Capability::Interface(name) => return format!("interface={name}"),
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use std::path::Path;

    const CLOCK: &str = "acme:clock/sleep@0.1.0";

    fn grantable() -> [Capability; 8] {
        use Capability::{Config, Files, Hash, Http, Log, Store, Wasi};
        [
            Log,
            Hash,
            Http,
            Files,
            Config,
            Store,
            Wasi,
            Capability::Interface(CLOCK.to_owned()),
        ]
    }

    #[test]
    fn lines_and_short_forms_grant_what_they_say_and_no_more() {
        for capability in grantable() {
            let line = capability.policy_line();
            assert!(!line.contains('\n'), "{line}");
            let by_line = Policy::parse(&line, Path::new("")).unwrap().grants;
            let mut by_form = Grants::default();
            let form = capability.short_form();
            by_form.add(&form, Path::new("")).unwrap();
            for grants in [by_line, by_form] {
                for other in grantable() {
                    assert_eq!(
                        other.granted_by(&grants),
                        other == capability,
                        "{other:?} by {line}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_is_granted_by_default_and_types_need_no_grant() {
        let none = Grants::default();
        assert!(
            grantable()
                .iter()
                .all(|capability| !capability.granted_by(&none))
        );
        assert!(Capability::Types.granted_by(&none));
        assert_eq!(Capability::Types.policy_line(), "");
        assert_eq!(Capability::Types.short_form(), "");
    }
}
