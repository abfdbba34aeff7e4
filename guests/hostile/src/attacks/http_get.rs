//! `http-get URL`: fetches any address. A33-endless-body to A38-odd-urls.

use crate::{
    Answer, argument,
    tollgate::provider::http::{self, Request},
};

pub(super) fn run(url: &str) -> Answer {
    fetch(url, Vec::new())
}

/// Fetches `url` and shows the response: the status, the size of the body, its beginning, the headers.
pub(super) fn fetch(url: &str, headers: Vec<(String, String)>) -> Answer {
    let answer = http::get(&Request {
        url: url.to_owned(),
        headers,
    });
    argument::shown(answer.map(|response| {
        let start = response.body.get(..256).unwrap_or(&response.body);
        let start = String::from_utf8_lossy(start).into_owned();
        (
            response.status,
            response.body.len(),
            start,
            response.headers,
        )
    }))
}
