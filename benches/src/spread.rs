//! A number that was measured several times.

use anyhow::{Context, Result};

/// The median, and the quartiles to either side of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of at least one number.
    pub(crate) fn of(mut values: Vec<f64>) -> Result<Spread> {
        values.sort_by(f64::total_cmp);
        Ok(Spread {
            median: at(&values, 0.5)?,
            low: at(&values, 0.25)?,
            high: at(&values, 0.75)?,
        })
    }

    /// The same in another unit.
    pub(crate) fn times(self, factor: f64) -> Spread {
        Spread {
            median: self.median * factor,
            low: self.low * factor,
            high: self.high * factor,
        }
    }

    /// Its reciprocal: seconds per call become calls per second.
    pub(crate) fn inverse(self) -> Spread {
        Spread {
            median: 1.0 / self.median,
            low: 1.0 / self.high,
            high: 1.0 / self.low,
        }
    }

    /// A number that was measured once.
    pub(crate) fn once(value: f64) -> Spread {
        Spread {
            median: value,
            low: value,
            high: value,
        }
    }
}

/// The value below which a part of sorted values is, between two of them if need be.
pub(crate) fn at(sorted: &[f64], part: f64) -> Result<f64> {
    let last = sorted
        .len()
        .checked_sub(1)
        .context("nothing was measured")?;
    let place = part * last as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    Ok(below + (above - below) * place.fract())
}
