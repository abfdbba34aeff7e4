//! The time that a call takes through a fleet: `overhead URL COMPONENT CALL TIMES`, with workers that run. `just bench-fleet` starts
//! a server and three of them.

#![allow(clippy::print_stdout, reason = "it is a program that measures")]

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use tollgate::{Limits, Policy, Runtime, Source};
use tollgate_fleet::{Connect, Ended, Fleet};

/// Calls at once in the second part.
const AT_ONCE: usize = 64;

/// The longest wait for one.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, component, call, times] = &arguments[..] else {
        return Err("overhead URL COMPONENT CALL TIMES".into());
    };
    let times: usize = times.parse()?;
    let source = Source::file(component.as_ref(), &Limits::default())?;
    let provider = Runtime::new().load(&source, &Policy::default()).await?;
    let mut local = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        provider.session().wave(call).await?;
        local.push(start.elapsed());
    }
    let connect = Connect {
        servers: url.clone(),
        ..Connect::default()
    };
    let fleet = Fleet::connect(&connect).await?;
    fleet.deploy("bench", source.as_bytes(), "", None).await?;
    let run = std::process::id();
    let one = async |number: usize| {
        let key = format!("{run}-{number}");
        let start = Instant::now();
        let answer = fleet.call("bench", call, Some(&key), PATIENCE).await;
        match answer.map(|answer| answer.map(|answer| answer.ended)) {
            Ok(Some(Ended::Returned { .. })) => Ok(start.elapsed()),
            other => Err(format!("{other:?}")),
        }
    };
    // The first one compiles, at each worker.
    for number in 0..20 {
        one(number).await?;
    }
    let mut through = Vec::new();
    for number in 0..times {
        through.push(one(1_000 + number).await?);
    }
    let start = Instant::now();
    let calls = stream::iter(0..times).map(|number| one(1_000_000 + number));
    let ends: Vec<_> = calls.buffer_unordered(AT_ONCE).collect().await;
    for end in ends {
        end?;
    }
    let rate = times as f64 / start.elapsed().as_secs_f64();
    println!(
        "a call here          p50 {:?}, p99 {:?}",
        at(&mut local, 50),
        at(&mut local, 99)
    );
    println!(
        "through the fleet    p50 {:?}, p99 {:?}",
        at(&mut through, 50),
        at(&mut through, 99)
    );
    println!("{AT_ONCE} at once           {rate:.0} calls a second");
    Ok(())
}

fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let place = times.len() * percent / 100;
    times
        .get(place.min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
