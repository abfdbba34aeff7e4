//! What a provider may reach. The default is nothing, and an empty list is nothing too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::error::ValueError;
use crate::http::HttpGrant;
use crate::names;
use crate::store::StoreGrant;
use crate::wasi::WasiGrant;
use crate::words::{shown, suggestion};

/// Everything that may be granted. What is not here is denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Log lines into the report.
    pub log: bool,
    /// Hashing by the host.
    pub hash: bool,
    /// A key-value store of the provider's own.
    pub store: Option<StoreGrant>,
    /// Settings handed to the provider; an empty map grants the interface, in which every key is unset.
    pub config: Option<BTreeMap<String, String>>,
    /// What may be fetched; none is nothing.
    pub http: Vec<HttpGrant>,
    /// Named roots of files; no two have one name.
    pub files: Vec<FileGrant>,
    /// The standard WASI interfaces.
    pub wasi: Option<WasiGrant>,
    /// Interfaces that the embedding program offers beyond ours, such as `acme:clock/sleep@0.1.0`; an
    /// import is granted when its name is here to the letter, version included.
    pub interfaces: BTreeSet<String>,
}

/// What may be done below a root. The order is that of power: who may write may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Read, list and look at: `"read"`.
    Read,
    /// And write: `"read-write"`.
    ReadWrite,
}

impl Access {
    /// All of them, in the order of power.
    pub const ALL: [Access; 2] = [Access::Read, Access::ReadWrite];

    /// Its name in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::ReadWrite => "read-write",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Access, ValueError> {
        let found = Access::ALL.into_iter().find(|access| access.name() == text);
        found.ok_or_else(|| {
            let (text, cure) = (
                shown(text),
                suggestion(text, &Access::ALL.map(Access::name)),
            );
            ValueError::new(format!("`{text}` is no access{cure}"))
        })
    }
}

/// A directory of the host under the name that the guest uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGrant {
    /// The name that the guest uses: `[a-z0-9][a-z0-9-_]*`.
    pub root: String,
    /// The directory of the host, as it was written; a relative one is joined to the policy's directory.
    pub path: PathBuf,
    /// What may be done below it.
    pub access: Access,
    /// Bytes that one call may write below it; a file that is made longer without being written counts by
    /// its growth.
    pub max_write: u64,
    /// Files and folders that one call may create, replace or remove below it.
    pub max_files: u64,
    /// The largest single read. None is what the limit `host-data` allows, which bounds it in any case.
    pub max_read: Option<u64>,
}

/// `max-write` when a grant says nothing. What a tool makes in one call fits; at the default fuel, which
/// pays for 1 GB, a guest could else fill a disk in a few hundred calls.
pub const MAX_WRITE: u64 = 64 << 20;

/// `max-files` when a grant says nothing. An unpacked archive or a generated site fits; each file costs
/// the host an fsync of a millisecond or so, and an inode that somebody has to delete again.
pub const MAX_FILES: u64 = 1_000;

impl FileGrant {
    /// A grant with the default quotas.
    pub fn new(root: impl Into<String>, path: impl Into<PathBuf>, access: Access) -> FileGrant {
        FileGrant {
            root: root.into(),
            path: path.into(),
            access,
            max_write: MAX_WRITE,
            max_files: MAX_FILES,
            max_read: None,
        }
    }
}

impl Grants {
    /// Whether every grant keeps the rules, for grants that were put together in code.
    ///
    /// # Errors
    ///
    /// For the first that does not.
    pub fn check(&self) -> Result<(), ValueError> {
        let mut again = Grants::default();
        for (key, value) in self.config.iter().flatten() {
            again.add_setting(key, value).map_err(at("grants.config"))?;
        }
        for grant in &self.http {
            again.add_http(grant.clone()).map_err(at("grants.http"))?;
        }
        for grant in &self.files {
            again.add_file(grant.clone()).map_err(at("grants.files"))?;
        }
        if let Some(store) = &self.store {
            store.check().map_err(at("grants.store"))?;
        }
        for name in &self.interfaces {
            again.add_interface(name).map_err(at("grants.interfaces"))?;
        }
        if let Some(wasi) = &self.wasi {
            wasi.check().map_err(at("grants.wasi"))?;
            for root in &wasi.preopens {
                self.known_root(root).map_err(at("grants.wasi.preopens"))?;
            }
        }
        Ok(())
    }

    pub(crate) fn add_setting(&mut self, key: &str, value: &str) -> Result<(), ValueError> {
        names::setting(key)?;
        let known = self.config.as_ref().and_then(|settings| settings.get(key));
        once(known.is_none(), key)?;
        let settings = self.config.get_or_insert_default();
        settings.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    pub(crate) fn add_http(&mut self, grant: HttpGrant) -> Result<(), ValueError> {
        grant.check()?;
        once(
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
        once(
            self.files.iter().all(|known| known.root != grant.root),
            &grant.root,
        )?;
        self.files.push(grant);
        Ok(())
    }

    /// That a preopen is a root.
    pub(crate) fn known_root(&self, root: &str) -> Result<(), ValueError> {
        match self.files.iter().any(|grant| grant.root == root) {
            true => Ok(()),
            false => {
                let known: Vec<&str> = self.files.iter().map(|grant| grant.root.as_str()).collect();
                let cure = match known.is_empty() {
                    true => {
                        ", which has none; add a `[[grants.files]]` with that `root`".to_owned()
                    }
                    false => suggestion(root, &known),
                };
                let root = shown(root);
                Err(ValueError::new(format!(
                    "`{root}` is no root of `grants.files`{cure}"
                )))
            }
        }
    }

    /// A store, in `path` if there is one. What else is granted of it already stays.
    pub(crate) fn add_store(&mut self, path: Option<PathBuf>) -> Result<(), ValueError> {
        let Some(path) = path else {
            self.store.get_or_insert_default();
            return Ok(());
        };
        names::path(&path)?;
        let known = self.store.as_ref().and_then(|store| store.path.as_ref());
        once(known.is_none(), "store")?;
        self.store.get_or_insert_default().path = Some(path);
        Ok(())
    }

    pub(crate) fn add_interface(&mut self, name: &str) -> Result<(), ValueError> {
        names::interface(name)?;
        once(self.interfaces.insert(name.to_owned()), name)
    }
}

fn at(place: &str) -> impl Fn(ValueError) -> ValueError {
    move |error| ValueError::new(format!("{place}: {error}"))
}

/// Twice is refused even where it would be harmless: one of the two was meant to be something else.
fn once(first: bool, what: &str) -> Result<(), ValueError> {
    match first {
        true => Ok(()),
        false => Err(ValueError::new(format!(
            "`{}` is granted twice; keep one",
            shown(what)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(root: &str) -> FileGrant {
        FileGrant::new(root, "/srv", Access::Read)
    }

    /// As docs/limits.md has them.
    #[test]
    fn quotas_have_these_defaults() {
        let grant = file("data");
        assert_eq!((grant.max_write, grant.max_files), (67_108_864, 1_000));
        assert_eq!(grant.max_read, None);
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
            |g| _ = g.interfaces.insert("*".into()),
            "grants.interfaces: `*` is not",
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
            |g| g.store.insert(StoreGrant::default()).namespace = Some("a\nb".into()),
            "grants.store: `a\\nb` has a control character",
        );
    }

    #[test]
    fn access_is_ordered_by_power() {
        assert!(Access::Read < Access::ReadWrite);
        for access in Access::ALL {
            assert_eq!(Access::parse(access.name()), Ok(access));
        }
    }
}
