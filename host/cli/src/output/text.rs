//! Guest text made safe to print, and numbers with units.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tollgate::escape;

/// Guest bytes for a terminal: newlines and tabs stay, hostile characters and bytes that are not UTF-8 are
/// escaped. Unlike [`escape::line`] it cuts nothing: the text is the result that was asked for.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' | '\t' => text.push(c),
                c => push(&mut text, c),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Guest text on one line, uncut. A WAVE string keeps its meaning: WAVE writes the same escapes.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        push(&mut line, c);
    }
    line
}

fn push(text: &mut String, c: char) {
    match c {
        ' '..='~' => text.push(c),
        c => text.push_str(&escape::line(c.encode_utf8(&mut [0; 4]))),
    }
}

/// A path for a message, escaped: a file name may hold any character.
pub(crate) fn path(path: &Path) -> String {
    escape::line(&path.to_string_lossy()).into_owned()
}

/// The size of a file: `18.0 MB`.
pub(crate) fn size(bytes: u64) -> String {
    scaled(bytes, 1000.0, ["B", "kB", "MB", "GB"])
}

/// An amount of memory: `1.1 MiB`.
pub(crate) fn memory(bytes: u64) -> String {
    scaled(bytes, 1024.0, ["B", "KiB", "MiB", "GiB"])
}

fn scaled(bytes: u64, step: f64, units: [&str; 4]) -> String {
    let [unit, larger @ ..] = units;
    if (bytes as f64) < step {
        return format!("{bytes} {unit}");
    }
    let (mut value, mut unit) = (bytes as f64, unit);
    for next in larger {
        // A value that would print as 1000.0 prints as 1.0 of the next unit.
        if value < step - 0.05 {
            break;
        }
        (value, unit) = (value / step, next);
    }
    format!("{value:.1} {unit}")
}

/// A time: `0.8 ms`, `2.1 s`.
pub(crate) fn time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 1000.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{:.1} s", millis / 1000.0)
    }
}

/// An age in one unit: `12 s`, `3 h`, `40 d`.
pub(crate) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let units = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "min")];
    match units.into_iter().find(|(unit, _)| seconds >= *unit) {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}

/// A count with its digits in groups, as policies accept them: `1_000_000`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

/// A part in percent, with one digit after the point: by integers, so that it is the same on every machine.
pub(crate) fn share(part: u64, all: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(all.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_output_is_spelt_out_and_nothing_is_cut() {
        let bytes = b"a\tb\n\x1b[31m\xff\xe2\x80\xaec\r\n";
        assert_eq!(shown(bytes), "a\tb\n\\u{1b}[31m\\xff\\u{202e}c\\r\n");
        assert_eq!(shown("Bäckerei 🙂".as_bytes()), "Bäckerei 🙂");
        assert_eq!(shown(&[b'x'; 5000]).len(), 5000);
        assert_eq!(one_line("a\n\u{202e}b"), "a\\n\\u{202e}b");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(18_000_000), "18.0 MB");
        assert_eq!(size(999_990), "1.0 MB");
        assert_eq!(memory(1 << 20), "1.0 MiB");
        assert_eq!(memory(1_114_112), "1.1 MiB");
        assert_eq!([share(2, 3), share(0, 0)], ["66.6 %", "0.0 %"]);
        assert_eq!(time(Duration::from_micros(812)), "0.8 ms");
        assert_eq!(time(Duration::from_millis(2100)), "2.1 s");
        assert_eq!(
            [59, 61, 7_300, 200_000].map(|seconds| age(Duration::from_secs(seconds))),
            ["59 s", "1 min", "2 h", "2 d"]
        );
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1_000", "1_234_567"]
        );
    }
}
