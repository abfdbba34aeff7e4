//! The function of the host's in which calls wait: an embedder's own interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tollgate::{CallContext, Runtime};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

/// Its name, which is in guests/bench/parked.
const NAME: &str = "bench:parked/gate@0.1.0";

/// The policy under which guests use the gate, and may wait for a long time.
pub(crate) const POLICY: &str = r#"
grants.interfaces = ["bench:parked/gate@0.1.0"]
limits.deadline = "1h"
"#;

/// A gate that is closed until it is opened, or that lets every call pass after some time.
#[derive(Clone)]
pub(crate) struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    open: watch::Sender<bool>,
    waiting: AtomicUsize,
    /// Milliseconds after which it lets pass; 0 for one that is opened.
    delay: AtomicU64,
}

impl Gate {
    pub(crate) fn new() -> Gate {
        Gate {
            inner: Arc::new(Inner {
                open: watch::Sender::new(false),
                waiting: AtomicUsize::new(0),
                delay: AtomicU64::new(0),
            }),
        }
    }

    /// A runtime with this gate and room for `guests` guests.
    pub(crate) fn runtime(&self, guests: u32) -> Runtime {
        let gate = self.clone();
        // One provider has all of them.
        let builder = Runtime::builder().concurrency(guests).share(100);
        let add = move |linker: &mut Linker<CallContext>| gate.add(linker);
        builder
            .interface(NAME, add)
            .expect("the name of the gate is a name of WIT")
            .build()
    }

    fn add(&self, linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
        let gate = self.clone();
        linker.instance(NAME)?.func_wrap_async(
            "pass",
            move |mut store: StoreContextMut<'_, CallContext>, (): ()| {
                let gate = gate.clone();
                Box::new(async move {
                    store.data_mut().charge(0)?;
                    gate.pass().await;
                    Ok(())
                })
            },
        )
    }

    async fn pass(&self) {
        let delay = self.inner.delay.load(Ordering::Relaxed);
        self.inner.waiting.fetch_add(1, Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        } else {
            // The sender is in `self`, so there is always one.
            let _ = self.inner.open.subscribe().wait_for(|open| *open).await;
        }
        self.inner.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number of guests that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.inner.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn open(&self) {
        self.inner.open.send_replace(true);
    }

    pub(crate) fn close(&self) {
        self.inner.open.send_replace(false);
    }

    /// Makes it a gate that lets every call pass after this time.
    pub(crate) fn let_pass_after(&self, time: Duration) {
        let delay = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.inner.delay.store(delay, Ordering::Relaxed);
    }
}
