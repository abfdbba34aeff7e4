//! A WASI command that sends requests through `wasi:http`. The first argument is the action:
//!
//! `get URL [NAME:VALUE]…` · `bare METHOD URL` (without a body) · `send METHOD URL BYTES` (a body of so many bytes) · `lie URL SAID BYTES` (a body
//! of another length than said) · `early URL BYTES` (the body is written after the response has come) ·
//! `wait URL KIND MS` (connect, first-byte or between-bytes) · `many URL N` (so many at once, none of them
//! read) · `race URL MS` (the answer, or a timer, whichever is first) · `nap URL MS` (sends, and waits for a timer
//! alone) · `look URL MS` (looks at the answer and often at the clock, in turn, for so long) · `after URL MS` (waits for a timer when the answer has been read) · `leave URL` (sends, and ends without waiting) · `headers` (which ones the host lets it set) ·
//! `trailers URL` · floods of the host, in `floods`
//!
//! The response is on standard output: the status, the headers, an empty line, the body. Errors are `error:` and
//! the name that the host gives them.

mod floods;
mod request;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use request::{Answer, Request};
use wasip2::clocks::monotonic_clock::{now, subscribe_duration};
use wasip2::http::types::{Fields, RequestOptions};
use wasip2::io::poll::Pollable;

/// The text of an error, from the host or from this program.
pub(crate) type Failure = String;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match act(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn act(args: &[&str]) -> Result<(), Failure> {
    match args {
        ["get", url, headers @ ..] => show(Request::new("GET", url, headers)?.send(None)?.wait()?),
        ["send", method, url, bytes] => {
            let request = Request::new(method, url, &[])?;
            let body = request.body()?;
            let pending = request.send(None)?;
            body.write(number(bytes)?)?;
            body.finish()?;
            show(pending.wait()?)
        }
        ["bare", method, url] => show(Request::new(method, url, &[])?.send(None)?.wait()?),
        ["lie", url, said, bytes] => {
            let request = Request::new("POST", url, &[&format!("content-length:{said}")])?;
            let body = request.body()?;
            let pending = request.send(None)?;
            let written = body.write(number(bytes)?).and_then(|()| body.finish());
            println!("{written:?}");
            show(pending.wait()?)
        }
        ["early", url, bytes] => {
            let request = Request::new("POST", url, &[])?;
            let body = request.body()?;
            let answer = request.send(None)?.wait()?;
            body.write(number(bytes)?)?;
            body.finish()?;
            show(answer)
        }
        ["wait", url, kind, millis] => {
            let time = Some(number::<u64>(millis)? * 1_000_000);
            let options = RequestOptions::new();
            let set = match *kind {
                "connect" => options.set_connect_timeout(time),
                "first-byte" => options.set_first_byte_timeout(time),
                _ => options.set_between_bytes_timeout(time),
            };
            set.map_err(|()| "the host has no such option")?;
            show(Request::new("GET", url, &[])?.send(Some(options))?.wait()?)
        }
        ["many", url, count] => many(url, number(count)?),
        ["race", url, millis] => {
            let pending = Request::new("GET", url, &[])?.send(None)?;
            let (start, timer) = (now(), timer(millis)?);
            let [answered, over] = pending.or(&timer);
            println!("answered: {answered}, timer: {over}");
            println!("{} ms", (now() - start) / 1_000_000);
            match answered {
                true => show(pending.wait()?),
                false => Ok(()),
            }
        }
        ["nap", url, millis] => {
            let pending = Request::new("GET", url, &[])?.send(None)?;
            timer(millis)?.block();
            println!("answered: {}", pending.is_there());
            Ok(())
        }
        ["look", url, millis] => {
            let pending = Request::new("GET", url, &[])?.send(None)?;
            let end = now() + number::<u64>(millis)? * 1_000_000;
            while !pending.is_there() && (0..200).all(|_| now() < end) {
                timer("20")?.block();
            }
            println!("answered: {}", pending.is_there());
            Ok(())
        }
        ["after", url, millis] => {
            show(Request::new("GET", url, &[])?.send(None)?.wait()?)?;
            timer(millis)?.block();
            Ok(())
        }
        ["leave", url] => {
            std::mem::forget(Request::new("GET", url, &[])?.send(None)?);
            Ok(())
        }
        ["headers"] => {
            headers();
            Ok(())
        }
        ["trailers", url] => {
            let answer = Request::new("GET", url, &[])?.send(None)?.wait()?;
            let (_, trailers) = answer.read_all()?;
            println!("{trailers:?}");
            Ok(())
        }
        ["oracle", url] => oracle(url),
        ["heads", url, count] => {
            for _ in 0..number::<usize>(count)? {
                Request::new("GET", url, &[])?
                    .send(None)?
                    .wait()?
                    .keep_headers();
            }
            Ok(())
        }
        ["flood", what] => floods::act(what),
        _ => Err("no such action".to_owned()),
    }
}

fn timer(millis: &str) -> Result<Pollable, Failure> {
    Ok(subscribe_duration(number::<u64>(millis)? * 1_000_000))
}

fn show(answer: Answer) -> Result<(), Failure> {
    println!("{}", answer.status());
    for (name, value) in answer.headers() {
        println!("{name}: {}", String::from_utf8_lossy(&value));
    }
    println!();
    let (body, _) = answer.read_all()?;
    io::stdout().write_all(&body).map_err(|why| why.to_string())
}

fn many(url: &str, count: usize) -> Result<(), Failure> {
    let mut pending = Vec::new();
    for _ in 0..count {
        pending.push(Request::new("GET", url, &[])?.send(None)?);
    }
    let mut answers = Vec::new();
    for one in pending {
        match one.wait() {
            Ok(answer) => answers.push(answer),
            Err(why) => println!("error: {why}"),
        }
    }
    println!("{} answered", answers.len());
    Ok(())
}

/// Guesses the credential that the host adds, by an honest server that sends back each piece of the body as it comes: the
/// host holds back bytes that may begin a spelling of the secret, and so tells whether a guess is the beginning of one.
/// The spelling in hexadecimal tells each byte.
fn oracle(url: &str) -> Result<(), Failure> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let request = Request::new("POST", url, &[])?;
    let mut body = request.body()?.into_stream()?;
    let pending = request.send(None)?;
    body.send(b"!")?;
    let mut echo = pending.wait()?.into_stream()?;
    let (mut sent, mut received) = (1, echo.more()?);
    // The digits that are known, and for each the next one to try.
    let mut known: Vec<u8> = Vec::new();
    let mut next = vec![0_usize];
    let mut best = Vec::new();
    let mut asked = 0;
    while let Some(at) = next.last_mut() {
        let Some(digit) = DIGITS.get(*at) else {
            next.pop();
            known.pop();
            continue;
        };
        *at += 1;
        known.push(*digit);
        let guess = [b"!", known.as_slice()].concat();
        asked += 1;
        sent += guess.len();
        let came = body.send(&guess).and_then(|()| echo.more());
        match came {
            Ok(more) => received += more,
            // The whole secret in hexadecimal: the response is withheld.
            Err(_) => {
                best = known;
                break;
            }
        }
        // All of the guess is held back: it is the beginning of a spelling.
        if sent - received == known.len() {
            next.push(0);
            if known.len() > best.len() {
                best = known.clone();
            }
        } else {
            known.pop();
        }
    }
    let text = String::from_utf8_lossy(&best).into_owned();
    println!("{asked} guesses: {text}");
    Ok(())
}

/// The headers by which a guest would frame a message anew, speak to a proxy or for another host.
fn headers() {
    for name in [
        "host",
        "connection",
        "transfer-encoding",
        "upgrade",
        "proxy-authorization",
        "te",
        "expect",
        "content-length",
        "x-own",
    ] {
        let fields = Fields::new();
        let set = fields.append(name, b"1");
        println!("{name}: {set:?}");
    }
    let fields = Fields::new();
    println!("two lines: {:?}", fields.append("x-own", b"a\r\nhost: b"));
    println!("two lengths: {:?}", fields.append("content-length", b"1"));
    println!("two lengths: {:?}", fields.append("content-length", b"2"));
}

pub(crate) fn number<N: std::str::FromStr>(text: &str) -> Result<N, Failure> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number that fits"))
}
