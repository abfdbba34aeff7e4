//! The interfaces a guest may import, linked by the table of those that are served: one folder or file for each WIT
//! package version. They translate between WIT's
//! types and `tollgate-capability`, where each host function charges, decides, notes and acts; they do nothing else.

pub(crate) mod holdings;
pub(crate) mod provider_0_1;
pub(crate) mod provider_0_2;
mod wasi_config;
mod wasi_drafts;
mod wasi_keyvalue;
pub(crate) mod wasi_p2;

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_component::SERVED;
use tollgate_policy::{Capability, Grants};
use wasmtime::component::{HasSelf, Linker};

use self::provider_0_1::bindings::provider as v0_1;
use self::provider_0_2::bindings::provider as v0_2;
use crate::call::context::CallContext;

/// Adds an interface of the embedder's own to a linker.
pub(crate) type AddToLinker =
    Arc<dyn Fn(&mut Linker<CallContext>) -> wasmtime::Result<()> + Send + Sync>;

/// How one version of an interface is added to a linker.
type Add = fn(&mut Linker<CallContext>) -> wasmtime::Result<()>;

/// Links every interface of [`SERVED`] that `grants` has, in each version that is served, and the granted ones of the
/// embedder's own. An interface that is not granted is not linked.
pub(crate) fn link(
    linker: &mut Linker<CallContext>,
    grants: &Grants,
    own: &BTreeMap<String, AddToLinker>,
) -> wasmtime::Result<()> {
    for row in SERVED {
        // WASI is linked as a whole, below.
        if row.capability == Capability::Wasi || !row.capability.granted_by(grants) {
            continue;
        }
        for version in row.versions {
            let name = format!("{}@{version}", row.interface);
            let add = add_function(&name)
                .ok_or_else(|| wasmtime::format_err!("nothing serves {name}"))?;
            add(linker)?;
        }
    }
    if Capability::Wasi.granted_by(grants) {
        wasi_p2::link(linker)?;
    }
    for (name, add) in own {
        if grants.interfaces.contains(name) {
            add(linker)?;
        }
    }
    Ok(())
}

/// The function that adds the interface of this full name: a row for each version of each interface but WASI's.
fn add_function(name: &str) -> Option<Add> {
    macro_rules! add {
        ($($interface:ident)::+) => {
            |linker| $($interface)::+::add_to_linker::<_, HasSelf<CallContext>>(linker, |state| state)
        };
    }
    Some(match name {
        // An interface of types alone has no functions to link.
        "tollgate:provider/types@0.1.0" | "tollgate:provider/types@0.2.0" => |_| Ok(()),
        "tollgate:provider/config@0.1.0" => add!(v0_1::config),
        "tollgate:provider/config@0.2.0" => add!(v0_2::config),
        "tollgate:provider/files@0.1.0" => add!(v0_1::files),
        "tollgate:provider/files@0.2.0" => add!(v0_2::files),
        "tollgate:provider/hash@0.1.0" => add!(v0_1::hash),
        "tollgate:provider/hash@0.2.0" => add!(v0_2::hash),
        "tollgate:provider/http@0.1.0" => add!(v0_1::http),
        "tollgate:provider/http@0.2.0" => add!(v0_2::http),
        "tollgate:provider/log@0.1.0" => add!(v0_1::log),
        "tollgate:provider/log@0.2.0" => add!(v0_2::log),
        "tollgate:provider/store@0.1.0" => add!(v0_1::store),
        "tollgate:provider/store@0.2.0" => add!(v0_2::store),
        "wasi:config/store@0.2.0-rc.1" => add!(wasi_drafts::wasi::config::store),
        "wasi:keyvalue/store@0.2.0-draft" => add!(wasi_drafts::wasi::keyvalue::store),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tollgate_component::Served;
    use tollgate_policy::Policy;
    use wasmtime::{Engine, StoreContextMut};

    use super::*;

    /// Whether the linker has an interface of this full name: a second thing of one name is an error.
    fn is_linked(linker: &mut Linker<CallContext>, name: &str) -> bool {
        let probe = |_: StoreContextMut<'_, CallContext>, (): ()| Ok(());
        linker.root().func_wrap(name, probe).is_err()
    }

    /// Behind the verdict: were a denied import to slip through it, the linker would still have nothing for it.
    #[test]
    fn every_interface_of_the_table_is_linked_by_its_grant_and_by_no_other() {
        let engine = Engine::default();
        let has_functions = |row: &&Served| row.capability != Capability::Types;
        for granted in SERVED.iter().filter(has_functions) {
            let policy = granted.capability.policy_line();
            let grants = Policy::parse(&policy, Path::new("/")).unwrap().grants;
            let mut linker = Linker::new(&engine);
            link(&mut linker, &grants, &BTreeMap::new()).unwrap();
            for row in SERVED.iter().filter(has_functions) {
                for version in row.versions {
                    let name = format!("{}@{version}", row.interface);
                    let expected = row.capability == granted.capability;
                    let linked = is_linked(&mut linker, &name);
                    assert_eq!(linked, expected, "with `{policy}`, {name}");
                }
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
            assert_eq!(is_linked(&mut linker, "acme:a/b@1.0.0"), granted);
        }
    }
}
