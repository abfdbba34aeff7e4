//! The cost of calls through a fleet: `overhead URL COMPONENT TIMES SERVER MONITOR`, with workers that run. `just bench-fleet` starts a
//! server, which is the process SERVER and has its numbers at the port MONITOR, and three workers.

#![allow(clippy::print_stdout, reason = "it is a program that measures")]

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use tollgate::{Limits, Policy, Runtime, Source};
use tollgate_fleet::{Connect, Ended, Fleet};

/// Calls at once, where it is not one.
const AT_ONCE: usize = 64;

/// The longest wait for one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls that take about nothing, 1 ms and 50 ms on the machine of docs/performance.md, and how many of them for each that takes nothing.
const CALLS: [(&str, usize); 3] = [("next()", 1), ("work(2100000)", 4), ("work(105000000)", 40)];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, component, times, server, monitor] = &arguments[..] else {
        return Err("overhead URL COMPONENT TIMES SERVER MONITOR".into());
    };
    let (times, server, monitor): (usize, u32, u16) =
        (times.parse()?, server.parse()?, monitor.parse()?);
    let source = Source::file(component.as_ref(), &Limits::default())?;
    let provider = Runtime::new().load(&source, &Policy::default()).await?;
    let connect = Connect {
        servers: url.clone(),
        ..Connect::default()
    };
    let fleet = Fleet::connect(&connect).await?;
    fleet.deploy("bench", source.as_bytes(), "", None).await?;
    let one = async |call: &str| {
        let key = fleet.fresh_key();
        let start = Instant::now();
        let answer = fleet.call("bench", call, Some(&key), PATIENCE).await;
        match answer.map(|answer| answer.map(|answer| answer.ended)) {
            Ok(Some(Ended::Returned { .. })) => Ok(start.elapsed()),
            other => Err(format!("{other:?}")),
        }
    };
    // The first ones compile, at each worker.
    for _ in 0..20 {
        one("next()").await?;
    }
    for (call, of) in CALLS {
        let times = times / of;
        let mut here = Vec::new();
        for _ in 0..times {
            let start = Instant::now();
            provider.session().wave(call).await?;
            here.push(start.elapsed());
        }
        let mut through = Vec::new();
        let before = (processor(server)?, messages(monitor)?);
        for _ in 0..times {
            through.push(one(call).await?);
        }
        let after = (processor(server)?, messages(monitor)?);
        let start = Instant::now();
        let calls = stream::iter(0..times).map(|_| one(call));
        let ends: Vec<_> = calls.buffer_unordered(AT_ONCE).collect().await;
        for end in ends {
            end?;
        }
        let rate = times as f64 / start.elapsed().as_secs_f64();
        let busy = (processor(server)?, messages(monitor)?);
        let each = |whole: f64| whole / times as f64;
        println!(
            "{call:<16} here p50 {:>9.3?} p99 {:>9.3?} · one p50 {:>9.3?} p99 {:>9.3?} · {AT_ONCE} at once {rate:>6.0}/s · \
             server {:>4.0} us a call alone, {:>4.0} at once; {:.1} messages in, {:.1} out",
            at(&mut here, 50),
            at(&mut here, 99),
            at(&mut through, 50),
            at(&mut through, 99),
            each((after.0 - before.0).as_secs_f64() * 1e6),
            each((busy.0 - after.0).as_secs_f64() * 1e6),
            each((after.1.0 - before.1.0) as f64),
            each((after.1.1 - before.1.1) as f64),
        );
    }
    Ok(())
}

/// The time that a process has had of the processors.
fn processor(process: u32) -> Result<Duration, Box<dyn Error>> {
    let mut all = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        all += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(all))
}

/// The messages that came to the server, and those that left it.
fn messages(monitor: u16) -> Result<(u64, u64), Box<dyn Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", monitor))?;
    stream.write_all(b"GET /varz HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let all: serde_json::Value = serde_json::from_str(body)?;
    let number = |name: &str| {
        all.get(name)
            .and_then(serde_json::Value::as_u64)
            .ok_or("no number")
    };
    Ok((number("in_msgs")?, number("out_msgs")?))
}

fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let place = times.len() * percent / 100;
    times
        .get(place.min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
