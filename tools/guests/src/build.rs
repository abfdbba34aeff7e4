//! `build`: builds every guest into one folder of components.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::{
    cargo::{Cargo, Target},
    guests::{Crate, Guests},
    output::Output,
};

/// The default folder of components, from the repository's root.
pub(crate) const OUT: &str = "target/guests";

/// The default folder for `cargo component`, so that the tests can use either build.
const OUT_CARGO_COMPONENT: &str = "target/guests-cargo-component";

/// The default folder of measured guests, with the core module of each beside it.
const OUT_BENCH: &str = "target/guests-bench";

#[derive(Args)]
pub(crate) struct Opts {
    /// Only these guests; every guest unless given.
    #[arg(value_name = "GUEST", conflicts_with_all = ["cargo_component", "bench"])]
    only: Vec<String>,
    /// The folder for the components; `target/guests` of the repository unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Build providers and hostile with `cargo component`, into `target/guests-cargo-component`.
    #[arg(long)]
    cargo_component: bool,
    /// Build the measured guests instead, into `target/guests-bench`, and keep their core modules.
    #[arg(long, conflicts_with = "cargo_component")]
    bench: bool,
}

pub(crate) fn build(repo: &Path, opts: Opts) -> Result<()> {
    let workspace = repo.join("guests");
    let mut guests = if opts.bench {
        Guests::find_bench(&workspace)?
    } else {
        Guests::find(&workspace)?
    };
    if !opts.only.is_empty() {
        guests.keep(&opts.only)?;
    }
    let plain = Cargo::plain(&guests.workspace);
    let (modules_by, folder) = if opts.cargo_component {
        (
            &Cargo::component(&guests.workspace, repo)?,
            OUT_CARGO_COMPONENT,
        )
    } else if opts.bench {
        (&plain, OUT_BENCH)
    } else {
        (&plain, OUT)
    };
    let mut output = Output::create(opts.out.unwrap_or_else(|| repo.join(folder)))?;

    let missing =
        |guest: &Crate| !output.has(&guest.name) && !output.has(&format!("{}.core", guest.name));
    let missing = guests.modules.iter().any(missing);
    modules_by.build(Target::Unknown, &guests.modules, missing)?;
    for guest in &guests.modules {
        let file = modules_by.artefact(Target::Unknown, guest);
        let bytes = read(&guest.name, &file)?;
        if opts.bench {
            output.write(&format!("{}.core", guest.name), &bytes)?;
            if !is_of_a_world(&bytes)? {
                continue;
            }
        }
        let component = if opts.cargo_component {
            bytes
        } else {
            encode(&guest.name, &bytes)?
        };
        output.write(&guest.name, &component)?;
    }

    let missing = guests.commands.iter().any(|guest| !output.has(&guest.name));
    plain.build(Target::WasiP2, &guests.commands, missing)?;
    for guest in &guests.commands {
        let file = plain.artefact(Target::WasiP2, guest);
        output.write(&guest.name, &read(&guest.name, &file)?)?;
    }

    for (name, file) in &guests.texts {
        let bytes = parse(file).with_context(|| format!("guest {name}"))?;
        output.write(name, &bytes)?;
    }
    if opts.only.is_empty() {
        output.name_left_over(&guests.polyglot)?;
    }
    output.finish();
    Ok(())
}

fn read(name: &str, file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("guest {name}: cargo made no {}", file.display()))
}

/// Whether wit-bindgen left the types of a world in a core module. A plugin of Extism has none.
fn is_of_a_world(module: &[u8]) -> Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name().starts_with("component-type")
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes a component of a core module, with the types that wit-bindgen left in it.
fn encode(name: &str, module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .with_context(|| format!("guest {name}: no component can be made of it"))
}

#[cfg(feature = "text")]
fn parse(file: &Path) -> Result<Vec<u8>> {
    Ok(wat::parse_file(file)?)
}

#[cfg(not(feature = "text"))]
fn parse(_: &Path) -> Result<Vec<u8>> {
    anyhow::bail!("this is in text, and the tool is built without the feature `text`")
}
