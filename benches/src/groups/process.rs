//! The whole program: `tollgate call` with a cached component, by a process that does nothing.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::bench::Bench;
use crate::rounds::Rounds;

const GROUP: &str = "process";
const EMPTY: &str = "an empty process";
const CACHED: &str = "tollgate call, cached";
const WASMTIME: &str = "wasmtime run, precompiled";

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let this = std::env::current_exe()?;
    // `just bench` builds them side by side.
    let beside = |name: &str| -> Result<PathBuf> {
        let program = this.with_file_name(name);
        ensure!(
            program.is_file(),
            "no {}: run `just bench`",
            program.display()
        );
        Ok(program)
    };
    let (empty, tollgate) = (beside("tollgate-bench-empty")?, beside("tollgate")?);
    let folder = tempfile::tempdir()?;
    let guest = bench.guest("reverse.wasm");
    let call = |extra: &[&str]| {
        let mut command = Command::new(&tollgate);
        command
            .arg("call")
            .arg(&guest)
            .arg("run([1, 2, 3])")
            .args(extra);
        command.arg("--cache").arg(folder.path().join("cache"));
        finish(command)
    };

    let wasmtime = bench.path(".tools/wasmtime/bin/wasmtime");
    let code = folder.path().join("reverse.cwasm");

    let mut rounds = Rounds::default();
    rounds.add(EMPTY, |times| {
        (0..times).try_for_each(|_| finish(Command::new(&empty)))
    });
    rounds.add(CACHED, |times| (0..times).try_for_each(|_| call(&[])));
    rounds.add("tollgate --version", |times| {
        (0..times).try_for_each(|_| {
            let mut command = Command::new(&tollgate);
            command.arg("--version");
            finish(command)
        })
    });
    let peer = wasmtime.is_file();
    if peer {
        let mut compile = Command::new(&wasmtime);
        compile.arg("compile").arg(&guest).arg("-o").arg(&code);
        finish(compile)?;
        rounds.add(WASMTIME, |times| {
            (0..times).try_for_each(|_| {
                let mut command = Command::new(&wasmtime);
                command.args(["run", "--allow-precompiled", "--invoke", "run([1, 2, 3])"]);
                command.arg(&code);
                finish(command)
            })
        });
    } else {
        eprintln!(
            "NOT MEASURED, process_vs_wasmtime: no {}; `just bench-serve` installs it",
            wasmtime.display()
        );
    }
    let samples = rounds.run(bench.time(8))?;
    bench.report.contenders(GROUP, &samples, EMPTY)?;
    if peer {
        let ratio = samples.ratio(CACHED, WASMTIME)?;
        bench.report.ratio("process_vs_wasmtime", ratio);
    }
    let ratio = samples.ratio(CACHED, EMPTY)?;
    bench.report.ratio("process_vs_empty", ratio);
    Ok(())
}

fn finish(mut command: Command) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
