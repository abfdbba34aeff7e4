//! The table: each row of the catalogue played, and what came of it.

use std::time::{Duration, Instant};

use crate::case::{Case, Row};
use crate::stage::{Drift, Stage};
use crate::{before, border, budget, compile, files, network, trust, waiting};

/// Rows that wait for what they attack: the cache of compiled code.
const NOT_YET: [(u8, &str); 1] = [(44, "poisoned code cache")];

/// Rounds before a row is measured.
const WARM_UP: usize = 2;

/// All rows, by their numbers.
pub(crate) fn rows() -> Vec<&'static Row> {
    let parts = [
        before::ROWS,
        compile::ROWS,
        border::ROWS,
        budget::ROWS,
        waiting::ROWS,
        network::ROWS,
        files::ROWS,
        trust::ROWS,
    ];
    let mut rows: Vec<&Row> = parts.into_iter().flatten().collect();
    rows.sort_by_key(|row| row.number);
    rows
}

/// What came of a row.
pub(crate) struct Played {
    expected: Vec<String>,
    got: Vec<String>,
    pub(crate) median: Duration,
    pub(crate) drift: Drift,
    pub(crate) wrong: Vec<String>,
}

/// Plays a row so many times, after a warm-up in which the pool, the threads and the allocator get what they
/// keep.
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
    let calls = stage.sibling_calls();
    let mut times = Vec::new();
    let mut round = 0;
    let mut some = |rounds: usize, played: &mut Played, times: &mut Vec<Duration>| {
        for _ in 0..rounds {
            once(&cases, round, stage, played, times);
            round += 1;
        }
    };
    some(WARM_UP, &mut played, &mut Vec::new());
    // What the allocator keeps for a thread comes with the first time that two of them need it at once, which
    // may be late. A leak is there every time.
    for _ in 0..4 {
        let before = stage.footprint();
        some(rounds, &mut played, &mut times);
        played.drift = stage.drift(&before);
        if !played.drift.is_over() {
            break;
        }
    }
    times.sort();
    played.median = times.get(times.len() / 2).copied().unwrap_or_default();
    if played.drift.is_over() {
        played.wrong.push("something is left of it".to_owned());
    }
    if !stage.sibling_is_well(calls) {
        played
            .wrong
            .push("the call beside it went wrong".to_owned());
    }
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

/// Prints the table of the rows that are asked for, or of all; how many of them are wrong.
pub(crate) fn print(asked: &[&str], rounds: usize) -> usize {
    let is_asked = |number: u8| asked.is_empty() || asked.contains(&number.to_string().as_str());
    let stage = Stage::new();
    println!(
        "{:>2} {:<24} {:<26} {:<26} {:>4} {:>4} {:>2} {:>2} {:>2}",
        "", "attack", "expected", "got", "ms", "KiB", "fd", "th", "mm"
    );
    let (mut played, mut wrong) = (0, Vec::new());
    let mut not_yet = NOT_YET.into_iter().peekable();
    for row in rows() {
        while let Some((number, attack)) = not_yet.next_if(|(number, _)| *number < row.number) {
            if is_asked(number) {
                println!("{number:>2} {attack:<24} not yet");
            }
        }
        if !is_asked(row.number) {
            continue;
        }
        let result = play(row, &stage, rounds);
        let Drift {
            kib,
            descriptors,
            threads,
            maps,
        } = result.drift;
        println!(
            "{:>2} {:<24} {:<26} {:<26} {:>4} {kib:>4} {descriptors:>2} {threads:>2} {maps:>2}",
            row.number,
            row.attack,
            result.expected.join(" "),
            result.got.join(" "),
            milliseconds(result.median),
        );
        played += 1;
        wrong.extend(
            result
                .wrong
                .into_iter()
                .map(|text| format!("row {}: {text}", row.number)),
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
