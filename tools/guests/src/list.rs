//! `list`: shows size, imports and exports of every component in a folder.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use wasmparser::{Parser, Payload};

use crate::folder::{entries_with, stem};

pub(crate) fn list(folder: &Path) -> Result<()> {
    for file in entries_with(folder, "wasm")? {
        let name = stem(&file);
        let bytes = fs::read(&file).with_context(|| format!("guest {name}"))?;
        println!("{name} ({} bytes)", bytes.len());
        list_names(&bytes).with_context(|| format!("guest {name}"))?;
    }
    Ok(())
}

/// Imports and exports of the component itself, not of those nested in it.
///
/// Read from the sections, not with `wit_component::decode`, which panics on some valid components.
fn list_names(bytes: &[u8]) -> Result<()> {
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    println!("    import {}", import?.name.name);
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    println!("    export {}", export?.name.name);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
