//! Guests that live on functions of WASI, whichever it is, share their thread.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tollgate::embed::CommandInput;

use support::harness::{alone, load, wait};
use support::host_work::WASI;

/// Much of everything but time.
const POLICY: &str = "limits.fuel = 1_000_000_000_000\nlimits.host-calls = 4_000_000_000\nlimits.host-data = \"1GiB\"\n\
    limits.deadline = \"60ms\"\n[grants.wasi]\nclocks = \"real\"";

/// Most of these functions are not async: setting the fuel after each call restarts the interval in which a guest yields, so
/// that one that calls them without end never used it up.
#[test]
fn each_function_lets_others_run() {
    let _alone = alone();
    let provider = load("prices", POLICY).as_async().clone();
    let is_here = |name: &str| {
        let part = name.split_once('.').map_or(name, |(part, _)| part);
        !matches!(part, "files" | "incoming")
            && !part.starts_with("http")
            && !part.contains("fields")
    };
    let names: BTreeSet<&str> = WASI
        .iter()
        .map(|it| it.name)
        .filter(|it| is_here(it))
        .collect();
    let mut quick = Vec::new();
    for name in names {
        let ticks = wait(async {
            let ticks = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&ticks);
            let clock = tokio::spawn(async move {
                loop {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            });
            let input = CommandInput {
                args: ["prices", name, "4000000000", "1"]
                    .map(str::to_owned)
                    .into(),
                stdin: vec![b'x'; 1 << 20].into(),
            };
            let report = provider.session().command(input).await.unwrap();
            clock.abort();
            let is_late = report
                .outcome
                .fault()
                .is_some_and(|it| it.label() == "deadline");
            is_late.then(|| ticks.load(Ordering::SeqCst))
        });
        match ticks {
            // 20 would be ideal.
            Some(ticks) => assert!(ticks >= 5, "{name}: {ticks}"),
            None => quick.push(name),
        }
    }
    // It ends otherwise: it is refused, or fills memory.
    assert!(quick.len() < 12, "{quick:?}");
}
