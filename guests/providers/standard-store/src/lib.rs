//! Settings and a store by the names of the standard: `wasi:config/store` and `wasi:keyvalue/store`.
//!
//! Input is an action and its object: `open B`, `set B KEY VALUE`, `get B KEY`, `delete B KEY`, `exists B KEY`,
//! `list B [CURSOR]`, `keep B COUNT` (sets as many keys), `handles B` (opens it without end), `config KEY`,
//! `configs`. The output is the answer of the host, in Rust's notation.

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: ["../../../wit/provider", "../../../wit/deps/keyvalue", "../../../wit/deps/config", "wit"],
    world: "tollgate-samples:standard-store/standard-store",
    generate_all,
});

use wasi::{config::store as config, keyvalue::store};

struct StandardStore;

impl Guest for StandardStore {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        let input =
            String::from_utf8(input).map_err(|_| Error::InvalidInput("not UTF-8".into()))?;
        let mut words = input.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (what, bucket, key, value) = (word(), word(), word(), word());
        let answer = match what {
            "config" => format!("{:?}", config::get(bucket)),
            "configs" => format!("{:?}", config::get_all()),
            _ => on_bucket(what, bucket, key, value)
                .unwrap_or_else(|error| format!("Err({error:?})")),
        };
        Ok(answer.into_bytes())
    }
}

fn on_bucket(what: &str, name: &str, key: &str, value: &str) -> Result<String, store::Error> {
    let bucket = store::open(name)?;
    Ok(match what {
        "set" => format!("{:?}", bucket.set(key, value.as_bytes())),
        "get" => {
            let value = bucket.get(key)?;
            format!(
                "{:?}",
                value.map(|value| String::from_utf8_lossy(&value).into_owned())
            )
        }
        "delete" => format!("{:?}", bucket.delete(key)),
        "exists" => format!("{:?}", bucket.exists(key)),
        "list" => {
            let page = bucket.list_keys(key.parse().ok())?;
            format!(
                "{} {:?} {:?}",
                page.keys.len(),
                page.keys.first(),
                page.cursor
            )
        }
        "keep" => {
            for number in 0..key.parse().unwrap_or(0_u32) {
                bucket.set(&format!("key-{number:05}"), b"")?;
            }
            "kept".to_owned()
        }
        "handles" => {
            let mut kept = vec![bucket];
            loop {
                kept.push(store::open(name)?);
            }
        }
        _ => "opened".to_owned(),
    })
}

export!(StandardStore);
