//! Calls one interface of the host again and again: input is its name and how often, `log 1000`. `none` is the
//! empty loop. For `http`, a third word is the URL.

use crate::tollgate::provider::{config, files, hash, http, log, store};

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: "../../../wit/provider",
    world: "tollgate:provider/provider",
    generate_all,
});

struct HostCalls;

impl Guest for HostCalls {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        let text = String::from_utf8(input).map_err(|_| wrong())?;
        let mut words = text.split(' ');
        let (name, times) = words.next().zip(words.next()).ok_or_else(wrong)?;
        let times: u64 = times.parse().map_err(|_| wrong())?;
        let url = words.next().unwrap_or_default();
        let mut seen = 0;
        match name {
            "none" => (0..times).for_each(|time| seen += std::hint::black_box(time) & 1),
            "log" => (0..times).for_each(|_| log::write(log::Level::Info, "sixteen letters!")),
            "hash" => {
                for _ in 0..times {
                    seen += hash::digest(hash::Algorithm::Blake3, b"sixteen letters!").len() as u64;
                }
            }
            "config" => {
                for _ in 0..times {
                    seen += config::get("key").map_or(0, |value| value.len() as u64);
                }
            }
            "files" => {
                for _ in 0..times {
                    seen += files::read("data", "small")?.len() as u64;
                }
            }
            "stat" => {
                for _ in 0..times {
                    seen += files::stat("data", "small")?.size;
                }
            }
            "store-get" => {
                let bucket = store::Bucket::open("default")?;
                bucket.set("key", b"sixteen letters!")?;
                for _ in 0..times {
                    seen += bucket.get("key")?.map_or(0, |value| value.len() as u64);
                }
            }
            "store-set" => {
                let bucket = store::Bucket::open("default")?;
                for _ in 0..times {
                    bucket.set("key", b"sixteen letters!")?;
                }
            }
            "http" => {
                for _ in 0..times {
                    let request = http::Request {
                        url: url.to_owned(),
                        headers: Vec::new(),
                    };
                    seen += http::get(&request)?.body.len() as u64;
                }
            }
            _ => return Err(wrong()),
        }
        Ok(seen.to_le_bytes().to_vec())
    }
}

fn wrong() -> Error {
    Error::InvalidInput("`NAME TIMES [URL]`".to_owned())
}

export!(HostCalls);
