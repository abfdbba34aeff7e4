//! Questions without an engine: what is asked, how often, and what an end leaves.

use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate_policy::Policy;

use super::*;

const RULES: &str = "grants.http = [{ url = 'http://a.example/', ask = true }, { url = 'http://b.example/', ask = true }]\n";

fn questions(limits: &str) -> Questions {
    let policy = Policy::parse(&format!("{RULES}{limits}"), "".as_ref()).unwrap();
    Questions::new("guest".into(), &policy.grants, Arc::new(policy.limits))
}

/// Answers as it is told, and counts.
struct Says(Option<Answer>, AtomicUsize);

impl Approver for Says {
    fn answer(&self, _: Question) -> PendingAnswer {
        self.1.fetch_add(1, Ordering::Relaxed);
        match self.0 {
            Some(answer) => Box::pin(ready(answer)),
            None => Box::pin(pending()),
        }
    }
}

fn says(answer: Option<Answer>) -> Arc<Says> {
    Arc::new(Says(answer, AtomicUsize::new(0)))
}

fn asking(questions: &Questions, approver: &Arc<Says>) -> Asking {
    let approver: Arc<dyn Approver> = approver.clone();
    Asking::new(questions, Some(&approver)).unwrap()
}

fn request(index: usize) -> Request<'static> {
    Request {
        rule: Rule::http(index),
        action: "GET",
        target: "http://a.example/",
    }
}

/// The answer to a request while a call asks.
async fn approved(
    questions: &Questions,
    asking: &mut Asking,
    index: usize,
) -> Result<Answer, Reason> {
    let mut request = pin!(questions.approve(request(index)));
    poll_fn(|cx| {
        if let Poll::Ready(done) = request.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        match asking.poll(cx) {
            Poll::Ready(()) => request.as_mut().poll(cx),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_is_remembered_for_its_rule_alone() {
    for (answer, done, asked) in [
        (Answer::Once, Ok(Answer::Once), [1, 2, 3]),
        (Answer::Session, Ok(Answer::Session), [1, 1, 2]),
        (Answer::No, Err(Reason::NotApproved), [1, 1, 2]),
    ] {
        let (questions, approver) = (questions(""), says(Some(answer)));
        let mut asking = asking(&questions, &approver);
        for (index, asked) in [0, 0, 1].into_iter().zip(asked) {
            assert_eq!(approved(&questions, &mut asking, index).await, done);
            assert_eq!(approver.1.load(Ordering::Relaxed), asked, "{answer}");
        }
        assert_eq!(questions.take_answered().len(), asked[2]);
    }
}

#[tokio::test]
async fn a_call_has_so_many_questions() {
    let (questions, approver) = (questions("limits.questions = 2"), says(Some(Answer::Once)));
    let mut asking = asking(&questions, &approver);
    for _ in 0..2 {
        for _ in 0..2 {
            assert!(approved(&questions, &mut asking, 0).await.is_ok());
        }
        let one_more = approved(&questions, &mut asking, 0).await;
        assert_eq!(one_more, Err(Reason::TooManyQuestions));
        questions.begin_call();
    }
    assert_eq!(approver.1.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn no_answer_in_time_is_a_no() {
    let (questions, approver) = (questions("limits.question-time = '100ms'"), says(None));
    let mut asking = asking(&questions, &approver);
    let start = Instant::now();
    for _ in 0..2 {
        let done = approved(&questions, &mut asking, 0).await;
        assert_eq!(done, Err(Reason::NotApproved));
    }
    assert!((100..10_000).contains(&start.elapsed().as_millis()));
    assert_eq!(approver.1.load(Ordering::Relaxed), 1);
    assert_eq!(questions.take_answered()[0].answer, None);
}

/// Requests that wait when their call ends are denied, and later ones are not asked about.
#[tokio::test]
async fn the_end_of_a_call_denies_what_waits() {
    let (questions, approver) = (questions(""), says(None));
    let mut asking = asking(&questions, &approver);
    let mut first = pin!(questions.approve(request(0)));
    let mut second = pin!(questions.approve(request(1)));
    poll_fn(|cx| {
        assert!(first.as_mut().poll(cx).is_pending());
        assert!(second.as_mut().poll(cx).is_pending());
        assert!(asking.poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    drop(asking);
    let denied = Err(Reason::NotApproved);
    let late = questions.approve(request(0));
    let all = async { (first.await, second.await, late.await) };
    let all = tokio::time::timeout(Duration::from_secs(10), all).await;
    assert_eq!(all.unwrap(), (denied, denied, denied));
    assert_eq!(approver.1.load(Ordering::Relaxed), 1, "one after the other");
}

/// A guest that drops its request has withdrawn the question, and nobody has answered it.
#[tokio::test]
async fn a_request_that_is_dropped_is_a_question_no_more() {
    let (questions, approver) = (questions(""), says(None));
    let mut asking = asking(&questions, &approver);
    {
        let mut request = pin!(questions.approve(request(0)));
        poll_fn(|cx| {
            assert!(request.as_mut().poll(cx).is_pending());
            assert!(asking.poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    let withdrawn = poll_fn(|cx| asking.poll(cx));
    let withdrawn = tokio::time::timeout(Duration::from_secs(10), withdrawn).await;
    assert!(withdrawn.is_ok());
    let approver = says(Some(Answer::Once));
    drop(asking);
    let mut asking = super::tests::asking(&questions, &approver);
    assert!(approved(&questions, &mut asking, 0).await.is_ok());
}

#[tokio::test]
async fn nobody_is_asked_where_nobody_is() {
    let questions = questions("");
    assert!(Asking::new(&questions, None).is_none());
    let denied = questions.approve(request(0)).await;
    assert_eq!(denied, Err(Reason::NotApproved));
}
