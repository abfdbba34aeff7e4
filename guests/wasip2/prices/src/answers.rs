//! The answer of a server, which the variable `SERVER` names.

use std::env;

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, OutgoingRequest, Scheme,
};

use crate::{again, unknown};

fn ask() -> Option<FutureIncomingResponse> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).ok()?;
    let server = env::var("SERVER").ok()?;
    request.set_authority(Some(&server)).ok()?;
    request.set_path_with_query(Some("/")).ok()?;
    handle(request, None).ok()
}

fn answer(asked: &FutureIncomingResponse) -> Option<IncomingResponse> {
    asked.subscribe().block();
    asked.get()?.ok()?.ok()
}

pub(crate) fn call(function: &str, times: u64, size: usize) {
    if on_answer(function, times, size).is_none() {
        println!("unknown: the answer of a server");
    }
}

fn on_answer(function: &str, times: u64, size: usize) -> Option<()> {
    let asked = ask()?;
    if function == "incoming.subscribe" {
        again(times, || asked.subscribe());
        return Some(());
    }
    let answer = answer(&asked)?;
    match function {
        "incoming.get" => again(times, || asked.get()),
        "incoming.status" => again(times, || answer.status()),
        "incoming.headers" => again(times, || answer.headers()),
        "incoming.entries" => {
            let headers = answer.headers();
            again(times, || headers.entries());
        }
        "incoming.consume" => again(times, || answer.consume()),
        "incoming.stream" => {
            let body = answer.consume().ok()?;
            again(times, || body.stream());
        }
        "incoming.read" => {
            let body = answer.consume().ok()?;
            let stream = body.stream().ok()?;
            again(times, || stream.read(size as u64));
        }
        "incoming.finish" => {
            // A body is finished once; later rounds do nothing.
            let mut body = Some(answer.consume().ok()?);
            again(times, || {
                body.take().map(|body| {
                    let trailers = IncomingBody::finish(body);
                    drop(trailers.subscribe());
                    trailers.get()
                })
            });
        }
        _ => unknown(function),
    }
    Some(())
}
