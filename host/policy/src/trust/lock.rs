//! `tollgate.lock`: the digest that each component had when it was first used.

use std::collections::{BTreeMap, BTreeSet};

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
    /// A component must have each digest of its name, so two of them refuse it. Only [`Lock::intersect`] leaves two.
    pins: BTreeMap<String, BTreeSet<String>>,
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
    /// The mistakes, each with its position. A lock file with a mistake pins nothing.
    pub fn parse(text: &str) -> Result<Lock, PolicyError> {
        if text.len() > MAX_TEXT {
            let message = format!("the lock file is longer than {} KiB", MAX_TEXT >> 10);
            return Err(PolicyError::whole(message));
        }
        document::read(text, &[], |top| {
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
        // Two digests of one name are two lines, which are refused when they are read.
        let pins = self.pins.iter();
        let pins =
            pins.flat_map(|(file, digests)| digests.iter().map(move |digest| (file, digest)));
        let lines: String = pins
            .map(|(file, digest)| format!("{}\n", Lock::line(file, digest)))
            .collect();
        format!("{HEAD}{lines}")
    }

    /// The line of one component in [`Lock::to_toml`].
    pub fn line(file: &str, digest: &str) -> String {
        format!("{} = {}", quoted(file), quoted(digest))
    }

    /// Compares a component, by its file name and its digest, with its pin.
    pub fn check(&self, file: &str, digest: &str) -> Pin<'_> {
        let Some(pinned) = self.pins.get(file) else {
            return Pin::Unpinned;
        };
        match pinned.iter().find(|pinned| *pinned != digest) {
            None => Pin::Match,
            Some(other) => Pin::Mismatch(other),
        }
    }

    /// The lock that accepts only components which both `self` and `other` accept. A name that the two pin to different
    /// digests is refused with any digest.
    ///
    /// ```
    /// use tollgate_policy::{Lock, Pin};
    ///
    /// let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    /// let (mut one, mut other) = (Lock::default(), Lock::default());
    /// one.pin("a.wasm", &digest("0"))?;
    /// other.pin("a.wasm", &digest("1"))?;
    /// assert!(matches!(one.intersect(&other).check("a.wasm", &digest("1")), Pin::Mismatch(_)));
    /// # Ok::<(), tollgate_policy::ValueError>(())
    /// ```
    #[must_use]
    pub fn intersect(&self, other: &Lock) -> Lock {
        let mut pins = self.pins.clone();
        for (file, digests) in &other.pins {
            let pinned = pins.entry(file.clone()).or_default();
            pinned.extend(digests.iter().cloned());
        }
        // A strict lock refuses the names that it does not pin, also those that the other one pins.
        let accepts = |lock: &Lock, file: &String| !lock.strict || lock.pins.contains_key(file);
        pins.retain(|file, _| accepts(self, file) && accepts(other, file));
        Lock {
            pins,
            strict: self.strict || other.strict,
        }
    }

    /// The same lock with the pin of this file only.
    #[must_use]
    pub fn for_file(&self, file: &str) -> Lock {
        let pin = self.pins.get_key_value(file);
        Lock {
            pins: pin
                .map(|(file, digests)| (file.clone(), digests.clone()))
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
        let pinned = self.pins.entry(file.to_owned()).or_default();
        pinned.insert(digest.to_owned());
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
    fn two_locks_together_accept_no_more_than_each() {
        let lock = |strict, pins: &[(&str, char)]| {
            let mut lock = Lock {
                strict,
                ..Lock::default()
            };
            for (file, digit) in pins {
                lock.pin(file, &digest(*digit)).unwrap();
            }
            lock
        };
        let one = lock(false, &[("a.wasm", 'a'), ("b.wasm", 'b')]);
        let other = lock(true, &[("a.wasm", 'c'), ("c.wasm", 'c')]);
        for both in [one.intersect(&other), other.intersect(&one)] {
            assert!(both.strict);
            // Two digests are pinned, and a component has one.
            for digit in ['a', 'c'] {
                assert!(matches!(
                    both.check("a.wasm", &digest(digit)),
                    Pin::Mismatch(_)
                ));
            }
            assert_eq!(both.check("b.wasm", &digest('b')), Pin::Unpinned);
            assert_eq!(both.check("c.wasm", &digest('c')), Pin::Match);
            assert_eq!(
                both.for_file("a.wasm").check("a.wasm", &digest('c')),
                Pin::Mismatch(&digest('a'))
            );
            // Its text pins neither of them.
            let error = Lock::parse(&both.to_toml()).unwrap_err();
            assert!(
                error.mistakes()[0].message.starts_with("set twice"),
                "{error}"
            );
        }
        assert_eq!(one.intersect(&one), one);
        assert_eq!(one.intersect(&Lock::default()), one);
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
