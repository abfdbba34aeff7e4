//! Modules that import each other in a circle: those of the list, each with its reason, and no others. A new one is most often a
//! word that lives one room too high.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{lines, texts};

/// The circles that there are, with the crate's folder first.
const NATURAL: [(&str, &[&str]); 11] = [
    // A builder makes a runtime, and `Runtime::builder` makes a builder.
    ("runtime", &["builder", "runtime"]),
    // The data of a store has the state of interfaces, whose traits are implemented on it (ADR 16).
    (
        "runtime",
        &[
            "call::charged",
            "call::context",
            "interface",
            "interface::holdings",
            "interface::provider_0_1",
            "interface::provider_0_1::bindings",
            "interface::provider_0_2",
            "interface::wasi_p2",
        ],
    ),
    // A provider makes sessions, which make calls of it, here or in its process; the observer is told of it.
    (
        "runtime",
        &[
            "call::handle",
            "call::invoke",
            "call::provider",
            "call::session",
            "call::store",
            "call::warm",
            "call::warmer",
            "call::wave",
            "host",
            "isolate",
            "isolate::call",
            "observe",
        ],
    ),
    // The folder of the cache has entries, which are sealed with its key.
    (
        "runtime",
        &["compile::cache::entry", "compile::cache::folder"],
    ),
    // A call acts by grants, whose opened state is shared by calls.
    (
        "capability",
        &["call", "files", "granted", "http", "log", "store"],
    ),
    // A source is authenticated by its signature and has an identity.
    ("component", &["identity", "signature", "source"]),
    // The shape is told with the proposals that the validator refuses.
    ("component", &["proposals", "shape"]),
    ("policy", &["decide::address", "decide::reason"]),
    // A document notes mistakes, which show an excerpt of it.
    (
        "policy",
        &[
            "toml::document",
            "toml::mistakes",
            "toml::read_http",
            "toml::syntax",
        ],
    ),
    ("cli", &["commands::demo", "commands::demo::jobs"]),
    // Output is written as a report by the user interface, which an interruption ends.
    (
        "cli",
        &[
            "files::interrupt",
            "files::output",
            "files::writer",
            "output::report",
            "output::ui",
        ],
    ),
];

/// The modules of a crate with their texts, up to their tests.
fn modules(folder: &Path) -> BTreeMap<String, String> {
    let files = texts().into_iter().filter(|file| file.starts_with(folder));
    let modules = files.filter_map(|file| {
        let path = file.strip_prefix(folder).unwrap().with_extension("");
        let name = path.to_str().unwrap().replace('/', "::");
        let name = name.strip_suffix("::mod").unwrap_or(&name).to_owned();
        let is_test = ["tests", "reference"].iter().any(|end| name.ends_with(end));
        if is_test || name == "lib" || file.extension()? != "rs" {
            return None;
        }
        let code = lines(&file).into_iter().map(|(_, line)| line);
        let code = code.take_while(|line| {
            !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test")
        });
        let code = code.map(|line| line.split("//").next().unwrap_or_default().to_owned());
        Some((name, code.collect::<Vec<_>>().join("\n")))
    });
    modules.collect()
}

/// The paths that begin with one of ours: `a::{b, c::d}` is two.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for head in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(head) {
            let before = code.get(..at).and_then(|before| before.chars().next_back());
            if before.is_some_and(|c| c.is_alphanumeric() || "_:".contains(c)) {
                continue;
            }
            expand(code.get(at..).unwrap(), String::new(), &mut found);
        }
    }
    found
}

/// Reads one path, and the contents of its braces; returns the bytes that it took.
fn expand(text: &str, before: String, found: &mut Vec<String>) -> usize {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let path = format!("{before}{}", &text[..end]);
    if !text[end..].starts_with('{') || !path.ends_with("::") {
        found.push(path);
        return end;
    }
    let mut at = end + 1;
    while at < text.len() && !text[at..].starts_with('}') {
        match text[at..].starts_with(is_name) {
            true => at += expand(&text[at..], path.clone(), found),
            false => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    at + 1
}

/// The module that a path of `from` leads to.
fn target(modules: &BTreeMap<String, String>, from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split("::").filter(|part| !part.is_empty()).collect();
    let mut base: Vec<&str> = from.split("::").collect();
    match parts.remove(0) {
        "crate" => base.clear(),
        "super" => {
            base.pop();
            while parts.first() == Some(&"super") {
                parts.remove(0);
                base.pop();
            }
        }
        _ => {}
    }
    base.extend(parts);
    while !base.is_empty() {
        let name = base.join("::");
        if modules.contains_key(&name) {
            return (name != from).then_some(name);
        }
        base.pop();
    }
    None
}

fn circles(modules: &BTreeMap<String, String>) -> BTreeSet<Vec<String>> {
    let imports: BTreeMap<&String, BTreeSet<String>> = modules
        .iter()
        .map(|(name, code)| {
            let paths = paths(code).into_iter();
            (
                name,
                paths
                    .filter_map(|path| target(modules, name, &path))
                    .collect(),
            )
        })
        .collect();
    let reached = |from: &String| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = left.pop() {
            let new = imports[&next]
                .iter()
                .filter(|to| seen.insert((*to).clone()));
            left.extend(new.cloned());
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        modules.keys().map(|name| (name, reached(name))).collect();
    let circle = |name: &String| {
        let back = reached[name].iter().filter(|to| reached[to].contains(name));
        back.cloned().collect::<Vec<_>>()
    };
    modules
        .keys()
        .map(circle)
        .filter(|circle| circle.len() > 1)
        .collect()
}

#[test]
fn paths_of_ours_are_read() {
    assert_eq!(
        paths(
            "use crate::a::{B, c::{D, e}};\nuse super::f;\nlet x = std::crate_x::g + mycrate::h;"
        ),
        [
            "crate::a::B",
            "crate::a::c::D",
            "crate::a::c::e",
            "super::f"
        ]
    );
    let module = |name: &str, code: &str| (name.to_owned(), code.to_owned());
    let both = [
        module("a", "use crate::b::c;"),
        module("b", "use super::a::D;"),
        module("e", "use crate::a;"),
    ];
    assert_eq!(
        circles(&both.into()),
        BTreeSet::from([vec!["a".to_owned(), "b".to_owned()]])
    );
}

#[test]
fn modules_import_each_other_in_the_known_circles_only() {
    for crate_name in [
        "policy",
        "component",
        "capability",
        "runtime",
        "testing",
        "serve",
        "cli",
    ] {
        let modules = modules(Path::new("host").join(crate_name).join("src").as_path());
        assert!(modules.len() > 10, "{crate_name}");
        let known = NATURAL.iter().filter(|(name, _)| *name == crate_name);
        let known = known.map(|(_, circle)| circle.iter().map(|&it| it.to_owned()).collect());
        assert_eq!(
            circles(&modules),
            known.collect::<BTreeSet<_>>(),
            "in {crate_name}"
        );
    }
}
