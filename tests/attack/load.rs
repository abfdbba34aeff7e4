//! Components that are stopped before any code of them runs: A1-random-bytes to A3-oversized, A10-unknown-imports to
//! A12-missing-export and A48-policies.

use tollgate::{Policy, Source};

use crate::attack_case::{Case, Row, load_kind};
use support::harness::{ALL, all_but, blocking, guest_file, load, policy, root, source};

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A1-random-bytes",
        attack: "random, bent, cut bytes",
        cases: bytes,
    },
    Row {
        id: "A2-not-a-component",
        attack: "core module, WAT text",
        cases: || {
            vec![
                Case::load("not-a-component", source("core-module"), ""),
                Case::load("not-a-component", source("core-wasip1"), ""),
                Case::load(
                    "not-a-component",
                    Source::bytes("text", *b"(component)"),
                    "",
                ),
            ]
        },
    },
    Row {
        id: "A3-oversized",
        attack: "oversized file, section",
        cases: || {
            let mut padded = std::fs::read(guest_file("no-export")).unwrap();
            // A custom section of 64 KiB, its name empty.
            padded.extend([0, 0x80, 0x80, 4]);
            padded.resize(padded.len() + (64 << 10), 0);
            let small = "limits.component-size = \"4KiB\"";
            let padded = Source::bytes("padded", padded);
            vec![
                Case::load("too-large", source("echo"), small),
                Case::load("too-large", padded, small),
            ]
        },
    },
    Row {
        id: "A10-unknown-imports",
        attack: "unknown imports",
        cases: || {
            let source = source("unknown-imports");
            vec![Case::load("imports", source, ALL)]
        },
    },
    Row {
        id: "A11-wrong-type",
        attack: "wrong type, version",
        cases: || {
            let all = "grants.config = {}\ngrants.log = true\ngrants.hash = true";
            vec![
                Case::load("imports", source("wrong-type"), all),
                Case::load("world-version", source("newer-version"), all),
                Case::load("world-version", source("older-version"), all),
            ]
        },
    },
    Row {
        id: "A12-missing-export",
        attack: "missing, mistyped export",
        cases: || {
            let of = |guest| Case::run("missing-export", load(guest, ALL), "");
            vec![of("no-export"), of("mistyped-export")]
        },
    },
    Row {
        id: "A48-policies",
        attack: "hostile policies",
        cases: policies,
    },
];

/// Spoiled bytes of a component. Only malformed ones are cases: a component that ends after a whole section, or has
/// another bit in a name, is valid, and one that declares a million types is over a limit. Other rows cover the actions
/// of such a component.
fn bytes() -> Vec<Case> {
    let whole = std::fs::read(guest_file("echo")).unwrap();
    let length = whole.len();
    let bent = whole.clone();
    vec![
        spoiled(length, 40, move |at| whole[..at].to_vec()),
        spoiled(length, length / 4 * 3, move |at| {
            let mut bytes = bent.clone();
            bytes[at] ^= 1 << (at % 8);
            bytes
        }),
        spoiled(1_000, 10, noise),
    ]
}

/// One of `most` spoiled components at a time, of which no more than `others` are anything but malformed.
fn spoiled(
    most: usize,
    others: usize,
    spoil: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> Case {
    let is_malformed = |number: &usize| {
        let inspected = Source::bytes("spoiled", spoil(*number)).inspect();
        inspected.is_err_and(|refusal| refusal.kind.label() == "malformed")
    };
    let numbers: Vec<usize> = (0..most).filter(is_malformed).collect();
    assert!(
        numbers.len() + others >= most,
        "{} of {most}",
        numbers.len()
    );
    Case::new("malformed", move |time| {
        let number = numbers[time * 53 % numbers.len()];
        load_kind(blocking().load(&Source::bytes("spoiled", spoil(number)), &policy("")))
    })
}

/// The head of a component, and random bytes.
fn noise(seed: usize) -> Vec<u8> {
    let mut state = seed as u64;
    let noise = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as u8
    });
    let head = *b"\0asm\x0d\0\x01\0";
    head.into_iter().chain(noise.take(5_000)).collect()
}

/// None of these is read, or the part that is read grants nothing.
fn policies() -> Vec<Case> {
    let mistakes = [
        "limits.fuel = 1\nlimits.fuel = 2",
        "limits.fule = 1",
        "grants.everything = true",
        "grants.Log = true",
        "grants.log = \"yes\"",
        "limits.memory = -1",
        "limits.memory = \"1 mb\"",
        "grants.http = [{ url = \"https://*.com/**\" }]",
        "grants.http = [{ url = \"https://**\" }]",
        "grants.http = [{ url = \"https://ex\u{430}mple.com/**\" }]",
        "grants.http = [{ url = \"https://a.example/**\", hosts = [] }]",
        "grants.files = [{ root = \"../up\", path = \"/\", access = \"read\" }]",
        "grants.files = [{ root = \"data\", path = \"/\", access = \"Read\" }]",
    ];
    let mut cases: Vec<Case> = mistakes
        .into_iter()
        .map(|text| {
            Case::new("policy", move |_| match Policy::parse(text, root()) {
                Err(_) => "policy".to_owned(),
                Ok(_) => format!("accepted: {text}"),
            })
        })
        .collect();
    // An empty list is no wildcard.
    for empty in [
        "grants.http = []",
        "grants.http = [{ url = \"https://example.com/**\", methods = [] }]",
    ] {
        let text = format!("{}\n{empty}", all_but("http"));
        cases.push(Case::new("policy", move |_| {
            let Ok(policy) = Policy::parse(&text, root()) else {
                return "policy".to_owned();
            };
            let provider = blocking().load(&source("hostile"), &policy);
            let report =
                provider.map(|provider| provider.session().run(b"http-get https://example.com/"));
            match report {
                Ok(Ok(report)) if report.denials.is_empty() => "asked the network".to_owned(),
                _ => "policy".to_owned(),
            }
        }));
    }
    cases
}
