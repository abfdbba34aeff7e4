//! One contender and nothing else, for a profiler to look at: `perf record tollgate-bench --calls session 1000000`.

use anyhow::{Result, bail};
use tollgate::Runtime;
use tollgate_peers::{Component, Setup};

use crate::bench::{Bench, INPUT, returned, reversed};

/// Makes `times` calls of one kind.
pub(crate) fn calls(bench: &Bench, kind: &str, times: usize) -> Result<()> {
    let ours = bench.load(&Runtime::new(), "reverse.wasm", "")?;
    let on_fiber = Setup {
        on_fiber: true,
        ..Setup::default()
    };
    let raw = Component::load(&bench.guest("reverse.wasm"), on_fiber)?;
    bench.tokio.block_on(async {
        let mut session = ours.session();
        let mut reused = raw.reused_async().await?;
        for _ in 0..times {
            let output = match kind {
                "fresh" => returned(ours.session().run(INPUT).await?)?,
                "session" => returned(session.run(INPUT).await?)?,
                "raw-fresh" => raw.call_async(INPUT).await?,
                "raw-session" => reused.call_async(INPUT).await?,
                _ => bail!("fresh, session, raw-fresh or raw-session"),
            };
            reversed(&output)?;
        }
        Ok(())
    })
}
