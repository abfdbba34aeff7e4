//! One grant in short form, `name[=value]`, by the rules of a policy's text.

use std::path::{Path, PathBuf};

use crate::error::ValueError;
use crate::grants::{Access, FileGrant, GrantName, Grants, HttpGrant, Parameters, WasiGrant};

use super::messages::{shown, suggestion};
use super::names;

impl Grants {
    /// Adds one grant in short form: `log`, `hash`, `store[=NAMESPACE:PATH]`, `wasi=inert`, `http=URL`, `files=NAME:PATH[:rw]`,
    /// `config=KEY:VALUE`, `interface=NAME` or `stub=NAME`; [`GrantName::syntax`] has them all. A relative `PATH` is joined to
    /// `base`. A path that itself ends in `:rw` can be granted only in a policy's text.
    ///
    /// # Errors
    ///
    /// If the text is none of these, breaks a rule, or repeats a grant that may occur once (a root, a setting, a URL,
    /// an interface). The grants stay as they were.
    ///
    /// ```
    /// use std::path::Path;
    /// use tollgate_policy::{Access, Grants};
    ///
    /// let mut grants = Grants::default();
    /// grants.add("files=out:./out:rw", Path::new("/srv"))?;
    /// assert_eq!((grants.files[0].root.as_str(), grants.files[0].access), ("out", Access::ReadWrite));
    /// # Ok::<(), tollgate_policy::ValueError>(())
    /// ```
    pub fn add(&mut self, text: &str, base: &Path) -> Result<(), ValueError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let alone = || match value {
            None => Ok(true),
            Some(_) => Err(ValueError::new(format!(
                "takes no value; write `{name}` alone"
            ))),
        };
        let needed = |form: &str| value.ok_or_else(|| needs(form));
        let Some(kind) = GrantName::of_short_name(name) else {
            let known = GrantName::ALL.map(GrantName::short_name);
            let (name, cure) = (shown(name), suggestion(name, &known));
            return Err(ValueError::new(format!("there is no grant `{name}`{cure}")));
        };
        match kind {
            GrantName::Log => self.log = alone()?,
            GrantName::Hash => self.hash = alone()?,
            GrantName::Store => self.add_store(value.map(|kept| store(kept, base)).transpose()?)?,
            GrantName::Wasi => self.wasi = Some(WasiGrant::parse(needed("wasi=inert")?)?),
            GrantName::Http => self.add_http(HttpGrant::new(needed("http=https://host/**")?))?,
            GrantName::Files => self.add_file(file(needed(FILES)?, base)?)?,
            GrantName::Config => {
                let (key, value) = split_pair(needed(CONFIG)?, CONFIG)?;
                self.add_setting(key, value)?;
            }
            GrantName::Interfaces => {
                let name = needed("interface=namespace:package/name@version")?;
                self.add_interface(name, Parameters::default())?;
            }
            GrantName::Stub => self.add_stub(needed("stub=namespace:package/name")?)?,
        }
        Ok(())
    }
}

const FILES: &str = "files=NAME:PATH` or `files=NAME:PATH:rw";
const CONFIG: &str = "config=KEY:VALUE";

fn file(value: &str, base: &Path) -> Result<FileGrant, ValueError> {
    let (root, rest) = split_pair(value, FILES)?;
    let (path, access) = match rest.strip_suffix(":rw") {
        Some(path) => (path, Access::ReadWrite),
        None => (rest, Access::Read),
    };
    names::path(Path::new(path))?;
    Ok(FileGrant::new(root, base.join(path), access))
}

fn store(value: &str, base: &Path) -> Result<(String, PathBuf), ValueError> {
    let Some((namespace, path)) = value.split_once(':') else {
        return Err(ValueError::new(format!(
            "`{}` names a file and no namespace: components of one file name would share its keys; write \
             `store=NAMESPACE:PATH`",
            shown(value)
        )));
    };
    names::path(Path::new(path))?;
    Ok((namespace.to_owned(), base.join(path)))
}

/// Splits a value at its first colon.
fn split_pair<'v>(value: &'v str, form: &str) -> Result<(&'v str, &'v str), ValueError> {
    value.split_once(':').ok_or_else(|| needs(form))
}

fn needs(form: &str) -> ValueError {
    ValueError::new(format!("needs a value; write `{form}`"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::grants::StoreGrant;

    fn added(texts: &[&str]) -> Grants {
        let mut grants = Grants::default();
        for text in texts {
            grants.add(text, Path::new("/base")).unwrap();
        }
        assert_eq!(grants.check(), Ok(()));
        grants
    }

    #[test]
    fn every_flag_adds_its_own_grant_and_no_other() {
        let none = Grants::default;
        assert_eq!(added(&[]), none());
        assert_eq!(
            added(&["log", "log"]),
            Grants {
                log: true,
                ..none()
            }
        );
        assert_eq!(
            added(&["hash"]),
            Grants {
                hash: true,
                ..none()
            }
        );
        assert_eq!(
            added(&["store", "store"]),
            Grants {
                store: Some(StoreGrant::default()),
                ..none()
            }
        );
        let kept = Grants {
            store: Some(StoreGrant {
                path: Some(PathBuf::from("/base/./a=b")),
                namespace: Some("ledger".to_owned()),
                ..StoreGrant::default()
            }),
            ..none()
        };
        assert_eq!(added(&["store=ledger:./a=b"]), kept);
        assert_eq!(added(&["store", "store=ledger:./a=b", "store"]), kept);
        assert_eq!(
            added(&["wasi=inert"]),
            Grants {
                wasi: Some(WasiGrant::default()),
                ..none()
            }
        );

        let urls = ["https://a.example/**", "https://b.example/x=y"];
        let http = urls.map(HttpGrant::new).to_vec();
        let flags = urls.map(|url| format!("http={url}"));
        assert_eq!(
            added(&flags.each_ref().map(String::as_str)),
            Grants { http, ..none() }
        );

        let interfaces =
            BTreeMap::from([("acme:clock/sleep@0.1.0".to_owned(), Parameters::default())]);
        let grants = Grants {
            interfaces,
            ..none()
        };
        assert_eq!(added(&["interface=acme:clock/sleep@0.1.0"]), grants);

        let settings = [("region", "eu"), ("url", "https://x:1/?a=b"), ("empty", "")];
        let owned = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let grants = Grants {
            config: Some(BTreeMap::from(owned)),
            ..none()
        };
        let flags = settings.map(|(key, value)| format!("config={key}:{value}"));
        assert_eq!(added(&flags.each_ref().map(String::as_str)), grants);
    }

    #[test]
    fn file_flags() {
        let file = |text: &str| added(&[text]).files[0].clone();
        let grant = |path: &str, access| FileGrant::new("data", path, access);
        assert_eq!(file("files=data:./d"), grant("/base/d", Access::Read));
        assert_eq!(file("files=data:/srv:rw"), grant("/srv", Access::ReadWrite));
        #[cfg(not(windows))]
        assert_eq!(
            file("files=data:a:b:rw"),
            grant("/base/a:b", Access::ReadWrite)
        );
        #[cfg(not(windows))]
        assert_eq!(file("files=data:a:ro"), grant("/base/a:ro", Access::Read));
    }

    #[test]
    fn flags_are_refused_with_a_cure() {
        let cases = [
            ("", "there is no grant ``; known: log,"),
            ("Log", "there is no grant `Log`; did you mean `log`?"),
            ("l\u{3bf}g", "did you mean `log`?"),
            ("interfaces=a:b/c", "did you mean `interface`?"),
            ("all", "there is no grant `all`"),
            ("*", "there is no grant `*`"),
            ("log=true", "takes no value; write `log` alone"),
            ("store=", "no namespace"),
            ("store=./a=b", "write `store=NAMESPACE:PATH`"),
            ("store=ledger:", "an empty path"),
            ("store=:./a", "an empty namespace"),
            ("store=other:./a", "`store` is granted twice"),
            ("wasi", "write `wasi=inert`"),
            ("wasi=full", "write \"inert\", or a table"),
            ("http", "write `http=https://host/**`"),
            ("http=", "does not begin with"),
            ("http=*", "does not begin with"),
            ("http=https://k.example/", "granted twice"),
            ("files", "write `files=NAME:PATH"),
            ("files=data", "write `files=NAME:PATH"),
            ("files=data:", "an empty path"),
            ("files=data::rw", "an empty path"),
            ("files=:/srv", "not a name for a root"),
            ("files=known:/other", "granted twice"),
            ("config", "write `config=KEY:VALUE`"),
            ("config=region", "write `config=KEY:VALUE`"),
            ("config=:eu", "an empty key"),
            ("config=known:again", "granted twice"),
            ("interface", "write `interface="),
            ("interface=log", "as in WIT"),
            ("interface=wasi:cli/stdout@0.2.0", "grants of its own"),
            ("interface=acme:known/x", "granted twice"),
            ("stub", "write `stub="),
            ("stub=acme:telemetry", "as in WIT"),
            ("stub=acme:known/*", "granted twice"),
        ];
        let known = [
            "http=https://k.example/",
            "files=known:/k",
            "config=known:1",
            "interface=acme:known/x",
            "stub=acme:known/*",
            "store=known:./a",
        ];
        let before = added(&known);
        for (text, expected) in cases {
            let mut grants = before.clone();
            let message = grants.add(text, Path::new("/base")).unwrap_err().message;
            assert!(message.contains(expected), "{text:?}: {message}");
            assert_eq!(grants, before, "{text:?} changed something");
        }
    }
}
