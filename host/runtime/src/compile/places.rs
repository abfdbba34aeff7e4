//! The places of worker processes: a bounded number of them runs at the same time, and loads wait for one in turn, a load of
//! each provider name after the other. A load that waits holds no thread, unless its caller blocks.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::sync::oneshot::{self, Sender};

use super::compiler::LOOK;

/// The places of one runtime.
pub(crate) struct Places(Mutex<State>);

struct State {
    free: u32,
    next: u64,
    /// Those that wait, by name, and by the numbers of their arrival.
    waiting: HashMap<Arc<str>, BTreeMap<u64, Sender<Place>>>,
    /// The names of those that wait, each once, in the order of their turns.
    turns: VecDeque<Arc<str>>,
}

/// A place that is held, passed on to the next when dropped.
pub(crate) struct Place(Arc<Places>);

/// One that waits. It leaves the row when it is dropped.
struct Waiting {
    places: Arc<Places>,
    name: Arc<str>,
    number: u64,
}

impl Places {
    /// As many places as the machine has processors, or `most`, and at least one.
    pub(crate) fn new(most: Option<u32>) -> Places {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let most = most.unwrap_or_else(|| u32::try_from(processors()).unwrap_or(u32::MAX));
        Places(Mutex::new(State {
            free: most.max(1),
            next: 0,
            waiting: HashMap::new(),
            turns: VecDeque::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if one is free.
    pub(crate) fn take_free(this: &Arc<Places>) -> Option<Place> {
        let mut state = this.state();
        // While a load waits no place is free: a place is passed on.
        state.free = state.free.checked_sub(1)?;
        Some(Place(Arc::clone(this)))
    }

    /// Waits for a place, as a load of the provider of this name. Drop the future to wait no more.
    pub(crate) async fn take(this: &Arc<Places>, name: &str) -> Place {
        loop {
            let (given, _waiting) = {
                let mut state = this.state();
                if let Some(left) = state.free.checked_sub(1) {
                    state.free = left;
                    return Place(Arc::clone(this));
                }
                let (give, given) = oneshot::channel();
                (given, state.wait(this, name, give))
            };
            // The sender is gone without a place only if it was taken out of the row, which none does but its owner.
            if let Ok(place) = given.await {
                return place;
            }
        }
    }

    /// The same on a thread that may block. `None` when the caller gave up: then it holds none and waits no more.
    pub(crate) fn take_here(
        this: &Arc<Places>,
        name: &str,
        cancelled: &AtomicBool,
    ) -> Option<Place> {
        let mut taken = pin!(Places::take(this, name));
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(place) = taken.as_mut().poll(&mut context) {
                return Some(place);
            }
            if cancelled.load(Ordering::Relaxed) {
                return None;
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// Gives a place that became free to the next in turn.
    fn pass_on(this: &Arc<Places>) {
        let mut state = this.state();
        let next = state.next_in_turn();
        if next.is_none() {
            state.free += 1;
        }
        drop(state);
        if let Some(next) = next {
            // One that left the row at this moment gives it back by its drop, which passes it on.
            let _ = next.send(Place(Arc::clone(this)));
        }
    }
}

impl State {
    fn wait(&mut self, places: &Arc<Places>, name: &str, give: Sender<Place>) -> Waiting {
        let number = self.next;
        self.next += 1;
        let name: Arc<str> = name.into();
        let of_name = self.waiting.entry(Arc::clone(&name)).or_default();
        if of_name.is_empty() {
            self.turns.push_back(Arc::clone(&name));
        }
        of_name.insert(number, give);
        Waiting {
            places: Arc::clone(places),
            name,
            number,
        }
    }

    /// Takes the first of the name whose turn it is out of the row. The others of that name wait until each other name had
    /// its turn: the loads of one name never keep those of another behind more than one of them.
    fn next_in_turn(&mut self) -> Option<Sender<Place>> {
        let name = self.turns.pop_front()?;
        let mut of_name = self.waiting.remove(&name)?;
        let (_, next) = of_name.pop_first()?;
        if !of_name.is_empty() {
            self.waiting.insert(Arc::clone(&name), of_name);
            self.turns.push_back(name);
        }
        Some(next)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.places.state();
        let Some(of_name) = state.waiting.get_mut(&self.name) else {
            return;
        };
        let gone = of_name.remove(&self.number);
        if gone.is_some() && of_name.is_empty() {
            state.waiting.remove(&self.name);
            state.turns.retain(|name| *name != self.name);
        }
        drop(state);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        Places::pass_on(&self.0);
    }
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The way in which a load waits for a place, and whether its caller has given up.
pub(crate) struct Turn<'c> {
    pub(crate) cancelled: &'c AtomicBool,
    wait: Wait,
}

enum Wait {
    /// Its thread waits.
    Here,
    /// The load ends if there is no place yet, and begins anew when it has one: no thread waits.
    Elsewhere {
        place: Cell<Option<Place>>,
        lacked: Cell<bool>,
    },
}

impl<'c> Turn<'c> {
    /// The turn of a load whose thread waits.
    pub(crate) fn here(cancelled: &'c AtomicBool) -> Turn<'c> {
        Turn {
            cancelled,
            wait: Wait::Here,
        }
    }

    /// The turn of a load that has this place, and ends when it needs one and has none.
    pub(crate) fn with(cancelled: &'c AtomicBool, place: Option<Place>) -> Turn<'c> {
        Turn {
            cancelled,
            wait: Wait::Elsewhere {
                place: Cell::new(place),
                lacked: Cell::new(false),
            },
        }
    }

    /// A place for a load of this name; `None` if it ends here.
    pub(crate) fn take(&self, places: &Arc<Places>, name: &str) -> Option<Place> {
        match &self.wait {
            Wait::Here => Places::take_here(places, name, self.cancelled),
            Wait::Elsewhere { place, lacked } => {
                let taken = place.take().or_else(|| Places::take_free(places));
                lacked.set(taken.is_none());
                taken
            }
        }
    }

    /// Whether the load ended for want of a place.
    pub(crate) fn lacked_a_place(&self) -> bool {
        match &self.wait {
            Wait::Here => false,
            Wait::Elsewhere { lacked, .. } => lacked.get(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    static GOES_ON: AtomicBool = AtomicBool::new(false);

    fn take_here(places: &Arc<Places>) -> Place {
        Places::take_here(places, "name", &GOES_ON).unwrap()
    }

    fn are_waiting(places: &Places) -> usize {
        let state = places.state();
        assert_eq!(state.waiting.len(), state.turns.len());
        state.waiting.values().map(BTreeMap::len).sum()
    }

    #[test]
    fn no_more_are_held_than_there_are() {
        let places = Arc::new(Places::new(Some(2)));
        let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let place = take_here(&places);
                    most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(10));
                    held.fetch_sub(1, Ordering::SeqCst);
                    drop(place);
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        assert_eq!(places.state().free, 2);
        assert_eq!(Places::new(Some(0)).state().free, 1);
    }

    /// One that gives up leaves its place in the row to those behind it.
    #[test]
    fn who_gives_up_waits_no_more() {
        let places = Arc::new(Places::new(Some(1)));
        let place = take_here(&places);
        let gives_up = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| Places::take_here(&places, "name", &gives_up).is_none());
            while are_waiting(&places) == 0 {
                std::thread::yield_now();
            }
            let second = scope.spawn(|| Places::take_here(&places, "name", &GOES_ON).is_some());
            gives_up.store(true, Ordering::Relaxed);
            assert!(first.join().unwrap());
            drop(place);
            assert!(second.join().unwrap());
        });
        assert_eq!(are_waiting(&places), 0);
    }

    /// The same as a task, at the moments before and after a place was passed to it.
    #[tokio::test]
    async fn a_task_that_gives_up_waits_no_more() {
        for is_given in [false, true] {
            let places = Arc::new(Places::new(Some(1)));
            let place = Places::take_free(&places).unwrap();
            assert!(Places::take_free(&places).is_none());
            let mut first = Box::pin(Places::take(&places, "name"));
            assert!(is_pending(first.as_mut()).await);
            assert_eq!(are_waiting(&places), 1);
            if is_given {
                drop(place);
                drop(first);
            } else {
                drop(first);
                assert_eq!(are_waiting(&places), 0);
                drop(place);
            }
            assert_eq!((are_waiting(&places), places.state().free), (0, 1));
        }
    }

    /// However many loads of one name wait, another name's is behind one of them.
    #[tokio::test]
    async fn each_name_has_its_turn() {
        let places = Arc::new(Places::new(Some(1)));
        let first = Places::take(&places, "greedy").await;
        let mut greedy: VecDeque<_> = (0..100)
            .map(|_| Box::pin(Places::take(&places, "greedy")))
            .collect();
        for load in &mut greedy {
            assert!(is_pending(load.as_mut()).await);
        }
        let mut other = Box::pin(Places::take(&places, "other"));
        assert!(is_pending(other.as_mut()).await);
        drop(first);
        let second = greedy.pop_front().unwrap().await;
        assert!(is_pending(other.as_mut()).await);
        drop(second);
        assert!(
            is_pending(greedy[0].as_mut()).await,
            "it has two turns in a row"
        );
        drop(other.await);
        drop(greedy.pop_front().unwrap().await);
        drop(greedy);
        assert_eq!((are_waiting(&places), places.state().free), (0, 1));
    }

    async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }
}
