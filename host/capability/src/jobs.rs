//! Work of the host that blocks a thread: calls of the file system, and of a store in a file.
//!
//! The work of a call that has ended may still be under way, since no thread can be stopped from outside. It is bounded
//! three ways: a runtime has a bounded number of jobs at once; a job keeps the slot of its guest until it has ended, so
//! that admission counts it; and a job of several steps looks whether its call has ended.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// Jobs of a runtime at once. A disk answers no faster for more, and each may take a thread.
pub(crate) const MAX_JOBS: usize = 64;

/// The threads of a runtime for such work.
pub struct Threads(Arc<Semaphore>);

impl Default for Threads {
    fn default() -> Threads {
        Threads(Arc::new(Semaphore::new(MAX_JOBS)))
    }
}

/// The jobs of one store. Clones are of the same store.
#[derive(Clone)]
pub struct Jobs {
    threads: Arc<Semaphore>,
    /// Those of the provider, a part of all.
    share: Arc<Semaphore>,
    ended: Ended,
    /// The slot of the guest.
    slot: Option<Arc<dyn Any + Send + Sync>>,
}

/// Whether the store of a job is gone, so that its result is of no use.
#[derive(Clone, Default)]
pub struct Ended(Arc<AtomicBool>);

impl Ended {
    /// Whether it is.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Jobs {
    /// The jobs of a new store of the provider with this share of them.
    pub fn new(threads: &Threads, share: &Arc<Semaphore>) -> Jobs {
        Jobs {
            threads: Arc::clone(&threads.0),
            share: Arc::clone(share),
            ended: Ended::default(),
            slot: None,
        }
    }

    /// Has each job keep `slot` until it has ended.
    pub fn keep_slot(&mut self, slot: Arc<dyn Any + Send + Sync>) {
        self.slot = Some(slot);
    }

    /// The slot of the call, which each job keeps until it has ended. A thread that is no job keeps a clone of it.
    pub fn slot(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.slot.clone()
    }

    /// The mark that the store is gone.
    pub fn ended(&self) -> Ended {
        self.ended.clone()
    }

    /// The store is gone: jobs of several steps end at the next.
    pub(crate) fn end(&self) {
        self.ended.set();
    }

    /// Does `work` on a thread that may block, when one is free. If the future is dropped before, the work is never
    /// begun. Its events go where those of the caller go.
    ///
    /// # Errors
    ///
    /// The work panicked, or the runtime is shut down.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // The semaphores are never closed. A provider waits for its own share first, so that its jobs do not delay
        // others.
        let share = Arc::clone(&self.share).acquire_owned().await.ok();
        let thread = Arc::clone(&self.threads).acquire_owned().await.ok();
        let slot = self.slot.clone();
        let events = tracing::dispatcher::get_default(Clone::clone);
        tokio::task::spawn_blocking(move || {
            let done = tracing::dispatcher::with_default(&events, work);
            drop((thread, share, slot));
            done
        })
        .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn whole() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(MAX_JOBS))
    }

    /// A provider whose jobs take all that it may have leaves threads to another.
    #[tokio::test]
    async fn a_provider_has_a_part_of_the_threads() {
        let threads = Threads::default();
        let [greedy, other] = [3, MAX_JOBS].map(|part| Arc::new(Semaphore::new(part)));
        let (go, wait) = mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        for _ in 0..MAX_JOBS {
            let (jobs, wait) = (Jobs::new(&threads, &greedy), Arc::clone(&wait));
            tokio::spawn(async move {
                let work = move || wait.lock().unwrap().recv().is_ok();
                jobs.run(work).await
            });
        }
        tokio::task::yield_now().await;
        assert_eq!(threads.0.available_permits(), MAX_JOBS - 3);
        let done = Jobs::new(&threads, &other).run(|| 42).await;
        assert_eq!(done.unwrap(), 42);
        drop(go);
    }

    /// The future of a call is dropped while its job waits: the slot is given back when the job has ended, not before.
    #[tokio::test]
    async fn a_job_keeps_its_slot_until_it_has_ended() {
        let threads = Threads::default();
        let mut jobs = Jobs::new(&threads, &whole());
        let slot: Arc<dyn Any + Send + Sync> = Arc::new(());
        jobs.keep_slot(Arc::clone(&slot));
        let (go, wait) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let job = jobs.clone();
        let call = tokio::spawn(async move {
            let work = move || {
                begun.send(()).unwrap();
                wait.recv().unwrap();
            };
            job.run(work).await
        });
        begins.await.unwrap();
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        drop(jobs);
        assert_eq!(Arc::strong_count(&slot), 2);
        assert_eq!(threads.0.available_permits(), MAX_JOBS - 1);
        go.send(()).unwrap();
        // In either order, on the thread of the job.
        while threads.0.available_permits() < MAX_JOBS || Arc::strong_count(&slot) > 1 {
            tokio::task::yield_now().await;
        }
    }

    /// As many jobs run as there are threads. The next waits, and is never begun if its call ends meanwhile.
    #[tokio::test]
    async fn a_job_that_waits_for_a_thread_is_dropped_with_its_call() {
        let threads = Threads::default();
        let all = u32::try_from(MAX_JOBS).unwrap();
        let taken = Arc::clone(&threads.0).acquire_many_owned(all).await;
        let jobs = Jobs::new(&threads, &whole());
        let (begun, begins) = mpsc::channel();
        let call = tokio::spawn(async move { jobs.run(move || begun.send(()).unwrap()).await });
        tokio::task::yield_now().await;
        call.abort();
        let _ = call.await;
        drop(taken);
        assert!(begins.recv().is_err());
    }
}
