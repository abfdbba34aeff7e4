//! Calls one function of the interfaces of our own again and again: `FUNCTION TIMES SIZE [hold]`. The host measures the
//! time and the fuel that it takes, and compares them with a run of no times. With `hold`, the result of the function
//! is not given back: a resource stays.
//!
//! The setting `url` is the URL to fetch, the root `data` has a file `file`.

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: ["../../../wit/provider-0.2", "../../../wit/deps/keyvalue", "../../../wit/deps/config", "wit"],
    world: "tollgate-samples:own-prices/own-prices",
    generate_all,
});

use std::hint::black_box;
use std::mem::forget;

use tollgate::provider::hash::{self, Algorithm, Hasher};
use tollgate::provider::http::{self, Method, Request};
use tollgate::provider::store::Bucket;
use tollgate::provider::{config, files, log};
use wasi::config::store as standard_config;
use wasi::keyvalue::store as keyvalue;

struct OwnPrices;

impl Guest for OwnPrices {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        let input = String::from_utf8(input).unwrap_or_default();
        let words: Vec<_> = input.split(' ').collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
        let rounds = Rounds {
            times: number(1).unwrap_or_default(),
            hold: words.get(3) == Some(&"hold"),
        };
        let size = number(2).and_then(|size| usize::try_from(size).ok());
        let name = words.first().copied().unwrap_or_default();
        call(name, rounds, size.unwrap_or_default())?;
        Ok(Vec::new())
    }
}

export!(OwnPrices);

#[derive(Clone, Copy)]
struct Rounds {
    times: u64,
    hold: bool,
}

impl Rounds {
    fn again<T>(self, mut function: impl FnMut() -> T) {
        for _ in 0..self.times {
            let made = black_box(function());
            if self.hold {
                forget(made);
            }
        }
    }
}

fn call(name: &str, rounds: Rounds, size: usize) -> Result<(), Error> {
    let text = "x".repeat(size);
    let data = text.as_bytes();
    match name {
        "log.write" => rounds.again(|| log::write(log::Level::Info, &text)),
        "hash.sha256" => rounds.again(|| hash::digest(Algorithm::Sha256, data)),
        "hash.sha512" => rounds.again(|| hash::digest(Algorithm::Sha512, data)),
        "hash.blake3" => rounds.again(|| hash::digest(Algorithm::Blake3, data)),
        "hash.hasher" => rounds.again(|| Hasher::new(Algorithm::Blake3)),
        "hash.update" => {
            let hasher = Hasher::new(Algorithm::Sha256);
            rounds.again(|| hasher.update(data));
        }
        "hash.finish" => rounds.again(|| Hasher::finish(Hasher::new(Algorithm::Sha512))),
        "http.send" => {
            let url = config::get("url").unwrap_or_default();
            let headers: Vec<_> = (0..size)
                .map(|number| (format!("x-{number}"), "value".to_owned()))
                .collect();
            let request = request(url, headers);
            rounds.again(|| http::send(&request));
        }
        "http.idna" => {
            let label = "xn--mnchen-3ya.";
            let host = label.repeat(size / label.len() + 1);
            let request = request(format!("https://{host}example/"), Vec::new());
            rounds.again(|| http::send(&request));
        }
        "http.escapes" => {
            let request = request(
                format!("https://example.com/{}", "%2525".repeat(size / 5)),
                Vec::new(),
            );
            rounds.again(|| http::send(&request));
        }
        "files.read" => rounds.again(|| files::read("data", "file")),
        "files.read-range" => {
            let size = u32::try_from(size).unwrap_or(u32::MAX);
            rounds.again(|| files::read_range("data", "file", 0, size));
        }
        "files.write" => rounds.again(|| files::write("data", "written", data)),
        "files.list" => rounds.again(|| files::list("data", ".")),
        "files.stat" => {
            let deep = "sub/".repeat(size) + "x";
            rounds.again(|| files::stat("data", &deep));
        }
        "config.get" if size == 0 => rounds.again(|| config::get("url")),
        "config.get" => rounds.again(|| config::get(&text)),
        "wasi-config.get" => rounds.again(|| standard_config::get("url")),
        "wasi-config.get-all" => rounds.again(standard_config::get_all),
        "store.open" => rounds.again(|| Bucket::open("bucket")),
        _ if name.starts_with("store.") => return stored(name, rounds, size),
        "keyvalue.open" => rounds.again(|| keyvalue::open("bucket")),
        _ if name.starts_with("keyvalue.") => {
            let done = standard(name, rounds, size);
            return done.map_err(|error| Error::Other(format!("{error:?}")));
        }
        _ => return Err(Error::InvalidInput(format!("unknown: {name}"))),
    }
    Ok(())
}

fn request(url: String, headers: Vec<(String, String)>) -> Request {
    Request {
        method: Method::Get,
        url,
        headers,
        body: Vec::new(),
    }
}

fn stored(name: &str, rounds: Rounds, size: usize) -> Result<(), Error> {
    let value = vec![b'x'; size];
    match name {
        "store.list-keys" => {
            let bucket = Bucket::open("listed")?;
            for number in bucket.list_keys()?.len()..size {
                bucket.set(&format!("key-{number:06}"), b"")?;
            }
            rounds.again(|| bucket.list_keys());
            return Ok(());
        }
        "store.set" => {
            let bucket = Bucket::open("bucket")?;
            rounds.again(|| bucket.set("key", &value));
            return Ok(());
        }
        _ => {}
    }
    let bucket = Bucket::open("bucket")?;
    bucket.set("key", &value)?;
    match name {
        "store.get" => rounds.again(|| bucket.get("key")),
        "store.delete" => rounds.again(|| bucket.delete("no such key")),
        _ => return Err(Error::InvalidInput(format!("unknown: {name}"))),
    }
    Ok(())
}

fn standard(name: &str, rounds: Rounds, size: usize) -> Result<(), keyvalue::Error> {
    let value = vec![b'x'; size];
    if name == "keyvalue.list-keys" {
        let bucket = keyvalue::open("listed")?;
        for number in bucket.list_keys(None)?.keys.len()..size {
            bucket.set(&format!("key-{number:06}"), b"")?;
        }
        rounds.again(|| bucket.list_keys(None));
        return Ok(());
    }
    let bucket = keyvalue::open("bucket")?;
    bucket.set("key", &value)?;
    match name {
        "keyvalue.get" => rounds.again(|| bucket.get("key")),
        "keyvalue.set" => rounds.again(|| bucket.set("key", &value)),
        "keyvalue.exists" => rounds.again(|| bucket.exists("key")),
        "keyvalue.delete" => rounds.again(|| bucket.delete("no such key")),
        _ => return Err(keyvalue::Error::Other(format!("unknown: {name}"))),
    }
    Ok(())
}
