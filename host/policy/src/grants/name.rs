//! The kinds of grants and their names, in a policy's text and in short form.

/// A kind of grant. Its names are written only here: the reader of a policy, the short form, the denials and their
/// errors take them from this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GrantName {
    /// [`Grants::log`](super::Grants::log).
    Log,
    /// [`Grants::hash`](super::Grants::hash).
    Hash,
    /// [`Grants::store`](super::Grants::store).
    Store,
    /// [`Grants::config`](super::Grants::config).
    Config,
    /// [`Grants::http`](super::Grants::http).
    Http,
    /// [`Grants::files`](super::Grants::files).
    Files,
    /// [`Grants::wasi`](super::Grants::wasi).
    Wasi,
    /// [`Grants::interfaces`](super::Grants::interfaces).
    Interfaces,
    /// [`Grants::stub`](super::Grants::stub).
    Stub,
}

impl GrantName {
    /// All of them, in the order of the documentation.
    pub const ALL: [GrantName; 9] = [
        GrantName::Log,
        GrantName::Hash,
        GrantName::Store,
        GrantName::Config,
        GrantName::Http,
        GrantName::Files,
        GrantName::Wasi,
        GrantName::Interfaces,
        GrantName::Stub,
    ];

    /// The key below `[grants]`.
    ///
    /// ```
    /// use tollgate_policy::GrantName;
    ///
    /// assert_eq!(GrantName::Interfaces.key(), "interfaces");
    /// ```
    pub const fn key(self) -> &'static str {
        match self {
            GrantName::Log => "log",
            GrantName::Hash => "hash",
            GrantName::Store => "store",
            GrantName::Config => "config",
            GrantName::Http => "http",
            GrantName::Files => "files",
            GrantName::Wasi => "wasi",
            GrantName::Interfaces => "interfaces",
            GrantName::Stub => "stub",
        }
    }

    /// The name in the short form that [`Grants::add`](super::Grants::add) reads: the key, except that one interface
    /// is one `interface`.
    pub const fn short_name(self) -> &'static str {
        match self {
            GrantName::Interfaces => "interface",
            other => other.key(),
        }
    }

    /// The syntax of the short form; optional parts are in brackets and variable parts in capitals.
    ///
    /// ```
    /// use tollgate_policy::GrantName;
    ///
    /// assert_eq!(GrantName::Files.syntax(), "files=NAME:PATH[:rw]");
    /// ```
    pub const fn syntax(self) -> &'static str {
        match self {
            GrantName::Log => "log",
            GrantName::Hash => "hash",
            GrantName::Store => "store[=NAMESPACE:PATH]",
            GrantName::Config => "config=KEY:VALUE",
            GrantName::Http => "http=URL",
            GrantName::Files => "files=NAME:PATH[:rw]",
            GrantName::Wasi => "wasi=inert",
            GrantName::Interfaces => "interface=NAMESPACE:PACKAGE/NAME@VERSION",
            GrantName::Stub => "stub=NAMESPACE:PACKAGE/NAME",
        }
    }

    /// The kind that has this key.
    pub fn of_key(key: &str) -> Option<GrantName> {
        GrantName::ALL.into_iter().find(|name| name.key() == key)
    }

    /// The kind that has this name in short form.
    pub(crate) fn of_short_name(name: &str) -> Option<GrantName> {
        GrantName::ALL
            .into_iter()
            .find(|known| known.short_name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_by_what_it_is_called() {
        for name in GrantName::ALL {
            assert_eq!(GrantName::of_key(name.key()), Some(name));
            assert_eq!(GrantName::of_short_name(name.short_name()), Some(name));
            assert!(name.syntax().starts_with(name.short_name()));
        }
        assert_eq!(GrantName::of_key("interface"), None);
        assert_eq!(GrantName::of_short_name("interfaces"), None);
        assert_eq!(GrantName::of_key("Log"), None);
    }
}
