//! Fuzzing on the stable toolchain: makes inputs for a given time, hands them to the worker process, and keeps the
//! inputs that end it, that make it panic or that it never answers.

mod components;
mod exchanges;
#[path = "../../../host/policy/tests/properties/hostile_urls.rs"]
mod hostile_urls;
mod minimise;
#[path = "../../../host/policy/tests/properties/oracle.rs"]
#[allow(dead_code, reason = "the generator needs the grants only")]
mod oracle;
#[path = "../../../host/policy/tests/properties/random.rs"]
#[allow(dead_code, reason = "the properties need more of it")]
mod random;
mod sections;
mod texts;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::components::Components;
use crate::random::Random;
use crate::worker::{Answer, Worker};

/// The targets, in the worker's order, and the share of the time that each gets.
const TARGETS: &[(&str, u32)] = &[
    ("component", 10),
    ("verdict", 1),
    ("wave", 2),
    ("policy", 2),
    ("url", 1),
    ("path", 1),
    ("cache", 1),
    ("invoke", 2),
    ("http", 3),
];

/// The number of different findings after which fuzzing ends.
const ENOUGH: usize = 20;

#[derive(Parser)]
#[command(about = "Fuzzes Tollgate for a given time")]
struct Options {
    /// The process that is fuzzed.
    #[arg(long, default_value = "target/debug/tollgate-fuzz-worker")]
    worker: PathBuf,
    /// The components that inputs are made of.
    #[arg(long, default_value = "target/guests")]
    guests: PathBuf,
    /// The folder for findings.
    #[arg(long, default_value = "target/fuzz/findings")]
    findings: PathBuf,
    /// The time to fuzz: `90`, `2m`, `1h`.
    #[arg(long, default_value = "1h", value_parser = duration)]
    time: Duration,
    /// Makes the same inputs again; the clock unless given.
    #[arg(long)]
    seed: Option<u64>,
    /// Only this target.
    #[arg(long)]
    only: Option<String>,
    /// Checks these files, `TARGET-….bin`, and nothing else.
    #[arg(long, num_args = 1..)]
    replay: Vec<PathBuf>,
}

fn duration(text: &str) -> Result<Duration> {
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => anyhow::bail!("no unit of time: {other}"),
    };
    Ok(Duration::from_secs(number.parse::<u64>()? * unit))
}

#[derive(Default)]
struct Count {
    time: Duration,
    inputs: u64,
    labels: BTreeMap<String, u64>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut worker = Worker::new(&options.worker)?;
    if !options.replay.is_empty() {
        return replay(&mut worker, &options.replay);
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let seed = options.seed.unwrap_or(now.as_secs());
    println!("seed {seed}");
    fs::create_dir_all(&options.findings)?;
    let components = Components::read(&options.guests)?;
    // The generators of inputs panic too. The messages of those panics are not printed.
    std::panic::set_hook(Box::new(|_| {}));

    let start = Instant::now();
    let mut counts: Vec<Count> = TARGETS.iter().map(|_| Count::default()).collect();
    let mut found = BTreeSet::new();
    while start.elapsed() < options.time && found.len() < ENOUGH {
        let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
        let behind = TARGETS.iter().zip(&mut counts).enumerate();
        let behind = behind.filter(|(_, ((name, _), _))| wanted(name));
        let (target, ((name, _), count)) = behind
            .min_by_key(|(_, ((_, share), count))| count.time / *share)
            .context("no such target")?;
        let began = Instant::now();
        // Each input by its own number, so that it can be made again without those before it.
        let mut random = Random::new(seed ^ (count.inputs << 8 | target as u64) << 20);
        random.next();
        let input = match *name {
            "component" => components.make(&mut random),
            "cache" | "invoke" => entry(&mut random),
            "http" => exchanges::make(&mut random),
            name => texts::make(name, &mut random).into_bytes(),
        };
        let label = match worker.check(target, &input)? {
            Answer::Ok(label) => label,
            Answer::Finding(text) => {
                if found.insert(minimise::signature(&text)) {
                    let at = options.findings.join(format!("{name}-{}.bin", found.len()));
                    fs::write(&at, &input)?;
                    println!("FINDING {}: {text}", at.display());
                    let small = minimise::minimise(&mut worker, target, input, &text)?;
                    fs::write(&at, &small)?;
                    println!("  {} bytes are left of it", small.len());
                }
                "finding".to_owned()
            }
        };
        *count.labels.entry(label).or_default() += 1;
        count.inputs += 1;
        count.time += began.elapsed();
    }
    for ((name, _), count) in TARGETS.iter().zip(&counts) {
        let labels = count.labels.iter();
        let labels: Vec<String> = labels.map(|(label, n)| format!("{label} {n}")).collect();
        println!(
            "{name:9} {:8} inputs in {:4} s: {}",
            count.inputs,
            count.time.as_secs(),
            labels.join(", ")
        );
    }
    println!("{} findings", found.len());
    Ok(ExitCode::from(u8::from(!found.is_empty())))
}

/// The bytes of a cache entry: few values, so that it often differs little from a sound entry.
fn entry(random: &mut Random) -> Vec<u8> {
    let length = random.below(200);
    (0..=length).map(|_| random.next() as u8).collect()
}

fn replay(worker: &mut Worker, files: &[PathBuf]) -> Result<ExitCode> {
    let mut bad = false;
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let target = TARGETS
            .iter()
            .position(|(target, _)| name.starts_with(target));
        let target = target.with_context(|| format!("{name} begins with no target's name"))?;
        let answer = worker.check(target, &fs::read(file)?)?;
        bad |= matches!(answer, Answer::Finding(_));
        println!("{}: {answer:?}", file.display());
    }
    Ok(ExitCode::from(u8::from(bad)))
}
