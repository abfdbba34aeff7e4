//! Runs cargo, or `cargo component`, inside the guests' workspace.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::guests::Crate;

/// The target that a guest is compiled for.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// No imports but those of its world.
    Unknown,
    /// WASI 0.2; the output is a component.
    WasiP2,
}

impl Target {
    fn triple(self) -> &'static str {
        match self {
            Self::Unknown => "wasm32-unknown-unknown",
            Self::WasiP2 => "wasm32-wasip2",
        }
    }
}

/// One of the two ways to build a crate.
pub(crate) struct Cargo {
    program: PathBuf,
    /// `component` for the plugin, which is a program of its own.
    subcommand: Option<&'static str>,
    workspace: PathBuf,
    target_dir: PathBuf,
}

impl Cargo {
    /// The cargo that runs this tool.
    pub(crate) fn plain(workspace: &Path) -> Self {
        Self {
            program: env::var_os("CARGO")
                .unwrap_or_else(|| "cargo".into())
                .into(),
            subcommand: None,
            workspace: workspace.to_owned(),
            target_dir: workspace.join("target"),
        }
    }

    /// The `cargo component` plugin, from `PATH` or from the repository's `.tools`.
    pub(crate) fn component(workspace: &Path, repo: &Path) -> Result<Self> {
        let places = [
            PathBuf::from("cargo-component"),
            repo.join(".tools/bin/cargo-component"),
        ];
        let Some(program) = places.into_iter().find(|program| starts(program)) else {
            bail!(
                "cargo-component is neither on PATH nor in .tools/bin: \
                 cargo install cargo-component --version 0.21.1 --locked --root .tools"
            );
        };
        Ok(Self {
            program,
            subcommand: Some("component"),
            workspace: workspace.to_owned(),
            // The plugin writes the component over cargo's module, so it must not share cargo's folder.
            target_dir: workspace.join("target/cargo-component"),
        })
    }

    /// Builds `crates` for `target`. Prints nothing unless the build fails or `show_progress` is set.
    pub(crate) fn build(
        &self,
        target: Target,
        crates: &[Crate],
        show_progress: bool,
    ) -> Result<()> {
        if crates.is_empty() {
            return Ok(());
        }
        let what = format!("{} guests for {}", crates.len(), target.triple());
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(is_of_outer_build) {
                command.env_remove(name);
            }
        }
        command
            .env("CARGO_TARGET_DIR", &self.target_dir)
            .current_dir(&self.workspace);
        command
            .args(self.subcommand)
            .args(["build", "--release", "--target", target.triple()]);
        for guest in crates {
            command.args(["--package", &guest.name]);
        }
        if show_progress {
            println!("building {what}");
        } else {
            command.arg("--quiet");
        }
        let status = command
            .status()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        ensure!(
            status.success(),
            "{what}: cargo failed, and says above on which"
        );
        Ok(())
    }

    /// The path of the output of `build` for a crate.
    pub(crate) fn artefact(&self, target: Target, guest: &Crate) -> PathBuf {
        let stem = if guest.is_program {
            guest.name.clone()
        } else {
            guest.name.replace('-', "_")
        };
        self.target_dir
            .join(target.triple())
            .join("release")
            .join(format!("{stem}.wasm"))
    }
}

/// Whether `program` exists and runs.
fn starts(program: &Path) -> bool {
    let mut command = Command::new(program);
    command
        .args(["component", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether a variable configures the build that started this tool (coverage flags, lints, its target) and must not
/// reach the guests' build. Variables of cargo's home, registries, network and terminal stay.
fn is_of_outer_build(variable: &str) -> bool {
    let stays = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_TERM_",
    ];
    let is_builds = variable.starts_with("CARGO_") || variable.starts_with("RUSTC");
    variable == "RUSTFLAGS" || is_builds && !stays.iter().any(|start| variable.starts_with(start))
}
