//! Bearer tokens: a file has the hash of each, so that it lets nobody in who reads it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use constant_time_eq::constant_time_eq_32;
use ring::digest::{SHA256, digest};
use thiserror::Error;

use crate::quota::{Account, Caller, Quota};
use crate::view::Only;

const PROVIDERS: &str = "providers=";
const POLICIES: &str = "policies=";

/// The most bytes of a token that is hashed.
const MAX_TOKEN: usize = 1 << 10;

/// The callers that a server lets in.
#[derive(Clone, Default)]
pub struct Tokens {
    callers: Vec<Token>,
}

/// A token by its hash, and its caller.
#[derive(Clone)]
struct Token {
    hash: [u8; 32],
    caller: Caller,
}

/// A mistake in a file of tokens.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct TokenError {
    /// The line, from 1.
    pub line: usize,
    /// The mistake.
    pub problem: &'static str,
}

impl Tokens {
    /// Reads `NAME sha256:HEX` lines, the digest in 64 digits of the token that the caller NAME sends. Behind it a line may
    /// have quotas of the caller: `calls=N` and `fuel=N` for each minute, `at-once=N` for calls at the same time; with
    /// `providers=NAME,NAME` it knows and calls these alone, and with `policies=NAME` they run for it under the policies of that name
    /// ([`Server::policies`](crate::Server::policies)). Empty lines and lines that begin with `#` are left out. A token is to be random, of 128 bits or more: a fast hash protects no password.
    ///
    /// ```
    /// let text = "ci sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    /// let tokens = tollgate_serve::Tokens::parse(text)?;
    /// assert_eq!(tokens.caller("test"), Some("ci"));
    /// assert_eq!(tokens.caller("tost"), None);
    /// # Ok::<(), tollgate_serve::TokenError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first line that is neither, a name or a token that is there twice, or a file without a token.
    pub fn parse(text: &str) -> Result<Tokens, TokenError> {
        let mut callers: Vec<Token> = Vec::new();
        let mut last = 1;
        for (at, line) in text.lines().enumerate() {
            last = at.saturating_add(1);
            let failed = |problem| TokenError {
                line: last,
                problem,
            };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, rest) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| failed("no token; write `NAME sha256:HEX`"))?;
            let rest = rest.trim();
            let (hash, more) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let hash = hash.strip_prefix("sha256:").and_then(bytes);
            let hash = hash
                .ok_or_else(|| failed("no digest; write `sha256:` and 64 digits in hexadecimal"))?;
            if hash.as_slice() == digest(&SHA256, b"").as_ref() {
                return Err(failed(
                    "the digest of no token at all; make one of 128 random bits",
                ));
            }
            if callers.iter().any(|known| &*known.caller.name == name) {
                return Err(failed("this name is above already; write each caller once"));
            }
            if callers.iter().any(|known| known.hash == hash) {
                return Err(failed(
                    "this token is above already; give each caller one of its own",
                ));
            }
            let (only, more): (Vec<_>, Vec<_>) = more
                .split_whitespace()
                .partition(|part| part.starts_with(PROVIDERS));
            let (policies, quotas): (Vec<_>, Vec<_>) = more
                .into_iter()
                .partition(|part| part.starts_with(POLICIES));
            let quota = Quota::parse(quotas).map_err(failed)?;
            let only = only_of(&only).map_err(failed)?;
            let policies = policies_of(&policies).map_err(failed)?;
            let caller = Caller {
                name: name.into(),
                account: Arc::new(Account::new(quota)),
                only,
                policies,
            };
            callers.push(Token { hash, caller });
        }
        match callers.is_empty() {
            true => Err(TokenError {
                line: last,
                problem: "no token in this file; write `NAME sha256:HEX`",
            }),
            false => Ok(Tokens { callers }),
        }
    }

    /// The caller that this token is of. The time does not tell how much of a token is right.
    pub fn caller(&self, token: &str) -> Option<&str> {
        self.known(token).map(|caller| &*caller.name)
    }

    /// The names of policies of their own that callers have, each once.
    pub fn policies(&self) -> BTreeSet<&str> {
        let callers = self.callers.iter();
        callers
            .filter_map(|token| token.caller.policies.as_deref())
            .collect()
    }

    pub(crate) fn known(&self, token: &str) -> Option<&Caller> {
        if token.is_empty() || token.len() > MAX_TOKEN {
            return None;
        }
        let hash = digest(&SHA256, token.as_bytes());
        let hash: &[u8; 32] = hash.as_ref().try_into().ok()?;
        let mut found = None;
        // Each is compared, also behind the one that fits.
        for Token {
            hash: known,
            caller,
        } in &self.callers
        {
            if constant_time_eq_32(known, hash) {
                found = Some(caller);
            }
        }
        found
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.callers.iter().map(|token| &token.caller.name);
        f.debug_set().entries(names).finish()
    }
}

/// The providers of a caller that `providers=` names.
fn only_of(parts: &[&str]) -> Result<Option<Arc<Only>>, &'static str> {
    const PROBLEM: &str = "no providers; write `providers=NAME,NAME` once, or leave it out for all";
    match parts {
        [] => Ok(None),
        [one] => {
            let names = one.strip_prefix(PROVIDERS).and_then(Only::parse);
            names.map(|only| Some(Arc::new(only))).ok_or(PROBLEM)
        }
        _ => Err(PROBLEM),
    }
}

/// The name of the policies of a caller that has its own.
fn policies_of(parts: &[&str]) -> Result<Option<Arc<str>>, &'static str> {
    let one = match parts {
        [] => return Ok(None),
        [one] => one.strip_prefix(POLICIES).filter(|name| !name.is_empty()),
        _ => None,
    };
    one.map(|name| Some(name.into()))
        .ok_or("no policies; write `policies=NAME` once, or leave it out for those of all callers")
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let start = at.saturating_mul(2);
        let digits = hex.get(start..start.saturating_add(2))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the word `test`.
    const TEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn a_token_names_its_caller_and_no_other_does() {
        let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        let tokens = Tokens::parse(&format!("# callers\n\nnone {other}\n ci  {TEST}\n")).ok();
        let caller = |token: &str| tokens.as_ref().and_then(|tokens| tokens.caller(token));
        assert_eq!(caller("test"), Some("ci"));
        for wrong in ["", "Test", "test ", TEST, &"t".repeat(MAX_TOKEN + 1)] {
            assert_eq!(caller(wrong), None, "{wrong}");
        }
        assert!(!format!("{tokens:?}").contains("9f86"));
    }

    #[test]
    fn a_file_with_a_mistake_lets_nobody_in() {
        for (text, line) in [
            ("", 1),
            ("# none\n", 1),
            ("ci", 1),
            ("ci test", 1),
            ("ci sha256:9f86", 1),
            (&format!("ci {TEST} calls=many"), 1),
            (&format!("ci {TEST} providers="), 1),
            (&format!("ci {TEST} providers=a,"), 1),
            (&format!("ci {TEST} providers=a providers=b"), 1),
            (&format!("ci {TEST} policies="), 1),
            (&format!("ci {TEST} policies=a policies=b"), 1),
            (
                "ci sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                1,
            ),
            (&format!("a {TEST}\nb {TEST}"), 2),
            (&format!("a {TEST}\na sha256:{}", "0".repeat(64)), 2),
        ] {
            let mistake = Tokens::parse(text).err().map(|error| error.line);
            assert_eq!(mistake, Some(line), "{text}");
        }
    }
}
