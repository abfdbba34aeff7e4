//! `build`: every guest into one folder of components.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use wit_component::ComponentEncoder;

use crate::{
    cargo::{Cargo, Target},
    guests::Guests,
    output::Output,
};

/// Where components go unless told otherwise, from the repository's root.
pub(crate) const OUT: &str = "target/guests";

/// The same when `cargo component` built them, so that the tests can be pointed at either.
const OUT_CARGO_COMPONENT: &str = "target/guests-cargo-component";

#[derive(Args)]
pub(crate) struct Opts {
    /// Where the components go; `target/guests` of the repository unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Build providers and hostile with `cargo component`, into `target/guests-cargo-component`.
    #[arg(long)]
    cargo_component: bool,
}

pub(crate) fn build(repo: &Path, opts: Opts) -> Result<()> {
    let guests = Guests::find(&repo.join("guests"))?;
    let plain = Cargo::plain(&guests.workspace);
    let (modules_by, folder) = if opts.cargo_component {
        (
            &Cargo::component(&guests.workspace, repo)?,
            OUT_CARGO_COMPONENT,
        )
    } else {
        (&plain, OUT)
    };
    let mut output = Output::create(opts.out.unwrap_or_else(|| repo.join(folder)))?;

    let missing = guests.modules.iter().any(|guest| !output.has(&guest.name));
    modules_by.build(Target::Unknown, &guests.modules, missing)?;
    for guest in &guests.modules {
        let file = modules_by.artefact(Target::Unknown, guest);
        let bytes = read(&guest.name, &file)?;
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
        let bytes = wat::parse_file(file).with_context(|| format!("guest {name}"))?;
        output.write(name, &bytes)?;
    }
    output.finish(&guests.polyglot)
}

fn read(name: &str, file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("guest {name}: cargo made no {}", file.display()))
}

/// Makes a component of a core module, by the types that wit-bindgen left in it.
fn encode(name: &str, module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .with_context(|| format!("guest {name}: no component can be made of it"))
}
