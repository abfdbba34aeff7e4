//! `big-list N`: N pairs of empty strings as one argument. A22-lift-amplification.
//!
//! Little in the guest, much in the host. A million pairs unless told.

use crate::{
    Answer, argument,
    tollgate::provider::http::{self, Request},
};

pub(super) fn run(argument: &str) -> Answer {
    let headers = vec![(String::new(), String::new()); argument::number(argument, 1_000_000)?];
    let answer = http::get(&Request {
        url: "http://127.0.0.1/".into(),
        headers,
    });
    argument::shown(answer.map(|response| response.status))
}
