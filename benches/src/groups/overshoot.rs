//! The time from its deadline to the end of a call that does not end by itself.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tollgate::{Provider, Runtime};

use crate::bench::Bench;
use crate::report::Unit;
use crate::spread::{Spread, at};

const GROUP: &str = "overshoot";

const DEADLINE: Duration = Duration::from_millis(50);

/// The fuel is not to end it.
const POLICY: &str = r#"
limits.deadline = "50ms"
limits.fuel = 1_000_000_000_000
"#;

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let guest = bench.load(&Runtime::new(), "compute.wasm", POLICY)?;
    let runs = if bench.quick { 20 } else { 200 };
    let spin = overshoots(bench, &guest, "spin", runs)?;
    let fill = overshoots(bench, &guest, "fill", runs)?;
    for (name, late) in [
        ("endless loop", &spin),
        ("endless memory.fill of 128 MiB", &fill),
    ] {
        bench
            .report
            .row(GROUP, name, Spread::of(late.clone())?, Unit::Seconds);
        for (what, part) in [("p99", 0.99), ("max", 1.0)] {
            let value = Spread::once(at(late, part)?);
            let name = format!("{name}, {what}");
            bench.report.row(GROUP, &name, value, Unit::Seconds);
        }
    }
    let worst = at(&spin, 0.99)?.max(at(&fill, 0.99)?) * 1e3;
    bench
        .report
        .ratio("overshoot_ms_p99_worst", Spread::once(worst));
    Ok(())
}

/// Seconds beyond the deadline, sorted.
fn overshoots(bench: &Bench, guest: &Provider, what: &str, runs: u32) -> Result<Vec<f64>> {
    let mut late = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        let report = bench.tokio.block_on(guest.session().run(what.as_bytes()))?;
        let taken = start.elapsed();
        let label = report.outcome.fault().map(|fault| fault.label());
        ensure!(label == Some("deadline"), "{what} ended by {label:?}");
        late.push(taken.saturating_sub(DEADLINE).as_secs_f64());
    }
    late.sort_by(f64::total_cmp);
    Ok(late)
}
