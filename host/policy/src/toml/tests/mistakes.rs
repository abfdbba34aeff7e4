//! Tests of mistakes in a policy: each is refused with its position and a fix.

use std::path::Path;

use crate::policy::Policy;
use crate::toml::document;

pub(super) fn refuse(text: &str) -> String {
    let error = Policy::parse(text, Path::new("/base")).unwrap_err();
    error.to_string()
}

/// Texts, each with the beginning of the message about it.
const MISTAKES: &[(&str, &str)] = &[
    // Not TOML.
    (
        "[limits]\nmemory = 64MiB",
        "2:10: limits.memory: string values must be quoted, expected literal string, found `64MiB`",
    ),
    (
        "[grants]\nlog = True",
        "2:7: grants.log: invalid boolean, expected `true`, found `True`",
    ),
    ("[limits", "1:8: limits: unclosed table"),
    ("[limits]\nfuel 7", "2:6: "),
    ("a = \"\u{1b}\"", "1:6: a: invalid basic string"),
    // Unknown keys, at the key.
    (
        "[limit]",
        "1:2: limit: unknown key; did you mean `limits`? Known: limits, grants, trust",
    ),
    (
        "[trust]\nkey = []",
        "2:1: trust.key: unknown key; did you mean `keys`? Known: keys, require",
    ),
    ("[trust]\nkeys = \"RWQ\"", "2:8: trust.keys: found a string"),
    (
        "trust.keys = [\"RWQ\"]",
        "1:15: trust.keys[0]: `RWQ` is not a minisign public key; write the 56 characters",
    ),
    (
        "trust.keys = [\"RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ\",\n\
         \"RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ\"]",
        "2:1: trust.keys[1]: the key A3A8BAA244D14AB4 is listed twice",
    ),
    (
        "trust.keys = [\"RWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]",
        "1:15: trust.keys[0]: the key 0000000000000000 is weak: anybody can sign under it",
    ),
    (
        "[trust]\nrequire = false\nkeys = [\"RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ\"]",
        "2:11: trust.require: false contradicts `keys`",
    ),
    ("trust.require = 1", "1:17: trust.require: found an integer"),
    (
        "trust = true",
        "1:9: trust: found a boolean; write a table: `[trust]`",
    ),
    (
        "[limits]\n  colour = \"60s\"",
        "2:3: limits.colour: unknown key; known: fuel, ",
    ),
    (
        "[limits]\nhost_calls = 1",
        "2:1: limits.host_calls: unknown key; did you mean `host-calls`?",
    ),
    (
        "[limits]\nFuel = 1",
        "2:1: limits.Fuel: unknown key; did you mean `fuel`?",
    ),
    (
        "[limits]\n'fu\u{435}l' = 1",
        "2:1: limits.\"fu\\u{435}l\": unknown key; did you mean `fuel`?",
    ),
    (
        "limits.\"fuel \" = 1",
        "1:8: limits.\"fuel \": unknown key; did you mean `fuel`?",
    ),
    (
        "[grants]\nlogs = true",
        "2:1: grants.logs: unknown key; did you mean `log`?",
    ),
    (
        "[grants]\n'*' = true",
        "2:1: grants.\"*\": unknown key; known: log, ",
    ),
    (
        "[[grants.http]]\nurl = 'https://a.b/'\nmax-bodi = 1",
        "3:1: grants.http[0].max-bodi: unknown key; did you mean `max-body`?",
    ),
    (
        "[[grants.files]]\nroot='a'\npath='a'\nacess='read'",
        "4:1: grants.files[0].acess: unknown key; did you mean `access`?",
    ),
    // The line that a refusal suggests, below a header.
    (
        "[limits]\nfuel = 1\n[grants]\nlog = true\ngrants.hash = true",
        "5:1: grants.grants: unknown key; a line that begins with `grants.` belongs above the first `[…]`, or \
         without `grants.` below `[grants]`",
    ),
    (
        "[[grants.files]]\nroot = 'a'\nlimits.fuel = 1",
        "3:1: grants.files[0].limits: unknown key; a line that begins with `limits.` belongs",
    ),
    // Keys set twice, at the second.
    (
        "[limits]\nfuel = 1\nfuel = 2",
        "3:1: limits.fuel: set twice; keep one of the two",
    ),
    (
        "[limits]\nfuel = 1\n[limits]\nlog = 2",
        "3:2: limits: set twice",
    ),
    (
        "grants.log = true\n[grants]\nhash = true",
        "2:2: grants: set twice; put all of it below one `[grants]`, without `grants.` in front of its lines",
    ),
    (
        "grants = { log = true, log = false }",
        "1:24: grants.log: set twice",
    ),
    (
        "grants.config = { log = 'x' }\ngrants.log = true\ngrants.log = false",
        "3:8: grants.log: set twice",
    ),
    (
        "[[grants.files]]\nroot='a'\n[[grants.files]]\nroot='a'\nroot='b'",
        "5:1: grants.files[1].root: set twice",
    ),
    (
        "[grants.config]\n'a.b' = ''\n\"a.b\" = ''",
        "3:1: grants.config.\"a.b\": set twice",
    ),
    // Wrong types.
    (
        "limits = 5",
        "1:10: limits: found an integer; write a table: `[limits]`",
    ),
    (
        "[[limits]]",
        "1:1: limits: found an array; write a table: `[limits]`",
    ),
    (
        "grants = []",
        "1:10: grants: found an array; write a table: `[grants]`",
    ),
    (
        "[limits]\nfuel = '5'",
        "2:8: limits.fuel: found a string; write a whole number such as 200_000_000",
    ),
    (
        "[limits]\nfuel = 1.0",
        "2:8: limits.fuel: found a float; write a whole number",
    ),
    (
        "[limits]\nmemory = true",
        "2:10: limits.memory: found a boolean; write bytes such as 65536, or a size such as \"64MiB\"",
    ),
    (
        "[limits]\ndeadline = 10",
        "2:12: limits.deadline: `10` has no unit; write a duration such as \"2s\"",
    ),
    (
        "[limits]\ndeadline = 0x10",
        "2:12: limits.deadline: found an integer; write a duration",
    ),
    (
        "[limits]\ndeadline = 10:00:00",
        "2:12: limits.deadline: found a datetime; write a duration",
    ),
    (
        "[grants]\nlog = 'yes'",
        "2:7: grants.log: found a string; write true or false",
    ),
    (
        "[grants]\nstore = 1",
        "2:9: grants.store: found an integer; write true, or a table such as",
    ),
    (
        "[grants]\nconfig = true",
        "2:10: grants.config: found a boolean; write a table of strings",
    ),
    (
        "[grants]\nconfig = { retries = 3 }",
        "2:22: grants.config.retries: found an integer; write a string: the provider is given text",
    ),
    (
        "[grants.http]\nurl = 'https://a.b/'",
        "1:1: grants.http: found a table; write a list: `[[grants.http]]`, with two brackets",
    ),
    (
        "[grants]\nhttp = ['https://a.b/']",
        "2:9: grants.http[0]: found a string; write a table such as",
    ),
    (
        "[grants]\nhttp = [{ url = 1 }]",
        "2:17: grants.http[0].url: found an integer",
    ),
    (
        "[grants.files]\nroot = 'a'",
        "1:1: grants.files: found a table; write a list: `[[grants.files]]`",
    ),
    (
        "[grants]\nwasi = true",
        "2:8: grants.wasi: found a boolean; write \"inert\", or a table: `[grants.wasi]`",
    ),
    (
        "[grants.wasi]\nargs = 'a'",
        "2:8: grants.wasi.args: found a string; write a list",
    ),
    (
        "[grants.wasi]\nenv = ['A']",
        "2:7: grants.wasi.env: found an array; write a table",
    ),
    (
        "[grants.wasi]\nclocks = 2026-01-01T00:00:00Z",
        "2:10: grants.wasi.clocks: found a datetime; write \"real\", or { fixed = ",
    ),
    (
        "[grants.wasi]\nrandom = 42",
        "2:10: grants.wasi.random: found an integer; write \"real\", or { seed = 42 }",
    ),
    (
        "[grants]\ninterfaces = 'a:b/c'",
        "2:14: grants.interfaces: found a string; write a list",
    ),
    (
        "[grants]\ninterfaces = [1]",
        "2:15: grants.interfaces[0]: found an integer",
    ),
    (
        "[grants.store]\npath = true",
        "2:8: grants.store.path: found a boolean; write a string",
    ),
    (
        "[grants]\nstore = { path = 'state.redb' }",
        "2:9: grants.store: a `path` without a `namespace`: components of one file name would share",
    ),
    (
        "[grants.store]\npath = 'state.redb'\nnamespaces = 'ledger'",
        "3:1: grants.store.namespaces: unknown key; did you mean `namespace`?",
    ),
    (
        "[grants.store]\nmax-keys = '5'",
        "2:12: grants.store.max-keys: found a string; write a whole number",
    ),
    // Columns are characters, a byte order mark takes none, and lines may end as on Windows.
    (
        "grants.config = { 'ü' = 'ü', b = 1 }",
        "1:34: grants.config.b: found an integer",
    ),
    ("\u{feff}limit = 1", "1:1: limit: unknown key"),
    ("[limits]\r\nfuel = 0\r\n", "2:8: limits.fuel: 0 is less"),
];

#[test]
fn mistakes_are_told_with_their_place_and_a_cure() {
    are_told(MISTAKES);
}

/// Checks that each text is refused, and that one of the messages begins as given. All are printable.
pub(crate) fn are_told(mistakes: &[(&str, &str)]) {
    for (text, expected) in mistakes {
        let messages = refuse_all(text);
        assert!(
            messages.iter().any(|message| message.starts_with(expected)),
            "{text:?}\n wanted: {expected}\n    got: {messages:#?}"
        );
        let printable = |c: char| !c.is_control();
        assert!(messages.concat().chars().all(printable), "{messages:?}");
    }
}

/// The texts of all mistakes.
pub(super) fn refuse_all(text: &str) -> Vec<String> {
    let error = Policy::parse(text, Path::new("/base")).unwrap_err();
    error.mistakes().iter().map(ToString::to_string).collect()
}

#[test]
fn users_text_is_never_printed_raw() {
    for text in [
        "[\"\\u001b[31m\"]",
        "grants.wasi = \"\\u001b\\u202e\"",
        "limits.memory = \"1\\n\"",
        "\u{1b} = 1",
    ] {
        let message = refuse(text);
        assert!(
            !message.contains(['\u{1b}', '\u{202e}', '\n']),
            "{message:?}"
        );
    }
    let long = format!("[limits]\n{} = 1", "x".repeat(10_000));
    assert!(refuse(&long).len() < 500);
}

#[test]
fn absurd_documents_are_refused_and_not_followed() {
    let long = "#".repeat(document::MAX_TEXT + 1);
    assert_eq!(refuse(&long), "1:1: the policy is longer than 1024 KiB");
    assert!(Policy::parse(&long[1..], Path::new("")).is_ok());
    // Deep text is refused before the parser sees it: its own bound needs more stack than some threads have.
    let deep = |text: &str| assert!(refuse(text).contains("nested deeper than 8"), "{text:.80}");
    deep("a = 1\nb.b.b.b.b.b.b.b.b.b = 1");
    deep("[b . b.'b'.\"b\".b.b.b.b.b.b]");
    deep("a = [[[[[[[[[1]]]]]]]]]");
    deep("a = [{b = [{b = [{b = [{b = [1]}]}]}]}]");
    deep("a = {b = ]{b = ]{b = ]{b = ]{b = ]{b = ]{b = ]{b = ]{");
    assert!(!refuse("a = [1.5, [2.5, [3]], [[4]]] # b.b.b.b.b.b.b.b.b.b").contains("nested"));
    assert!(!refuse("a = \"b.b.b.b.b.b.b.b.b.b [[[[[[[[[[[[\"").contains("nested"));
    for text in [
        format!("{}a = 1", "a.".repeat(100_000)),
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{a=".repeat(100_000)),
        "[a.a.a.a.a.a.a.a]\n".repeat(1_000),
        // The nesting is as deep as the parser accepts, with a mistake at the bottom.
        format!("a = {}", format!("{{{}a = ", "a.".repeat(79)).repeat(79)),
        format!(
            "a = {}1, 1",
            format!("{{{}a = ", "a.".repeat(79)).repeat(79)
        ),
        (1..5_000)
            .map(|i| format!("[a{}]\n", ".a".repeat(i.min(78))))
            .collect(),
    ] {
        let small = std::thread::Builder::new().stack_size(256 << 10);
        small.spawn(move || refuse(&text)).unwrap().join().unwrap();
    }
}
