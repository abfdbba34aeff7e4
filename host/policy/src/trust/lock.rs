//! `tollgate.lock`: the digest that each component had when it was first used.

use std::collections::BTreeMap;

use toml::de::DeValue;

use crate::error::{PolicyError, ValueError};
use crate::toml::document::{self, MAX_TEXT};
use crate::toml::messages::shown;
use crate::toml::quoted::quoted;

/// The digests that components were pinned to, by file name.
///
/// ```
/// use tollgate_policy::{Lock, Pin};
///
/// let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
/// let mut lock = Lock::default();
/// lock.pin("a.wasm", &digest("0"))?;
/// assert_eq!(lock.check("a.wasm", &digest("0")), Pin::Match);
/// assert_eq!(lock.check("a.wasm", &digest("1")), Pin::Mismatch(&digest("0")));
/// assert_eq!(lock.check("b.wasm", &digest("1")), Pin::Unpinned);
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pins: BTreeMap<String, String>,
    /// Whether a component that is not pinned is refused.
    pub strict: bool,
}

/// The result of comparing a component with its pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin<'l> {
    /// The component has the pinned digest.
    Match,
    /// There is no pin for the component's name.
    Unpinned,
    /// The component has another digest than this pinned one.
    Mismatch(&'l str),
}

/// The text above the pins.
const HEAD: &str = "\
# The digest that each component had when it was first used. To accept another version of a component, delete its
# line.
version = 1

[components]
";

impl Lock {
    /// The name of the lock file, in the directory of the policy.
    pub const FILE: &'static str = "tollgate.lock";

    /// The longest lock file that is parsed, in bytes: some ten thousand pins.
    pub const MAX_TEXT: usize = MAX_TEXT;

    /// Parses the text of a lock file.
    ///
    /// # Errors
    ///
    /// The first mistake, with its position. A lock file with a mistake pins nothing.
    pub fn parse(text: &str) -> Result<Lock, PolicyError> {
        if text.len() > MAX_TEXT {
            return Err(PolicyError {
                line: 1,
                column: 1,
                key: String::new(),
                message: format!("the lock file is longer than {} KiB", MAX_TEXT >> 10),
            });
        }
        document::read(text, |top| {
            let mut lock = Lock::default();
            let entries = top.table(&["version", "components"], "a table")?;
            let version = top.required(&entries, "version")?;
            if !matches!(version.value(), DeValue::Integer(number) if number.as_str() == "1") {
                return Err(version.error("unknown version; write 1"));
            }
            let pins = top.required(&entries, "components")?;
            for (file, node) in pins.entries("a table: `[components]`")? {
                let digest = node.string(WANTED)?;
                lock.pin(file, digest).map_err(node.refused())?;
            }
            Ok(lock)
        })
    }

    /// The text that [`Lock::parse`] reads back, sorted by name.
    pub fn to_toml(&self) -> String {
        let line = |(file, digest): (&String, &String)| format!("{}\n", Lock::line(file, digest));
        let lines: String = self.pins.iter().map(line).collect();
        format!("{HEAD}{lines}")
    }

    /// The line of one component in [`Lock::to_toml`].
    pub fn line(file: &str, digest: &str) -> String {
        format!("{} = {}", quoted(file), quoted(digest))
    }

    /// Compares a component, by its file name and its digest, with its pin.
    pub fn check(&self, file: &str, digest: &str) -> Pin<'_> {
        match self.pins.get(file) {
            None => Pin::Unpinned,
            Some(pinned) if pinned == digest => Pin::Match,
            Some(pinned) => Pin::Mismatch(pinned),
        }
    }

    /// The same lock with the pin of this file only.
    #[must_use]
    pub fn for_file(&self, file: &str) -> Lock {
        let pin = self.pins.get_key_value(file);
        Lock {
            pins: pin
                .map(|(file, digest)| (file.clone(), digest.clone()))
                .into_iter()
                .collect(),
            strict: self.strict,
        }
    }

    /// Pins a component. Pinning the same digest again changes nothing.
    ///
    /// # Errors
    ///
    /// If `file` is not a file name, if `digest` is not `sha256:` and 64 hexadecimal digits, or if another digest is
    /// pinned for the name.
    pub fn pin(&mut self, file: &str, digest: &str) -> Result<(), ValueError> {
        if file.is_empty() || file.contains('/') {
            return Err(ValueError::new(format!(
                "`{}` is not a file name; delete the line",
                shown(file)
            )));
        }
        let digits = digest.strip_prefix("sha256:").unwrap_or_default();
        let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        if digits.len() != 64 || !digits.bytes().all(is_digit) {
            return Err(ValueError::new(format!(
                "`{}` is not a digest; write {WANTED}, or delete the line",
                shown(digest)
            )));
        }
        if let Pin::Mismatch(pinned) = self.check(file, digest) {
            let line = Lock::line(file, pinned);
            return Err(ValueError::new(format!(
                "already pinned to another digest: {line}"
            )));
        }
        self.pins.insert(file.to_owned(), digest.to_owned());
        Ok(())
    }
}

const WANTED: &str = "a string of `sha256:` and 64 digits from 0 to f";

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    #[test]
    fn a_lock_reads_back_and_is_sorted() {
        let mut lock = Lock::default();
        for file in ["z.wasm", "a b.wasm", "é\u{1b}.wasm", "\".wasm"] {
            lock.pin(file, &digest('a')).unwrap();
        }
        let text = lock.to_toml();
        assert!(!text.contains('\u{1b}'));
        assert_eq!(Lock::parse(&text), Ok(lock.clone()));
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(".wasm")).collect();
        assert_eq!(lines.len(), 4);
        assert!(text.find("a b.wasm") < text.find("z.wasm"));
        assert_eq!(Lock::parse(&Lock::default().to_toml()), Ok(Lock::default()));
        // A deleted line allows another version.
        let line = format!("{}\n", Lock::line("z.wasm", &digest('a')));
        let mut lock = Lock::parse(&text.replace(&line, "")).unwrap();
        assert_eq!(lock.check("z.wasm", &digest('b')), Pin::Unpinned);
        lock.pin("z.wasm", &digest('b')).unwrap();
    }

    #[test]
    fn a_pin_is_for_one_name_and_one_digest() {
        let mut lock = Lock::default();
        assert_eq!(lock.check("a.wasm", &digest('a')), Pin::Unpinned);
        lock.pin("a.wasm", &digest('a')).unwrap();
        assert_eq!(lock.pin("a.wasm", &digest('a')), Ok(()));
        assert_eq!(lock.check("a.wasm", &digest('a')), Pin::Match);
        assert_eq!(
            lock.check("a.wasm", &digest('b')),
            Pin::Mismatch(&digest('a'))
        );
        assert_eq!(lock.check("A.wasm", &digest('a')), Pin::Unpinned);
        assert!(lock.pin("a.wasm", &digest('b')).is_err());
        lock.pin("b.wasm", &digest('b')).unwrap();
        lock.strict = true;
        let only = lock.for_file("a.wasm");
        assert_eq!(only.check("a.wasm", &digest('a')), Pin::Match);
        assert_eq!(only.check("b.wasm", &digest('b')), Pin::Unpinned);
        assert!(only.strict);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let good = format!("\"a.wasm\" = \"{}\"", digest('a'));
        for (text, expected) in [
            ("", "`version` is missing here"),
            ("version = 1", "`components` is missing here"),
            (
                "version = 2\n[components]",
                "1:11: version: unknown version",
            ),
            (
                "version = \"1\"\n[components]",
                "1:11: version: unknown version",
            ),
            (
                "version = 1\n[component]",
                "2:2: component: unknown key; did you mean",
            ),
            (
                "version = 1\n[components]\na = 1",
                "3:5: components.a: found an integer",
            ),
            (
                "version = 1\n[components]\na = \"sha256:00\"",
                "3:5: components.a: `sha256:00` is not a digest",
            ),
            (
                &format!("version = 1\n[components]\n{}", good.to_uppercase()),
                "3:1",
            ),
            (
                &format!("version = 1\n[components]\n{}", good.replace('a', "A")),
                "is not a digest",
            ),
            (
                &format!(
                    "version = 1\n[components]\n{}",
                    good.replace("a.wasm", "b/a.wasm")
                ),
                "is not a file name",
            ),
            (
                &format!("version = 1\n[components]\n{good}\n{good}"),
                "4:1: components.\"a.wasm\": set twice",
            ),
            (
                &format!("version = 1\n[components]\n{good}\n<<<<<<< ours"),
                "4:9: ",
            ),
        ] {
            let message = Lock::parse(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
