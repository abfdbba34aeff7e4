//! The interfaces a guest may import, linked by the table of those that are served: one folder or file for each WIT
//! package version. They translate between WIT's
//! types and `tollgate-capability`, where each host function charges, decides, notes and acts; they do nothing else.

pub(crate) mod holdings;
pub(crate) mod provider_0_1;
pub(crate) mod provider_0_2;
pub(crate) mod stub;
mod wasi_config;
mod wasi_drafts;
mod wasi_keyvalue;
pub(crate) mod wasi_p2;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_component::SERVED;
use tollgate_policy::{Capability, Grants, Parameters, ValueError};
use wasmtime::component::{HasSelf, Linker};

use self::provider_0_1::bindings::provider as v0_1;
use self::provider_0_2::bindings::provider as v0_2;
use crate::call::context::CallContext;

/// An interface of the embedder's own.
#[derive(Clone)]
pub(crate) struct Own {
    /// Adds it to a linker.
    pub(crate) add: AddToLinker,
    /// Reads the parameters of its grant.
    pub(crate) read: ReadParameters,
}

pub(crate) type AddToLinker =
    Arc<dyn Fn(&mut Linker<CallContext>) -> wasmtime::Result<()> + Send + Sync>;

pub(crate) type ReadParameters =
    Arc<dyn Fn(&Parameters) -> Result<Arc<dyn Any + Send + Sync>, ValueError> + Send + Sync>;

/// The parameters of a policy's grants of own interfaces, by their names.
pub(crate) type OwnParameters = BTreeMap<String, Arc<dyn Any + Send + Sync>>;

impl Own {
    /// An interface without parameters.
    pub(crate) fn without(add: AddToLinker) -> Own {
        let read = |given: &Parameters| -> Result<Arc<dyn Any + Send + Sync>, ValueError> {
            match given.is_empty() {
                true => Ok(Arc::new(())),
                false => Err(ValueError::new(
                    "the interface takes no parameters; write `{}`",
                )),
            }
        };
        let read = Arc::new(read);
        Own { add, read }
    }
}

/// Reads the parameters of the interfaces that a policy grants and this program offers.
///
/// # Errors
///
/// Parameters that are not as the interface takes them.
pub(crate) fn read_parameters(
    grants: &Grants,
    own: &BTreeMap<String, Own>,
) -> Result<OwnParameters, ValueError> {
    let granted = grants.interfaces.iter();
    let offered = granted.filter_map(|(name, given)| Some((name, given, own.get(name)?)));
    let read = offered.map(|(name, given, own)| match (own.read)(given) {
        Ok(parameters) => Ok((name.clone(), parameters)),
        Err(error) => Err(ValueError::new(format!(
            "grants.interfaces.\"{name}\": {}",
            error.message
        ))),
    });
    read.collect()
}

/// The function that adds one version of an interface to a linker.
type Add = fn(&mut Linker<CallContext>) -> wasmtime::Result<()>;

/// Links every interface of [`SERVED`] that `grants` has, in each version that is served, and the granted ones of the
/// embedder's own. An interface that is not granted is not linked.
pub(crate) fn link(
    linker: &mut Linker<CallContext>,
    grants: &Grants,
    own: &BTreeMap<String, Own>,
) -> wasmtime::Result<()> {
    link_served(linker, |capability| capability.granted_by(grants))?;
    for (name, own) in own {
        if grants.interfaces.contains_key(name) {
            (own.add)(linker)?;
        }
    }
    Ok(())
}

/// Links every interface of [`SERVED`], to compare types with. Nothing is instantiated with it.
pub(crate) fn link_all(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    link_served(linker, |_| true)
}

fn link_served(
    linker: &mut Linker<CallContext>,
    is_granted: impl Fn(&Capability) -> bool,
) -> wasmtime::Result<()> {
    for row in SERVED {
        // WASI is linked as a whole, below.
        if row.capability == Capability::Wasi || !is_granted(&row.capability) {
            continue;
        }
        for version in row.versions {
            let name = format!("{}@{version}", row.interface);
            let add = add_function(&name)
                .ok_or_else(|| wasmtime::format_err!("nothing serves {name}"))?;
            add(linker)?;
        }
    }
    if is_granted(&Capability::Wasi) {
        wasi_p2::link(linker)?;
    }
    Ok(())
}

/// The function that adds the interface of this full name: a row for each version of each interface but WASI's.
fn add_function(name: &str) -> Option<Add> {
    macro_rules! rows {
        ($($name:literal => $($interface:ident)::+,)+) => {
            match name {
                // An interface of types alone has no functions to link.
                "tollgate:provider/types@0.1.0" | "tollgate:provider/types@0.2.0" => |_| Ok(()),
                $($name => |linker| {
                    $($interface)::+::add_to_linker::<_, HasSelf<CallContext>>(linker, |state| {
                        state.serving($name)
                    })
                },)+
                _ => return None,
            }
        };
    }
    Some(rows! {
        "tollgate:provider/config@0.1.0" => v0_1::config,
        "tollgate:provider/config@0.2.0" => v0_2::config,
        "tollgate:provider/files@0.1.0" => v0_1::files,
        "tollgate:provider/files@0.2.0" => v0_2::files,
        "tollgate:provider/hash@0.1.0" => v0_1::hash,
        "tollgate:provider/hash@0.2.0" => v0_2::hash,
        "tollgate:provider/http@0.1.0" => v0_1::http,
        "tollgate:provider/http@0.2.0" => v0_2::http,
        "tollgate:provider/log@0.1.0" => v0_1::log,
        "tollgate:provider/log@0.2.0" => v0_2::log,
        "tollgate:provider/store@0.1.0" => v0_1::store,
        "tollgate:provider/store@0.2.0" => v0_2::store,
        "wasi:config/store@0.2.0-rc.1" => wasi_drafts::wasi::config::store,
        "wasi:keyvalue/store@0.2.0-draft" => wasi_drafts::wasi::keyvalue::store,
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
        let own = Own::without(add);
        let extra = BTreeMap::from([("acme:a/b@1.0.0".to_owned(), own)]);
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
