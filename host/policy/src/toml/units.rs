//! Numbers with units: how counts, sizes and durations are parsed and shown.

use crate::error::ValueError;

use super::messages::{shown, suggestion};

/// The unit of a number in a policy.
///
/// ```
/// use tollgate_policy::Unit;
///
/// assert_eq!(Unit::Bytes.parse("64MiB"), Ok(64 << 20));
/// assert_eq!(Unit::Duration.parse("1.5s"), Ok(1_500_000));
/// assert_eq!(Unit::Duration.show(1_500_000), "1500ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A count: a plain integer.
    Count,
    /// Bytes: an integer, or a string such as `"64MiB"`.
    Bytes,
    /// A duration in microseconds: a string with a unit, such as `"1.5s"`.
    Duration,
}

/// A suffix, and the bytes or microseconds that it stands for.
type Scale = (&'static str, u64);

/// Binary units (IEC 80000-13), largest first.
const BINARY: &[Scale] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Decimal units (SI): parsed but never shown, so that a shown size has one form.
const DECIMAL: &[Scale] = &[("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// Units of time, largest first.
const TIME: &[Scale] = &[
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl Unit {
    /// An example of a value, for messages and help.
    pub const fn example(self) -> &'static str {
        match self {
            Unit::Count => "a whole number such as 200_000_000",
            Unit::Bytes => "bytes such as 65536, or a size such as \"64MiB\"",
            Unit::Duration => "a duration such as \"2s\", \"500ms\" or \"1.5s\"",
        }
    }

    /// The suffixes that a value may have as a string: none of a count. Bytes may also be written without one.
    ///
    /// ```
    /// use tollgate_policy::Unit;
    ///
    /// assert_eq!(Unit::Duration.suffixes(), ["h", "m", "s", "ms", "us"]);
    /// ```
    pub fn suffixes(self) -> Vec<&'static str> {
        self.scales().into_iter().map(|(name, _)| name).collect()
    }

    /// Parses a count, a number of bytes or a number of microseconds.
    ///
    /// Digits may be grouped with `_`; sizes and durations may have decimals, as long as the result is a
    /// whole number of bytes or microseconds. Nothing is rounded.
    ///
    /// # Errors
    ///
    /// If the text is not a number, is negative, has an unknown unit or lacks one, has decimals finer than the unit's
    /// smallest step, or does not fit 64 bits.
    pub fn parse(self, text: &str) -> Result<u64, ValueError> {
        let error = |what: &str| {
            let text = shown(text);
            ValueError::new(format!("`{text}` {what}; write {}", self.example()))
        };
        if text.starts_with('-') {
            return Err(error("is negative"));
        }
        let suffix = text.trim_start_matches(|c| matches!(c, '0'..='9' | '_' | '.'));
        let number = text.strip_suffix(suffix).unwrap_or(text);
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (number, None),
        };
        let mut parts = std::iter::once(whole).chain(fraction);
        if !parts.all(grouped_digits) {
            return Err(error("is not a number"));
        }
        let scale = match (self, suffix) {
            (Unit::Count, "") if fraction.is_some() => return Err(error("is not a whole number")),
            (Unit::Count | Unit::Bytes, "") => 1,
            (Unit::Count, _) => return Err(error("has a unit, but this is a plain count")),
            (Unit::Duration, "") => return Err(error("has no unit")),
            (Unit::Bytes | Unit::Duration, _) => self.scale(suffix)?,
        };
        match exact(whole, fraction.unwrap_or(""), scale) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(error("is finer than one byte or one microsecond")),
            Err(TooLarge) => Err(error("is too large")),
        }
    }

    fn scales(self) -> Vec<Scale> {
        match self {
            Unit::Count => Vec::new(),
            Unit::Bytes => [BINARY, DECIMAL].concat(),
            Unit::Duration => TIME.to_vec(),
        }
    }

    fn scale(self, suffix: &str) -> Result<u64, ValueError> {
        let scales = self.scales();
        match scales.iter().find(|(name, _)| *name == suffix) {
            Some((_, scale)) => Ok(*scale),
            None => {
                let known: Vec<&str> = scales.iter().map(|(name, _)| *name).collect();
                let cure = match known.iter().find(|name| **name == suffix.trim()) {
                    Some(name) => format!("; write `{name}`, without a space"),
                    None => suggestion(suffix, &known),
                };
                let suffix = shown(suffix);
                Err(ValueError::new(format!("unknown unit `{suffix}`{cure}")))
            }
        }
    }

    /// The shortest exact form, such as `64MiB`, `1500ms` or `200000000`. [`Unit::parse`] reads it back.
    pub fn show(self, value: u64) -> String {
        let scales = match self {
            Unit::Count => return value.to_string(),
            Unit::Bytes => BINARY,
            Unit::Duration => TIME,
        };
        let divides = |(_, scale): &&Scale| value != 0 && value.is_multiple_of(*scale);
        match scales.iter().find(divides).or(scales.last()) {
            Some((name, scale)) => format!("{}{name}", value / scale),
            None => value.to_string(),
        }
    }
}

/// Digits, with single `_` between them.
fn grouped_digits(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split('_').all(digits)
}

struct TooLarge;

/// `whole.fraction × scale`, or `None` if that is not a whole number.
fn exact(whole: &str, fraction: &str, scale: u64) -> Result<Option<u64>, TooLarge> {
    let number = |digits: &str| digits.parse::<u64>().map_err(|_| TooLarge);
    let (whole, fraction) = (whole.replace('_', ""), fraction.replace('_', ""));
    let fraction = fraction.trim_end_matches('0');
    // Ten to the 19th is the largest power of ten in 64 bits; more decimals are finer than any unit.
    let Some(parts) = u32::try_from(fraction.len())
        .ok()
        .and_then(|digits| 10_u64.checked_pow(digits))
    else {
        return Ok(None);
    };
    let fraction = match fraction {
        "" => 0,
        digits => u128::from(number(digits)?) * u128::from(scale),
    };
    if !fraction.is_multiple_of(u128::from(parts)) {
        return Ok(None);
    }
    let total = u128::from(number(&whole)?) * u128::from(scale) + fraction / u128::from(parts);
    u64::try_from(total).map(Some).map_err(|_| TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        let cases: &[(Unit, &str, u64)] = &[
            (Unit::Count, "0", 0),
            (Unit::Count, "200_000_000", 200_000_000),
            (Unit::Count, "18446744073709551615", u64::MAX),
            (Unit::Bytes, "65536", 65_536),
            (Unit::Bytes, "7B", 7),
            (Unit::Bytes, "2KiB", 2_048),
            (Unit::Bytes, "64MiB", 64 << 20),
            (Unit::Bytes, "4GiB", 4 << 30),
            (Unit::Bytes, "2kB", 2_000),
            (Unit::Bytes, "2MB", 2_000_000),
            (Unit::Bytes, "2GB", 2_000_000_000),
            (Unit::Bytes, "1.5MiB", 3 << 19),
            (Unit::Duration, "250us", 250),
            (Unit::Duration, "500ms", 500_000),
            (Unit::Duration, "2s", 2_000_000),
            (Unit::Duration, "1m", 60_000_000),
            (Unit::Duration, "1h", 3_600_000_000),
            (Unit::Duration, "1.5s", 1_500_000),
            (Unit::Duration, "0.000001s", 1),
            (Unit::Duration, "1.50000000000000000000000000s", 1_500_000),
        ];
        for (unit, text, value) in cases {
            assert_eq!(unit.parse(text), Ok(*value), "{text}");
        }
    }

    #[test]
    fn refuses_with_a_cure() {
        let cases: &[(Unit, &str, &str)] = &[
            (Unit::Count, "", "is not a number"),
            (Unit::Count, "-1", "is negative"),
            (Unit::Count, "1k", "plain count"),
            (Unit::Count, "1.5", "not a whole number"),
            (Unit::Count, "1__0", "is not a number"),
            (Unit::Count, "_1", "is not a number"),
            (Unit::Count, "18446744073709551616", "too large"),
            (Unit::Count, "99999999999999999999999", "too large"),
            (
                Unit::Bytes,
                "64MiB ",
                "unknown unit `MiB `; write `MiB`, without a space",
            ),
            (Unit::Bytes, "64mib", "did you mean `MiB`?"),
            (Unit::Bytes, "64 MiB", "write `MiB`, without a space"),
            (Unit::Bytes, "MiB", "is not a number"),
            (Unit::Bytes, ".5MiB", "is not a number"),
            (Unit::Bytes, "5.MiB", "is not a number"),
            (Unit::Bytes, "1.2.3MiB", "is not a number"),
            (Unit::Bytes, "0.3B", "finer than one byte"),
            (Unit::Bytes, "17179869184GiB", "too large"),
            (Unit::Bytes, "+5", "is not a number"),
            (
                Unit::Duration,
                "10",
                "has no unit; write a duration such as \"2s\"",
            ),
            (Unit::Duration, "10sec", "unknown unit `sec`"),
            (Unit::Duration, "10S", "did you mean `s`?"),
            (Unit::Duration, "0.1us", "finer than"),
            (
                Unit::Duration,
                "0.00000000000000000000000001s",
                "finer than",
            ),
            (Unit::Duration, "1\u{1b}", "unknown unit `\\u{1b}`"),
        ];
        for (unit, text, expected) in cases {
            let message = unit.parse(text).unwrap_err().message;
            assert!(message.contains(expected), "{text:?}: {message}");
        }
    }

    #[test]
    fn shows_the_shortest_exact_form() {
        let cases: &[(Unit, u64, &str)] = &[
            (Unit::Count, 1_000, "1000"),
            (Unit::Bytes, 0, "0B"),
            (Unit::Bytes, 1_000, "1000B"),
            (Unit::Bytes, 3 << 19, "1536KiB"),
            (Unit::Bytes, 4 << 30, "4GiB"),
            (Unit::Duration, 0, "0us"),
            (Unit::Duration, 1_500_000, "1500ms"),
            (Unit::Duration, 120_000_000, "2m"),
            (Unit::Duration, 86_400_000_000, "24h"),
        ];
        for (unit, value, text) in cases {
            assert_eq!(unit.show(*value), *text);
            assert_eq!(unit.parse(text), Ok(*value));
        }
    }
}
