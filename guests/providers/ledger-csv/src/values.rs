//! Dates and decimal numbers as the bank writes them.

use std::fmt;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    year: u16,
    month: u16,
    day: u16,
}

impl Date {
    /// Reads `2026-11-21`; none when there is no such day.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut part = |width| {
            parts
                .next()
                .and_then(|digits| number_of_width(digits, width))
        };
        let date = Self {
            year: part(4)?,
            month: part(2)?,
            day: part(2)?,
        };
        let exists = parts.next().is_none()
            && (1..=12).contains(&date.month)
            && (1..=date.days_in_month()).contains(&date.day);
        exists.then_some(date)
    }

    pub(crate) fn next_day(self) -> Self {
        let Self { year, month, day } = self;
        if day < self.days_in_month() {
            Self {
                year,
                month,
                day: day + 1,
            }
        } else if month < 12 {
            Self {
                year,
                month: month + 1,
                day: 1,
            }
        } else {
            Self {
                year: year + 1,
                month: 1,
                day: 1,
            }
        }
    }

    fn days_in_month(self) -> u16 {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A moment such as `2026-11-21 09:30:00`; in order of time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) date: Date,
    time: [u16; 3],
}

impl Moment {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(' ')?;
        let mut parts = time.split(':');
        let mut part = |limit| {
            let digits = parts.next()?;
            number_of_width(digits, 2).filter(|number| *number < limit)
        };
        let time = [part(24)?, part(60)?, part(60)?];
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            date: Date::parse(date)?,
            time,
        })
    }
}

fn number_of_width(digits: &str, width: usize) -> Option<u16> {
    let plain = digits.len() == width && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// Whether `text` is a decimal number such as `-12.50`.
pub(crate) fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

/// Whether a decimal number is zero.
pub(crate) fn is_zero(decimal: &str) -> bool {
    !decimal.contains(|digit: char| matches!(digit, '1'..='9'))
}

/// A decimal number with its sign turned around.
pub(crate) fn negated(decimal: &str) -> String {
    decimal
        .strip_prefix('-')
        .map_or_else(|| format!("-{decimal}"), str::to_owned)
}
