//! Credentials of NATS: keys (`nkeys`) and the tokens that they sign, of an operator, accounts and a user.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

/// The kinds of keys, by the first byte of their text.
const OPERATOR: u8 = 14 << 3;
const ACCOUNT: u8 = 0;
const USER: u8 = 20 << 3;
const SEED: u8 = 18 << 3;

struct Key {
    kind: u8,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(kind: u8, number: u8) -> Key {
        let seed = [number; 32];
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        Key { kind, seed, pair }
    }

    fn public(&self) -> String {
        text([&[self.kind], self.pair.public_key().as_ref()].concat())
    }

    fn secret(&self) -> String {
        let first = [SEED | (self.kind >> 5), (self.kind & 31) << 3];
        text([&first, &self.seed[..]].concat())
    }

    /// A token of somebody, signed by this key.
    fn token(&self, subject: &Key, nats: Value) -> String {
        let claims = json!({
            "jti": "test", "iat": 1_700_000_000, "name": "test",
            "iss": self.public(), "sub": subject.public(), "nats": nats,
        });
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
        let signed = format!("{}.{}", part(&head), part(&claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!(
            "{signed}.{}",
            Base64UrlUnpadded::encode_string(signature.as_ref())
        )
    }
}

/// The part of the configuration of a server, and the file of a user of an account in which JetStream is.
pub(super) fn credentials() -> (String, String) {
    let operator = Key::new(OPERATOR, 1);
    let [system, account] = [2, 3].map(|number| Key::new(ACCOUNT, number));
    let user = Key::new(USER, 4);
    let limits = |storage: i32| {
        json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
            "conn": -1, "leaf": -1, "mem_storage": storage, "disk_storage": storage,
            "streams": -1, "consumer": -1,
        })
    };
    let of = |account: &Key, storage| {
        let nats = json!({ "type": "account", "version": 2, "limits": limits(storage) });
        operator.token(account, nats)
    };
    let config = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}\n",
        operator.token(&operator, json!({ "type": "operator", "version": 2 })),
        system.public(),
        system.public(),
        of(&system, 0),
        account.public(),
        of(&account, -1),
    );
    let nats = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    let file = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        account.token(&user, nats),
        user.secret(),
    );
    (config, file)
}

/// Bytes and their checksum in base 32.
fn text(mut bytes: Vec<u8>) -> String {
    let mut sum = 0_u16;
    for byte in &bytes {
        sum ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            sum = if sum & 0x8000 == 0 {
                sum << 1
            } else {
                (sum << 1) ^ 0x1021
            };
        }
    }
    bytes.extend(sum.to_le_bytes());
    let digit = |place: usize| {
        let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
        let value = (0..5).fold(0, |value, at| value << 1 | bit(place * 5 + at));
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(value)])
    };
    (0..(bytes.len() * 8).div_ceil(5)).map(digit).collect()
}
