//! A sandbox of its own for each call: the same work by Tollgate and by everything else that isolates.

use anyhow::Result;
use tollgate::{Runtime, blocking};
use tollgate_peers::{
    Component, Fresh, Interpreter, Plugin, Setup, compile_and_call, spawn_and_call,
};

use crate::bench::{Bench, INPUT, returned, reversed};
use crate::rounds::Rounds;

const GROUP: &str = "fresh";

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let runtime = Runtime::new();
    let ours = bench.load(&runtime, "reverse.wasm", "")?;
    let ours_arena = bench.load(&runtime, "reverse-arena.wasm", "")?;
    let blocking = blocking::Runtime::from(runtime.clone());
    let blocking = load_blocking(bench, &blocking)?;

    let on_fiber = Setup {
        on_fiber: true,
        ..Setup::default()
    };
    let with_fuel = Setup {
        fuel: true,
        ..on_fiber
    };
    let file = bench.guest("reverse.wasm");
    let raw = Component::load(&file, Setup::default())?;
    let raw_arena = Component::load(&bench.guest("reverse-arena.wasm"), Setup::default())?;
    let raw_async = Component::load(&file, on_fiber)?;
    let raw_fuel = Component::load(&file, with_fuel)?;
    let extism = bench.guest("reverse-extism.core.wasm");
    let (plugin, pooled) = (Plugin::load(&extism)?, Plugin::load_pooled(&extism)?);
    let interpreter = Interpreter::default();
    let module = std::fs::read(bench.guest("reverse.core.wasm"))?;
    let parsed = interpreter.parse(&module)?;
    let compiler = Fresh::new()?;
    let component = std::fs::read(&file)?;
    let native = std::env::current_exe()?.with_file_name("tollgate-bench-reverse");

    let tokio = &bench.tokio;
    let mut rounds = Rounds::default();
    rounds.add("raw wasmtime, sync", |times| {
        (0..times).try_for_each(|_| reversed(&raw.call(INPUT)?))
    });
    rounds.add("tollgate", |times| {
        tokio.block_on(async {
            for _ in 0..times {
                reversed(&returned(ours.session().run(INPUT).await?)?)?;
            }
            Ok(())
        })
    });
    rounds.add("tollgate, blocking", |times| {
        (0..times).try_for_each(|_| reversed(&returned(blocking.session().run(INPUT)?)?))
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
    rounds.add("tollgate, arena guest", |times| {
        tokio.block_on(async {
            for _ in 0..times {
                reversed(&returned(ours_arena.session().run(INPUT).await?)?)?;
            }
            Ok(())
        })
    });
    rounds.add("raw wasmtime, sync, arena guest", |times| {
        (0..times).try_for_each(|_| reversed(&raw_arena.call(INPUT)?))
    });
    rounds.add("extism, from a compiled plugin", |times| {
        (0..times).try_for_each(|_| reversed(&plugin.call(INPUT)?))
    });
    rounds.add("extism, with a pool of instances", |times| {
        (0..times).try_for_each(|_| reversed(&pooled.call(INPUT)?))
    });
    rounds.add("wasmi, from a parsed module", |times| {
        (0..times).try_for_each(|_| reversed(&parsed.call(INPUT)?))
    });
    rounds.add("wasmi, parsed per call", |times| {
        (0..times).try_for_each(|_| reversed(&interpreter.parse(&module)?.call(INPUT)?))
    });
    rounds.add("wasmtime, compiled per call", |times| {
        (0..times).try_for_each(|_| reversed(&compile_and_call(&compiler, &component, INPUT)?))
    });
    rounds.add("native subprocess per call", |times| {
        (0..times).try_for_each(|_| reversed(&spawn_and_call(&native, INPUT)?))
    });
    let samples = rounds.run(bench.time(30))?;

    bench
        .report
        .contenders(GROUP, &samples, "raw wasmtime, sync")?;
    for (key, other) in [
        ("fresh_vs_raw", "raw wasmtime, sync"),
        ("fresh_vs_extism", "extism, from a compiled plugin"),
        ("fresh_vs_extism_pooled", "extism, with a pool of instances"),
        ("fresh_vs_wasmi", "wasmi, from a parsed module"),
        ("fresh_vs_wasmi_parse", "wasmi, parsed per call"),
        ("fresh_vs_compile", "wasmtime, compiled per call"),
        ("fresh_vs_subprocess", "native subprocess per call"),
    ] {
        let ratio = samples.ratio("tollgate", other)?;
        bench.report.ratio(key, ratio);
    }
    Ok(())
}

fn load_blocking(bench: &Bench, runtime: &blocking::Runtime) -> Result<blocking::Provider> {
    let policy = tollgate::Policy::default();
    let source = tollgate::Source::file(&bench.guest("reverse.wasm"), &policy.limits)?;
    Ok(runtime.load(&source, &policy)?)
}
