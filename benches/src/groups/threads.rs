//! Fresh calls on two threads against one, and on two processes against one.
//!
//! A guest without an arena grows its memory in each call, which is work on the page tables that all threads share.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tollgate::{Policy, Source, blocking};
use tollgate_peers::{Allocation, Component, Setup};

use crate::bench::{Bench, INPUT, returned, reversed};
use crate::report::Unit;
use crate::spread::Spread;

const GROUP: &str = "threads";

/// The length of a turn.
const TURN: Duration = Duration::from_millis(150);

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let rounds = if bench.quick { 7 } else { 25 };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(cores >= 2, "one processor only");
    // The gain of a second thread that shares nothing with the first. On a busy machine this bounds the other rows.
    let given = compare(bench, "counting, no guest", "threads", rounds, |many| {
        concurrently(0..many, |_| Ok(count(TURN)))
    })?;
    let free = given.median >= 1.8;
    if !free {
        eprintln!(
            "NOT MEASURED, threads_2_vs_1_default, threads_2_vs_1_arena: two threads that only count do {:.2} times as much as one",
            given.median
        );
    }
    for (name, guest, key) in [
        ("ordinary guest", "reverse.wasm", "threads_2_vs_1_default"),
        ("arena guest", "reverse-arena.wasm", "threads_2_vs_1_arena"),
    ] {
        let provider = load(&bench.guest(guest))?;
        let shared = [provider.clone(), provider.clone()];
        let apart = [provider.on_own_engine()?, provider];
        // The engine alone, to tell the engine's part of the cost from ours.
        let raw = || Component::load(&bench.guest(guest), FULL);
        let raw_apart = [raw()?, raw()?];
        let calls = |provider: &blocking::Provider| fresh_calls(provider, TURN);
        let raw_calls = |component: &Component| raw_calls(component, TURN);
        let ratio = compare(bench, name, "threads", rounds, |many| {
            concurrently(shared.iter().take(many), calls)
        })?;
        if free {
            bench.report.ratio(key, ratio);
        }
        let own = format!("{name}, own engines");
        compare(bench, &own, "threads", rounds, |many| {
            concurrently(apart.iter().take(many), calls)
        })?;
        let wasmtime = format!("{name}, raw wasmtime");
        compare(bench, &wasmtime, "threads", rounds, |many| {
            concurrently(raw_apart.iter().take(1).cycle().take(many), raw_calls)
        })?;
        let own = format!("{wasmtime}, own engines");
        compare(bench, &own, "threads", rounds, |many| {
            concurrently(raw_apart.iter().take(many), raw_calls)
        })?;
        let mut workers = [Worker::start(guest)?, Worker::start(guest)?];
        compare(bench, name, "processes", rounds, |many| {
            let workers = &mut workers[..many];
            workers.iter_mut().try_for_each(Worker::begin)?;
            workers.iter_mut().map(Worker::calls).sum()
        })?;
    }
    Ok(())
}

/// The sum of the results of threads, one for each of `with`.
fn concurrently<T: Send>(
    with: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> Result<f64> + Sync,
) -> Result<f64> {
    let work = &work;
    std::thread::scope(|scope| {
        let start = |one| scope.spawn(move || work(one));
        let threads: Vec<_> = with.into_iter().map(start).collect();
        let done = threads.into_iter().map(|thread| thread.join());
        done.map(|calls| calls.unwrap_or_else(|_| bail!("a thread panicked")))
            .sum()
    })
}

/// The number of empty steps in a second on this thread.
fn count(time: Duration) -> f64 {
    let start = Instant::now();
    let mut steps = 0.0;
    while start.elapsed() < time {
        (0..10_000).for_each(|step| _ = black_box(step));
        steps += 1.0;
    }
    steps / start.elapsed().as_secs_f64()
}

/// Calls per second of one and of two, in turns, and the second by the first.
fn compare(
    bench: &mut Bench,
    guest: &str,
    what: &str,
    rounds: usize,
    mut calls: impl FnMut(usize) -> Result<f64>,
) -> Result<Spread> {
    let (mut one, mut two, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    calls(2)?;
    for round in 0..rounds {
        // Each goes first as often as the other.
        let first = round % 2 + 1;
        let (a, b) = (calls(first)?, calls(3 - first)?);
        let (single, double) = if first == 1 { (a, b) } else { (b, a) };
        one.push(single);
        two.push(double);
        ratios.push(double / single);
    }
    let ratio = Spread::of(ratios)?;
    for (many, rates) in [("1", one), ("2", two)] {
        let name = format!("{guest}, {many} {what}");
        let rates = Spread::of(rates)?;
        bench.report.row(GROUP, &name, rates, Unit::PerSecond);
    }
    let name = format!("{guest}, 2 {what} by 1");
    bench.report.row(GROUP, &name, ratio, Unit::Times);
    Ok(ratio)
}

fn load(file: &Path) -> Result<blocking::Provider> {
    let policy = Policy::default();
    let source = Source::file(file, &policy.limits)?;
    Ok(blocking::Runtime::new().load(&source, &policy)?)
}

/// Fresh calls per second on this thread.
fn fresh_calls(provider: &blocking::Provider, time: Duration) -> Result<f64> {
    // The thread's own runtime is made by its first call.
    reversed(&returned(provider.session().run(INPUT)?)?)?;
    let start = Instant::now();
    let mut calls = 0.0;
    while start.elapsed() < time {
        for _ in 0..16 {
            reversed(&returned(provider.session().run(INPUT)?)?)?;
            calls += 1.0;
        }
    }
    Ok(calls / start.elapsed().as_secs_f64())
}

/// wasmtime with all of its own protections on.
const FULL: Setup = Setup {
    allocation: Allocation::Tuned,
    on_fiber: true,
    fuel: true,
    canonical_nans: true,
    epoch: false,
    limiter: true,
    hook: true,
    slots: 64,
};

/// The same of wasmtime's.
fn raw_calls(component: &Component, time: Duration) -> Result<f64> {
    let tokio = tokio::runtime::Builder::new_current_thread().build()?;
    tokio.block_on(async {
        let start = Instant::now();
        let mut calls = 0.0;
        while start.elapsed() < time {
            for _ in 0..16 {
                reversed(&component.call_async(INPUT).await?)?;
                calls += 1.0;
            }
        }
        Ok(calls / start.elapsed().as_secs_f64())
    })
}

/// A process that makes fresh calls whenever it is told.
struct Worker {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(guest: &str) -> Result<Worker> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([crate::WORKER, guest])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().context("no stdin")?;
        let answers = BufReader::new(child.stdout.take().context("no stdout")?);
        Ok(Worker {
            child,
            orders,
            answers,
        })
    }

    fn begin(&mut self) -> Result<()> {
        self.orders.write_all(b"go\n")?;
        Ok(())
    }

    fn calls(&mut self) -> Result<f64> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().context("a worker ended")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It is ours and does nothing else.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other side of it.
pub(crate) fn work(guest: &Path) -> Result<()> {
    let provider = load(guest)?;
    for line in std::io::stdin().lines() {
        line?;
        println!("{}", fresh_calls(&provider, TURN)?);
    }
    Ok(())
}
