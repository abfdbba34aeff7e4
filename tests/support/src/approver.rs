//! An approver that answers as it is told, and remembers what it was asked.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate::approve::{Answer, Approver, PendingAnswer, Question};

/// The answer of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Says this at once.
    Says(Answer),
    /// Says this after a while.
    SaysLate(Answer, Duration),
    /// Says nothing.
    Sleeps,
    /// Panics when it is asked.
    Panics,
    /// Panics while it answers.
    PanicsLater,
}

/// An approver of tests.
pub struct Scripted {
    reaction: Reaction,
    asked: Mutex<Vec<Question>>,
    /// Questions that are open.
    open: Arc<AtomicUsize>,
}

impl Scripted {
    /// One that reacts in this way to every question.
    pub fn new(reaction: Reaction) -> Arc<Scripted> {
        Arc::new(Scripted {
            reaction,
            asked: Mutex::default(),
            open: Arc::default(),
        })
    }

    /// One that says this at once.
    pub fn says(answer: Answer) -> Arc<Scripted> {
        Scripted::new(Reaction::Says(answer))
    }

    /// The questions so far.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    /// The number of questions that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// Counts a question as open until it is dropped.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Approver for Scripted {
    fn answer(&self, question: Question) -> PendingAnswer {
        self.asked.lock().unwrap().push(question);
        assert_ne!(self.reaction, Reaction::Panics, "it panics");
        self.open.fetch_add(1, Ordering::SeqCst);
        let (open, reaction) = (Open(Arc::clone(&self.open)), self.reaction);
        Box::pin(async move {
            let _open = open;
            match reaction {
                Reaction::Says(answer) => answer,
                Reaction::SaysLate(answer, after) => {
                    tokio::time::sleep(after).await;
                    answer
                }
                Reaction::Sleeps => pending().await,
                Reaction::Panics | Reaction::PanicsLater => panic!("it panics"),
            }
        })
    }
}
