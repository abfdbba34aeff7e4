//! Inspection of the bytes of a component before any of it is compiled.

use semver::Version;
use serde::{Deserialize, Serialize};
use tollgate_policy::Limits;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Parser, Payload, TypeBounds};

use crate::docs::{self, Docs};
use crate::refusal::{Refusal, RefusalKind, malformed};
use crate::remedy::Remedy;
use crate::served::{PROVIDER_VERSIONS, split_version};
use crate::shape::scan;

/// The longest WIT text of a component, in bytes. A type is written in full wherever it is used without a name, so that a
/// few bytes may mean gigabytes. The largest real component has less than 100 KiB.
pub const MAX_WIT: usize = 16 << 20;

/// The kind of an import or export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ItemKind {
    /// An interface.
    Instance,
    /// A function.
    Function,
    /// A type that is equal to another one.
    Type,
    /// An abstract resource type.
    Resource,
    /// A core module.
    Module,
    /// A component.
    Component,
    /// A value.
    Value,
}

impl ItemKind {
    /// The kind in words, for people.
    pub fn label(self) -> &'static str {
        match self {
            ItemKind::Instance => "interface",
            ItemKind::Function => "function",
            ItemKind::Type => "type",
            ItemKind::Resource => "resource",
            ItemKind::Module => "core module",
            ItemKind::Component => "component",
            ItemKind::Value => "value",
        }
    }
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The name as written, with its version.
    pub name: String,
    /// Its kind.
    pub kind: ItemKind,
    /// Whether it is an interface that holds type definitions and nothing to call.
    pub types_only: bool,
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The name as written, with its version.
    pub name: String,
    /// Its kind.
    pub kind: ItemKind,
}

/// The result of inspecting a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// `sha256:` and the digest of every byte of the file.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// In the component's order.
    pub imports: Vec<Import>,
    /// In the component's order.
    pub exports: Vec<Export>,
    /// Bytes that the engine holds for one instance, beside its memories and tables: a bound that counts each import,
    /// global, export, element, segment and alias of each instance. The limit `host-memory` counts it.
    pub instance_data: u64,
    /// The percentage of the limits of its shape that it needs, for the limit that it needs most of: at most the value
    /// of the limit `complexity`.
    pub complexity: u64,
    /// The reasons for which the engine refuses it although it is valid.
    pub objections: Objections,
    /// The documentation of its exports that it carries.
    pub docs: Docs,
}

/// The reasons for which the engine refuses a valid component, as far as they are known without machine code. They quote
/// text of the component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objections {
    /// Why the engine does not compile it.
    pub unsupported: Option<String>,
    /// The first import of an interface of this host with a type that is not this host's.
    pub mistyped: Option<Mistyped>,
}

/// An import that has the name of an interface of this host and another type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistyped {
    /// The import, as written.
    pub import: String,
    /// The difference, on one line.
    pub why: String,
}

impl Inspection {
    /// Whether the shape of the component is within the limit `complexity`.
    ///
    /// # Errors
    ///
    /// [`RefusalKind::CompileLimit`].
    pub fn is_within(&self, limits: &Limits) -> Result<(), Refusal> {
        let (needs, most) = (self.complexity, limits.complexity);
        if needs <= most {
            return Ok(());
        }
        let message = format!(
            "the shape of the component needs a complexity of {needs}, and {most} is allowed; raise `limits.complexity` in \
             the policy"
        );
        let refusal = Refusal::new(RefusalKind::CompileLimit, message);
        Err(refusal.with_remedy(Remedy::RaiseLimit("complexity")))
    }

    /// The world of the component, recognised by its exports.
    pub fn world(&self) -> Option<String> {
        for export in &self.exports {
            let (base, version) = split_version(&export.name);
            let package = base.split_once('/').map(|(package, _)| package);
            let world = match (export.kind, package) {
                (ItemKind::Function, _) if base == "run" => {
                    return Some(format!(
                        "tollgate:provider/provider@{}",
                        self.provider_version()
                    ));
                }
                (ItemKind::Instance, Some("wasi:cli")) if base == "wasi:cli/run" => {
                    "wasi:cli/command"
                }
                (ItemKind::Instance, Some("wasi:http")) if base == "wasi:http/incoming-handler" => {
                    "wasi:http/proxy"
                }
                (ItemKind::Instance, Some("tollgate:releases")) => "tollgate:releases/releases",
                (ItemKind::Instance, Some("tollgate:ledger")) => {
                    "tollgate:ledger/statement-importer"
                }
                _ => continue,
            };
            return Some(match version {
                Some(version) => format!("{world}@{version}"),
                None => world.to_owned(),
            });
        }
        None
    }

    /// The newest version that it imports from. A component that imports nothing fits every version, and so the newest
    /// served.
    fn provider_version(&self) -> &str {
        let versions = self.imports.iter().filter_map(|import| {
            let (base, version) = split_version(&import.name);
            let version = version.filter(|_| base.starts_with("tollgate:provider/"))?;
            Some((Version::parse(version).ok()?, version))
        });
        let newest = versions.max().map(|(_, version)| version);
        newest
            .or_else(|| PROVIDER_VERSIONS.last().copied())
            .unwrap_or_default()
    }
}

/// Reads the bytes: checks that they are a valid component of an allowed shape, and lists its imports and exports.
/// `digest` is the digest of the bytes.
pub(crate) fn inspect(bytes: &[u8], digest: &str, complexity: u64) -> Result<Inspection, Refusal> {
    is_component(bytes)?;
    let mut imports = Vec::new();
    let mut exports = Vec::new();
    let mut sections = [None; docs::SECTIONS.len()];
    let scanned = scan(bytes, complexity, |payload| {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import.map_err(malformed)?;
                    imports.push(Import {
                        name: import.name.name.to_owned(),
                        kind: import_kind(import.ty),
                        types_only: false,
                    });
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.map_err(malformed)?;
                    exports.push(Export {
                        name: export.name.name.to_owned(),
                        kind: export_kind(export.kind),
                    });
                }
            }
            Payload::CustomSection(section) => {
                let at = docs::SECTIONS
                    .iter()
                    .position(|name| *name == section.name());
                if let Some(found) = at.and_then(|at| sections.get_mut(at)) {
                    *found = Some(section.data());
                }
            }
            _ => {}
        }
        Ok(())
    })
    .map_err(|refusal| crate::proposals::refused(bytes, complexity, refusal))?;
    for import in &mut imports {
        import.types_only = types_only(&import.name, scanned.types.as_ref());
    }
    let section = sections.into_iter().flatten().next().unwrap_or_default();
    let docs = Docs::read(
        section,
        exports.iter().map(|export| &*export.name),
        scanned.types.as_ref(),
    );
    Ok(Inspection {
        digest: digest.to_owned(),
        size: bytes.len() as u64,
        imports,
        exports,
        instance_data: scanned.instance_data,
        complexity: scanned.complexity,
        objections: Objections::default(),
        docs,
    })
}

fn is_component(bytes: &[u8]) -> Result<(), Refusal> {
    let not = |what: &str| Err(Refusal::new(RefusalKind::NotAComponent, what));
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] if imports_wasi_01(bytes) => not(
            "a core WebAssembly module for WASI 0.1, not a component; build it with `cargo build --target \
             wasm32-wasip2`, or turn it into one with `wasm-tools component new module.wasm --adapt \
             wasi_snapshot_preview1=wasi_snapshot_preview1.command.wasm -o component.wasm` (the adapter is \
             part of each wasmtime release; a library takes `.reactor.wasm`)",
        ),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => not(
            "a core WebAssembly module, not a component; build it with `cargo component build`, or \
             turn it into one with `wasm-tools component new` (with `--adapt` for WASI 0.1)",
        ),
        [0, b'a', b's', b'm', ..] => Ok(()),
        _ if looks_like_text(bytes) => {
            not("WebAssembly text, not a component; assemble it with `wasm-tools parse` first")
        }
        _ => Err(Refusal::new(
            RefusalKind::Malformed,
            "not WebAssembly: the file does not start with `\\0asm`",
        )),
    }
}

/// Whether a core module imports `wasi_snapshot_preview1`, as far as it is readable.
fn imports_wasi_01(bytes: &[u8]) -> bool {
    let imports = Parser::new(0)
        .parse_all(bytes)
        .map_while(Result::ok)
        .find_map(|payload| match payload {
            Payload::ImportSection(section) => Some(section),
            _ => None,
        });
    imports.is_some_and(|section| {
        let mut names = section.into_imports().map_while(Result::ok);
        names.any(|import| import.module == "wasi_snapshot_preview1")
    })
}

fn looks_like_text(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    [&b"(component"[..], b"(module", b";;", b"(;"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn types_only(name: &str, types: wasmparser::types::TypesRef<'_>) -> bool {
    let Some(ComponentEntityType::Instance(id)) =
        types.component_item_for_import(name).map(|item| item.ty)
    else {
        return false;
    };
    let Some(instance) = types.get(id) else {
        return false;
    };
    instance.exports.values().all(|export| {
        matches!(
            export.ty,
            ComponentEntityType::Type { referenced, .. }
                if !matches!(referenced, ComponentAnyTypeId::Resource(_))
        )
    })
}

fn import_kind(ty: ComponentTypeRef) -> ItemKind {
    match ty {
        ComponentTypeRef::Instance(_) => ItemKind::Instance,
        ComponentTypeRef::Func(_) => ItemKind::Function,
        ComponentTypeRef::Type(TypeBounds::Eq(_)) => ItemKind::Type,
        ComponentTypeRef::Type(TypeBounds::SubResource) => ItemKind::Resource,
        ComponentTypeRef::Module(_) => ItemKind::Module,
        ComponentTypeRef::Component(_) => ItemKind::Component,
        ComponentTypeRef::Value(_) => ItemKind::Value,
    }
}

fn export_kind(kind: ComponentExternalKind) -> ItemKind {
    match kind {
        ComponentExternalKind::Instance => ItemKind::Instance,
        ComponentExternalKind::Func => ItemKind::Function,
        ComponentExternalKind::Type => ItemKind::Type,
        ComponentExternalKind::Module => ItemKind::Module,
        ComponentExternalKind::Component => ItemKind::Component,
        ComponentExternalKind::Value => ItemKind::Value,
    }
}
