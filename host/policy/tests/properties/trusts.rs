//! Properties of intersections, over all pairs of trusts that a few keys, names and digests make.

use tollgate_policy::{KeyId, Lock, Pin, PublicKey, Trust};

const FILES: [&str; 2] = ["a.wasm", "b.wasm"];
const DIGITS: [char; 3] = ['0', '1', '2'];

/// A component, as far as trust looks at it: its name, the digit of its digest, and the number of the key that signed it.
#[derive(Clone, Copy, Debug)]
struct Component {
    file: &'static str,
    digit: char,
    signer: Option<u8>,
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn key(number: u8) -> PublicKey {
    PublicKey::from_parts(KeyId([number; 8]), [number; 32]).unwrap()
}

/// No lock, and each lock that pins each name to one of two digests or to none, strict or not.
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn locks() -> Vec<Option<Lock>> {
    let pins = [None, Some('0'), Some('1')];
    let mut locks = vec![None];
    for strict in [false, true] {
        for a in pins {
            for b in pins {
                let mut lock = Lock::default();
                lock.strict = strict;
                for (file, digit) in FILES.into_iter().zip([a, b]) {
                    if let Some(digit) = digit {
                        lock.pin(file, &digest(digit)).unwrap();
                    }
                }
                locks.push(Some(lock));
            }
        }
    }
    locks
}

fn trusts() -> Vec<Trust> {
    let mut trusts = Vec::new();
    for keys in [&[][..], &[1], &[2], &[1, 2]] {
        for require in [false, true] {
            for lock in locks() {
                trusts.push(Trust {
                    keys: keys.iter().map(|number| key(*number)).collect(),
                    require,
                    lock,
                });
            }
        }
    }
    trusts
}

fn components() -> Vec<Component> {
    let mut components = Vec::new();
    for file in FILES {
        for digit in DIGITS {
            for signer in [None, Some(1), Some(2), Some(3)] {
                components.push(Component {
                    file,
                    digit,
                    signer,
                });
            }
        }
    }
    components
}

/// The decision of `tollgate-component`: a required signature is by one of the keys, a pin is the digest, and a strict
/// lock has a pin.
fn accepts(trust: &Trust, component: Component) -> bool {
    let signed = match component.signer {
        Some(number) => trust.keys.contains(&key(number)),
        None => false,
    };
    let pinned = match &trust.lock {
        None => true,
        Some(lock) => match lock.check(component.file, &digest(component.digit)) {
            Pin::Match => true,
            Pin::Unpinned => !lock.strict,
            Pin::Mismatch(_) => false,
        },
    };
    (signed || !trust.requires_signature()) && pinned
}

#[test]
fn an_intersection_accepts_exactly_what_both_accept() {
    let (trusts, components) = (trusts(), components());
    let accepted = |trust: &Trust| -> Vec<bool> {
        let each = components
            .iter()
            .map(|component| accepts(trust, *component));
        each.collect()
    };
    let all: Vec<Vec<bool>> = trusts.iter().map(accepted).collect();
    for (one, by_one) in trusts.iter().zip(&all) {
        for (other, by_other) in trusts.iter().zip(&all) {
            let by_both = accepted(&one.intersect(other));
            for (index, component) in components.iter().enumerate() {
                assert_eq!(
                    by_both[index],
                    by_one[index] && by_other[index],
                    "{component:?} under {one:?} and {other:?}"
                );
            }
        }
    }
}
