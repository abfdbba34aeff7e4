//! The grants of a provider: none by default, and an empty list grants nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::error::ValueError;
use crate::toml::messages::{shown, suggestion};
use crate::toml::names;

pub use files::{Access, FileGrant};
pub use http::{Credential, HttpGrant, SecretSource};
pub use name::GrantName;
pub use network::{Block, Network};
pub use parameters::Parameters;
pub use protected::Protected;
pub use rule::Rule;
pub use store::StoreGrant;
pub use wasi::{Clocks, Preopen, Random, Streams, WasiGrant};

use rules::{in_key, reject_duplicate};

pub mod files;
pub mod http;
mod name;
pub(crate) mod network;
mod parameters;
mod protected;
mod rule;
mod rules;
pub mod store;
pub(crate) mod url_pattern;
pub mod wasi;

/// All grants of a policy. Everything else is denied.
///
/// ```
/// use std::path::Path;
/// use tollgate_policy::Grants;
///
/// let mut grants = Grants::default();
/// grants.add("files=data:./data", Path::new("/srv"))?;
/// assert_eq!(grants.files[0].path, Path::new("/srv/data"));
/// grants.check()?;
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Log lines, which go into the report.
    pub log: bool,
    /// Hashing by the host.
    pub hash: bool,
    /// A key-value store.
    pub store: Option<StoreGrant>,
    /// Settings for the provider. An empty map grants the interface, and every setting in it is unset.
    pub config: Option<BTreeMap<String, String>>,
    /// URLs that may be requested. An empty list grants nothing.
    pub http: Vec<HttpGrant>,
    /// Named directories; each name is used once.
    pub files: Vec<FileGrant>,
    /// The WASI interfaces.
    pub wasi: Option<WasiGrant>,
    /// Interfaces of the embedding program, such as `acme:clock/sleep@0.1.0`, each with its parameters. An import is
    /// granted when exactly its name is here, version included.
    pub interfaces: BTreeMap<String, Parameters>,
    /// Interfaces that the component may import without a grant, each by its name or as all of a package, such as
    /// `acme:telemetry/*`: a call of one is denied, and ends the call of the component. An interface that is granted is no stub.
    pub stub: BTreeSet<String>,
}

impl Grants {
    /// Checks the rules of every grant, for grants that were built in code.
    ///
    /// # Errors
    ///
    /// For the first broken rule; the message begins with the key.
    pub fn check(&self) -> Result<(), ValueError> {
        let mut rebuilt = Grants::default();
        for (key, value) in self.config.iter().flatten() {
            rebuilt
                .add_setting(key, value)
                .map_err(in_key("grants.config"))?;
        }
        for grant in &self.http {
            rebuilt
                .add_http(grant.clone())
                .map_err(in_key("grants.http"))?;
        }
        for grant in &self.files {
            rebuilt
                .add_file(grant.clone())
                .map_err(in_key("grants.files"))?;
        }
        if let Some(store) = &self.store {
            store.check().map_err(in_key("grants.store"))?;
        }
        for (name, parameters) in &self.interfaces {
            rebuilt
                .add_interface(name, parameters.clone())
                .map_err(in_key("grants.interfaces"))?;
        }
        for pattern in &self.stub {
            rebuilt.add_stub(pattern).map_err(in_key("grants.stub"))?;
        }
        if let Some(wasi) = &self.wasi {
            wasi.check().map_err(in_key("grants.wasi"))?;
            for preopen in &wasi.preopens {
                self.known_root(&preopen.root)
                    .map_err(in_key("grants.wasi.preopens"))?;
            }
            for name in &wasi.env_from_host {
                self.reject_secret_variable(name)
                    .map_err(in_key("grants.wasi.env-from-host"))?;
            }
        }
        self.reject_covered(&Protected::of_system())?;
        self.reject_covered(&self.protected())
    }

    /// The files that these grants name and that no root may hold: those of the store and of credentials.
    pub fn protected(&self) -> Vec<Protected> {
        let store = self.store.iter().filter_map(|grant| grant.path.as_ref());
        let stores = store.map(|path| Protected::new("the store file", path, Access::Read));
        let credentials = self
            .http
            .iter()
            .filter_map(|grant| grant.credential.as_ref());
        let secrets = credentials.filter_map(|credential| match &credential.source {
            SecretSource::File(path) => Some(Protected::new(
                "the file of a credential",
                path,
                Access::Read,
            )),
            SecretSource::Env(_) => None,
        });
        stores.chain(secrets).collect()
    }

    /// Refuses a root that covers one of the protected files.
    pub(crate) fn reject_covered(&self, protected: &[Protected]) -> Result<(), ValueError> {
        for root in &self.files {
            for file in protected {
                file.reject(root).map_err(in_key("grants.files"))?;
            }
        }
        Ok(())
    }

    /// Refuses a variable that holds a credential: the guest would see the secret.
    pub(crate) fn reject_secret_variable(&self, name: &str) -> Result<(), ValueError> {
        let holds_secret = |grant: &&HttpGrant| match &grant.credential {
            Some(Credential {
                source: SecretSource::Env(variable),
                ..
                // On Windows, the names of variables have no case.
            }) => variable.eq_ignore_ascii_case(name),
            _ => false,
        };
        match self.http.iter().find(holds_secret) {
            None => Ok(()),
            Some(grant) => Err(ValueError::new(format!(
                "`{}` holds the credential for `{}`: the provider would read the secret; leave it out",
                shown(name),
                shown(&grant.url)
            ))),
        }
    }

    pub(crate) fn add_setting(&mut self, key: &str, value: &str) -> Result<(), ValueError> {
        names::setting(key)?;
        let known = self.config.as_ref().and_then(|settings| settings.get(key));
        reject_duplicate(known.is_none(), key)?;
        let settings = self.config.get_or_insert_default();
        settings.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    pub(crate) fn add_http(&mut self, grant: HttpGrant) -> Result<(), ValueError> {
        grant.check()?;
        reject_duplicate(
            self.http.iter().all(|known| known.url != grant.url),
            &grant.url,
        )?;
        self.http.push(grant);
        Ok(())
    }

    pub(crate) fn add_file(&mut self, grant: FileGrant) -> Result<(), ValueError> {
        names::root(&grant.root)?;
        names::path(&grant.path)?;
        if grant.max_read == Some(0) {
            return Err(ValueError::new(
                "`max-read` of 0: nothing could be read; leave out the grant",
            ));
        }
        reject_duplicate(
            self.files.iter().all(|known| known.root != grant.root),
            &grant.root,
        )?;
        self.files.push(grant);
        Ok(())
    }

    /// Checks that a preopen is one of the roots.
    pub(crate) fn known_root(&self, root: &str) -> Result<(), ValueError> {
        match self.files.iter().any(|grant| grant.root == root) {
            true => Ok(()),
            false => {
                let known: Vec<&str> = self.files.iter().map(|grant| grant.root.as_str()).collect();
                let cure = match known.is_empty() {
                    true => "; there is none: add a `[[grants.files]]` with that `root`".to_owned(),
                    false => suggestion(root, &known),
                };
                let root = shown(root);
                Err(ValueError::new(format!(
                    "unknown root `{root}` of `grants.files`{cure}"
                )))
            }
        }
    }

    /// Grants a store, under a namespace in a file if these are given. Quotas stay as they are.
    pub(crate) fn add_store(&mut self, kept: Option<(String, PathBuf)>) -> Result<(), ValueError> {
        let Some((namespace, path)) = kept else {
            self.store.get_or_insert_default();
            return Ok(());
        };
        names::namespace(&namespace)?;
        names::path(&path)?;
        let known = self.store.as_ref();
        let is_new = known.is_none_or(|store| store.path.is_none() && store.namespace.is_none());
        reject_duplicate(is_new, "store")?;
        let store = self.store.get_or_insert_default();
        (store.namespace, store.path) = (Some(namespace), Some(path));
        Ok(())
    }

    /// Checks that a name is that of an interface which an embedding program can offer and a policy can grant.
    ///
    /// # Errors
    ///
    /// If it is not written as in WIT, or is in `wasi` or `tollgate`, whose interfaces have grants of their own.
    ///
    /// ```
    /// use tollgate_policy::Grants;
    ///
    /// assert!(Grants::check_interface("acme:clock/sleep@0.1.0").is_ok());
    /// assert!(Grants::check_interface("wasi:cli/stdout@0.2.0").is_err());
    /// ```
    pub fn check_interface(name: &str) -> Result<(), ValueError> {
        names::interface(name)
    }

    pub(crate) fn add_interface(
        &mut self,
        name: &str,
        parameters: Parameters,
    ) -> Result<(), ValueError> {
        names::interface(name)?;
        let known = self.interfaces.insert(name.to_owned(), parameters);
        reject_duplicate(known.is_none(), name)
    }

    pub(crate) fn add_stub(&mut self, pattern: &str) -> Result<(), ValueError> {
        names::stub(pattern)?;
        reject_duplicate(self.stub.insert(pattern.to_owned()), pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(root: &str) -> FileGrant {
        FileGrant::new(root, "/srv", Access::Read)
    }

    #[test]
    fn grants_put_together_in_code_are_checked() {
        let check = |change: fn(&mut Grants)| {
            let mut grants = Grants::default();
            change(&mut grants);
            grants.check().err().map(|error| error.message)
        };
        let refused = |change, expected: &str| {
            let message = check(change).unwrap();
            assert!(message.starts_with(expected), "{message}");
        };
        assert_eq!(check(|g| g.files = vec![file("a"), file("b")]), None);
        refused(
            |g| g.files = vec![file("a"), file("a")],
            "grants.files: `a` is granted twice; keep one",
        );
        refused(|g| g.files = vec![file("A")], "grants.files: `A` is not");
        refused(
            |g| {
                let path = PathBuf::new();
                g.files = vec![FileGrant { path, ..file("a") }];
            },
            "grants.files: an empty path",
        );
        refused(
            |g| g.http = vec![HttpGrant::new("*")],
            "grants.http: `*` does not begin",
        );
        refused(
            |g| _ = g.interfaces.insert("*".into(), Parameters::default()),
            "grants.interfaces: `*` is not",
        );
        refused(
            |g| _ = g.stub.insert("acme:telemetry".into()),
            "grants.stub: `acme:telemetry` is not",
        );
        refused(
            |g| g.config = Some([(String::new(), String::new())].into()),
            "grants.config: an empty key",
        );
        refused(
            |g| g.store.insert(StoreGrant::default()).max_keys = 0,
            "grants.store: max-keys: 0 is less",
        );
        refused(
            |g| g.store.insert(StoreGrant::default()).path = Some("/srv/state.redb".into()),
            "grants.store: a `path` without a `namespace`",
        );
        refused(
            |g| g.store.insert(StoreGrant::default()).namespace = Some("a\nb".into()),
            "grants.store: `a\\nb` has a control character",
        );
    }
}
