//! The samples of a profiled store: its stack, its fuel and its yields, for the sampler.

use wasmtime::{StoreContextMut, WasmBacktrace};

use super::context::CallContext;
use crate::engine::YIELD_INTERVAL;
use crate::profile::sampler::Sampler;

/// The guest comes back from a yield: takes a sample if one is due, and sets the next yield.
pub(super) fn at_yield(store: &mut StoreContextMut<'_, CallContext>) -> wasmtime::Result<()> {
    at_ease(store)?;
    with_sampler(store, |sampler, store| {
        let left = store.get_fuel()?;
        if sampler.is_due(left, &store.data().call.meter) {
            let stack = WasmBacktrace::force_capture(&*store);
            sampler.sample(&stack, left, &store.data().call.meter);
        }
        arm(sampler, store, left)
    })
}

/// Has the guest yield at its next step if it has kept its thread for long: setting its fuel after a host call restarts the
/// interval, and host functions that are not async give no thread back.
pub(super) fn hurry(store: &mut StoreContextMut<'_, CallContext>) -> wasmtime::Result<()> {
    let state = store.data_mut();
    if state.call.meter.turn_is_over() {
        state.is_hurried = true;
        store.fuel_async_yield_interval(Some(1))?;
    }
    Ok(())
}

/// Has the guest yield after whole intervals again.
pub(super) fn at_ease(store: &mut StoreContextMut<'_, CallContext>) -> wasmtime::Result<()> {
    match std::mem::take(&mut store.data_mut().is_hurried) {
        true => store.fuel_async_yield_interval(Some(YIELD_INTERVAL)),
        false => Ok(()),
    }
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

/// Sets the next yield after the fuel of the store was set.
pub(super) fn after_filling(store: &mut StoreContextMut<'_, CallContext>) -> wasmtime::Result<()> {
    with_sampler(store, |sampler, store| {
        let left = store.get_fuel()?;
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
