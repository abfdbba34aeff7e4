//! Stubs: imports that nothing is behind, by `grants.stub`. A call of one is denied, and ends the call of the guest.

use std::collections::BTreeSet;
use std::sync::Arc;

use tollgate_capability::{GuestError, MOVE_PRICE};
use tollgate_policy::{GrantName, Reason};
use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use crate::call::context::CallContext;

/// The type of each resource of a stub. No guest gets a handle of one: the functions that make them are stubs.
struct Resource;

/// Links the interfaces of these names as the component imports them.
pub(crate) fn link_stubs(
    linker: &mut Linker<CallContext>,
    component: &Component,
    names: &BTreeSet<&str>,
) -> wasmtime::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let engine = linker.engine().clone();
    let mut defined: Vec<ResourceType> = Vec::new();
    for (name, import) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            continue;
        };
        let mut stub = match names.contains(name) {
            true => Some(linker.instance(name)?),
            false => None,
        };
        // One name for all functions of the interface: a component may have 20,000, and a name of 4 KiB.
        let interface: Arc<str> = name.into();
        for (item, export) in instance.exports(&engine) {
            match (export.ty, &mut stub) {
                // The same resource in a second interface is the one of the first, which may be granted.
                (ComponentItem::Resource(ty), _) if defined.contains(&ty) => {}
                (ComponentItem::Resource(ty), stub) => {
                    defined.push(ty);
                    if let Some(stub) = stub {
                        stub.resource(item, ResourceType::host::<Resource>(), |_, _| Ok(()))?;
                    }
                }
                (ComponentItem::ComponentFunc(_), Some(stub)) => {
                    let (interface, function) = (Arc::clone(&interface), item.to_owned());
                    stub.func_new(item, move |store, _, _, _| {
                        deny(store, &format!("{interface} {function}"))
                    })?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Denies the call of a stub.
fn deny(mut store: StoreContextMut<'_, CallContext>, target: &str) -> wasmtime::Result<()> {
    let call = &mut store.data_mut().call;
    call.meter.charge(0, MOVE_PRICE)?;
    call.denied(GrantName::Stub.key(), target, Reason::NotGranted);
    Err(GuestError(format!(
        "{target} is a stub: the policy does not grant its interface"
    ))
    .into())
}
