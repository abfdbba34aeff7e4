//! Many calls of one sandbox.

use anyhow::Result;
use tollgate::Runtime;
use tollgate_peers::{Component, Plugin, Setup};

use crate::bench::{Bench, INPUT, returned, reversed};
use crate::rounds::Rounds;

const GROUP: &str = "session";

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let ours = bench.load(&Runtime::new(), "reverse.wasm", "")?;
    let mut session = ours.session();
    let on_fiber = Setup {
        on_fiber: true,
        ..Setup::default()
    };
    let with_fuel = Setup {
        fuel: true,
        ..on_fiber
    };
    let file = bench.guest("reverse.wasm");
    let mut raw = Component::load(&file, Setup::default())?.reused()?;
    let raw_async = Component::load(&file, on_fiber)?;
    let mut raw_async = bench.tokio.block_on(raw_async.reused_async())?;
    let raw_fuel = Component::load(&file, with_fuel)?;
    let mut raw_fuel = bench.tokio.block_on(raw_fuel.reused_async())?;
    let mut plugin = Plugin::load(&bench.guest("reverse-extism.core.wasm"))?.reused()?;

    let tokio = &bench.tokio;
    let mut rounds = Rounds::default();
    rounds.add("raw wasmtime, sync", |times| {
        (0..times).try_for_each(|_| reversed(&raw.call(INPUT)?))
    });
    rounds.add("raw wasmtime, async", |times| {
        tokio.block_on(async {
            for _ in 0..times {
                reversed(&raw_async.call_async(INPUT).await?)?;
            }
            Ok(())
        })
    });
    rounds.add("raw wasmtime, async, fuel", |times| {
        tokio.block_on(async {
            for _ in 0..times {
                reversed(&raw_fuel.call_async(INPUT).await?)?;
            }
            Ok(())
        })
    });
    rounds.add("tollgate", |times| {
        tokio.block_on(async {
            for _ in 0..times {
                reversed(&returned(session.run(INPUT).await?)?)?;
            }
            Ok(())
        })
    });
    rounds.add("extism, reused plugin", |times| {
        (0..times).try_for_each(|_| reversed(&plugin.call(INPUT)?))
    });
    let samples = rounds.run(bench.time(10))?;

    bench
        .report
        .contenders(GROUP, &samples, "raw wasmtime, async")?;
    for (key, other) in [
        ("session_vs_raw_async", "raw wasmtime, async"),
        ("session_vs_raw_sync", "raw wasmtime, sync"),
    ] {
        let ratio = samples.ratio("tollgate", other)?;
        bench.report.ratio(key, ratio);
    }
    Ok(())
}
