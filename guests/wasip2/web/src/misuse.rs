//! Answers that are wrong in some way.

use wasip2::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};

use crate::{begin, pause, text, trap};

/// Acts if `what` is a misuse; otherwise gives the outparam back.
pub(crate) fn act(
    what: &str,
    number: u64,
    query: &str,
    out: ResponseOutparam,
) -> Option<ResponseOutparam> {
    match what {
        "no-response" => core::mem::forget(out),
        "dropped" => drop(out),
        "dropped-slowly" => {
            drop(out);
            pause(number);
        }
        "error" => {
            let code = ErrorCode::InternalError(Some(format!("\u{1b}[31m{query}")));
            ResponseOutparam::set(out, Err(code));
        }
        // The same work, with a text and without it.
        "error-text" | "error-plain" => {
            let text = "x".repeat(usize::try_from(number).unwrap_or(0));
            let text = core::hint::black_box(text);
            let code = match what {
                "error-text" => ErrorCode::HttpResponseContentCoding(Some(text)),
                _ => ErrorCode::HttpResponseContentCoding(None),
            };
            ResponseOutparam::set(out, Err(code));
        }
        "twice" => {
            let handle = out.take_handle();
            // SAFETY: it is not; the host has to find the second use.
            #[expect(unsafe_code, reason = "a handle that is used twice")]
            let [first, second] =
                [handle, handle].map(|it| unsafe { ResponseOutparam::from_handle(it) });
            ResponseOutparam::set(first, Ok(OutgoingResponse::new(Fields::new())));
            ResponseOutparam::set(second, Ok(OutgoingResponse::new(Fields::new())));
        }
        "trap" => trap(),
        // After a head that is the whole response.
        "trap-after-none" => {
            ResponseOutparam::set(out, Ok(OutgoingResponse::new(Fields::new())));
            trap();
        }
        // After a part of the body.
        "trap-late" => {
            begin(out, 200, &[]).write(b"a part");
            trap();
        }
        // After all of it, and its end.
        "trap-after" => {
            let body = begin(out, 200, &[]);
            body.write(b"all");
            body.finish();
            trap();
        }
        "trap-after-length" => {
            let body = begin(out, 200, &[("content-length", "3")]);
            body.write(b"all");
            body.finish();
            trap();
        }
        "unfinished" => {
            let body = begin(out, 200, &[]);
            body.write(b"a part");
            core::mem::forget(body.into_body());
        }
        "aborted" => {
            let body = begin(out, 200, &[]);
            body.write(b"a part");
            drop(body.into_body());
        }
        "short" => {
            let body = begin(out, 200, &[("content-length", "10")]);
            body.write(b"short");
            let _ = OutgoingBody::finish(body.into_body(), None);
        }
        "long" => {
            let body = begin(out, 200, &[("content-length", "5")]);
            body.write(b"longer than it says");
        }
        // A length in words, and no body at all.
        "length-text" => {
            let fields = Fields::new();
            let _ = fields.append("content-length", query.as_bytes());
            ResponseOutparam::set(out, Ok(OutgoingResponse::new(fields)));
        }
        // Says what the host let it do, instead of its body.
        "headers" => {
            let fields = Fields::new();
            let (name, value) = query.split_once('=').unwrap_or((query, ""));
            let value = value.replace("%0d", "\r").replace("%0a", "\n");
            let done = fields.append(name, value.as_bytes());
            text(out, 200, &format!("{done:?}"));
        }
        "many-headers" => {
            let fields = Fields::new();
            let done = (0..number).try_for_each(|n| fields.append(&format!("x-{n}"), b"value"));
            let told = format!("{} {done:?}", fields.entries().len());
            text(out, 200, &told);
        }
        // Responses with a body each that nobody reads.
        "hoard" => loop {
            let response = OutgoingResponse::new(Fields::new());
            let Ok(body) = response.body() else { trap() };
            let Ok(stream) = body.write() else { trap() };
            while let Ok(room @ 1..) = stream.check_write() {
                let room = usize::try_from(room).unwrap_or(0);
                let _ = stream.write(&vec![b'x'; room]);
            }
            core::mem::forget((response, body, stream));
        },
        _ => return Some(out),
    }
    None
}
