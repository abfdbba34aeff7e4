//! The workspace by `cargo metadata`: packages, their targets and the root file of each.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::proofs::Package;

/// The packages of the workspace.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    packages: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: PathBuf,
}

impl Workspace {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let output = Command::new(cargo())
            .args([
                "metadata",
                "--no-deps",
                "--offline",
                "--format-version",
                "1",
            ])
            .current_dir(root)
            .output()
            .context("cargo cannot be started; install Rust from https://rustup.rs")?;
        ensure!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        serde_json::from_slice(&output.stdout).context("cargo metadata")
    }

    /// The root file of the test target that `settings` select in `package`.
    pub(crate) fn test_root(&self, package: &str, settings: &Package) -> Result<&Path> {
        let member = self.member(package)?;
        let select = settings.target();
        let wanted = |target: &&Target| match select.as_slice() {
            ["--lib"] => target.kind.iter().any(|kind| kind.ends_with("lib")),
            ["--test", name] => target.name == *name && target.is("test"),
            ["--bin", name] => target.name == *name && target.is("bin"),
            _ => false,
        };
        let target = member.targets.iter().find(wanted);
        let target = target.with_context(|| {
            let select = select.join(" ");
            format!("package `{package}`: `{select}` selects no target; use `--lib`, `--test NAME` or `--bin NAME`")
        })?;
        Ok(&target.src_path)
    }

    /// The name of the program that `package` builds.
    pub(crate) fn program(&self, package: &str) -> Result<&str> {
        let mut targets = self.member(package)?.targets.iter();
        let target = targets.find(|target| target.is("bin"));
        let target = target
            .with_context(|| format!("package `{package}`: it builds no program; name another"))?;
        Ok(&target.name)
    }

    /// The beginnings of the names of the workspace's build output: names of packages and of targets.
    pub(crate) fn stems(&self) -> Vec<String> {
        let mut stems: Vec<_> = self
            .packages
            .iter()
            .map(|member| member.name.clone())
            .collect();
        let targets = self.packages.iter().flat_map(|member| &member.targets);
        stems.extend(
            targets
                .filter(|target| !target.is("custom-build"))
                .map(|target| target.name.clone()),
        );
        stems.extend(stems.clone().iter().map(|stem| stem.replace('-', "_")));
        stems
    }

    fn member(&self, package: &str) -> Result<&Member> {
        let member = self.packages.iter().find(|member| member.name == package);
        member.with_context(|| {
            format!("package `{package}`: the workspace has none of this name; mend the proof")
        })
    }
}

impl Target {
    fn is(&self, wanted: &str) -> bool {
        self.kind.iter().any(|kind| kind == wanted)
    }
}

/// The cargo that runs this program, or the one on `PATH`.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_by_what_selects_them() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let workspace = Workspace::read(root).unwrap();
        let select = |words: &[&str]| Package {
            select: words.iter().map(|&word| word.to_owned()).collect(),
            program: None,
        };
        let library = workspace
            .test_root("tollgate-policy", &select(&["--lib"]))
            .unwrap();
        assert!(library.ends_with("src/lib.rs"));
        assert!(
            workspace
                .test_root("tollgate-policy", &select(&["--test", "none"]))
                .is_err()
        );
        assert!(
            workspace
                .test_root("no-package", &select(&["--lib"]))
                .is_err()
        );
        assert_eq!(workspace.program("tollgate-cli").unwrap(), "tollgate");
        assert!(workspace.stems().contains(&"tollgate_proofs".to_owned()));
    }
}
