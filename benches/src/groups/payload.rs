//! Bytes in, bytes out and both, by the time of one memcpy of as many.

use std::hint::black_box;

use anyhow::{Result, ensure};
use tollgate::Runtime;
use tollgate_peers::{Component, Setup};

use crate::bench::{Bench, returned};
use crate::rounds::Rounds;

const GROUP: &str = "payload";

/// Payloads larger than the default limits.
const POLICY: &str = r#"
limits.host-data = "64MiB"
limits.output = "64MiB"
limits.memory = "256MiB"
limits.host-memory = "128MiB"
"#;

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let sizes: &[usize] = if bench.quick {
        &[1 << 10, 1 << 20]
    } else {
        &[1 << 10, 16 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20]
    };
    for &size in sizes {
        measure(bench, size)?;
    }
    Ok(())
}

fn measure(bench: &mut Bench, size: usize) -> Result<()> {
    let ours = bench.load(&Runtime::new(), "payload.wasm", POLICY)?;
    let raw = Component::load(&bench.guest("payload.wasm"), Setup::default())?;
    let (mut both, mut inward, mut outward) = (ours.session(), ours.session(), ours.session());
    let mut raw = raw.reused()?;

    // Wasmtime's typed functions want arguments that live as long as they do.
    let bytes: &'static [u8] = vec![b'b'; size].leak();
    let into = [b"i", &bytes[1..]].concat();
    let out = format!("o{size}").into_bytes();
    let mut target = vec![0; size];

    let tokio = &bench.tokio;
    let named = |what: &str| format!("{}, {what}", text(size));
    let mut rounds = Rounds::default();
    rounds.add(&named("one memcpy"), |times| {
        for _ in 0..times {
            black_box(&mut target).copy_from_slice(black_box(bytes));
        }
        Ok(())
    });
    rounds.add(&named("in and out"), |times| {
        tokio.block_on(async {
            for _ in 0..times {
                ensure!(returned(both.run(bytes).await?)?.len() == size);
            }
            Ok(())
        })
    });
    rounds.add(&named("in and out, raw wasmtime"), |times| {
        for _ in 0..times {
            ensure!(raw.call(bytes)?.len() == size);
        }
        Ok(())
    });
    rounds.add(&named("in"), |times| {
        tokio.block_on(async {
            for _ in 0..times {
                ensure!(returned(inward.run(&into).await?)?.is_empty());
            }
            Ok(())
        })
    });
    rounds.add(&named("out, written by the guest"), |times| {
        tokio.block_on(async {
            for _ in 0..times {
                ensure!(returned(outward.run(&out).await?)?.len() == size);
            }
            Ok(())
        })
    });
    let samples = rounds.run(bench.time(8))?;

    let reference = named("one memcpy");
    bench.report.contenders(GROUP, &samples, &reference)?;
    if size == 1 << 20 {
        let ratio = samples.ratio(&named("in and out"), &reference)?;
        bench.report.ratio("payload_1mib_vs_memcpy", ratio);
    }
    Ok(())
}

fn text(size: usize) -> String {
    if size < 1 << 20 {
        format!("{} KiB", size >> 10)
    } else {
        format!("{} MiB", size >> 20)
    }
}
