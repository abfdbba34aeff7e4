//! The steps between guest and host, told to the meter, and host work taken from the guest's fuel.

use tollgate_capability::LimitReached;
use wasmtime::{CallHook, StoreContextMut};

use super::context::CallContext;
use super::sampling;
use crate::engine::metering::Metering;

/// Runs on every step between guest and host, the engine's own helpers (growing a memory, yielding)
/// included.
pub(crate) fn hook(
    mut store: StoreContextMut<'_, CallContext>,
    step: CallHook,
) -> wasmtime::Result<()> {
    match step {
        CallHook::CallingWasm => {
            store.data_mut().call.meter.enter_guest();
            Ok(())
        }
        CallHook::ReturningFromWasm => {
            if store.data_mut().call.meter.leave_guest() {
                // The export's result comes next. `output` and `host-data` bound it.
                let (cap, _) = store.data().call.meter.result_cap();
                let cap = usize::try_from(cap)?;
                store.set_hostcall_fuel(cap);
            }
            Ok(())
        }
        CallHook::CallingHost => {
            let fuel = match store.data().metering {
                Metering::Fuel => store.get_fuel()?,
                // Not counted; the deadline and the number of host calls bound their work.
                Metering::DeadlineOnly => u64::MAX,
            };
            let (cap, _) = store.data().call.meter.lift_cap();
            let cap = usize::try_from(cap)?;
            store.set_hostcall_fuel(cap);
            let state = store.data_mut();
            if let Some(sampler) = &mut state.sampler {
                sampler.enter_host(&state.call.meter);
                // A helper that makes room for the result of a host call leaves it its name.
                if !state.call.meter.is_in_realloc() {
                    state.interface = "";
                }
            }
            state.call.meter.enter_host(fuel);
            Ok(())
        }
        CallHook::ReturningFromHost if store.data().call.meter.has_yielded() => {
            sampling::at_yield(&mut store)?;
            Ok(store.data_mut().call.meter.leave_yield()?)
        }
        CallHook::ReturningFromHost => settle(store),
    }
}

/// The way back to the guest: takes the price of the host call from the guest's fuel.
fn settle(mut store: StoreContextMut<'_, CallContext>) -> wasmtime::Result<()> {
    let Some(cost) = store.data_mut().call.meter.leave_host()? else {
        return Ok(());
    };
    if store.data().metering == Metering::DeadlineOnly {
        return Ok(());
    }
    let fuel = store.get_fuel()?;
    sampling::at_host_call(&mut store, cost.min(fuel))?;
    let Some(left) = fuel.checked_sub(cost) else {
        store.set_fuel(0)?;
        return Err(LimitReached::Fuel.into());
    };
    store.set_fuel(left)?;
    sampling::after_filling(&mut store)?;
    sampling::hurry(&mut store)
}
