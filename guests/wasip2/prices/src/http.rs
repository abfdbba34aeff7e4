//! Requests that are made and not sent, or sent nowhere.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, RequestOptions, Scheme,
};

use crate::{again, unknown};

pub(crate) fn call(function: &str, times: u64, size: usize) {
    let full = || {
        let fields = Fields::new();
        for number in 0..size {
            let _ = fields.append(&format!("x-{number}"), b"value");
        }
        fields
    };
    let text = "/".repeat(size.max(1));
    match function {
        "fields.new" => again(times, Fields::new),
        "fields.append" => {
            let value = vec![b'v'; size];
            again(times, || {
                let fields = Fields::new();
                let _ = fields.append("name", &value);
                fields
            });
        }
        "fields.from-list" => {
            let list: Vec<_> = (0..size)
                .map(|number| (format!("x-{number}"), b"value".to_vec()))
                .collect();
            again(times, || Fields::from_list(&list));
        }
        "fields.entries" => {
            let fields = full();
            again(times, || fields.entries());
        }
        "fields.get" => {
            let fields = full();
            again(times, || fields.get("x-1"));
        }
        "fields.clone-and-append" => {
            let fields = full();
            again(times, || {
                let copy = fields.clone();
                let _ = copy.append("y", b"value");
                copy
            });
        }
        "fields.has" => {
            let fields = full();
            again(times, || fields.has("x-1"));
        }
        "fields.set" => {
            let fields = full();
            let list = vec![b"value".to_vec(); size];
            again(times, || fields.set("y", &list));
        }
        "fields.delete" => {
            let fields = full();
            again(times, || fields.delete("y"));
        }
        "request.new" => again(times, || OutgoingRequest::new(Fields::new())),
        "request.set-path" => {
            let request = OutgoingRequest::new(Fields::new());
            again(times, || request.set_path_with_query(Some(&text)));
        }
        "request.set-authority" => {
            let request = OutgoingRequest::new(Fields::new());
            let text = "a".repeat(size);
            again(times, || request.set_authority(Some(&text)));
        }
        "request.get-path" => {
            let request = OutgoingRequest::new(Fields::new());
            let _ = request.set_path_with_query(Some(&text));
            again(times, || request.path_with_query());
        }
        "request.get-authority" => {
            let request = OutgoingRequest::new(Fields::new());
            let _ = request.set_authority(Some(&"a".repeat(size)));
            again(times, || request.authority());
        }
        "request.method" => {
            let request = OutgoingRequest::new(Fields::new());
            let method = Method::Other("M".repeat(size.max(1)));
            again(times, || {
                let _ = request.set_method(&method);
                request.method()
            });
        }
        "request.scheme" => {
            let request = OutgoingRequest::new(Fields::new());
            let scheme = Scheme::Other("s".repeat(size.max(1)));
            again(times, || {
                let _ = request.set_scheme(Some(&scheme));
                request.scheme()
            });
        }
        "request.headers" => {
            let request = OutgoingRequest::new(full());
            again(times, || request.headers());
        }
        "response.new" => again(times, || OutgoingResponse::new(Fields::new())),
        "response.status" => {
            let response = OutgoingResponse::new(Fields::new());
            again(times, || {
                let _ = response.set_status_code(404);
                response.status_code()
            });
        }
        "response.headers" => {
            let response = OutgoingResponse::new(full());
            again(times, || response.headers());
        }
        "response.body" => {
            let response = OutgoingResponse::new(Fields::new());
            again(times, || response.body());
        }
        "options.new" => again(times, RequestOptions::new),
        "options.set" => {
            let options = RequestOptions::new();
            again(times, || {
                let _ = options.set_connect_timeout(Some(1));
                let _ = options.set_first_byte_timeout(Some(1));
                options.set_between_bytes_timeout(Some(1))
            });
        }
        "options.get" => {
            let options = RequestOptions::new();
            again(times, || {
                let connect = options.connect_timeout();
                let first = options.first_byte_timeout();
                (connect, first, options.between_bytes_timeout())
            });
        }
        "request.body" => again(times, || {
            let request = OutgoingRequest::new(Fields::new());
            request.body().map(|body| {
                drop(body.write());
                OutgoingBody::finish(body, None)
            })
        }),
        "request.send-denied" => again(times, || {
            let request = OutgoingRequest::new(Fields::new());
            let _ = request.set_method(&Method::Get);
            let _ = request.set_authority(Some("nowhere.example"));
            let _ = request.set_path_with_query(Some("/"));
            handle(request, None)
        }),
        _ => unknown(function),
    }
}
