//! The table: each row of the catalogue played, and its results.

use std::time::{Duration, Instant};

use crate::attack_case::{Case, Row};
use crate::{abi, budget, cache, clients, compile, deadline, files, host, load, network, trust};
use support::invariant::{Drift, Stage};

/// The titles of the columns of [`Drift`].
pub(crate) const COLUMNS: &str = "  KiB fd th mm tk";

/// Rounds before a row is measured.
const WARM_UP: usize = 2;

/// All rows, in the order of their numbers.
pub(crate) fn rows() -> Vec<&'static Row> {
    let parts = [
        load::ROWS,
        compile::ROWS,
        abi::ROWS,
        budget::ROWS,
        deadline::ROWS,
        network::ROWS,
        files::ROWS,
        cache::ROWS,
        trust::ROWS,
        host::ROWS,
        clients::ROWS,
    ];
    let mut rows: Vec<&Row> = parts.into_iter().flatten().collect();
    rows.sort_by_key(|row| row.number());
    rows
}

/// The results of a row.
pub(crate) struct Played {
    expected: Vec<String>,
    got: Vec<String>,
    pub(crate) median: Duration,
    pub(crate) drift: Drift,
    pub(crate) wrong: Vec<String>,
}

/// Plays a row `rounds` times, after a warm-up in which the pool, the threads and the allocator acquire memory that
/// they keep.
pub(crate) fn play(row: &Row, stage: &Stage, rounds: usize) -> Played {
    let cases = (row.cases)();
    let mut played = Played {
        expected: Vec::new(),
        got: Vec::new(),
        median: Duration::ZERO,
        drift: Drift::default(),
        wrong: Vec::new(),
    };
    for case in &cases {
        note(&mut played.expected, case.expect);
    }
    let mut times = Vec::new();
    let mut round = 0;
    let (drift, broken) = stage.play(WARM_UP, rounds, || {
        once(&cases, round, stage, &mut played, &mut times);
        round += 1;
    });
    // The times of the warm-up are not measured.
    times.drain(..WARM_UP * cases.len());
    times.sort();
    played.median = times.get(times.len() / 2).copied().unwrap_or_default();
    played.drift = drift;
    played.wrong.extend(broken.map(str::to_owned));
    played
}

fn once(
    cases: &[Case],
    round: usize,
    stage: &Stage,
    played: &mut Played,
    times: &mut Vec<Duration>,
) {
    for (number, case) in cases.iter().enumerate() {
        let start = Instant::now();
        let got = case.once(round);
        times.push(start.elapsed());
        if got != case.expect {
            let text = format!("attack {number}: {got} instead of {}", case.expect);
            note(&mut played.wrong, &text);
        }
        note(&mut played.got, &got);
        if !stage.next_succeeds() {
            note(&mut played.wrong, "the next call does not succeed");
        }
    }
}

fn note(texts: &mut Vec<String>, text: &str) {
    if !texts.iter().any(|known| known == text) {
        texts.push(text.to_owned());
    }
}

/// Prints the table of the rows that are asked for, by number or id, or of all; how many of them are wrong.
pub(crate) fn print(asked: &[&str], rounds: usize) -> usize {
    let stage = Stage::new();
    println!(
        "{:<24} {:<24} {:<26} {:<26} {:>4} {COLUMNS}",
        "row", "attack", "expected", "got", "ms"
    );
    let (mut played, mut wrong) = (0, Vec::new());
    for row in rows() {
        if !asked.is_empty() && !row.is_one_of(asked) {
            continue;
        }
        let result = play(row, &stage, rounds);
        println!(
            "{:<24} {:<24} {:<26} {:<26} {:>4} {}",
            row.id,
            row.attack,
            result.expected.join(" "),
            result.got.join(" "),
            milliseconds(result.median),
            result.drift,
        );
        played += 1;
        wrong.extend(
            result
                .wrong
                .into_iter()
                .map(|text| format!("{}: {text}", row.id)),
        );
    }
    for text in &wrong {
        println!("WRONG  {text}");
    }
    let calls = stage.sibling_calls();
    println!(
        "{played} rows, {rounds} rounds each, {} wrong; {calls} calls of a good guest beside them",
        wrong.len()
    );
    wrong.len()
}

/// In four columns.
fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        0.0..9.995 => format!("{ms:.2}"),
        9.995..99.95 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}
