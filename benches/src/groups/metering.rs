//! The cost of metering for the guest's own code: five kernels under Tollgate's defaults, in wasmtime with nothing
//! switched on, and in wasmtime with the same metering, whose code is the same instruction by instruction.

use anyhow::Result;
use tollgate::{Runtime, Session};
use tollgate_peers::{Component, Reused, Setup};

use crate::bench::{Bench, returned};
use crate::report::Unit;
use crate::rounds::Rounds;
use crate::spread::Spread;

const GROUP: &str = "metering";

const KERNELS: [&str; 5] = ["sha256", "sieve", "fib", "matrix", "sort"];

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let ours = bench.load(&Runtime::new(), "compute.wasm", "")?;
    let file = bench.guest("compute.wasm");
    let plain = Component::load(&file, Setup::default())?;
    let epoch = Setup {
        epoch: true,
        ..Setup::default()
    };
    let epoch = Component::load(&file, epoch)?;
    let same = Setup {
        fuel: true,
        canonical_nans: true,
        ..Setup::default()
    };
    let same = Component::load(&file, same)?;

    let mut sessions: Vec<Session> = KERNELS.map(|_| ours.session()).into();
    let reused = |component: &Component| -> Result<Vec<Reused>> {
        KERNELS.iter().map(|_| component.reused()).collect()
    };
    let (mut plains, mut epochs) = (reused(&plain)?, reused(&epoch)?);
    let mut sames = reused(&same)?;

    let tokio = &bench.tokio;
    let mut rounds = Rounds::default();
    let mut fuel = Vec::new();
    let ours = KERNELS.iter().zip(&mut sessions);
    let raw = plains.iter_mut().zip(&mut epochs).zip(&mut sames);
    for ((kernel, session), ((plain, epoch), same)) in ours.zip(raw) {
        // All must have the same result, and the fuel is the measure of the work.
        let report = tokio.block_on(session.run(kernel.as_bytes()))?;
        fuel.push((*kernel, report.usage.fuel));
        let result = returned(report)?;
        anyhow::ensure!(plain.call(kernel.as_bytes())? == result, "another result");

        rounds.add(&metered(kernel), move |times| {
            tokio.block_on(async {
                for _ in 0..times {
                    returned(session.run(kernel.as_bytes()).await?)?;
                }
                Ok(())
            })
        });
        rounds.add(&unmetered(kernel), move |times| {
            (0..times).try_for_each(|_| plain.call(kernel.as_bytes()).map(drop))
        });
        rounds.add(&by_epoch(kernel), move |times| {
            (0..times).try_for_each(|_| epoch.call(kernel.as_bytes()).map(drop))
        });
        rounds.add(&by_fuel(kernel), move |times| {
            (0..times).try_for_each(|_| same.call(kernel.as_bytes()).map(drop))
        });
    }
    let samples = rounds.run(bench.time(30))?;

    for kernel in KERNELS {
        for name in [
            metered(kernel),
            by_fuel(kernel),
            by_epoch(kernel),
            unmetered(kernel),
        ] {
            let ratio = samples.ratio(&name, &unmetered(kernel))?;
            bench
                .report
                .compared(GROUP, &name, samples.seconds(&name)?, ratio);
        }
        let same = samples.ratio(&metered(kernel), &by_fuel(kernel))?;
        let name = format!("{kernel}, tollgate / raw with the same metering");
        bench.report.row(GROUP, &name, same, Unit::Times);
    }
    for (kernel, fuel) in fuel {
        let price = samples.seconds(&metered(kernel))?.times(1.0 / fuel as f64);
        let name = format!("{kernel}: a unit of fuel");
        bench.report.row(GROUP, &name, price, Unit::Seconds);
    }
    let by_epochs = KERNELS.map(|kernel| (by_epoch(kernel), unmetered(kernel)));
    let by_epochs = samples.geometric_mean(&by_epochs)?;
    bench.report.row(
        GROUP,
        "geometric mean, epochs instead",
        by_epochs,
        Unit::Times,
    );
    let mean = KERNELS.map(|kernel| (metered(kernel), unmetered(kernel)));
    let mean: Spread = samples.geometric_mean(&mean)?;
    bench
        .report
        .row(GROUP, "geometric mean, tollgate", mean, Unit::Times);
    bench.report.ratio("metering_geomean", mean);
    Ok(())
}

fn metered(kernel: &str) -> String {
    format!("{kernel}, tollgate")
}

fn unmetered(kernel: &str) -> String {
    format!("{kernel}, raw")
}

fn by_fuel(kernel: &str) -> String {
    format!("{kernel}, raw with the same metering")
}

fn by_epoch(kernel: &str) -> String {
    format!("{kernel}, raw with epochs")
}
