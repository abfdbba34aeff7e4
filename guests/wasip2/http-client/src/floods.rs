//! Attempts to fill the host's memory: `flood KIND`. Each prints as it goes how far it got.
//!
//! `fields` (one, header by header) · `copies` (of a full one, each changed) · `parked` (requests that are never
//! sent, each with as much of a body as the host takes) · `texts` (requests that are never sent, each with the longest
//! path and authority that the host takes) · `requests` (sent, never waited for) · `outputs` (written to
//! all at once, and then waited for) · `unasked` (written to without asking whether there is room) · `line` (one, for a reader
//! that is gone: no flood)

use wasip2::{cli::stdout::get_stdout, http::types::Fields};

use crate::{Failure, request::Request};

/// An address without a server. Requests to it are never granted.
const NOWHERE: &str = "http://192.0.2.1/";

pub(crate) fn act(what: &str) -> Result<(), Failure> {
    match what {
        "fields" => {
            let fields = Fields::new();
            for n in 0_u32.. {
                append(&fields, n)?;
                println!("{n}");
            }
        }
        "copies" => {
            let full = Fields::new();
            // Less than the host holds at most, which it traps at.
            for n in 0..100 {
                append(&full, n)?;
            }
            for n in 0.. {
                let copy = full.clone();
                append(&copy, n)?;
                std::mem::forget(copy);
            }
        }
        "parked" => loop {
            let request = Request::new("POST", NOWHERE, &[])?;
            let body = request.body()?;
            println!("{}", body.park());
            std::mem::forget(request);
        },
        "texts" => loop {
            let request = Request::new("GET", NOWHERE, &[])?;
            println!("{}", request.lengthen());
            std::mem::forget(request);
        },
        "requests" => loop {
            std::mem::forget(Request::new("GET", NOWHERE, &[])?.send(None)?);
        },
        "outputs" => {
            let outputs: Vec<_> = (0..600).map(|_| get_stdout()).collect();
            for output in &outputs {
                output.check_write().map_err(|why| format!("{why:?}"))?;
            }
            for output in &outputs {
                // The write is not waited for.
                let _ = output.write(&[b'x'; 4096]);
            }
            for output in &outputs {
                let _ = output.blocking_flush();
            }
        }
        "line" => {
            let written = get_stdout().blocking_write_and_flush(b"one line\n");
            written.map_err(|why| format!("{why:?}"))?;
        }
        "unasked" => {
            let output = get_stdout();
            loop {
                let _ = output.write(&[b'x'; 4096]);
            }
        }
        _ => return Err("no such flood".to_owned()),
    }
    Ok(())
}

fn append(fields: &Fields, n: u32) -> Result<(), Failure> {
    let set = fields.append(&format!("x-{n}"), &[b'v'; 64]);
    set.map_err(|why| format!("{why:?}"))
}
