//! Rules with `ask = true`: a request that one allows waits for an answer, and everything else is as it was.

mod answers;
mod bounds;
mod ceiling;
mod terminal;
mod told;

use std::sync::Arc;

use support::approver::Scripted;
use support::harness::{all_but, load, returned};
use tollgate::Report;
use tollgate::blocking::Session;

/// A policy for the guest `hostile` whose root `data` asks.
fn files(more: &str) -> String {
    format!(
        "{}{more}\ngrants.files = [{{ root = 'data', path = 'samples/files', access = 'read', ask = true }}]",
        all_but("files")
    )
}

/// A session of the guest `hostile` under this policy, whose questions are answered.
fn session(policy: &str, approver: &Arc<Scripted>) -> Session {
    let session = load("hostile", policy).session();
    let approver: Arc<Scripted> = Arc::clone(approver);
    session.with_approver(approver)
}

/// The reasons of all denials.
fn reasons(report: &Report<Vec<u8>>) -> Vec<&'static str> {
    let denials = report.denials.iter();
    denials.map(|denial| denial.reason.label()).collect()
}

/// The result of one attack in a session.
fn answer(session: &mut Session, attack: &str) -> String {
    returned(&session.run(attack.as_bytes()).unwrap())
}
