//! The names of tests, read from the sources: the list that the test binary would give, without a build.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// The full names of all tests under the root file of a test target, such as `budget::host_calls_are_counted`.
pub(crate) fn tests(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let folder = root.parent().unwrap_or(Path::new(""));
    visit(root, folder, &[], &mut names)?;
    Ok(names)
}

/// An open module at the reader's place: its name, and the indentation of its closing brace.
struct Inline {
    name: String,
    indent: usize,
}

/// Reads one file. Its child modules are in `folder`, its own path is `module`.
///
/// Sources are formatted by rustfmt, so the closing brace of a module has the indentation of its first line.
fn visit(file: &Path, folder: &Path, module: &[String], names: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("{}: a module that is declared is not there", file.display()))?;
    let mut inline: Vec<Inline> = Vec::new();
    let mut attribute = String::new();
    for line in text.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code.starts_with("#[") {
            attribute.push_str(code);
            continue;
        }
        if code.starts_with("//") || code.is_empty() {
            continue;
        }
        if code.starts_with('}') && inline.last().is_some_and(|open| open.indent == indent) {
            inline.pop();
        }
        let path = |name: &str| {
            let inside = inline.iter().map(|open| open.name.clone());
            let all = module.iter().cloned().chain(inside);
            all.chain([name.to_owned()]).collect::<Vec<_>>()
        };
        if let Some(name) = after(code, "mod ") {
            let rest = code.split_once(name).map_or("", |(_, rest)| rest);
            if rest.starts_with(';') {
                let mut within = folder.to_owned();
                within.extend(inline.iter().map(|open| &open.name));
                let (child, its_folder) = child(&within, file, name, &attribute);
                // A module for another system or feature may be missing.
                if child.is_file() {
                    visit(&child, &its_folder, &path(name), names)?;
                }
            } else if rest.trim_start().starts_with('{') && !rest.ends_with('}') {
                let name = name.to_owned();
                inline.push(Inline { name, indent });
            }
        } else if let Some(name) = after(code, "fn ")
            && is_test(&attribute)
        {
            names.push(path(name).join("::"));
        }
        attribute.clear();
    }
    Ok(())
}

/// The file of `mod name;` and the folder of its own modules.
fn child(
    within: &Path,
    file: &Path,
    name: &str,
    attribute: &str,
) -> (std::path::PathBuf, std::path::PathBuf) {
    let named = attribute.split_once("#[path = \"");
    if let Some((path, _)) = named.and_then(|(_, rest)| rest.split_once('"')) {
        let path = file.parent().unwrap_or(Path::new("")).join(path);
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        return (path, folder);
    }
    let folder = within.join(name);
    let inside = folder.join("mod.rs");
    if inside.is_file() {
        return (inside, folder);
    }
    (within.join(format!("{name}.rs")), folder)
}

/// `#[test]`, `#[tokio::test]`, `#[tokio::test(flavor = …)]`.
fn is_test(attribute: &str) -> bool {
    ["[test]", "::test]", "::test("]
        .iter()
        .any(|mark| attribute.contains(mark))
}

/// The identifier after a keyword that the line begins with, behind `pub`, `async` and the like.
fn after<'a>(code: &'a str, keyword: &str) -> Option<&'a str> {
    let (before, rest) = code.split_once(keyword)?;
    let visible = |word: &str| {
        word.starts_with("pub") || ["async", "unsafe", "const", "super)", "crate)"].contains(&word)
    };
    if !before.split_whitespace().all(visible) {
        return None;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    rest.get(..end).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_libtest_would_list() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write(
            "main.rs",
            "mod one;\nmod two;\n#[cfg(test)]\n#[path = \"elsewhere_tests.rs\"]\nmod tests;\nmod absent;\n",
        );
        write(
            "one.rs",
            "#[test]\nfn a() {}\nfn helper() {}\n#[tokio::test(flavor = \"x\")]\n#[should_panic]\npub async fn b() {}\n",
        );
        write("two/mod.rs", "pub(crate) mod inner;\n");
        write(
            "two/inner.rs",
            "#[cfg(test)]\nmod tests {\n    proptest! {\n        #[test]\n        fn c(x in 0..1) {\n        }\n    }\n}\n#[test]\nfn d() {}\n",
        );
        write(
            "elsewhere_tests.rs",
            "/// Why.\n#[test]\n// More.\nfn e() -> Result<()> {}\n",
        );
        let names = tests(&folder.path().join("main.rs")).unwrap();
        assert_eq!(
            names,
            [
                "one::a",
                "one::b",
                "two::inner::tests::c",
                "two::inner::d",
                "tests::e"
            ]
        );
    }
}
