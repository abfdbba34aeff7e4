//! The name of a project: of its folder, its package, and its component.

use tollgate::escape;

use crate::output::status::ExitReason;

/// The longest name. It is a part of file names, to which builds add theirs.
const LONGEST: usize = 64;

/// Names that a build tool has taken: keywords of Rust, crates that each program has, and devices of Windows.
const TAKEN: &str = "abstract alloc as async aux await become box break build com1 com2 com3 com4 com5 com6 com7 com8 com9 con const continue core crate deps do dyn else \
    enum examples extern false final fn for gen if impl in incremental let loop lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 macro match mod move mut node-modules nul \
    override prn proc-macro pub ref return self static std struct super test trait true try type typeof unsafe unsized use \
    virtual where while wit-bindgen yield";

/// Checks that each build tool takes `name` for a package, and that it is a folder's name and no path.
pub(super) fn check(name: &str) -> Result<(), ExitReason> {
    let why = if name.len() > LONGEST {
        "it is longer than 64 characters"
    } else if TAKEN.split_whitespace().any(|taken| taken == name) {
        "it is a word of Rust, of a build tool or of the system"
    } else if !name.split('-').all(is_word) {
        "a name is words of lower-case letters and digits, each beginning with a letter, with hyphens between them"
    } else {
        return Ok(());
    };
    let fix = match near(name) {
        Some(near) => format!("; `{near}` is a name"),
        None => "; choose another one, such as `my-provider`".to_owned(),
    };
    let shown = escape::line(name);
    Err(ExitReason::Usage(format!(
        "`{shown}` cannot be the name of a project: {why}{fix}"
    )))
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A name made of what can be in one.
fn near(name: &str) -> Option<String> {
    let mut words = Vec::new();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let word = word.trim_start_matches(|c: char| c.is_ascii_digit());
        if !word.is_empty() {
            words.push(word.to_ascii_lowercase());
        }
    }
    let near = words.join("-");
    (!near.is_empty() && near != name && check(&near).is_ok()).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_every_build_tool_takes() {
        for name in ["words", "csv2json", "my-provider-x2", "a"] {
            assert!(check(name).is_ok(), "{name}");
        }
        let long = "a".repeat(65);
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "/a",
            "a\\b",
            "A",
            "a_b",
            "a-",
            "-a",
            "2a",
            "a-2",
            "a b",
            "ä",
            "a\u{1b}[31m",
            "fn",
            "std",
            "nul",
            "com1",
            "lpt9",
            "test",
            &long,
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_wrong_name_is_told_with_one_that_is_right() {
        let said = |name: &str| check(name).unwrap_err().message();
        assert!(said("My Provider").ends_with("; `my-provider` is a name"));
        assert!(said("../etc").ends_with("; `etc` is a name"));
        assert!(said("std").ends_with("such as `my-provider`"));
        assert!(!said("a\u{1b}[31m").contains('\u{1b}'));
    }
}
