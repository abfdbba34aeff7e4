//! The store of a session: made under the limits, given the budget of each call, and asked for the usage of the call.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_capability::files::Identities;
use tollgate_capability::{Call, LimitReached, instance_fuel};
use tollgate_component::ProviderInfo;
use tollgate_policy::Limits;
use wasmtime::component::{Instance, ResourceTable};
use wasmtime::{AsContextMut as _, Store, UpdateDeadline};

use crate::call::context::CallContext;
use crate::call::hook::hook;
use crate::call::provider::Provider;
use crate::call::report::{Outcome, Report, Stdio, Usage};
use crate::call::sampling;
use crate::engine::YIELD_INTERVAL;
use crate::engine::admission::Slot;
use crate::engine::metering::Metering;
use crate::error::HostError;
use crate::interface::holdings::Holdings;
use crate::interface::wasi_p2::{CommandInput, Wasi};
use crate::profile::sampler::Sampler;
use crate::profile::tree::SharedTree;

/// A store with its guest, and the slot that it takes.
pub(crate) struct LiveInstance {
    pub(super) store: Store<CallContext>,
    /// Made by the first call, on its budget.
    pub(super) instance: Option<Instance>,
    /// The time that it took to make the instance ahead, for the call that takes it.
    pub(super) ahead: Option<Duration>,
    _slot: Arc<Slot>,
}

/// Makes the store of a session: its limits, the hook between guest and host, and the state for its host functions.
pub(super) fn new_store(
    provider: &Provider,
    command: Option<CommandInput>,
    embedder: Option<Box<dyn Any + Send>>,
    profile: Option<SharedTree>,
) -> Result<Store<CallContext>, HostError> {
    let shared = &provider.shared;
    let limits = &provider.limits;
    let granted = &shared.granted;
    let mut wasi = Wasi::new(Arc::clone(granted));
    if let Some(input) = command {
        wasi.begin_command(input);
    }
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles as usize);
    let name = Arc::clone(&shared.info.name);
    let state = CallContext {
        call: Call::new(name, granted, Arc::clone(limits)),
        metering: shared.unit().metering,
        table,
        holdings: Holdings::default(),
        wasi,
        identities: Identities::default(),
        embedder,
        parameters: Arc::clone(&shared.parameters),
        interface: "",
        is_hurried: false,
        sampler: profile.map(|profile| Box::new(Sampler::new(profile))),
    };
    let mut store = Store::try_new(&shared.unit().engine, state).map_err(HostError::engine)?;
    store.limiter(|state| state);
    store.call_hook(hook);
    store.set_max_component_handles(limits.handles as usize);
    match shared.unit().metering {
        Metering::Fuel => store
            .fuel_async_yield_interval(Some(YIELD_INTERVAL))
            .map_err(HostError::engine)?,
        // At each tick the guest gives its thread back, for one tick more.
        Metering::DeadlineOnly => {
            store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        }
    }
    Ok(store)
}

/// Counts and charges the engine's own data of an instance, before the engine makes it.
///
/// # Errors
///
/// The limit `host-memory` or `fuel`.
pub(super) fn admit_instance(store: &mut Store<CallContext>, data: u64) -> wasmtime::Result<()> {
    store.data().call.meter.host_memory.hold(data)?;
    if store.data().metering == Metering::Fuel {
        let left = store.get_fuel()?.checked_sub(instance_fuel(data));
        store.set_fuel(left.unwrap_or(0))?;
        left.ok_or(LimitReached::Fuel)?;
        if let Some(sampler) = &mut store.data_mut().sampler {
            sampler.instance(instance_fuel(data));
        }
        sampling::after_filling(&mut store.as_context_mut())?;
    }
    Ok(())
}

impl LiveInstance {
    pub(super) fn new(mut store: Store<CallContext>, slot: Slot) -> LiveInstance {
        let slot = Arc::new(slot);
        // A job of the host that outlives the store keeps the slot.
        let place = Arc::clone(&slot);
        store.data_mut().call.jobs.keep_slot(place);
        LiveInstance {
            store,
            instance: None,
            ahead: None,
            _slot: slot,
        }
    }

    /// Fills the budget of one call.
    pub(super) fn begin(
        &mut self,
        start: Instant,
        limits: &Limits,
        id: u64,
    ) -> Result<(), HostError> {
        let state = self.store.data_mut();
        state.call.begin(start, id);
        match state.metering {
            Metering::Fuel => {
                sampling::at_ease(&mut self.store.as_context_mut()).map_err(HostError::engine)?;
                self.store
                    .set_fuel(limits.fuel)
                    .map_err(HostError::engine)?;
            }
            Metering::DeadlineOnly => self.store.set_epoch_deadline(1),
        }
        if let Some(sampler) = &mut self.store.data_mut().sampler {
            sampler.begin(limits.fuel);
        }
        sampling::after_filling(&mut self.store.as_context_mut()).map_err(HostError::engine)
    }

    /// Goes on with the budget under which the instance was made, as the call that takes it. It is not filled again, so that
    /// nothing can tell it from one that the call has made.
    pub(super) fn resume(&mut self, start: Instant, spent: Duration, id: u64) {
        let state = self.store.data_mut();
        state.call.resume(start, spent, id);
        if state.metering == Metering::DeadlineOnly {
            self.store.set_epoch_deadline(1);
        }
    }

    /// The report of the call that ends, with its usage.
    pub(super) fn report<T, E>(
        &mut self,
        info: &Arc<ProviderInfo>,
        limits: Arc<Limits>,
        elapsed: Duration,
        outcome: Outcome<T, E>,
    ) -> Report<T, E> {
        let metering = self.store.data().metering;
        let fuel = match metering {
            Metering::Fuel => {
                let left = self.store.get_fuel().unwrap_or(0);
                let unpaid = self.store.data().call.meter.unpaid();
                limits.fuel.saturating_sub(left.saturating_sub(unpaid))
            }
            Metering::DeadlineOnly => 0,
        };
        let state = self.store.data_mut();
        if let Some(sampler) = &mut state.sampler {
            sampler.end(fuel, &state.call.meter, state.interface);
        }
        let log = std::mem::take(&mut state.call.log);
        let stdio = state.call.granted.grants.wasi.is_some().then(|| {
            let (stdout, stdout_dropped) = state.wasi.stdout.take();
            let (stderr, stderr_dropped) = state.wasi.stderr.take();
            Stdio {
                stdout,
                stdout_dropped,
                stderr,
                stderr_dropped,
            }
        });
        let outcome = match outcome {
            Outcome::Faulted(fault) => {
                Outcome::Faulted(fault.with_panic(&log.lines, stdio.as_ref()))
            }
            outcome => outcome,
        };
        let meter = &state.call.meter;
        Report {
            provider: Arc::clone(info),
            usage: Usage {
                fuel,
                memory_peak: meter.memory_peak(),
                table_peak: meter.table_peak(),
                host_memory_peak: meter.host_memory.peak(),
                elapsed,
                host_time: meter.host_time,
                host_calls: meter.host_calls,
                host_bytes: meter.host_bytes,
                syncs: meter.syncs,
                log_bytes: log.bytes,
                output_bytes: None,
            },
            outcome,
            limits,
            metering,
            denials: state.call.audit.take_denials(),
            questions: state.call.questions.take_answered(),
            logs: log.lines,
            logs_dropped: log.dropped,
            stdio,
        }
    }
}

#[cfg(test)]
mod tests {
    use tollgate_component::Source;
    use tollgate_policy::Policy;
    use wasmtime::component::ResourceTableError;

    use super::*;
    use crate::blocking::Runtime;

    /// The engine counts the handles that a guest holds. A host function may keep an entry that the guest has no handle
    /// for, and that entry counts as well.
    #[test]
    fn entries_without_a_handle_count() {
        let policy = Policy::parse("limits.handles = 3", std::path::Path::new(".")).unwrap();
        let source = Source::bytes("empty", wat::parse_str("(component)").unwrap());
        let provider = Runtime::new().load(&source, &policy).unwrap();
        let store = new_store(provider.as_async(), None, None, None);
        let mut store = store.unwrap();
        let table = &mut store.data_mut().table;
        for entry in 0..3 {
            table.push(entry).unwrap();
        }
        assert!(matches!(table.push(3), Err(ResourceTableError::Full)));
    }
}
