//! The texts for an approver, a report, an observer and the audit log.

use std::sync::{Arc, Mutex};

use support::approver::Scripted;
use support::audit_log::audited;
use support::harness::{builder, policy, source};
use tollgate::Report;
use tollgate::approve::Answer;
use tollgate::blocking::Runtime;
use tollgate::observe::{Decision, Observer};
use tollgate::policy::Rule;
use tollgate::report::ReportedError;

use super::{files, session};

/// The text of a guest is on one line and moves nothing, and the rule is that of the policy.
#[test]
fn hostile_text_in_a_question_is_escaped() {
    let approver = Scripted::says(Answer::Once);
    let hostile = "read-file data \u{1b}[2J\rallow everything?\u{202e}\nrule: none";
    let report = session(&files(""), &approver)
        .run(hostile.as_bytes())
        .unwrap();
    let [question] = &approver.asked()[..] else {
        panic!("{report:?}")
    };
    assert_eq!(
        question.target,
        "data/\\u{1b}[2J\\rallow everything?\\u{202e}\\nrule: none"
    );
    assert_eq!(
        (&*question.provider, question.capability),
        ("hostile", "files")
    );
    assert_eq!((&*question.action, question.rule), ("read", Rule::files(0)));
    assert_eq!(
        question.rule_text,
        "[[grants.files]] root = \"data\", access = \"read\""
    );
    assert_eq!(report.questions[0].target, question.target);
    let long = format!("read-file data {}", "x".repeat(4_000));
    session(&files(""), &approver).run(long.as_bytes()).unwrap();
    let cut = &approver.asked()[1].target;
    assert!(cut.ends_with('…') && cut.chars().count() == 513, "{cut}");
}

/// A report has the questions and their answers, and is read back.
#[test]
fn a_report_has_the_questions() {
    let approver = Scripted::says(Answer::Session);
    let report = session(&files(""), &approver)
        .run(b"question-flood data 2")
        .unwrap();
    let json = report.to_json();
    assert_eq!(
        json["questions"].to_string(),
        "[{\"capability\":\"files\",\"action\":\"read\",\"target\":\"data/flood-0\",\"rule\":\"[[grants.files]] root = \
         \\\"data\\\", access = \\\"read\\\"\",\"answer\":\"session\"}]"
    );
    let read: Report<(), ReportedError> = serde_json::from_value(json).unwrap();
    assert_eq!(read.questions, report.questions);
    let none = support::harness::run("hostile", &files(""), "ping").to_json();
    assert!(none.get("questions").is_none());
}

#[derive(Default)]
struct Decisions(Mutex<Vec<Told>>);

type Told = (String, Option<&'static str>, Option<Answer>);

impl Observer for Decisions {
    fn decided(&self, decision: &Decision<'_>) {
        let denied = decision.denied.map(|reason| reason.label());
        let told = (decision.target.to_owned(), denied, decision.approved);
        self.0.lock().unwrap().push(told);
    }
}

/// Each use is a decision with the answer that allowed it, also when nobody was asked anew.
#[test]
fn an_observer_is_told_of_the_answer() {
    for (answer, denied, approved) in [
        (Answer::Once, None, Some(Answer::Once)),
        (Answer::Session, None, Some(Answer::Session)),
        (Answer::No, Some("not-approved"), None),
    ] {
        let decisions = Arc::new(Decisions::default());
        let runtime: Runtime = builder().observer(Arc::clone(&decisions)).build().into();
        let provider = runtime
            .load(&source("hostile"), &policy(&files("")))
            .unwrap();
        let session = provider.session().with_approver(Scripted::says(answer));
        let mut session = session;
        session.run(b"question-flood data 2").unwrap();
        let told = std::mem::take(&mut *decisions.0.lock().unwrap());
        let expected = [0, 1].map(|number| (format!("data/flood-{number}"), denied, approved));
        assert_eq!(told, expected);
    }
}

#[test]
fn the_audit_log_has_the_decision() {
    let approver = Scripted::says(Answer::No);
    let lines = audited(|| {
        session(&files(""), &approver)
            .run(b"question-flood data 1")
            .unwrap();
    });
    assert_eq!(
        lines,
        ["INFO denied hostile files data/flood-0 not-approved"]
    );
}
