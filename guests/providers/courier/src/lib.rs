//! Sends the request that it is given, and returns the body of the response: built for `tollgate:provider@0.2.0`.
//!
//! The request is written as in HTTP: a line with its method and URL, a line for each header, an empty line, and the
//! body. A response of 400 and more is an `other` error with its status.
//!
//! ```text
//! POST https://hooks.example.com/releases
//! content-type: application/json
//!
//! {"released": "1.0.219"}
//! ```

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: "../../../wit/provider-0.2",
    world: "tollgate:provider/provider",
    generate_all,
});

use tollgate::provider::http::{self, Method, Request};

struct Courier;

impl Guest for Courier {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        let response = http::send(&parse(&input)?)?;
        if response.status >= 400 {
            return Err(Error::Other(format!("status {}", response.status)));
        }
        Ok(response.body)
    }
}

export!(Courier);

fn parse(input: &[u8]) -> Result<Request, Error> {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end.and_then(|end| input.split_at_checked(end)) {
        Some((head, rest)) => (head, rest.get(2..).unwrap_or_default()),
        None => (input, &[][..]),
    };
    let head = str::from_utf8(head).map_err(|_| wrong("the head is not UTF-8"))?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let (name, url) = first
        .split_once(' ')
        .ok_or_else(|| wrong("the first line is not a method and a URL"))?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    let headers: Option<Vec<_>> = lines.map(header).collect();
    Ok(Request {
        method: method(name).ok_or_else(|| wrong("there is no such method"))?,
        url: url.to_owned(),
        headers: headers.ok_or_else(|| wrong("a header has no colon"))?,
        body: body.to_vec(),
    })
}

fn method(name: &str) -> Option<Method> {
    Some(match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        _ => return None,
    })
}

fn wrong(why: &str) -> Error {
    Error::InvalidInput(why.to_owned())
}
