//! The embedder's interface that `sleeper.wat` imports: host functions that wait, block and panic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tollgate::CallContext;
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

/// The grant of the interface.
pub const CLOCK: &str = "grants.interfaces = [\"acme:clock/sleep@0.1.0\"]";

/// The number of sleeps under way.
pub static SLEEPING: AtomicUsize = AtomicUsize::new(0);

struct Asleep;

impl Asleep {
    fn new() -> Asleep {
        SLEEPING.fetch_add(1, Ordering::SeqCst);
        Asleep
    }
}

impl Drop for Asleep {
    fn drop(&mut self) {
        SLEEPING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Adds the interface to a linker.
pub fn clock(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("acme:clock/sleep@0.1.0")?;
    interface.func_wrap_async(
        "sleep",
        |mut store: StoreContextMut<'_, CallContext>, (ms,): (u32,)| {
            Box::new(async move {
                store.data_mut().charge(0)?;
                let _asleep = Asleep::new();
                tokio::time::sleep(Duration::from_millis(ms.into())).await;
                Ok(())
            })
        },
    )?;
    interface.func_wrap(
        "block",
        |mut store: StoreContextMut<'_, CallContext>, (ms,): (u32,)| {
            store.data_mut().charge(0)?;
            std::thread::sleep(Duration::from_millis(ms.into()));
            Ok(())
        },
    )?;
    interface.func_wrap("panic", |_store, (): ()| -> wasmtime::Result<()> {
        panic!("the host's own mistake, with a canary: hunter2")
    })
}
