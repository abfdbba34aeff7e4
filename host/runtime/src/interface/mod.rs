//! The interfaces a guest may import: one folder or file for each WIT package version. They translate between WIT's
//! types and `tollgate-capability`, where each host function charges, decides, notes and acts; they do nothing else.

pub(crate) mod provider_0_1;
pub(crate) mod provider_0_2;
mod wasi_config;
mod wasi_drafts;
mod wasi_keyvalue;
pub(crate) mod wasi_p2;

use std::sync::Arc;

use tollgate_capability::LimitReached;
use tollgate_policy::Grants;
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};

use self::provider_0_1::bindings as older;
use self::provider_0_2::bindings as newest;
use self::wasi_drafts::wasi as standard;
use crate::call::context::CallContext;

/// Puts a resource into the table, which is as large as the `handles` limit: full means that limit.
fn push<T: Send + 'static>(
    table: &mut ResourceTable,
    resource: T,
) -> wasmtime::Result<Resource<T>> {
    table
        .push(resource)
        .map_err(|_| LimitReached::Handles.into())
}

/// Adds an interface of the embedder's own to a linker.
pub(crate) type AddToLinker =
    Arc<dyn Fn(&mut Linker<CallContext>) -> wasmtime::Result<()> + Send + Sync>;

/// Links what is granted; what is not granted is not there to be called.
pub(crate) fn link(
    linker: &mut Linker<CallContext>,
    grants: &Grants,
    extra: &std::collections::BTreeMap<String, AddToLinker>,
) -> wasmtime::Result<()> {
    // Every version of an interface stands on the same grant.
    macro_rules! link {
        ($interface:ident) => {
            older::provider::$interface::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)?;
            newest::provider::$interface::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)?;
        };
    }
    if grants.log {
        link!(log);
    }
    if grants.hash {
        link!(hash);
    }
    if !grants.http.is_empty() {
        link!(http);
    }
    if !grants.files.is_empty() {
        link!(files);
    }
    if grants.config.is_some() {
        link!(config);
        standard::config::store::add_to_linker::<_, HasSelf<CallContext>>(linker, |state| state)?;
    }
    if grants.store.is_some() {
        link!(store);
        standard::keyvalue::store::add_to_linker::<_, HasSelf<CallContext>>(linker, |state| state)?;
    }
    if grants.wasi.is_some() {
        wasi_p2::link(linker)?;
    }
    for (name, add) in extra {
        if grants.interfaces.contains(name) {
            add(linker)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use tollgate_policy::Policy;
    use wasmtime::Engine;

    use super::*;

    type Add = fn(&mut Linker<CallContext>) -> wasmtime::Result<()>;

    /// Every interface with its grant. Adding one twice is an error, which tells whether it is there.
    const INTERFACES: &[(&str, Add)] = &[
        ("log = true", |linker| {
            older::provider::log::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("log = true", |linker| {
            newest::provider::log::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("hash = true", |linker| {
            older::provider::hash::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("hash = true", |linker| {
            newest::provider::hash::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("http = [{ url = \"https://example.com/**\" }]", |linker| {
            older::provider::http::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("http = [{ url = \"https://example.com/**\" }]", |linker| {
            newest::provider::http::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        (
            "files = [{ root = \"a\", path = \"a\", access = \"read\" }]",
            |linker| {
                older::provider::files::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
            },
        ),
        (
            "files = [{ root = \"a\", path = \"a\", access = \"read\" }]",
            |linker| {
                newest::provider::files::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
            },
        ),
        ("config = {}", |linker| {
            older::provider::config::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("config = {}", |linker| {
            newest::provider::config::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("store = true", |linker| {
            older::provider::store::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("store = true", |linker| {
            newest::provider::store::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("config = {}", |linker| {
            standard::config::store::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("store = true", |linker| {
            standard::keyvalue::store::add_to_linker::<_, HasSelf<CallContext>>(linker, |s| s)
        }),
        ("wasi = \"inert\"", |linker| {
            wasmtime_wasi::p2::add_to_linker_async(linker)
        }),
    ];

    /// Behind the verdict: were a denied import to slip through it, the linker would still have nobody.
    #[test]
    fn what_is_not_granted_is_not_linked() {
        let engine = Engine::default();
        for (grant, _) in INTERFACES {
            let policy = Policy::parse(&format!("[grants]\n{grant}"), Path::new("/")).unwrap();
            for (other, add) in INTERFACES {
                let mut linker = Linker::new(&engine);
                link(&mut linker, &policy.grants, &BTreeMap::new()).unwrap();
                let linked = add(&mut linker).is_err();
                assert_eq!(linked, grant == other, "with `{grant}`, `{other}`");
            }
        }
    }

    #[test]
    fn an_interface_of_the_embedders_is_linked_by_its_grant_only() {
        let engine = Engine::default();
        let add: AddToLinker = Arc::new(|linker: &mut Linker<CallContext>| {
            linker
                .instance("acme:a/b@1.0.0")?
                .func_wrap("f", |_, (): ()| Ok(()))
        });
        let extra = BTreeMap::from([("acme:a/b@1.0.0".to_owned(), Arc::clone(&add))]);
        for (text, granted) in [
            ("", false),
            ("grants.interfaces = [\"acme:a/b@1.0.0\"]", true),
        ] {
            let policy = Policy::parse(text, Path::new("/")).unwrap();
            let mut linker = Linker::new(&engine);
            link(&mut linker, &policy.grants, &extra).unwrap();
            assert_eq!(add(&mut linker).is_err(), granted);
        }
    }
}
