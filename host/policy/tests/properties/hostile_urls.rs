//! URLs that resemble the granted ones, or lead away from them.

use crate::oracle::{GROUNDS, Ground, Host};
use crate::random::Random;

/// Hosts that are granted, or resemble one that is.
const HOSTS: &[&str] = &[
    "evil.example",
    "evil-api.example.com",
    "api.example.com.evil.example",
    "example.com",
    "example.org",
    ".example.org",
    "..example.org",
    "a..example.org",
    "xn--pple-43d.example.org",
    "a.xn--pple-43d.example.org",
    "aexample.org",
    "a_b.-c.example.org",
    "a!b.example.org",
    "a,b.example.org",
    "a%2eexample.org",
    "a*.example.org",
    "*.example.org",
    "API.example.com",
    "api.example.com.",
    "localhost.",
    "LOCALHOST",
    "127.0.0.1",
    "127.1",
    "0",
    "192.0.2.1.",
    "192.0.513",
    "192.513",
    "3221225985",
    "0xc0000201",
    "0300.0.2.1",
    "0xc0.0.2.1",
    "192.0.2.01",
    "192.0.2.257",
    "192.0.2.1.5",
    "[::ffff:192.0.2.1]",
    "[::ffff:c000:201]",
    "[::1]",
    "[::192.0.2.1]",
    "[",
    "bücher.example",
    "b\u{fc}cher.example",
    "xn--bcher-kva.EXAMPLE",
    "xn--bucher-kva.example",
    "xn--.example",
    "аpi.example.com",
    "api。example。com",
    "ａpi.example.com",
    "api.example.com\u{ad}",
    "①⑨②.0.2.1",
    "localho\u{17f}t",
    "",
];

/// Text that is put before, after and between.
const PIECES: &[&str] = &[
    "@",
    "api.example.com@",
    "user:pw@",
    "@evil.example",
    ":80@",
    "\\",
    "\\\\",
    "/\\",
    "\\@",
    "%2e",
    "%2E%2e",
    "..",
    ".",
    "/../",
    "/v1//tags",
    "/./",
    "/..",
    "..;",
    "/..;/",
    "/..;x=y/",
    ";",
    ".;/",
    "//",
    "///",
    "/",
    "%2f",
    "%2F",
    "%5c",
    "%00",
    "%",
    "%2",
    "%zz",
    "%u002e",
    "%252e%252e%252f",
    "%c0%ae",
    "..%3b",
    "..%3B/",
    "%252e",
    "%25252e",
    "%25252525252e",
    "%25",
    "%e0%80%ae",
    "%ef%bc%8e",
    "%e2%80%8b",
    "%c3%bc",
    "%0d%0a",
    "%09",
    "%7f",
    "%20",
    "%3f",
    "%23",
    "...",
    "#",
    "#@",
    "#/repos/",
    "?",
    "?@",
    "?/../",
    "??",
    ":",
    ":443",
    ":8443",
    ":80",
    ":8080",
    ":0",
    ":00443",
    ":443443",
    ":+443",
    "::",
    "\t",
    "\n",
    "\r\n",
    "\r\nHost: evil.example\r\n\r\n",
    " ",
    "\u{0}",
    "\u{7f}",
    "\u{b}",
    "xn--",
    "X",
    "A",
    "a",
    "tags",
    "repos",
    "pub",
    "v1",
    "-",
    "_",
    "~",
    "*",
    "**",
    "{",
    "|",
    "\"",
    "'",
    "<",
    "^",
    "`",
    "[",
    "]",
    "&",
    "=",
    "+",
    "$",
    "!",
    "(",
    ",",
    "\u{3002}",
    "\u{ff0e}",
    "\u{ff0f}",
    "\u{ff20}",
    "\u{2044}",
    "\u{2025}",
    "\u{2100}",
    "\u{200b}",
    "\u{ad}",
    "\u{202e}",
    "\u{feff}",
    "\u{430}",
    "\u{212a}",
    "\u{e9}",
    "evil.example",
    ".evil.example",
    "api.example.com",
    ".example.org",
    "https://",
    "https://api.example.com/repos/",
];

const SCHEMES: &[&str] = &[
    "http://",
    "https://",
    "HTTPS://",
    "Http://",
    "https:",
    "https:/",
    "https:///",
    "https:\\\\",
    "https:/\\",
    "//",
    "///",
    "",
    "ftp://",
    "file://",
    "wss://",
    "javascript://",
    "data:",
    "blob:https://",
    " https://",
    "\thttps://",
    "ht\ntps://",
    "view-source:https://",
];

const PORTS: &[&str] = &[
    ":443", ":80", ":8080", ":8443", ":", ":0", ":0443", ":65536", ":443:443", ":x", ":443\\",
];

/// Text after a path; `*` is any word.
const TAILS: &[&str] = &[
    "?",
    "?*",
    "?q=*",
    "?*=../../x",
    "?@evil.example/*",
    "?'",
    "?#*",
    "?\\*",
    "?https://api.example.com/repos/*",
    "#",
    "#*",
    "/*",
    "/..",
    "/.",
    ";*",
    ";/..",
];

/// A URL, or the location of a redirect, that is inside its ground, changed in none, one or more places.
pub(crate) fn hostile_url(random: &mut Random) -> String {
    let ground = random.pick(GROUNDS);
    let mut url = String::new();
    // References have neither scheme nor host.
    if !random.percent(8) {
        let odd = random.percent(8);
        url.push_str(if odd {
            random.pick(SCHEMES)
        } else {
            ground.scheme
        });
        push_host(random, &ground, &mut url);
        match random.percent(8) {
            true => url.push_str(random.pick(PORTS)),
            false if ground.port_is_default && random.percent(80) => {}
            false => url.push_str(ground.port),
        }
    }
    if random.percent(25) {
        for _ in 0..random.below(6) {
            url.push_str(random.pick(&["/", "/", "/", "", "//", "\\"]));
            url.push_str(random.pick(PIECES));
        }
    } else {
        let path = random.pick(ground.paths);
        push_filled(random, path, &mut url);
    }
    if random.percent(50) {
        let tail = random.pick(TAILS);
        push_filled(random, tail, &mut url);
    }
    while random.percent(25) {
        bend(random, &mut url);
    }
    url
}

/// The ground's own host, another one, or its own with text before or after it.
fn push_host(random: &mut Random, ground: &Ground, url: &mut String) {
    if random.percent(6) {
        url.push_str(random.pick(HOSTS));
        url.push_str(random.pick(PIECES));
    }
    match ground.host {
        _ if random.percent(12) => url.push_str(random.pick(HOSTS)),
        Host::Is(name) => url.push_str(name),
        Host::Below(name) => {
            let labels = random.pick(&["a", "a.b", "x_y", "xn-", "0", "*", "*.a"]);
            push_filled(random, labels, url);
            url.push_str(name);
        }
    }
    if random.percent(6) {
        url.push_str(random.pick(PIECES));
        url.push_str(random.pick(HOSTS));
    }
}

/// `template` with a word for each `*`.
fn push_filled(random: &mut Random, template: &str, url: &mut String) {
    for c in template.chars() {
        match c {
            '*' => random.push_word(url),
            _ => url.push(c),
        }
    }
}

/// Changes a text in one place.
fn bend(random: &mut Random, text: &mut String) {
    let at = random.boundary(text);
    match random.below(5) {
        0 => text.insert(at, random.character()),
        1 => text.truncate(at),
        2 if at < text.len() => _ = text.remove(at),
        3 if at < text.len() => {
            let upper = text.remove(at).to_ascii_uppercase();
            text.insert(at, upper);
        }
        _ => text.insert_str(at, random.pick(PIECES)),
    }
}
