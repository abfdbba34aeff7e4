//! A world of the project's own, which exports what another one exports and imports nothing but types. Compilers that
//! import all that a world names would make a component of it that needs a grant for each.

use wit_component::WitPrinter;
use wit_parser::{Package, PackageName, TypeOwner, WorldItem, WorldKey};

use crate::commands::new::world::World;
use crate::output::status::ExitReason;

/// The name of the world, which no other package's is.
pub(super) const NAME: &str = "local:provider/provider";

/// The line that opens it, with the end of the one before: a doc comment may have the same words.
const OPENS: &str = "\nworld provider {\n";

/// Its text, with the imports that it leaves out as comments.
pub(super) fn text(world: &World) -> Result<String, ExitReason> {
    let mut resolve = world.resolve.clone();
    let mut own = resolve.worlds[world.id].clone();
    let mut left_out = Vec::new();
    own.imports.retain(|key, item| match (key, item) {
        (_, WorldItem::Type { .. }) => true,
        (WorldKey::Interface(id), _) => {
            // One of types alone comes back with the types.
            if !world.resolve.interfaces[*id].functions.is_empty() {
                left_out.push(format!(
                    "import {};",
                    world.resolve.id_of(*id).unwrap_or_default()
                ));
            }
            false
        }
        (WorldKey::Name(name), _) => {
            left_out.push(format!("the import `{name}` of {}", world.name));
            false
        }
    });
    let package = Package {
        name: PackageName {
            namespace: "local".to_owned(),
            name: "provider".to_owned(),
            version: None,
        },
        docs: Default::default(),
        interfaces: Default::default(),
        worlds: Default::default(),
    };
    let package = resolve.packages.alloc(package);
    own.name = "provider".to_owned();
    own.package = Some(package);
    let types: Vec<_> = own
        .imports
        .values()
        .filter_map(|item| match item {
            WorldItem::Type { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    let own = resolve.worlds.alloc(own);
    for id in types {
        resolve.types[id].owner = TypeOwner::World(own);
    }
    resolve.packages[package]
        .worlds
        .insert("provider".to_owned(), own);
    let mut printer = WitPrinter::default();
    printer.emit_docs(true);
    let printed = printer.print(&resolve, package, &[]);
    printed.map_err(|error| {
        ExitReason::Usage(format!(
            "the world {} cannot be written for this language: {error}; use --lang rust",
            world.name
        ))
    })?;
    Ok(with_comments(&printer.output.to_string(), world, &left_out))
}

fn with_comments(printed: &str, world: &World, left_out: &[String]) -> String {
    let mut text = printed.trim_end().to_owned();
    let last = text.pop();
    let note = format!(
        "  // The exports of {}. The compiler imports all that is named here, so an import is added when the code uses it.\n",
        world.name
    );
    // Below the line that opens the world.
    let mut text = text.replacen(OPENS, &format!("{OPENS}{note}"), 1);
    if !left_out.is_empty() {
        text.push_str("\n  // Left out:\n");
        for import in left_out {
            text.push_str(&format!("  // {import}\n"));
        }
    }
    text.extend(last);
    text.push('\n');
    text
}
