//! `[grants.wasi]` → [`WasiGrant`].

use crate::grants::{Clocks, Preopen, Random, Streams, WasiGrant};

use super::document::Node;
use super::key::{Key, KeyDefault, Table, ValueType};
use super::messages::shown;
use super::mistakes::Flaw;
use super::time;
use super::units::Unit;

/// The keys of `[grants.wasi]`.
#[rustfmt::skip]
pub(super) const WASI: Table = Table {
    header: "[grants.wasi]",
    meaning: "Grants the WASI interfaces. An empty table is the same as `wasi = \"inert\"`: nothing of the host is behind them but random numbers, clocks are fixed, and sleeping takes no time unless a request is under way.",
    keys: &[
        Key {
            name: "args", kind: "list of strings", range: None,
            value: ValueType::List(&ValueType::String),
            default: KeyDefault::Value("[]"), example: "[\"--all\", \"file.txt\"]",
            meaning: "The arguments after the program's name.",
        },
        Key {
            name: "env", kind: "table of strings", range: None,
            value: ValueType::Strings,
            default: KeyDefault::Value("{}"), example: "{ LANG = \"C\" }",
            meaning: "Environment variables with their values.",
        },
        Key {
            name: "env-from-host", kind: "list of strings", range: None,
            value: ValueType::List(&ValueType::String),
            default: KeyDefault::Value("[]"), example: "[\"LANG\"]",
            meaning: "Names of variables of the host's environment. Their values are read when the provider is loaded; a \
                      variable that is not set there is not set for the provider. A variable that a credential of `grants.http` \
                      reads is refused.",
        },
        Key {
            name: "stdio", kind: "`\"captured\"` or `\"inherit\"`", range: None,
            value: ValueType::Word(&["captured", "inherit"]),
            default: KeyDefault::Value("\"captured\""), example: "\"inherit\"",
            meaning: "Where stdout and stderr go: into the report, or to those of the host process, if the embedding \
                      program allows that.",
        },
        Key {
            name: "clocks", kind: "`\"real\"`, or `{ fixed = \"2026-01-01T00:00:00Z\" }`", range: None,
            value: ValueType::Either(&[ValueType::Word(&["real"]), ValueType::Fields(&[("fixed", ValueType::String)])]),
            default: KeyDefault::Value("{ fixed = \"1970-01-01T00:00:00Z\" }"), example: "\"real\"",
            meaning: "The wall clock and the monotonic clock: those of the host, or a wall clock that stands still and a \
                      monotonic clock that counts its own readings and the time slept. Sleeping then takes no time, unless \
                      something outside is pending: a request, or what is waited for beside the timer.",
        },
        Key {
            name: "random", kind: "`\"real\"`, or `{ seed = NUMBER }`", range: None,
            value: ValueType::Either(&[ValueType::Word(&["real"]), ValueType::Fields(&[("seed", ValueType::Number(Unit::Count))])]),
            default: KeyDefault::Value("\"real\""), example: "{ seed = 42 }",
            meaning: "Random numbers: those of the system, or the same sequence in every session. A seeded sequence is \
                      not secret.",
        },
        Key {
            name: "preopens", kind: "list of roots, each a string or `{ root = \"data\", at = \"/\" }`", range: None,
            value: ValueType::List(&ValueType::Either(&[ValueType::String, ValueType::Fields(&[("root", ValueType::String), ("at", ValueType::String)])])),
            default: KeyDefault::Value("[]"), example: "[\"data\"]",
            meaning: "Roots of `grants.files` that are opened for the provider: under the name of the root, or the path `at`. \
                      A program finds its relative paths below `.` or `/`; of nested names it uses the longest that fits.",
        },
    ],
};

/// A word or a table. The preopens and the host's variables are returned with their nodes: the roots and the credentials
/// are known only when the whole text has been read.
pub(super) fn read<'d>(
    node: &Node<'d>,
    preopens: &mut Vec<(&'d str, Node<'d>)>,
    from_host: &mut Vec<(&'d str, Node<'d>)>,
) -> Result<WasiGrant, Flaw> {
    if let Some(word) = node.value().as_str() {
        return WasiGrant::parse(word).map_err(node.refused());
    }
    let mut grant = WasiGrant::default();
    let wanted = "\"inert\", or a table: `[grants.wasi]`";
    for (name, node) in node.table(&WASI.names(), wanted)? {
        node.keep(read_key(name, &node, &mut grant, preopens, from_host));
    }
    Ok(grant)
}

fn read_key<'d>(
    name: &str,
    node: &Node<'d>,
    grant: &mut WasiGrant,
    preopens: &mut Vec<(&'d str, Node<'d>)>,
    from_host: &mut Vec<(&'d str, Node<'d>)>,
) -> Result<(), Flaw> {
    match name {
        "args" => {
            for node in node.array("a list such as [\"--all\", \"file.txt\"]")? {
                let arg = node.string("a string: arguments are text, so put it in quotes");
                node.keep(arg.and_then(|arg| grant.add_arg(arg).map_err(node.refused())));
            }
        }
        "env" => {
            for (name, node) in node.entries("a table such as { NAME = \"value\" }")? {
                let value = node.string("a string: variables are text, so put it in quotes");
                let added = value.and_then(|value| {
                    let added = grant.add_variable(name, value);
                    added.map_err(node.refused())
                });
                node.keep(added);
            }
        }
        "env-from-host" => {
            for node in node.array("a list of names such as [\"LANG\"]")? {
                let name = node.string("a string such as \"LANG\"");
                let name = name.and_then(|name| {
                    let added = grant.add_from_host(name).map_err(node.refused());
                    added.map(|()| name)
                });
                if let Some(name) = node.keep(name) {
                    from_host.push((name, node));
                }
            }
        }
        "stdio" => {
            let word = node.string("\"captured\" or \"inherit\"")?;
            grant.stdio = Streams::parse(word).map_err(node.refused())?;
        }
        "clocks" => grant.clocks = read_clocks(node)?,
        "random" => grant.random = read_random(node)?,
        _ => {
            for node in node.array("a list of roots such as [\"data\"]")? {
                let read = read_preopen(node.clone()).and_then(|(preopen, root, named)| {
                    let added = grant.add_preopen(preopen).map_err(node.refused());
                    added.map(|()| (root, named))
                });
                preopens.extend(node.keep(read));
            }
        }
    }
    Ok(())
}

/// A preopen, and the name of its root with the node that has it.
fn read_preopen<'d>(node: Node<'d>) -> Result<(Preopen, &'d str, Node<'d>), Flaw> {
    if let Some(root) = node.value().as_str() {
        return Ok((Preopen::new(root), root, node));
    }
    let wanted = "a string such as \"data\", or { root = \"data\", at = \"/\" }";
    let entries = node.table(&["root", "at"], wanted)?;
    let named = node.required(&entries, "root")?.clone();
    let root = named.string("a string such as \"data\"")?;
    let at = node.required(&entries, "at")?;
    let at = at.string("a string such as \"/\"")?;
    Ok((Preopen::new(root).at(at), root, named))
}

fn read_clocks(node: &Node<'_>) -> Result<Clocks, Flaw> {
    let wanted = "\"real\", or { fixed = \"2026-01-01T00:00:00Z\" }";
    match node.value().as_str() {
        Some("real") => return Ok(Clocks::Real),
        Some(other) => return Err(node.error(unknown_word(other, wanted))),
        None => {}
    }
    let entries = node.table(&["fixed"], wanted)?;
    let fixed = node.required(&entries, "fixed")?;
    let text = fixed.string("a string such as \"2026-01-01T00:00:00Z\"")?;
    time::parse(text)
        .map(Clocks::Fixed)
        .map_err(fixed.refused())
}

fn read_random(node: &Node<'_>) -> Result<Random, Flaw> {
    let wanted = "\"real\", or { seed = 42 }";
    match node.value().as_str() {
        Some("real") => return Ok(Random::Real),
        Some(other) => return Err(node.error(unknown_word(other, wanted))),
        None => {}
    }
    let entries = node.table(&["seed"], wanted)?;
    let seed = node.required(&entries, "seed")?;
    seed.number(Unit::Count).map(Random::Seed)
}

fn unknown_word(word: &str, wanted: &str) -> String {
    format!("unknown value `{}`; write {wanted}", shown(word))
}
