//! The samples of a profiled store: its stack, its fuel and its yields, for the sampler.

use wasmtime::{StoreContextMut, WasmBacktrace};

use super::context::CallContext;
use crate::profile::sampler::{Sampler, Yield};

/// Takes a sample if the guest comes back from a yield and one is due.
pub(super) fn at_yield(
    store: &mut StoreContextMut<'_, CallContext>,
) -> wasmtime::Result<Option<Yield>> {
    with_sampler(store, |sampler, store| {
        let left = store.get_fuel()?;
        if !sampler.has_yielded(left, &store.data().call.meter) {
            return Ok(None);
        }
        if sampler.is_due(left, &store.data().call.meter) {
            let stack = WasmBacktrace::force_capture(&*store);
            sampler.sample(&stack, left, &store.data().call.meter);
        }
        let found = sampler.end_yield(left);
        arm(sampler, store, left)?;
        Ok(Some(found))
    })
}

/// Counts a host call that costs this much, and goes back to the guest.
pub(super) fn at_host_call(
    store: &mut StoreContextMut<'_, CallContext>,
    cost: u64,
) -> wasmtime::Result<()> {
    with_sampler(store, |sampler, store| {
        let price = sampler.price(cost);
        if price > 0 {
            let stack = WasmBacktrace::force_capture(&*store);
            sampler.host_call(&stack, store.data().interface, price);
        }
        Ok(())
    })
}

/// Sets the yields anew after the fuel of the store was set, as the engine does for an ordinary call.
pub(super) fn after_filling(store: &mut StoreContextMut<'_, CallContext>) -> wasmtime::Result<()> {
    with_sampler(store, |sampler, store| {
        let left = store.get_fuel()?;
        sampler.refilled(left);
        arm(sampler, store, left)
    })
}

fn arm(
    sampler: &mut Sampler,
    store: &mut StoreContextMut<'_, CallContext>,
    left: u64,
) -> wasmtime::Result<()> {
    let interval = sampler.interval(left, &store.data().call.meter);
    store.fuel_async_yield_interval(Some(interval))
}

/// Does nothing in a store that is not profiled.
fn with_sampler<T: Default>(
    store: &mut StoreContextMut<'_, CallContext>,
    work: impl FnOnce(&mut Sampler, &mut StoreContextMut<'_, CallContext>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    let Some(mut sampler) = store.data_mut().sampler.take() else {
        return Ok(T::default());
    };
    let done = work(&mut sampler, store);
    store.data_mut().sampler = Some(sampler);
    done
}
