//! From a file to something that can be called: compiled, and taken from the cache.

use std::time::Instant;

use anyhow::{Result, ensure};
use tollgate::cache::{Cache, CodeOrigin};
use tollgate::{Policy, Runtime, Source};

use crate::bench::Bench;
use crate::report::Unit;
use crate::rounds::Rounds;
use crate::spread::Spread;

const GROUP: &str = "load";
const SECOND: &str = "10 KB, under a second policy";

/// The largest component there is: an interpreter with its program, made by `just guests-polyglot`.
const LARGE: &str = "target/guests/polyglot-python.wasm";

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache = Cache::open(folder.path().join("cache"), 4 << 30)?;
    let cached = Runtime::builder().cache(cache).build();
    let plain = Runtime::new();
    let policy = Policy::default();
    let file = bench.guest("reverse.wasm");

    let tokio = &bench.tokio;
    let source = Source::file(&file, &policy.limits)?;
    let loaded = tokio.block_on(plain.load(&source, &policy))?;
    let other = Policy::parse(
        "grants.log = true\nlimits.fuel = 1_000_000",
        &bench.path(""),
    )?;
    let mut rounds = Rounds::default();
    rounds.add("10 KB, compiled", |times| {
        (0..times).try_for_each(|_| {
            let source = Source::file(&file, &policy.limits)?;
            tokio.block_on(plain.load(&source, &policy))?;
            Ok(())
        })
    });
    rounds.add("10 KB, from the cache", |times| {
        (0..times).try_for_each(|_| {
            let source = Source::file(&file, &policy.limits)?;
            tokio.block_on(cached.load(&source, &policy))?;
            Ok(())
        })
    });
    rounds.add("a runtime with an engine, 10 KB from the cache", |times| {
        (0..times).try_for_each(|_| {
            let cache = Cache::open(folder.path().join("cache"), 4 << 30)?;
            let source = Source::file(&file, &policy.limits)?;
            let runtime = Runtime::builder().cache(cache).build();
            tokio.block_on(runtime.load(&source, &policy))?;
            Ok(())
        })
    });
    rounds.add(SECOND, |times| {
        (0..times).try_for_each(|_| {
            loaded.with_policy(&other)?;
            Ok(())
        })
    });
    let samples = rounds.run(bench.time(6))?;
    let second = samples.seconds(SECOND)?.times(1e3);
    bench
        .report
        .contenders(GROUP, &samples, "10 KB, compiled")?;
    bench.report.ratio("second_policy_ms", second);
    large(bench, &cached)
}

/// Compiled once, which takes seconds, and then taken from the cache.
fn large(bench: &mut Bench, cached: &Runtime) -> Result<()> {
    let file = bench.path(LARGE);
    if bench.quick || !file.is_file() {
        let why = if bench.quick {
            "takes too long for --quick"
        } else {
            "made by `just guests-polyglot`"
        };
        eprintln!("NOT MEASURED, load of a 20 MB component: {LARGE} {why}");
        return Ok(());
    }
    let policy = Policy::parse(
        "grants.wasi = \"inert\"\ngrants.log = true",
        &bench.path(""),
    )?;
    let mut seconds = Vec::new();
    for turn in 0..12 {
        let start = Instant::now();
        let source = Source::file(&file, &policy.limits)?;
        let provider = bench.tokio.block_on(cached.load(&source, &policy))?;
        let taken = start.elapsed().as_secs_f64();
        ensure!(
            (provider.code_origin() == CodeOrigin::Cached) == (turn > 0),
            "not kept"
        );
        if turn == 0 {
            bench
                .report
                .row(GROUP, "19 MB, compiled", Spread::once(taken), Unit::Seconds);
            bench.report.ratio("compile_19mb_s", Spread::once(taken));
        } else {
            seconds.push(taken);
        }
    }
    bench.report.row(
        GROUP,
        "19 MB, from the cache",
        Spread::of(seconds)?,
        Unit::Seconds,
    );
    Ok(())
}
