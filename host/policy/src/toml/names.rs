//! The rules for names in a policy: roots, paths, settings, interfaces.

use std::path::Path;

use crate::error::ValueError;

use super::messages::shown;

fn refuse(text: &str, why: &str) -> Result<(), ValueError> {
    Err(ValueError::new(format!("`{}` {why}", shown(text))))
}

/// The name of a root, `[a-z0-9][a-z0-9-_]*`: lower case only, so that no two roots differ by case alone.
pub(crate) fn root(name: &str) -> Result<(), ValueError> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let rest = |b: u8| letter(b) || b == b'-' || b == b'_';
    match name.bytes().next().is_some_and(letter) && name.bytes().all(rest) {
        true => Ok(()),
        false => refuse(
            name,
            "is not a name for a root; use lower-case letters, digits, `-` and `_`, such as `data`",
        ),
    }
}

/// A path of the host, from a policy or from code.
pub(crate) fn path(path: &Path) -> Result<(), ValueError> {
    match path.to_str() {
        None => refuse(
            &path.to_string_lossy(),
            "is not UTF-8, but a policy is text; rename it",
        ),
        Some("") => Err(ValueError::new(
            "an empty path; `.` is the policy's own directory",
        )),
        Some(text) if text.contains('\0') => refuse(text, "has a NUL, which no file name can have"),
        Some(_) => Ok(()),
    }
}

/// The key of a setting.
pub(crate) fn setting(key: &str) -> Result<(), ValueError> {
    label(key, "key", "region")
}

/// The namespace of a store.
pub(crate) fn namespace(name: &str) -> Result<(), ValueError> {
    label(name, "namespace", "ledger")
}

/// A text of the operator's: not empty, and without control characters.
fn label(text: &str, noun: &str, example: &str) -> Result<(), ValueError> {
    match text {
        "" => Err(ValueError::new(format!(
            "an empty {noun}; write a name, such as `{example}`"
        ))),
        _ if text.chars().any(char::is_control) => refuse(
            text,
            &format!("has a control character; use printable characters in a {noun}"),
        ),
        _ => Ok(()),
    }
}

/// An interface of the embedding program, `namespace:package/interface[@version]`. Those of `tollgate` and `wasi` have
/// grants of their own and can be granted in no other way.
pub(crate) fn interface(name: &str) -> Result<(), ValueError> {
    match parse_interface(name) {
        None => refuse(
            name,
            "is not the name of an interface; write it as in WIT, such as `acme:clock/sleep@0.1.0`",
        ),
        Some(Interface {
            namespace, package, ..
        }) if namespace == "tollgate" || namespace == "wasi" => {
            let why = format!(
                "is not an interface of the embedding program: {namespace}:{package} has grants of its own; \
                 name a package of another namespace"
            );
            refuse(name, &why)
        }
        Some(_) => Ok(()),
    }
}

/// Interfaces that are stubs: one, or with `*` in place of its name all of a package; of one version, or without one of each.
pub(crate) fn stub(pattern: &str) -> Result<(), ValueError> {
    let (path, _) = split_off(pattern, '@');
    let names_one = match path.strip_suffix("/*") {
        // Of a package that could have an interface.
        Some(_) => parse_interface(&pattern.replacen('*', "x", 1)).is_some(),
        None => parse_interface(pattern).is_some(),
    };
    match names_one {
        true => Ok(()),
        false => refuse(
            pattern,
            "is not the name of an interface or of all of a package; write it as in WIT, such as `acme:telemetry/metrics@1.0.0`, \
             or `acme:telemetry/*`",
        ),
    }
}

/// Whether a pattern that [`stub`] accepts covers the interface of this full name.
pub(crate) fn stub_covers(pattern: &str, interface: &str) -> bool {
    let ((of, of_version), (path, version)) = (split_off(pattern, '@'), split_off(interface, '@'));
    let in_path = match of.strip_suffix('*') {
        Some(package) => path.strip_prefix(package).is_some_and(is_label),
        None => of == path,
    };
    in_path && of_version.is_none_or(|of_version| version == Some(of_version))
}

/// The parts of the name of an interface.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interface<'n> {
    pub(crate) namespace: &'n str,
    pub(crate) package: &'n str,
    pub(crate) name: &'n str,
}

/// Parses `namespace:package/interface[@version]`; `None` for any other text.
pub(crate) fn parse_interface(text: &str) -> Option<Interface<'_>> {
    let (path, version) = match text.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    };
    let (namespace, rest) = path.split_once(':')?;
    let (package, name) = rest.split_once('/')?;
    let sound =
        [namespace, package, name].into_iter().all(is_label) && version.is_none_or(is_version);
    sound.then_some(Interface {
        namespace,
        package,
        name,
    })
}

/// A label of WIT: words of lower-case letters and digits joined by `-`; the first begins with a letter. WIT also has
/// words in capitals; they are refused so that no two names differ by case alone.
fn is_label(label: &str) -> bool {
    let word = |w: &str| {
        !w.is_empty()
            && w.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    label.starts_with(|c: char| c.is_ascii_lowercase()) && label.split('-').all(word)
}

/// A version as semver.org defines it: `1.2.3`, optionally with `-pre.release` and `+build`.
fn is_version(version: &str) -> bool {
    let (rest, build) = split_off(version, '+');
    let (core, pre) = split_off(rest, '-');
    let numbers: Vec<&str> = core.split('.').collect();
    let identifier =
        |i: &str| !i.is_empty() && i.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let pre_identifier =
        |i: &str| identifier(i) && (!i.bytes().all(|b| b.is_ascii_digit()) || is_number(i));
    numbers.len() == 3
        && numbers.into_iter().all(is_number)
        && pre.is_none_or(|pre| pre.split('.').all(pre_identifier))
        && build.is_none_or(|build| build.split('.').all(identifier))
}

fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    }
}

/// Decimal digits that fit 64 bits, without leading zeros.
fn is_number(digits: &str) -> bool {
    let plain = digits == "0" || !digits.starts_with(['0', '+']);
    plain && digits.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots() {
        for good in ["data", "0", "a-b_c", "x9"] {
            assert_eq!(root(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-a",
            "_a",
            "Data",
            "a/b",
            "a b",
            "d\u{430}ta",
            "a.",
            "..",
        ] {
            assert!(root(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths() {
        for good in [
            "data",
            "./data",
            "/srv/data",
            ".",
            "a b",
            "x..y",
            "../data",
            "a/..",
        ] {
            assert_eq!(path(Path::new(good)), Ok(()), "{good}");
        }
        for bad in ["", "a\0b"] {
            assert!(path(Path::new(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn paths_that_no_text_can_say() {
        use std::os::unix::ffi::OsStrExt;
        let latin1 = Path::new(std::ffi::OsStr::from_bytes(b"gr\xfc\xdfe"));
        assert!(path(latin1).unwrap_err().message.contains("is not UTF-8"));
    }

    #[test]
    fn settings() {
        for good in ["region", "a.b", "größe", "A b"] {
            assert_eq!(setting(good), Ok(()), "{good}");
        }
        for bad in ["", "a\nb", "\u{1b}", "\u{85}"] {
            assert!(setting(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn stubs_are_named_or_of_a_named_package() {
        for (pattern, import, covered) in [
            ("a:b/c@1.0.0", "a:b/c@1.0.0", true),
            ("a:b/c@1.0.0", "a:b/c@1.0.1", false),
            ("a:b/c@1.0.0", "a:b/c", false),
            ("a:b/c", "a:b/c@1.0.1", true),
            ("a:b/c", "a:b/c", true),
            ("a:b/c", "a:b/cd", false),
            ("a:b/*", "a:b/c@1.0.1", true),
            ("a:b/*", "a:b/c/d", false),
            ("a:b/*", "a:b-2/c", false),
            ("a:b/*", "a:b/", false),
            ("a:b/*@1.0.0", "a:b/d@1.0.0", true),
            ("a:b/*@1.0.0", "a:b/d@1.0.1", false),
            ("wasi:sockets/*", "wasi:sockets/tcp@0.2.3", true),
        ] {
            assert_eq!(stub(pattern), Ok(()), "{pattern}");
            assert_eq!(stub_covers(pattern, import), covered, "{pattern} {import}");
        }
        for bad in [
            "", "*", "a", "a:b", "a:*", "a:*/*", "*:b/c", "a:b/c*", "a:b/**", "a:b/*/d", "A:b/*",
            "a:b/*@1", "a:b/c@*", "a:b/ *",
        ] {
            let message = stub(bad).unwrap_err().message;
            assert!(message.contains("as in WIT"), "{bad}: {message}");
        }
    }

    #[test]
    fn interfaces() {
        for good in [
            "acme:clock/sleep",
            "acme:clock/sleep@0.1.0",
            "a:b/c@1.0.0-rc.1+build.7",
            "a1:b-2/c-3d@10.20.30",
            "tollgatex:a/b",
            "a:b/c@1.0.0-a-b",
        ] {
            assert_eq!(interface(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "sleep",
            "acme:clock",
            "acme/sleep",
            "a:b/c/d",
            "a:b:c/d",
            "A:b/c",
            "a:B/c",
            "a:b/C",
            "a:b/c@",
            "a:b/c@1",
            "a:b/c@1.0",
            "a:b/c@01.0.0",
            "a:b/c@1.0.0-",
            "a:b/c@1.0.0-01",
            "a:b/c@1.0.0+",
            "a:b/c@1.0.0@2",
            "a:b/c@+1.0.0",
            "a:b/c@99999999999999999999.0.0",
            "a:b/*",
            "*",
            "a:b/c ",
            "a:b/-c",
            "a:b/c-",
            "a:b/c--d",
            "1a:b/c",
            "\u{430}cme:a/b",
        ] {
            let message = interface(bad).unwrap_err().message;
            assert!(message.contains("as in WIT"), "{bad}: {message}");
        }
        for ours in [
            "tollgate:provider/log@0.1.0",
            "wasi:cli/stdout@0.2.3",
            "tollgate:x/y",
        ] {
            let message = interface(ours).unwrap_err().message;
            assert!(
                message.contains("has grants of its own"),
                "{ours}: {message}"
            );
        }
    }
}
