//! Questions are bounded in number and in time, and hold up nothing but their call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::approver::{Reaction, Scripted};
use support::harness::{load, wait};
use support::http_client::url;
use support::processes::until;
use support::{wasi_client, wasi_command};
use tollgate::approve::Answer;
use tollgate::embed::CommandInput;

use super::{answer, files, reasons, session};

const READ: &str = "read-file data README.txt";

/// A guest that floods with questions gets the first eight through, if each is answered by "once".
#[test]
fn a_flood_of_questions_ends() {
    for (limit, most) in [
        ("", 8),
        ("limits.questions = 3", 3),
        ("limits.questions = 0", 0),
    ] {
        let approver = Scripted::says(Answer::Once);
        let mut session = session(&files(limit), &approver);
        for call in 1..=2 {
            let report = session.run(b"question-flood data 20").unwrap();
            assert_eq!(reasons(&report), vec!["too-many-questions"; 20 - most]);
            assert_eq!(report.questions.len(), most);
            assert_eq!(approver.asked().len(), call * most, "each call has its own");
        }
    }
}

/// No, or no answer, ends it with the first.
#[test]
fn a_flood_of_questions_ends_with_a_no() {
    for reaction in [
        Reaction::Says(Answer::No),
        Reaction::Sleeps,
        Reaction::Panics,
        Reaction::PanicsLater,
    ] {
        let approver = Scripted::new(reaction);
        let mut session = session(&files("limits.question-time = '100ms'"), &approver);
        let report = session.run(b"question-flood data 20").unwrap();
        assert_eq!(reasons(&report), ["not-approved"; 20], "{reaction:?}");
        assert_eq!(approver.asked().len(), 1, "{reaction:?}");
        let told = report.questions[0].answer;
        let said = (reaction != Reaction::Sleeps).then_some(Answer::No);
        assert_eq!(told, said, "{reaction:?}");
        assert_eq!(approver.open(), 0);
    }
}

/// An answer has its time, and a late one counts for nothing.
#[test]
fn the_time_for_an_answer_is_bounded() {
    let late = Reaction::SaysLate(Answer::Session, Duration::from_secs(60));
    let approver = Scripted::new(late);
    let mut session = session(&files("limits.question-time = '100ms'"), &approver);
    let start = Instant::now();
    assert!(answer(&mut session, READ).contains("not-approved"));
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// A person takes longer than a call may. The deadline stands still for as long, and no longer.
#[test]
fn the_deadline_stands_still_while_a_question_is_open() {
    let limits = "limits.deadline = '200ms'\nlimits.fuel = 9_000_000_000_000";
    let late = Reaction::SaysLate(Answer::Once, Duration::from_millis(700));
    let approver = Scripted::new(late);
    let report = session(&files(limits), &approver)
        .run(READ.as_bytes())
        .unwrap();
    assert_eq!(report.outcome.label(), "returned");
    assert!(report.usage.elapsed > Duration::from_millis(700));
    let report = session(&files(limits), &approver)
        .run(b"question-spin data")
        .unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    let elapsed = report.usage.elapsed;
    assert!(elapsed > Duration::from_millis(850), "{elapsed:?}");
    assert!(elapsed < Duration::from_millis(5_000), "{elapsed:?}");
}

/// A guest that has sent its request beside its own work does not work while it is asked about.
#[test]
fn the_guest_stands_still_while_a_question_is_open() {
    let server = wasi_client::hello();
    let grant = wasi_client::all_of(&server, ", ask = true");
    let provider = load(
        "http-client",
        &format!("grants.wasi = {{ clocks = 'real' }}\n{grant}"),
    );
    let calls = |reaction| {
        let approver = Scripted::new(reaction);
        let session = provider.session().with_approver(approver.clone());
        let here = url(&server, "/");
        // It looks for the answer every 20 ms.
        let args = ["http-client", "look", &here, "20000"].map(str::to_owned);
        let input = CommandInput {
            args: args.to_vec(),
            ..CommandInput::default()
        };
        let report = session.command(input).unwrap();
        let said = wasi_command::stdout(&report);
        assert_eq!(said, "answered: true\n", "{report:?}");
        assert_eq!(approver.asked().len(), 1);
        report.usage.host_calls
    };
    let at_once = calls(Reaction::Says(Answer::Once));
    let late = calls(Reaction::SaysLate(Answer::Once, Duration::from_secs(2)));
    // In two seconds it would look a hundred times, each of which is 200 calls.
    assert!(late < at_once + 2_000, "{late}, and {at_once} at once");
}

/// The question of a call that is dropped is withdrawn at once.
#[test]
fn a_call_that_is_dropped_withdraws_its_question() {
    let approver = Scripted::new(Reaction::Sleeps);
    let provider = load("hostile", &files("")).as_async().clone();
    wait(async {
        let approver: Arc<Scripted> = Arc::clone(&approver);
        let mut session = provider.session().with_approver(approver.clone());
        {
            let call = session.run(READ.as_bytes());
            tokio::pin!(call);
            tokio::select! {
                _ = &mut call => panic!("nobody answers"),
                () = async {
                    while approver.open() == 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                } => {}
            }
        }
        assert_eq!(approver.open(), 0);
        assert!(!session.is_alive());
    });
    until("a call of another session", || {
        let approver = Scripted::says(Answer::Once);
        answer(&mut session(&files(""), &approver), READ).starts_with("Ok(")
    });
}
