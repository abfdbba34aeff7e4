//! A sandbox of its own for each call, with a pause before each: instances made ahead, and made by the call.

use std::time::Duration;

use anyhow::Result;
use tollgate::Runtime;
use tollgate_peers::{Component, Setup};

use crate::bench::{Bench, INPUT, returned, reversed};
use crate::rounds::Rounds;

const GROUP: &str = "warm";

/// The pause before a call.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let runtime = Runtime::new();
    let cold = bench.load(&runtime, "reverse.wasm", "")?;
    let warm = cold.warm(4);
    let file = bench.guest("reverse.wasm");
    let raw = Component::load(&file, Setup::default())?;

    let tokio = &bench.tokio;
    let mut rounds = Rounds::default();
    rounds.add("raw wasmtime, sync", |_| reversed(&raw.call(INPUT)?));
    for (name, provider) in [("tollgate, made ahead", &warm), ("tollgate", &cold)] {
        rounds.add(name, move |_| {
            tokio.block_on(async { reversed(&returned(provider.session().run(INPUT).await?)?) })
        });
    }
    let samples = rounds.run_paced(if bench.quick { 300 } else { 2_000 }, PAUSE)?;

    bench
        .report
        .contenders(GROUP, &samples, "raw wasmtime, sync")?;
    let ratio = samples.ratio("tollgate, made ahead", "raw wasmtime, sync")?;
    bench.report.ratio("warm_vs_raw", ratio);
    Ok(())
}
