//! The policy reference in docs/guide/policy.md, rendered from the tables of keys. The test fails when the page differs
//! from the tables; `BLESS=1` writes it.

use std::fmt::Write as _;
use std::path::Path;

use crate::toml::{Key, KeyDefault, KeyRange, TABLES, Table};
use crate::{Limits, Policy, Unit};

const INTRO: &str = "\
# Policy reference

<!-- Rendered from the tables of keys. To write it anew: BLESS=1 cargo test -p tollgate-policy reference -->

A policy is a TOML text of three parts: limits, grants and trust. Every key is optional unless it is marked as required.
Nothing is granted by default, and every limit has a default. An unknown key or a value out of range is
an error with file, line, column and a fix, and all mistakes are told at once. `tollgate inspect COMPONENT --emit-policy` writes the least
policy under which a component loads, `tollgate policy check FILE` checks policies alone, and `tollgate policy schema` prints their
JSON Schema for editors. [Operations](@operations#policies) says where the program looks for a policy.

```toml
";

const EXAMPLE: &str = r#"[limits]
fuel = 200_000_000
memory = "64MiB"
deadline = "2s"

[grants]
log = true
hash = true
config = { region = "eu" }

[grants.store]
path = "./state.redb"
namespace = "ledger"
max-total = "1MiB"

[[grants.files]]
root = "data"
path = "./data"
access = "read"

[[grants.http]]
url = "https://api.example.com/repos/**"
methods = ["GET"]
credential = { header = "authorization", from-env = "API_TOKEN", prefix = "Bearer " }

[grants.wasi]
args = ["--all"]
clocks = { fixed = "2026-01-01T00:00:00Z" }
random = { seed = 42 }
preopens = ["data"]
"#;

const VALUES: &str = "\
```

## Values

| type | written as |
|---|---|
| number | an integer: `200_000_000` |
| size | a string with a unit of bytes: `\"64KiB\"`, `\"8MiB\"`, `\"1GiB\"` |
| duration | a string with a unit of time: `\"500ms\"`, `\"2s\"`, `\"1m\"`, `\"1h\"` |
| path | a string; a relative path is joined to the folder of the policy file |

";

const REQUESTS: &str = "
## How requests are decided

- **Files**: a path is relative to its root. `tollgate:provider/files` refuses `..`; a WASI guest turns back no further than
  the folder that it starts from. A symbolic link that leads out of the root is denied at each use. A guest makes and moves
  only links whose target is relative and without `..`, so that they stay below their folder. It may rename a folder, and a
  link with `..` that others made in it then leads elsewhere: a program outside that follows links in a root that guests
  write to may be led out of it.
- **HTTP**: a host is looked up once, every address of it is decided on, and one of those is dialled. Loopback, private and
  link-local addresses need their network in `networks`, and an address inside of another (IPv4-mapped, NAT64, 6to4, Teredo) is
  decided as the one inside; behind a translator, only public ones are allowed. At most five redirects are followed, and each is decided anew. A path is decoded
  until nothing changes, and refused if it means something else in any of its forms. Only POST, PUT, PATCH and DELETE have a
  body, and a connection carries one request. The head of a request or a response is bounded
  ([limits](@../security/limits)). A guest never sees a credential and cannot set its header. For each
  request to a host that the policy has a credential for, by whichever grant, the host asks for the whole response, uncompressed. It
  reads the body to its end, `wasi:http` included, where it counts as `host-memory`, and then gives all of it or none: a stream
  without an end, such as server-sent events, gives nothing. It withholds a response that contains a credential of that host in a
  spelling that `SECURITY.md` lists, or that is compressed or in part. The search costs 24 fuel per byte and
  credential. `wasi:http` is decided on by the same grants.
- **WASI**: with fixed clocks and random numbers from a seed, the same input gives the same output for the same fuel.
  `stdio = \"inherit\"` needs the permission of the program as well; `tollgate` gives it. The host escapes control
  characters on a terminal, but for line breaks and tabs; a pipe or a file gets the bytes unchanged.
- **Questions**: a rule with `ask = true` allows a request once an approver has said yes: once, for the session, or no for the
  session. The rule is the ceiling: a request that it does not allow is denied without a question, and one that a rule without `ask`
  allows needs none. Redirects and each use of a path are requests of their own; a file that is open is used without a question.
  `tollgate run` and `tollgate call` ask on the terminal, if stdin and stderr are terminals, stdin is not the input, `stdio` is not `\"inherit\"`,
  neither `--quiet` nor `--report -` is given, and the variable `CI` is not set. \"Always\" writes `ask = false` into the policy file, in
  place of `true` and nowhere else, unless the file has changed. `tollgate mcp` asks [a client that shows forms](@mcp). Everywhere else
  such a request is denied as `not-approved`: by `tollgate serve`, and in a program without an approver. The guest
  stands still while a question is open, and so does its deadline.
- **Trust**: a component is verified before any of it is read; see [trust](@trust).

A denied request is an error for the guest and an entry of `denials` in [the report](@report).
";

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A value as it is written in a policy: numbers with `_` between thousands.
fn shown(unit: Unit, value: u64) -> String {
    if !matches!(unit, Unit::Count) {
        return unit.show(value);
    }
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

fn limits() -> String {
    let mut text = String::from(
        "## `[limits]`\n\nThe bounds on one call, and on loading. Every limit is finite. Each has a flag of the same \
         name in the program, except `output`, whose flag is `--max-output`.\n\n\
         | key | type | default | least | most | bounds |\n|---|---|---|---|---|---|\n",
    );
    for key in Limits::KEYS {
        let show = |value| shown(key.unit, value);
        let kind = match key.unit {
            Unit::Count => "number",
            Unit::Bytes => "size",
            Unit::Duration => "duration",
        };
        let (default, min, max) = (show(key.default_value()), show(key.min), show(key.max));
        let _ = writeln!(
            text,
            "| `{}` | {kind} | {default} | {min} | {max} | {} |",
            key.name,
            cell(key.help)
        );
    }
    text.push_str("\nReasons:\n\n");
    for key in Limits::KEYS {
        let _ = writeln!(
            text,
            "- **{}**: default: {}. Range: {}.",
            key.name, key.reason, key.range
        );
    }
    text
}

fn default(key: &Key) -> String {
    match key.default {
        KeyDefault::Required => "required".to_owned(),
        KeyDefault::Value(value) => format!("`{value}`"),
        KeyDefault::Text(text) => text.to_owned(),
    }
}

fn range(range: Option<KeyRange>) -> String {
    range.map_or_else(String::new, |range| {
        let min = shown(range.unit, range.min);
        match range.max {
            // The largest value of the number's type is no bound.
            max if max >= i64::MAX as u64 => format!(" At least {min}."),
            max => format!(" From {min} to {}.", shown(range.unit, max)),
        }
    })
}

fn table(table: &Table) -> String {
    let mut text = format!(
        "\n## `{}`\n\n{}\n\n| key | type | default | meaning | example |\n|---|---|---|---|---|\n",
        table.header, table.meaning
    );
    for key in table.keys {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {}{} | `{}` |",
            key.name,
            cell(key.kind),
            cell(&default(key)),
            cell(key.meaning),
            range(key.range),
            cell(key.example)
        );
    }
    text
}

fn reference() -> String {
    let tables: String = TABLES.iter().map(|each| table(each)).collect();
    // Links have no ending in the texts above, since the page is in another folder than this file.
    let requests = ["trust", "report", "mcp", "../security/limits"]
        .iter()
        .fold(REQUESTS.to_owned(), |text, page| {
            text.replace(&format!("@{page}"), &format!("{page}.md"))
        });
    let intro = INTRO.replace("@operations", &format!("operations.{}", "md"));
    format!("{intro}{EXAMPLE}{VALUES}{}{tables}{requests}", limits())
}

#[test]
fn the_example_is_a_policy() {
    let policy = Policy::parse(EXAMPLE, Path::new("/etc/tollgate")).unwrap();
    assert_eq!(policy.check(), Ok(()));
    assert_eq!(policy.limits.memory, 64 << 20);
}

#[test]
fn the_page_is_what_the_tables_say() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join("docs/guide/policy.md");
    let text = reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&page, &text).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert_eq!(
        found, text,
        "docs/guide/policy.md differs; if this is on purpose, `./justw bless`"
    );
}
