//! The catalogue many times over, hostile calls by the hundred thousand, and good ones among them.

use crate::attack_case::Case;
use crate::bystander;
use crate::table::{self, COLUMNS};
use support::invariant::Stage;

/// Rows whose attacks take well below a millisecond each and need nothing but a guest.
const QUICK: [&str; 13] = [
    "A13-start-loop",
    "A14-start-host-call",
    "A15-realloc-loop",
    "A16-realloc-bounds",
    "A17-realloc-calls-host",
    "A18-post-return",
    "A24-bad-values",
    "A27-handles",
    "A28-recursion",
    "A29-traps",
    "A30-reentry",
    "A38-odd-urls",
    "A39-path-escape",
];

/// Prints all three; how much is wrong.
pub(crate) fn print(times: usize, calls: usize) -> usize {
    table::print(&[], times) + drift(&quick(), calls) + bystander::print(calls / 10)
}

pub(crate) fn quick() -> Vec<Case> {
    let rows = table::rows().into_iter();
    let quick = rows.filter(|row| QUICK.contains(&row.id));
    quick.flat_map(|row| (row.cases)()).collect()
}

/// Whether attack number `n` came to something else than expected.
pub(crate) fn is_wrong(cases: &[Case], n: usize) -> usize {
    let case = &cases[n % cases.len()];
    let got = case.once(n);
    if got != case.expect {
        println!("WRONG  {got} instead of {}", case.expect);
    }
    usize::from(got != case.expect)
}

/// Prints the growth of the process after a tenth of the calls, after two tenths and so on.
fn drift(cases: &[Case], calls: usize) -> usize {
    let stage = Stage::new();
    let mut wrong: usize = (0..calls / 10).map(|n| is_wrong(cases, n)).sum();
    let before = stage.footprint();
    println!("\n{:>13} {COLUMNS}", "hostile calls");
    for part in 1..=10 {
        let numbers = calls * (part - 1) / 10..calls * part / 10;
        wrong += numbers.map(|n| is_wrong(cases, n)).sum::<usize>();
        let last = stage.drift(before);
        println!("{:>13} {last}", calls * part / 10);
        if part == 10 && last.is_over() {
            println!("OVER  {last:?}");
            wrong += 1;
        }
    }
    wrong
}
