//! Points in time as in `2026-01-01T00:00:00Z`: whole seconds, in UTC.

use crate::error::ValueError;

use super::messages::shown;

/// The last second of the year 9999, the last that the notation can express.
pub(crate) const MAX: u64 = 253_402_300_799;

const DAY: u64 = 86_400;

/// Parses a time in UTC to seconds since 1970.
pub(crate) fn parse(text: &str) -> Result<u64, ValueError> {
    read(text).ok_or_else(|| {
        ValueError::new(format!(
            "`{}` is not a time; write it in UTC, as \"2026-01-01T00:00:00Z\", not before 1970",
            shown(text)
        ))
    })
}

fn read(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let in_range = year >= 1970
        && (1..=12).contains(&month)
        && day >= 1
        && day <= days_of(year, month)
        && hour < 24
        && minute < 60
        && second < 60;
    in_range.then(|| {
        let years: u64 = (1970..year).map(|year| 365 + u64::from(leaps(year))).sum();
        let months: u64 = (1..month).map(|month| days_of(year, month)).sum();
        (years + months + day - 1) * DAY + hour * 3600 + minute * 60 + second
    })
}

/// Three numbers with these counts of digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).zip(digits).map(|(part, digits)| {
        let plain = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u64>().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    (text.split(separator).count() == 3).then_some(three)
}

fn leaps(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(leaps(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Shows a time that is not after [`MAX`].
pub(crate) fn show(seconds: u64) -> String {
    let (mut days, rest) = (seconds / DAY, seconds % DAY);
    let (mut year, mut month) = (1970, 1);
    while days >= 365 + u64::from(leaps(year)) {
        days -= 365 + u64::from(leaps(year));
        year += 1;
    }
    while days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-02T03:04:05Z", 97_445),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2024-12-31T00:00:00Z", 1_735_603_200),
            ("2026-01-01T00:00:00Z", 1_767_225_600),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", MAX),
        ] {
            assert_eq!(parse(text), Ok(seconds));
            assert_eq!(show(seconds), text);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01 00:00:00Z",
            "2026-1-1T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00.5Z",
            "2026-01-01-01T00:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00Z",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
