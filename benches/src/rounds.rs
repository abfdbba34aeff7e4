//! Measuring in rounds: in each round, every contender makes some calls, in an order of its own, so that no contender always
//! runs on what the same other one left in the caches. Two contenders are compared within the same few milliseconds, so that a
//! machine that slows down slows both.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::spread::Spread;

/// The work of one contender in a round: the given number of calls.
type Calls<'a> = Box<dyn FnMut(u32) -> Result<()> + 'a>;

/// The number of batches of calls in a contender's turn. The median counts, so a batch in which another process had the
/// processor does not.
const BATCHES: u32 = 7;

/// The time of a batch, unless one call takes longer.
const BATCH: Duration = Duration::from_micros(500);

/// Contenders for the same work.
#[derive(Default)]
pub(crate) struct Rounds<'a> {
    contenders: Vec<(String, Calls<'a>)>,
}

impl<'a> Rounds<'a> {
    /// One more contender, which makes as many calls as it is told.
    pub(crate) fn add(&mut self, name: &str, calls: impl FnMut(u32) -> Result<()> + 'a) {
        self.contenders.push((name.to_owned(), Box::new(calls)));
    }

    /// Rounds for about `time`; 7 at least, so that there is a spread.
    pub(crate) fn run(mut self, time: Duration) -> Result<Samples> {
        let mut turns = Vec::new();
        for (name, calls) in &mut self.contenders {
            turns.push(calibrate(calls).with_context(|| name.clone())?);
        }
        let round: Duration = turns.iter().map(|turn| turn.batch * turn.batches).sum();
        let rounds = (time.as_secs_f64() / round.as_secs_f64()).clamp(7.0, 301.0) as usize;
        let mut seconds = vec![Vec::with_capacity(rounds); self.contenders.len()];
        let mut orders = Orders::of(self.contenders.len());
        for _ in 0..rounds {
            for &who in orders.next() {
                let (name, calls) = &mut self.contenders[who];
                let turn = &turns[who];
                let taken = turn.take(calls).with_context(|| name.clone())?;
                seconds[who].push(taken);
            }
        }
        let names = self.contenders.into_iter().map(|(name, _)| name);
        Ok(Samples {
            of: names.zip(seconds).collect(),
        })
    }
}

impl Rounds<'_> {
    /// One call of each contender in a round, and a pause before each: as requests come to a server that has time.
    pub(crate) fn run_paced(mut self, rounds: usize, pause: Duration) -> Result<Samples> {
        let mut seconds = vec![Vec::with_capacity(rounds); self.contenders.len()];
        let mut orders = Orders::of(self.contenders.len());
        for _ in 0..rounds {
            for &who in orders.next() {
                let (name, calls) = &mut self.contenders[who];
                std::thread::sleep(pause);
                let start = Instant::now();
                calls(1).with_context(|| name.clone())?;
                seconds[who].push(start.elapsed().as_secs_f64());
            }
        }
        let names = self.contenders.into_iter().map(|(name, _)| name);
        Ok(Samples {
            of: names.zip(seconds).collect(),
        })
    }
}

/// The orders of the contenders in the rounds: of each round another one, and the same ones in each run.
struct Orders {
    order: Vec<usize>,
    /// The state of a generator of numbers (PCG's multiplier and increment).
    state: u64,
}

impl Orders {
    fn of(contenders: usize) -> Orders {
        Orders {
            order: (0..contenders).collect(),
            state: 1,
        }
    }

    /// The next one (Fisher and Yates).
    fn next(&mut self) -> &[usize] {
        for last in (1..self.order.len()).rev() {
            self.state = self
                .state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let other = (self.state >> 33) as usize % (last + 1);
            self.order.swap(last, other);
        }
        &self.order
    }
}

/// The turn of a contender.
struct Turn {
    /// Calls in a batch.
    times: u32,
    /// The time that one batch takes.
    batch: Duration,
    batches: u32,
}

impl Turn {
    /// Seconds per call.
    fn take(&self, calls: &mut Calls<'_>) -> Result<f64> {
        let mut seconds = Vec::new();
        for _ in 0..self.batches {
            let start = Instant::now();
            calls(self.times)?;
            seconds.push(start.elapsed().as_secs_f64() / f64::from(self.times));
        }
        Ok(Spread::of(seconds)?.median)
    }
}

/// The number of calls in a batch, and of batches in a turn. A call that takes longer than a batch is a batch of its
/// own.
fn calibrate(calls: &mut Calls<'_>) -> Result<Turn> {
    calls(1)?;
    let mut times = 1;
    loop {
        let start = Instant::now();
        calls(times)?;
        let batch = start.elapsed();
        if batch >= BATCH || times >= 1 << 20 {
            let batches = if batch > BATCH * BATCHES { 1 } else { BATCHES };
            return Ok(Turn {
                times,
                batch,
                batches,
            });
        }
        // No more than the double: the first calls are slower.
        let fit = BATCH.as_secs_f64() / batch.as_secs_f64().max(1e-9) * f64::from(times);
        times = (fit.ceil() as u32).clamp(times + 1, times * 2);
    }
}

/// Seconds per call, of each contender in each round.
pub(crate) struct Samples {
    of: Vec<(String, Vec<f64>)>,
}

impl Samples {
    /// The names of the contenders.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.of.iter().map(|(name, _)| name.as_str())
    }

    /// Seconds per call.
    pub(crate) fn seconds(&self, name: &str) -> Result<Spread> {
        Spread::of(self.get(name)?.to_vec())
    }

    /// The time of one contender divided by the time of another, in each round.
    pub(crate) fn ratio(&self, name: &str, other: &str) -> Result<Spread> {
        let pairs = self.get(name)?.iter().zip(self.get(other)?);
        Spread::of(pairs.map(|(this, other)| this / other).collect())
    }

    /// The geometric mean, over pairs of contenders, of the time of one divided by the time of the other.
    pub(crate) fn geometric_mean(&self, pairs: &[(String, String)]) -> Result<Spread> {
        let mut logs: Vec<f64> = Vec::new();
        for (name, other) in pairs {
            let (these, others) = (self.get(name)?, self.get(other)?);
            logs.resize(these.len(), 0.0);
            for (log, (this, other)) in logs.iter_mut().zip(these.iter().zip(others)) {
                *log += (this / other).ln() / pairs.len() as f64;
            }
        }
        Spread::of(logs.into_iter().map(f64::exp).collect())
    }

    fn get(&self, name: &str) -> Result<&[f64]> {
        let found = self.of.iter().find(|(other, _)| other == name);
        let (_, seconds) = found.with_context(|| format!("{name} did not take part"))?;
        Ok(seconds)
    }
}
