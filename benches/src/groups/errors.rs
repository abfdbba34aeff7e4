//! The cost of a call that is stopped: by a trap, by the end of its fuel, by a refusal.

use anyhow::{Result, ensure};
use tollgate::{LoadError, Policy, Runtime, Source};

use crate::bench::{Bench, INPUT, returned, reversed};
use crate::rounds::Rounds;

const GROUP: &str = "errors";
const RETURNS: &str = "returns";

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let runtime = Runtime::new();
    let good = bench.load(&runtime, "reverse.wasm", "")?;
    let compute = bench.load(&runtime, "compute.wasm", "")?;
    let poor = bench.load(&runtime, "compute.wasm", "limits.fuel = 10_000")?;
    let policy = Policy::default();
    let source = Source::file(&bench.guest("host-calls.wasm"), &policy.limits)?;

    let tokio = &bench.tokio;
    let mut rounds = Rounds::default();
    rounds.add(RETURNS, |times| {
        tokio.block_on(async {
            for _ in 0..times {
                reversed(&returned(good.session().run(INPUT).await?)?)?;
            }
            Ok(())
        })
    });
    for (name, guest, input, outcome) in [
        ("the provider's own error", &compute, "no such kernel", None),
        ("trap", &compute, "trap", Some("trap")),
        ("10,000 fuel used up", &poor, "spin", Some("fuel")),
    ] {
        rounds.add(name, move |times| {
            tokio.block_on(async {
                for _ in 0..times {
                    let report = guest.session().run(input.as_bytes()).await?;
                    let label = report.outcome.fault().map(|fault| fault.label());
                    ensure!(label == outcome, "{label:?}");
                }
                Ok(())
            })
        });
    }
    rounds.add("refused: imports not granted", |times| {
        for _ in 0..times {
            let loaded = tokio.block_on(runtime.load(&source, &policy));
            ensure!(matches!(loaded, Err(LoadError::Refused(_))), "not refused");
        }
        Ok(())
    });
    let samples = rounds.run(bench.time(6))?;
    bench.report.contenders(GROUP, &samples, RETURNS)
}
