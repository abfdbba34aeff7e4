//! Calls that wait for the host: their number at once, the memory of each, and their effect on others.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinHandle;
use tollgate::{Provider, Runtime};

use crate::bench::{Bench, INPUT, returned, reversed};
use crate::gate::{Gate, POLICY};
use crate::report::Unit;
use crate::spread::Spread;

pub(crate) const GROUP: &str = "concurrency";

/// As many as the kernel's usual limit on memory maps allows, and some to spare for others.
const PARKED: usize = 10_000;
const PLACES: u32 = 10_200;

/// The time that a call waits when throughput is measured.
const WAIT: Duration = Duration::from_millis(10);

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let gate = Gate::new();
    let runtime = gate.runtime(PLACES);
    throughput(bench, &gate, &runtime)?;
    if runtime.concurrency() < PLACES {
        eprintln!(
            "NOT MEASURED, {PARKED} parked calls: the kernel's vm.max_map_count allows {}",
            runtime.concurrency()
        );
        return Ok(());
    }
    gate.let_pass_after(Duration::ZERO);
    beside(bench, &gate, &runtime)?;
    drop(runtime);
    resident(bench)
}

/// Calls per second with a number of calls in flight, each of which waits.
fn throughput(bench: &mut Bench, gate: &Gate, runtime: &Runtime) -> Result<()> {
    gate.let_pass_after(WAIT);
    let guest = bench.load(runtime, "parked.wasm", POLICY)?;
    let time = bench.time(3);
    for many in [1, 10, 100, 1_000, PARKED] {
        if many >= runtime.concurrency() as usize {
            eprintln!("NOT MEASURED, {many} calls at once: more than the kernel has maps for");
            continue;
        }
        let done = bench.tokio.block_on(async {
            let end = Instant::now() + time;
            let tasks = spawn(many, &guest, move || Instant::now() < end);
            let start = Instant::now();
            let calls = join(tasks).await?;
            anyhow::Ok(calls as f64 / start.elapsed().as_secs_f64())
        })?;
        let name = format!("{many} in flight, waiting 10 ms each");
        bench
            .report
            .row(GROUP, &name, Spread::once(done), Unit::PerSecond);
    }
    Ok(())
}

/// Tasks that make fresh calls one after the other: one at least, and on for as long as `more` says.
fn spawn(
    many: usize,
    guest: &Provider,
    more: impl Fn() -> bool + Clone + Send + 'static,
) -> Vec<JoinHandle<Result<usize>>> {
    let task = |_| {
        let (guest, more) = (guest.clone(), more.clone());
        tokio::spawn(async move {
            let mut calls = 0;
            loop {
                reversed(&returned(guest.session().run(INPUT).await?)?)?;
                calls += 1;
                if !more() {
                    return Ok(calls);
                }
            }
        })
    };
    (0..many).map(task).collect()
}

async fn join(tasks: Vec<JoinHandle<Result<usize>>>) -> Result<usize> {
    let mut calls = 0;
    for task in tasks {
        calls += task.await??;
    }
    Ok(calls)
}

/// Starts `many` calls that wait until the gate opens.
async fn park(
    many: usize,
    guest: &Provider,
    gate: &Gate,
) -> Result<Vec<JoinHandle<Result<usize>>>> {
    gate.close();
    let tasks = spawn(many, guest, || false);
    let patience = Instant::now() + Duration::from_secs(60);
    while gate.waiting() < many {
        ensure!(Instant::now() < patience, "{} are parked", gate.waiting());
        tokio::task::yield_now().await;
    }
    Ok(tasks)
}

/// The time of a fresh call while 10,000 others wait, divided by its time while none waits. Both are measured in turns.
fn beside(bench: &mut Bench, gate: &Gate, runtime: &Runtime) -> Result<()> {
    let parked = bench.load(runtime, "parked.wasm", POLICY)?;
    let guest = bench.load(runtime, "reverse.wasm", "")?;
    let rounds = if bench.quick { 3 } else { 11 };
    let (mut none, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (before, during, after) = bench.tokio.block_on(async {
            let before = fresh_call(&guest).await?;
            let tasks = park(PARKED, &parked, gate).await?;
            let during = fresh_call(&guest).await?;
            gate.open();
            ensure!(join(tasks).await? == PARKED, "not all passed");
            anyhow::Ok((before, during, fresh_call(&guest).await?))
        })?;
        // The first round touches memory that the others use again.
        if round > 0 {
            let alone = f64::midpoint(before, after);
            none.push(alone);
            with.push(during);
            ratios.push(during / alone);
        }
    }
    let ratio = Spread::of(ratios)?;
    bench.report.row(
        GROUP,
        "fresh call, none parked",
        Spread::of(none)?,
        Unit::Seconds,
    );
    let with = Spread::of(with)?;
    bench
        .report
        .compared(GROUP, "fresh call, 10,000 parked", with, ratio);
    bench.report.ratio("parked_10k_vs_none", ratio);
    Ok(())
}

/// Seconds that a fresh call takes: the median of many short rows of them.
async fn fresh_call(guest: &Provider) -> Result<f64> {
    let mut rows = Vec::new();
    for _ in 0..40 {
        let start = Instant::now();
        for _ in 0..50 {
            reversed(&returned(guest.session().run(INPUT).await?)?)?;
        }
        rows.push(start.elapsed().as_secs_f64() / 50.0);
    }
    Ok(Spread::of(rows)?.median)
}

/// The memory that a parked call holds, in a process that has done nothing before.
fn resident(bench: &mut Bench) -> Result<()> {
    let mut kib = Vec::new();
    for _ in 0..if bench.quick { 1 } else { 3 } {
        let mut command = Command::new(std::env::current_exe()?);
        let output = command
            .args([crate::PARKED, &PARKED.to_string()])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let number = text.trim().parse::<f64>();
        kib.push(number.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?);
    }
    let kib = Spread::of(kib)?;
    bench
        .report
        .row(GROUP, "resident per parked call", kib, Unit::KiB);
    bench.report.ratio("parked_kib", kib);
    let per_gib = kib.inverse().times(f64::from(1 << 20));
    bench.report.ratio("parked_per_gib", per_gib);
    Ok(())
}

/// The work of the process that [`resident`] starts.
pub(crate) fn print_resident(bench: &Bench, many: usize) -> Result<()> {
    let gate = Gate::new();
    let guest = bench.load(&gate.runtime(PLACES), "parked.wasm", POLICY)?;
    bench.tokio.block_on(async {
        // Before the first call, so that the slots count, which keep memory of the calls that were in them.
        let before = resident_kib()?;
        let tasks = park(many, &guest, &gate).await?;
        let after = resident_kib()?;
        println!("{}", (after - before) / many as f64);
        gate.open();
        join(tasks).await?;
        Ok(())
    })
}

fn resident_kib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let line = line.context("no VmRSS")?;
    let number = line.trim().trim_end_matches(" kB").parse();
    number.context("VmRSS")
}
