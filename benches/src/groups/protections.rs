//! The cost of each protection for a call of 16 bytes. Tollgate has no switches for them, so they are switched on one
//! at a time in wasmtime alone. The last line is Tollgate, which has all of them and the deadline, counters and report.

use anyhow::Result;
use tollgate::Runtime;
use tollgate_peers::{Allocation, Component, Setup};

use crate::bench::{Bench, INPUT, returned, reversed};
use crate::rounds::Rounds;

pub(crate) const FRESH: &str = "protections, fresh call";
pub(crate) const REUSED: &str = "protections, reused instance";

const NOTHING: &str = "nothing, sync";
pub(crate) const TOLLGATE: &str = "tollgate";

/// Each setup with the protections that are switched on in it.
fn setups() -> Vec<(&'static str, Setup)> {
    let nothing = Setup::default();
    let fiber = Setup {
        on_fiber: true,
        ..nothing
    };
    vec![
        (NOTHING, nothing),
        (
            "limiter",
            Setup {
                limiter: true,
                ..nothing
            },
        ),
        (
            "fuel",
            Setup {
                fuel: true,
                ..nothing
            },
        ),
        (
            "epochs",
            Setup {
                epoch: true,
                ..nothing
            },
        ),
        (
            "call hook",
            Setup {
                hook: true,
                ..nothing
            },
        ),
        ("a fiber (async)", fiber),
        (
            "fiber, fuel, limiter, call hook",
            Setup {
                fuel: true,
                limiter: true,
                hook: true,
                ..fiber
            },
        ),
        (
            "fuel and epochs",
            Setup {
                fuel: true,
                epoch: true,
                ..nothing
            },
        ),
        (
            "pool with its default settings",
            Setup {
                allocation: Allocation::Pool,
                ..nothing
            },
        ),
        (
            "on-demand allocation",
            Setup {
                allocation: Allocation::OnDemand,
                ..nothing
            },
        ),
    ]
}

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let file = bench.guest("reverse.wasm");
    let ours = bench.load(&Runtime::new(), "reverse.wasm", "")?;
    let mut raw = Vec::new();
    for (name, setup) in setups() {
        raw.push((name, setup, Component::load(&file, setup)?));
    }
    let tokio = &bench.tokio;

    let mut rounds = Rounds::default();
    for (name, setup, component) in &raw {
        rounds.add(name, |times| {
            if setup.on_fiber {
                tokio.block_on(async {
                    for _ in 0..times {
                        reversed(&component.call_async(INPUT).await?)?;
                    }
                    Ok(())
                })
            } else {
                (0..times).try_for_each(|_| reversed(&component.call(INPUT)?))
            }
        });
    }
    rounds.add(TOLLGATE, |times| {
        tokio.block_on(async {
            for _ in 0..times {
                reversed(&returned(ours.session().run(INPUT).await?)?)?;
            }
            Ok(())
        })
    });
    let fresh = rounds.run(bench.time(15))?;

    let mut rounds = Rounds::default();
    for (name, setup, component) in &raw {
        if setup.on_fiber {
            let mut reused = tokio.block_on(component.reused_async())?;
            rounds.add(name, move |times| {
                tokio.block_on(async {
                    for _ in 0..times {
                        reversed(&reused.call_async(INPUT).await?)?;
                    }
                    Ok(())
                })
            });
        } else {
            let mut reused = component.reused()?;
            rounds.add(name, move |times| {
                (0..times).try_for_each(|_| reversed(&reused.call(INPUT)?))
            });
        }
    }
    let mut session = ours.session();
    rounds.add(TOLLGATE, move |times| {
        tokio.block_on(async {
            for _ in 0..times {
                reversed(&returned(session.run(INPUT).await?)?)?;
            }
            Ok(())
        })
    });
    let reused = rounds.run(bench.time(10))?;

    bench.report.contenders(FRESH, &fresh, NOTHING)?;
    bench.report.contenders(REUSED, &reused, NOTHING)
}
