//! Texts: valid ones, with mutations.

use crate::hostile_urls::hostile_url;
use crate::random::Random;

const POLICIES: &[&str] = &[
    include_str!("../../../samples/checksums.toml"),
    include_str!("../../../samples/echo.toml"),
    include_str!("../../../samples/ledger-csv.toml"),
    include_str!("../../../samples/registry-releases.toml"),
    include_str!("../../../samples/versions-only.toml"),
    include_str!("seeds/policy.toml"),
];

const EXPRESSIONS: &[&str] = &[
    "all({yes: some(true), u8: some(255), s8: some(-128), f32: some(nan), f64: some(-inf)})",
    "all({letter: some('\\u{1f600}'), text: some(\"a\\\"b\\n\\t\\\\\"), bytes: some([1, 2, 3])})",
    "all({texts: some([\"\", \"x\"]), nested: some([[some(some(1)), some(none), none]])})",
    "all({both: some((1, \"x\", 'c')), colour: some(dark-blue), marks: some({a, long-one})})",
    "all({shape: some(circle(1.5e300)), pair: some({left: 1, right: none})})",
    "all({outcome: some(ok([point, named(\"x\")])), empty: some(err), err-only: some(err(\"no\"))})",
    "all({:})",
    "all({u64: some(18446744073709551615), s64: some(-9223372036854775808)})",
    "two(red, {b}, -7)",
    "two(%red, {}, 0)",
    "all({text: some(\"\"\"\n  lines\n  of it\n  \"\"\")})",
];

const IMPORTS: &[&str] = &[
    "itollgate:provider/log@0.1.0",
    "itollgate:provider/files@0.1.0\nowasi:io/error@0.2.3",
    "otollgate:provider/types@0.1.0\nterror",
    "iwasi:filesystem/types@0.2.12\niwasi:http/outgoing-handler@0.2.0",
    "iwasi:keyvalue/store@0.2.0-draft\niwasi:config/store@0.2.0-rc.1",
    "iacme:clock/sleep@0.1.0\nfrun\nrthing\nmmodule\nccomponent\nvvalue",
    "oevil:types/only@99.0.0-alpha.1+build",
];

const PATHS: &[&str] = &["a/b.txt", ".", "a/../b", "./a//b/", "..a/.b", "a b/\u{e9}"];

const WORDS: &[&str] = &[
    "..",
    ".",
    "/",
    "\\",
    "\0",
    "%2e",
    ";",
    ":",
    "@",
    "*",
    "**",
    "#",
    "?",
    "=",
    ",",
    "\"",
    "'",
    "\"\"\"",
    "\\u{",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "[[",
    "]]",
    "\n",
    "\r",
    "\t",
    " ",
    "\u{1b}[2J",
    "\u{feff}",
    "\u{202e}",
    "0",
    "-1",
    "1e999",
    "0x",
    "nan",
    "inf",
    "none",
    "some(",
    "ok(",
    "err(",
    "true",
    "%",
    "-",
    "_",
    "99999999999999999999",
    "64MiB",
    "2s",
    "fuel",
    "memory",
    "grants.",
    "limits.",
    "http",
    "files",
    "url",
    "root",
    "path",
    "wasi:",
    "tollgate:provider/",
    "@0.2.0",
    "@0.1.0",
    "0.2.12",
    "-draft",
    "store",
    "https://",
    "localhost",
    "127.0.0.1",
    "[::1]",
    ":443",
    "max-body",
    "credential",
    "from-env",
    "stdio",
];

/// The next input.
pub(crate) fn make(target: &str, random: &mut Random) -> String {
    let mut text = match target {
        "policy" => some_of(random, POLICIES),
        "wave" => some_of(random, EXPRESSIONS),
        "verdict" => some_of(random, IMPORTS),
        "path" => some_of(random, PATHS),
        _ => hostile_url(random),
    };
    for _ in 0..random.below(5) {
        bend(random, &mut text);
    }
    text
}

/// One, or the beginning of one and the end of another.
pub(crate) fn some_of(random: &mut Random, texts: &[&str]) -> String {
    let mut text = random.pick(texts).to_owned();
    if random.percent(30) {
        let other = random.pick(texts);
        let (end, start) = (random.boundary(&text), random.boundary(other));
        text.truncate(end);
        text.push_str(other.get(start..).unwrap_or_default());
    }
    text
}

/// Changes a text in one place.
pub(crate) fn bend(random: &mut Random, text: &mut String) {
    let at = random.boundary(text);
    let reach = text.len().min(at + random.below(40));
    let end = text.floor_char_boundary(reach);
    match random.below(7) {
        0 => text.insert(at, random.character()),
        1 => text.truncate(at),
        2 if at < end => _ = text.drain(at..end),
        3 if at < end => {
            let piece = text.get(at..end).unwrap_or_default().to_owned();
            let to = random.boundary(text);
            text.insert_str(to, &piece);
        }
        4 if at < end => text.replace_range(at..end, random.pick(WORDS)),
        5 if random.percent(3) => {
            let word = random.pick(WORDS);
            text.insert_str(at, &word.repeat(1 + random.below(3_000)));
        }
        _ => text.insert_str(at, random.pick(WORDS)),
    }
}
