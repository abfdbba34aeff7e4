//! Questions of rules that ask: put to an approver one after the other, bounded in number and in time, and remembered.
//!
//! A request waits in [`Questions::approve`] while the task of its call asks, in [`Asking::poll`]. That task polls nothing else
//! meanwhile, so the guest stands still while a question is open.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::oneshot;
use tollgate_component::escape;
use tollgate_policy::{GrantName, Grants, Limits, Reason, Rule};

/// An answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// This one request is allowed.
    Once,
    /// All requests of the session that the rule allows.
    Session,
    /// No request of the session by this rule, this one included.
    No,
}

impl Answer {
    /// A stable name: `once`, `session` or `no`.
    pub const fn label(self) -> &'static str {
        match self {
            Answer::Once => "once",
            Answer::Session => "session",
            Answer::No => "no",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A request of a guest that a rule allows once somebody has said yes.
///
/// All texts are on one line and safe to show on a terminal; those of the guest are cut after
/// [`SHOWN`](tollgate_component::escape::SHOWN) characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// The name of the provider that asks.
    pub provider: String,
    /// The key of the grant: `files` or `http`.
    pub capability: &'static str,
    /// The use of the target: `read` or `write` for files, the method for HTTP.
    pub action: String,
    /// The object of the request: a path below a root, a URL.
    pub target: String,
    /// The rule that allows the request.
    pub rule: Rule,
    /// The rule as the policy has it, by the keys that tell it from others.
    pub rule_text: String,
}

/// The provider and its request, such as `plugin asks: read "data/a.txt"`. The quotation marks show where a text of the guest ends.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.replace('"', "\\\"");
        write!(f, "{} asks: {} \"{target}\"", self.provider, self.action)
    }
}

/// A question that was put, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// The key of the grant: `files` or `http`.
    pub capability: &'static str,
    /// The use of the target: `read` or `write` for files, the method for HTTP.
    pub action: String,
    /// The object of the request, escaped and cut to one line.
    pub target: String,
    /// The rule as the policy has it, by the keys that tell it from others.
    pub rule: String,
    /// The answer; `None` if there was none in time, or the guest dropped its request.
    pub answer: Option<Answer>,
}

/// Reads a serialized question; the capability must be the key of a grant.
impl<'de> Deserialize<'de> for Answered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Answered, D::Error> {
        #[derive(Deserialize)]
        struct Owned {
            capability: String,
            action: String,
            target: String,
            rule: String,
            answer: Option<Answer>,
        }
        let read = Owned::deserialize(deserializer)?;
        let Some(name) = GrantName::of_key(&read.capability) else {
            return Err(serde::de::Error::custom("unknown capability"));
        };
        Ok(Answered {
            capability: name.key(),
            action: read.action,
            target: read.target,
            rule: read.rule,
            answer: read.answer,
        })
    }
}

/// An answer under way. It is dropped when the question is no longer one: its time is over, or the call has ended.
pub type PendingAnswer = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Answers the questions of calls: a person, or a program that asks one.
///
/// The guest stands still until there is an answer. The limits `questions` and `question-time` bound the number of questions of a call
/// and the time for each; an answer that comes later counts for nothing. An approver that panics has said no.
pub trait Approver: Send + Sync {
    /// Begins to answer. Work that takes time belongs into the future, which is dropped to withdraw the question.
    fn answer(&self, question: Question) -> PendingAnswer;
}

/// The questions of one store. Clones are of the same store, and requests under way hold one.
#[derive(Clone)]
pub struct Questions(Option<Arc<Inner>>);

struct Inner {
    provider: Arc<str>,
    /// The rules that ask, as the policy has them.
    rules: BTreeMap<Rule, String>,
    limits: Arc<Limits>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether a call is under way whose task asks.
    is_asked: bool,
    /// Questions of the call so far.
    asked: u32,
    /// The rules that were answered for the session, and whether by yes.
    remembered: BTreeMap<Rule, bool>,
    waiting: VecDeque<Waiting>,
    /// The task of the call.
    waker: Option<Waker>,
    answered: Vec<Answered>,
}

/// A question, and the request that waits for its answer.
struct Waiting {
    question: Question,
    request: oneshot::Sender<Answer>,
}

/// A request that waits for an answer.
pub struct Request<'a> {
    /// The rule that allows it.
    pub rule: Rule,
    /// The use of the target: `read`, `GET`.
    pub action: &'a str,
    /// The object of the request.
    pub target: &'a str,
}

impl Questions {
    /// The questions of one store of the named provider.
    pub fn new(provider: Arc<str>, grants: &Grants, limits: Arc<Limits>) -> Questions {
        let rules = grants.asking().map(|rule| (rule, grants.rule_text(rule)));
        let rules: BTreeMap<Rule, String> = rules.collect();
        Questions((!rules.is_empty()).then(|| {
            Arc::new(Inner {
                provider,
                rules,
                limits,
                state: Mutex::default(),
            })
        }))
    }

    /// Resets the count of questions for a call. Answers for the session stay.
    pub fn begin_call(&self) {
        if let Some(inner) = &self.0 {
            let mut state = inner.state();
            state.asked = 0;
            state.answered.clear();
        }
    }

    /// The questions so far and their answers, for the report of the call that ends.
    pub fn take_answered(&self) -> Vec<Answered> {
        let inner = self.0.as_ref();
        inner.map_or_else(Vec::new, |inner| {
            std::mem::take(&mut inner.state().answered)
        })
    }

    /// Waits until somebody has approved of a request that a rule allows if they do. Returns the answer.
    ///
    /// # Errors
    ///
    /// [`Reason::NotApproved`] if they have not, or nobody is there to ask; [`Reason::TooManyQuestions`].
    pub async fn approve(&self, request: Request<'_>) -> Result<Answer, Reason> {
        let inner = self.0.as_ref().ok_or(Reason::NotApproved)?;
        let answer = {
            let mut state = inner.state();
            match state.remembered.get(&request.rule) {
                Some(true) => return Ok(Answer::Session),
                Some(false) => return Err(Reason::NotApproved),
                None if !state.is_asked => return Err(Reason::NotApproved),
                None => {}
            }
            if state.asked >= inner.limits.questions {
                return Err(Reason::TooManyQuestions);
            }
            state.asked = state.asked.saturating_add(1);
            let (answers, answer) = oneshot::channel();
            state.waiting.push_back(Waiting {
                question: inner.question(&request),
                request: answers,
            });
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
            answer
        };
        // A call that ends drops the sender.
        match answer.await {
            Ok(answer @ (Answer::Once | Answer::Session)) => Ok(answer),
            Ok(Answer::No) | Err(_) => Err(Reason::NotApproved),
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn question(&self, request: &Request<'_>) -> Question {
        Question {
            provider: escape::line(&self.provider).into_owned(),
            capability: request.rule.grant.key(),
            action: escape::line(request.action).into_owned(),
            target: escape::line(request.target).into_owned(),
            rule: request.rule,
            rule_text: self.rules.get(&request.rule).cloned().unwrap_or_default(),
        }
    }
}

/// Asks for the requests of one call, in its task. When it is dropped, the open question is withdrawn and all requests that wait are
/// denied.
pub struct Asking {
    questions: Arc<Inner>,
    approver: Arc<dyn Approver>,
    open: Option<Open>,
}

/// The question that is open.
struct Open {
    waiting: Waiting,
    answer: Pin<Box<dyn Future<Output = Closed> + Send>>,
}

/// The end of a question.
#[derive(Clone, Copy)]
enum Closed {
    Answered(Answer),
    /// The time for it is over.
    Late,
    /// The request is gone.
    Withdrawn,
}

impl Asking {
    /// Asks `approver` in the name of the call that begins. `None` if no rule of the policy asks, or there is nobody to ask.
    pub fn new(questions: &Questions, approver: Option<&Arc<dyn Approver>>) -> Option<Asking> {
        let (questions, approver) = (questions.0.as_ref()?, approver?);
        questions.state().is_asked = true;
        Some(Asking {
            questions: Arc::clone(questions),
            approver: Arc::clone(approver),
            open: None,
        })
    }

    /// Asks what there is to ask. Ready if no question is open, which a new one wakes the task from.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(open) = &mut self.open {
                let closed = match open.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(closed) => closed,
                };
                if let Some(Open { waiting, .. }) = self.open.take() {
                    self.questions.note(waiting, closed);
                }
            }
            let Some(waiting) = self.questions.next(cx.waker()) else {
                return Poll::Ready(());
            };
            let answer = self.ask(waiting.question.clone());
            self.open = Some(Open { waiting, answer });
        }
    }

    fn ask(&self, question: Question) -> Pin<Box<dyn Future<Output = Closed> + Send>> {
        let time = self.questions.limits.question_time;
        let asked = catch_unwind(AssertUnwindSafe(|| self.approver.answer(question)));
        Box::pin(async move {
            match asked {
                Ok(answer) => match tokio::time::timeout(time, answer).await {
                    Ok(answer) => Closed::Answered(answer),
                    Err(_) => Closed::Late,
                },
                Err(_) => panicked(),
            }
        })
    }
}

fn panicked() -> Closed {
    tracing::error!("an approver panicked; its answer is no");
    Closed::Answered(Answer::No)
}

impl Open {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        if self.waiting.request.poll_closed(cx).is_ready() {
            return Poll::Ready(Closed::Withdrawn);
        }
        let answer = self.answer.as_mut();
        let polled = catch_unwind(AssertUnwindSafe(|| answer.poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(panicked()))
    }
}

impl Inner {
    /// The next question that no answer for the session answers.
    fn next(&self, waker: &Waker) -> Option<Waiting> {
        let mut state = self.state();
        while let Some(waiting) = state.waiting.pop_front() {
            match state.remembered.get(&waiting.question.rule) {
                None => return Some(waiting),
                Some(true) => _ = waiting.request.send(Answer::Session),
                Some(false) => _ = waiting.request.send(Answer::No),
            }
        }
        state.waker = Some(waker.clone());
        None
    }

    /// Notes the end of a question, and lets the request go on.
    fn note(&self, waiting: Waiting, closed: Closed) {
        let Waiting { question, request } = waiting;
        let mut state = self.state();
        let (answer, remembered) = match closed {
            Closed::Answered(answer @ Answer::Once) => (Some(answer), None),
            Closed::Answered(answer @ Answer::Session) => (Some(answer), Some(true)),
            Closed::Answered(answer @ Answer::No) => (Some(answer), Some(false)),
            // Somebody who does not answer is not asked again: a question takes its whole time.
            Closed::Late => (None, Some(false)),
            Closed::Withdrawn => (None, None),
        };
        if let Some(answer) = remembered {
            state.remembered.insert(question.rule, answer);
        }
        state.answered.push(Answered {
            capability: question.capability,
            action: question.action,
            target: question.target,
            rule: question.rule_text,
            answer,
        });
        let _ = request.send(answer.unwrap_or(Answer::No));
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut state = self.questions.state();
        state.is_asked = false;
        state.waker = None;
        // Their requests are denied.
        state.waiting.clear();
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#[path = "questions_tests.rs"]
mod tests;
