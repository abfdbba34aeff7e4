//! Keys in minisign's file formats: secret keys are generated, read and used to sign; public keys are read.
//!
//! Each value that holds a secret key or a part of one is wiped when it is dropped, except the pair inside `ring`,
//! which wipes nothing: a program that signs makes one pair, signs once and ends.

use std::path::Path;

use blake2b_simd::Hash;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use scrypt::Params;
use tollgate::policy::{KeyId, PublicKey, trust::base64};
use zeroize::Zeroizing;

use crate::files::input::read_small;
use crate::output::status::ExitReason;
use crate::output::text;

/// The longest secret key file that is read. Such a file has 280 bytes.
pub(crate) const MAX_SECRET_FILE: u64 = 4 << 10;

/// The longest public key file that is read. Such a file has 113 bytes.
const MAX_PUBLIC_FILE: u64 = 4 << 10;

/// Bytes of a secret key in its file: three algorithms of 2 bytes, salt 32, two parameters of 8, and the part
/// that a password encrypts: id 8, secret 32, public key 32, checksum 32.
const FILE: usize = 158;
const HIDDEN: usize = 104;

/// The cost of one guess at a password: minisign's own parameters, a GiB of memory and some seconds.
const OPERATIONS: u64 = 33_554_432;
const MEMORY: u64 = 1 << 30;

/// A key to sign with.
pub(crate) struct SecretKey {
    id: [u8; 8],
    pair: Ed25519KeyPair,
    /// On the heap: an array would be copied wherever the key is moved.
    secret: Zeroizing<Vec<u8>>,
}

impl SecretKey {
    /// Generates a key.
    pub(crate) fn generate() -> Result<SecretKey, ExitReason> {
        let (mut id, mut secret) = ([0; 8], Zeroizing::new(vec![0; 32]));
        random(&mut id)?;
        random(&mut secret)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&secret);
        let pair = pair.map_err(|_| {
            ExitReason::Host("cannot make a key of the system's random numbers".into())
        })?;
        Ok(SecretKey { id, pair, secret })
    }

    /// The public key that verifies its signatures.
    pub(crate) fn public(&self) -> Result<PublicKey, ExitReason> {
        let bytes = <[u8; 32]>::try_from(self.pair.public_key().as_ref()).ok();
        let key = bytes.and_then(|bytes| PublicKey::from_parts(KeyId(self.id), bytes).ok());
        key.ok_or_else(|| {
            ExitReason::Usage(
                "the public key is weak: anyone could sign for it; generate another key".into(),
            )
        })
    }

    /// The detached signature of `bytes`: the text of a `.minisig` file.
    pub(crate) fn sign(&self, bytes: &[u8], comment: &str) -> String {
        let hash = blake2b_simd::blake2b(bytes);
        let signature = self.pair.sign(hash.as_bytes());
        let seal = [signature.as_ref(), comment.as_bytes()].concat();
        let seal = self.pair.sign(&seal);
        let signature = [&b"ED"[..], &self.id, signature.as_ref()].concat();
        format!(
            "untrusted comment: signature from tollgate secret key {}\n{}\ntrusted comment: {comment}\n{}\n",
            KeyId(self.id),
            base64::encode(&signature),
            base64::encode(seal.as_ref())
        )
    }

    /// The text of the key's file, encrypted if there is a password.
    pub(crate) fn to_file(&self, password: Option<&str>) -> Result<Zeroizing<String>, ExitReason> {
        let public = self.pair.public_key();
        let checksum = checksum(&self.id, &self.secret, public.as_ref());
        let parts = [
            &self.id[..],
            &self.secret,
            public.as_ref(),
            checksum.as_bytes(),
        ];
        let mut hidden = Zeroizing::new(parts.concat());
        let (mut salt, mut costs) = ([0; 32], [0; 2]);
        if let Some(password) = password {
            random(&mut salt)?;
            costs = [OPERATIONS, MEMORY];
            apply_mask(&mut hidden, password, &salt, costs)?;
        }
        let algorithms: &[u8] = match password {
            Some(_) => b"EdScB2",
            None => b"Ed\0\0B2",
        };
        let costs = costs.map(u64::to_le_bytes).concat();
        let bytes = Zeroizing::new([algorithms, &salt, &costs, &hidden].concat());
        let kind = match password {
            Some(_) => "encrypted ",
            None => "",
        };
        let comment = format!(
            "untrusted comment: tollgate {kind}secret key {}",
            KeyId(self.id)
        );
        let key = Zeroizing::new(base64::encode(&bytes));
        // `concat` makes the text at its length; one that grows would leave parts of the key behind.
        Ok(Zeroizing::new([&comment, "\n", &key, "\n"].concat()))
    }

    /// Reads the text of a key's file. `password` is called if the key is encrypted.
    pub(crate) fn from_file(
        path: &Path,
        text: &str,
        password: impl FnOnce() -> Result<Zeroizing<String>, ExitReason>,
    ) -> Result<SecretKey, ExitReason> {
        let wrong = |what: &str| ExitReason::Usage(format!("{}: {what}", text::path(path)));
        let none = || wrong("not a minisign secret key: two lines, a comment and the key");
        let lines: Vec<&str> = text.lines().collect();
        let [_, line] = lines[..] else {
            return Err(none());
        };
        let file = base64::decode::<FILE>(line).ok_or_else(none)?;
        let (algorithms, rest) = file.split_first_chunk::<6>().ok_or_else(none)?;
        let (salt, rest) = rest.split_first_chunk::<32>().ok_or_else(none)?;
        let (costs, hidden) = rest.split_first_chunk::<16>().ok_or_else(none)?;
        let mut hidden = Zeroizing::new(hidden.to_vec());
        let encrypted = match algorithms {
            b"EdScB2" => true,
            b"Ed\0\0B2" => false,
            _ => return Err(none()),
        };
        if encrypted {
            let costs = costs.as_chunks::<8>().0;
            let [operations, memory] = costs else {
                return Err(none());
            };
            let costs = [operations, memory].map(|cost| u64::from_le_bytes(*cost));
            apply_mask(&mut hidden, &password()?, salt, costs)?;
        }
        let (id, rest) = hidden.split_first_chunk::<8>().ok_or_else(none)?;
        let (secret, rest) = rest.split_first_chunk::<32>().ok_or_else(none)?;
        let (public, found) = rest.split_first_chunk::<32>().ok_or_else(none)?;
        // minisign leaves the checksum of a key without a password at zero.
        let unset = !encrypted && found.iter().all(|byte| *byte == 0);
        // The comparison takes the same time for every key.
        if !unset && checksum(id, secret, public) != *found {
            return Err(match encrypted {
                true => wrong("the password is wrong"),
                false => wrong("the key is damaged: its checksum does not match"),
            });
        }
        let pair = Ed25519KeyPair::from_seed_and_public_key(secret, public)
            .map_err(|_| wrong("the key is damaged: its secret and public halves do not match"))?;
        Ok(SecretKey {
            id: *id,
            pair,
            secret: Zeroizing::new(secret.to_vec()),
        })
    }
}

/// Reads a public key: the key itself, or the path of a `.pub` file. The error begins with `text`.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, String> {
    let path = Path::new(text);
    match (PublicKey::parse(text), path.exists()) {
        (Ok(key), _) => Ok(key),
        (Err(error), false) => Err(format!("{error}, and there is no file of that name")),
        (Err(_), true) => {
            let found = read_small(path, MAX_PUBLIC_FILE).map_err(|reason| reason.message())?;
            let path = text::path(path);
            // The message must not contain any part of a secret key.
            if is_secret(&found) {
                return Err(format!(
                    "{path}: this is a secret key; give the .pub file instead"
                ));
            }
            PublicKey::parse_file(&found).map_err(|error| format!("{path}: {error}"))
        }
    }
}

/// Whether the text has a secret key on one of its lines.
pub(crate) fn is_secret(text: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| base64::decode::<FILE>(line.trim()).is_some())
}

fn random(bytes: &mut [u8]) -> Result<(), ExitReason> {
    let failed = |_| ExitReason::Host("the system provides no random numbers".to_owned());
    SystemRandom::new().fill(bytes).map_err(failed)
}

fn checksum(id: &[u8; 8], secret: &[u8], public: &[u8]) -> Hash {
    let mut hash = blake2b_simd::Params::new().hash_length(32).to_state();
    hash.update(b"Ed").update(id).update(secret).update(public);
    hash.finalize()
}

/// Encrypts or decrypts in place: both are the same XOR.
fn apply_mask(
    bytes: &mut [u8],
    password: &str,
    salt: &[u8],
    costs: [u64; 2],
) -> Result<(), ExitReason> {
    let too_much = || {
        ExitReason::Usage(
            "the key's parameters need more than 1 GiB of memory, which is refused".into(),
        )
    };
    let params = params(costs).ok_or_else(too_much)?;
    let mut stream = Zeroizing::new([0; HIDDEN]);
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut *stream)
        .map_err(|error| ExitReason::Host(error.to_string()))?;
    for (byte, mask) in bytes.iter_mut().zip(stream.iter()) {
        *byte ^= mask;
    }
    Ok(())
}

/// scrypt's parameters from libsodium's two, as `crypto_pwhash_scryptsalsa208sha256` computes them.
fn params([operations, memory]: [u64; 2]) -> Option<Params> {
    const R: u64 = 8;
    let operations = operations.max(32_768);
    let few = operations < memory / 32;
    let most = match few {
        true => operations / (R * 4),
        false => memory / (R * 128),
    };
    let log_n = (1..63u8).find(|n| 1u64 << n > most / 2)?;
    let p = match few {
        true => 1,
        false => (operations / 4 / (1 << log_n)).min(0x3fff_ffff) / R,
    };
    let p = u32::try_from(p).ok()?;
    // At most 1 GiB of memory and minutes of time.
    (log_n <= 20 && p <= 64).then(|| Params::new(log_n, 8, p).ok())?
}

#[cfg(test)]
#[path = "../../../../tests/support/src/memory.rs"]
#[allow(unreachable_pub, reason = "it is public where it is the support's")]
mod memory;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SecretKey, ExitReason> {
        SecretKey::from_file(Path::new("a.key"), text, || panic!("no password is needed"))
    }

    #[test]
    fn a_key_reads_back_and_signs_the_same() {
        let key = SecretKey::generate().unwrap();
        let text = key.to_file(None).unwrap();
        let again = read(&text).unwrap();
        assert_eq!(again.public().unwrap(), key.public().unwrap());
        assert_eq!(again.sign(b"bytes", "file:x"), key.sign(b"bytes", "file:x"));
        assert_ne!(
            *SecretKey::generate().unwrap().to_file(None).unwrap(),
            *text
        );
    }

    #[test]
    fn a_damaged_key_signs_nothing() {
        let text = SecretKey::generate().unwrap().to_file(None).unwrap();
        let (comment, line) = text.trim_end().split_once('\n').unwrap();
        let bytes = base64::decode::<FILE>(line).unwrap();
        for at in [0, 3, 5, 54, 62, 94, 126, 157] {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            let text = format!("{comment}\n{}\n", base64::encode(&bent));
            assert!(read(&text).is_err(), "byte {at}");
        }
        for text in ["", line, &text[..text.len() - 8], &format!("{}more", *text)] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_key_leaves_no_trace_in_memory() {
        let password = memory::masked(b"a password of a test, 0123456789abcdefghijklmnop");
        let work = || {
            let password = String::from_utf8(memory::masked(&password)).unwrap();
            let password = Zeroizing::new(password);
            let key = SecretKey::generate().unwrap();
            let text = key.to_file(None).unwrap();
            let again = read(&text).unwrap();
            again.sign(b"bytes", "file:x");
            let mut hidden = Zeroizing::new(again.secret.to_vec());
            apply_mask(&mut hidden, &password, &[0; 32], [32_768, 1 << 20]).unwrap();
            let line = text.lines().nth(1).unwrap();
            assert!(
                memory::places_of(&memory::masked(&key.secret)) > 0,
                "it is there"
            );
            // The part of the line that has the secret.
            (
                memory::masked(&key.secret),
                memory::masked(&line.as_bytes()[100..124]),
            )
        };
        let (secret, line) = work();
        // The allocator writes over the beginning of freed memory.
        assert_eq!(memory::places_of(&secret[16..]), 0, "the secret");
        assert_eq!(memory::places_of(&line), 0, "its base64");
        assert_eq!(memory::places_of(&password[24..]), 0, "the password");
    }

    #[test]
    fn the_cost_of_a_password_is_libsodiums() {
        let of = |costs| params(costs).map(|params| (params.log_n(), params.r(), params.p()));
        assert_eq!(of([OPERATIONS, MEMORY]), Some((20, 8, 1)));
        assert_eq!(of([524_288, 16 << 20]), Some((14, 8, 1)));
        assert_eq!(of([OPERATIONS * 2, MEMORY * 2]), None);
        assert_eq!(of([u64::MAX, u64::MAX]), None);
        assert_eq!(of([u64::MAX, 1 << 20]), None);
    }
}
