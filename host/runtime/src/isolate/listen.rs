//! Listening to a process: each of its messages is bounded and fits its request, or ends the process.

use std::io::BufReader;
use std::os::unix::net::UnixStream;

use tollgate_policy::GrantName;

use super::frame::{ANSWER, ASK, DECISION, ENDED, Head, READY};
use super::message::{VERSION, decode_decision, longest_answer};
use super::table::{Decides, Table};
use crate::wall::worker::tell_lacks;

/// Listens until the process closes its socket, or sends a forbidden message: then the reason is returned. No decision
/// is longer than `longest` bytes.
pub(super) fn listen(socket: UnixStream, table: &Table, longest: u64) -> Option<&'static str> {
    let mut from = BufReader::new(socket);
    loop {
        let head = match Head::read(&mut from) {
            Ok(Some(head)) => head,
            Ok(None) | Err(_) => return None,
        };
        let most = match most(head, table, longest) {
            Ok(most) => most,
            Err(why) => return Some(why),
        };
        let body = match head.body(&mut from, most) {
            Ok(Some(body)) => body,
            Ok(None) if u64::from(head.length) > most => return Some("its message is too long"),
            Ok(None) | Err(_) => return None,
        };
        if let Err(why) = hear(head, body, table) {
            return Some(why);
        }
    }
}

/// The bytes that the body of a frame may have, by its kind and its session.
fn most(head: Head, table: &Table, longest: u64) -> Result<u64, &'static str> {
    if head.kind == READY {
        return Ok(READY_BYTES);
    }
    if !table.is_ready() {
        return Err("it speaks before it is ready");
    }
    let limits = table.limits(head.session);
    match (head.kind, limits) {
        (ANSWER, Some(limits)) => Ok(longest_answer(&limits)),
        // Also for a session that has ended: a job of it may have continued.
        (DECISION, _) if table.knows(head.session) => Ok(longest),
        (ENDED | ASK, Some(_)) => Ok(0),
        (ANSWER | DECISION | ENDED | ASK, _) => Err(NO_SESSION),
        _ => Err("its message is of no kind"),
    }
}

const NO_SESSION: &str = "it speaks of a session that is none";

/// Bytes of the first message: the missing parts of the wall, and the version.
const READY_BYTES: u64 = 64;

fn hear(head: Head, body: Vec<u8>, table: &Table) -> Result<(), &'static str> {
    match head.kind {
        READY => {
            let Some((lacks, version)) = body.split_first() else {
                return Err("it is ready without its version");
            };
            if version != VERSION.as_bytes() {
                return Err("it is of another version");
            }
            if !table.ready() {
                return Err("it is ready twice");
            }
            tell_lacks(*lacks, "the process of a provider");
            Ok(())
        }
        DECISION => decided(head.session, &body, table),
        ANSWER => match table.answer(head.session, body) {
            true => Ok(()),
            false => Err("it answers what it was not asked"),
        },
        ASK => match table.ask(head.session) {
            true => Ok(()),
            false => Err("it asks for input that there is not"),
        },
        _ => match table.ended(head.session) {
            true => Ok(()),
            false => Err("it ends a session whose caller waits"),
        },
    }
}

/// Notes a decision in the host: for the audit log, the observer and the report.
fn decided(session: u64, body: &[u8], table: &Table) -> Result<(), &'static str> {
    let decided = decode_decision(body).ok_or("its decision cannot be read")?;
    let known = GrantName::ALL
        .into_iter()
        .find(|name| name.key() == decided.capability);
    let capability = known.ok_or("it decides on no capability")?.key();
    let (audit, dispatch) = match table.decision(session) {
        Decides::In(audit, dispatch) => (audit, dispatch),
        Decides::Forgotten => return Ok(()),
        Decides::TooMany => return Err("it tells of more decisions than a call can make"),
        Decides::NoSession => return Err(NO_SESSION),
    };
    tracing::dispatcher::with_default(&dispatch, || match (decided.denied, decided.address) {
        (None, _) => audit.allowed(capability, &decided.target),
        (Some(reason), None) => audit.denied(capability, &decided.target, reason),
        (Some(reason), Some(address)) => {
            audit.denied_address(capability, &decided.target, reason, address);
        }
    });
    Ok(())
}
