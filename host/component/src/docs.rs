//! Documentation that a component carries in a custom section: the doc comments of the WIT that it was built from.
//!
//! No toolchain writes it into a component by itself. There are two sections, of one format: JSON behind a byte of
//! version, as the crate wit-parser writes it for packages of WIT.
//!
//! - `component-docs` is written by [`documented`], for the exports of one world. Tools that do not know it pass it over.
//! - `package-docs` is what wit-parser calls it, and what wit-docs-inject, Wassette's tool, writes into components. It
//!   is of one package, whose name it does not say, and some versions of wit-parser refuse a component that has it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;

use crate::served::split_version;
use crate::value::Function;

/// The sections, the preferred one first.
pub(crate) const SECTIONS: [&str; 2] = ["component-docs", "package-docs"];

/// The versions of the format that this reads: the first one has a text where the second has an object.
const VERSIONS: [u8; 2] = [0, 1];

/// Bytes of a section that is read. The interfaces of WASI 0.2 together have 120 KiB of comments.
const MAX_SECTION: usize = 1 << 20;

/// Bytes of one text, and of all texts of a component with the names of their functions. A loaded component holds them.
const MAX_TEXT: usize = 4 << 10;
const MAX_TEXTS: usize = 256 << 10;

/// The mark of a text that was cut.
const CUT: &str = "…";

/// The documentation of a component and of its functions, in the words of its author: hostile text, to be escaped before
/// it is shown. A text has at most 4 KiB, and all together have 256 KiB: one that is longer is cut, and functions beyond
/// have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docs {
    world: Option<String>,
    /// By [`Function::full_name`].
    functions: BTreeMap<String, String>,
}

impl Docs {
    /// The text about the component.
    pub fn world(&self) -> Option<&str> {
        self.world.as_deref()
    }

    /// The number of functions with a text.
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.world.is_none() && self.functions.is_empty()
    }

    /// The text about one of its functions.
    pub fn function(&self, function: &Function) -> Option<&str> {
        self.named(&function.full_name())
    }

    pub(crate) fn named(&self, full_name: &str) -> Option<&str> {
        self.functions.get(full_name).map(String::as_str)
    }

    /// The texts of a section about a component of these exports. A section that cannot be read has none: a custom section
    /// cannot make a component invalid.
    pub(crate) fn read<'e>(
        section: &[u8],
        exports: impl Iterator<Item = &'e str> + Clone,
        types: TypesRef<'_>,
    ) -> Docs {
        let Some(package) = Package::read(section) else {
            return Docs::default();
        };
        let mut left = MAX_TEXTS;
        let mut docs = Docs {
            world: package.about().and_then(|text| cut(text, 0, &mut left)),
            functions: BTreeMap::new(),
        };
        let mut last_names: HashMap<&str, usize> = HashMap::new();
        for last in exports.clone().filter_map(last_name) {
            let times = last_names.entry(last).or_default();
            *times = times.saturating_add(1);
        }
        for export in exports {
            let item = types.component_item_for_export(export);
            match item.map(|item| item.ty) {
                Some(ComponentEntityType::Func(_)) => {
                    docs.add(export.to_owned(), package.function(export), &mut left);
                }
                Some(ComponentEntityType::Instance(id)) => {
                    let functions = types.get(id).into_iter().flat_map(|of| &of.exports);
                    let functions = functions
                        .filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
                    let texts = package.interface(export, &last_names);
                    for (name, _) in functions {
                        let text = one(texts.iter().filter_map(|it| it.funcs.get(name)?.text()));
                        docs.add(format!("{export}.{name}"), text, &mut left);
                    }
                }
                _ => {}
            }
        }
        docs
    }

    fn add(&mut self, function: String, text: Option<&str>, left: &mut usize) {
        if let Some(text) = text.and_then(|text| cut(text, function.len(), left)) {
            self.functions.insert(function, text);
        }
    }
}

/// The text within its bound, if there is room for it under a name of `name` bytes.
fn cut(text: &str, name: usize, left: &mut usize) -> Option<String> {
    let text = text.trim();
    let kept = match text.len() > MAX_TEXT {
        true => {
            let most = MAX_TEXT.saturating_sub(CUT.len());
            text.get(..text.floor_char_boundary(most))?
        }
        false => text,
    };
    let mark = if kept.len() < text.len() { CUT } else { "" };
    let bytes = kept.len().saturating_add(mark.len()).saturating_add(name);
    *left = left.checked_sub(bytes)?;
    (!kept.is_empty()).then(|| format!("{kept}{mark}"))
}

/// The text that all of them are, if there is one: a section of a package may document several worlds.
fn one<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = texts.next()?;
    texts.all(|text| text == first).then_some(first)
}

/// The format. Other fields are passed over.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Package {
    docs: Option<String>,
    worlds: BTreeMap<String, WorldDocs>,
    interfaces: BTreeMap<String, InterfaceDocs>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct WorldDocs {
    docs: Option<String>,
    /// Interfaces that are written out in the world: the imported ones, and exported ones that no imported one is called
    /// like.
    interfaces: BTreeMap<String, InterfaceDocs>,
    interface_exports: BTreeMap<String, InterfaceDocs>,
    /// Functions of the world, as `interfaces`.
    funcs: BTreeMap<String, FunctionDocs>,
    func_exports: BTreeMap<String, FunctionDocs>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct InterfaceDocs {
    docs: Option<String>,
    funcs: BTreeMap<String, FunctionDocs>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum FunctionDocs {
    Text(Option<String>),
    Item {
        #[serde(default)]
        docs: Option<String>,
    },
}

impl FunctionDocs {
    fn text(&self) -> Option<&str> {
        match self {
            FunctionDocs::Text(text) | FunctionDocs::Item { docs: text } => text.as_deref(),
        }
    }
}

impl Package {
    fn read(section: &[u8]) -> Option<Package> {
        let (version, json) = section.split_first()?;
        if !VERSIONS.contains(version) || section.len() > MAX_SECTION {
            return None;
        }
        serde_json::from_slice(json).ok()
    }

    fn about(&self) -> Option<&str> {
        let worlds = self
            .worlds
            .values()
            .filter_map(|world| world.docs.as_deref());
        one(worlds).or(self.docs.as_deref())
    }

    /// The text about a function that is exported by itself.
    fn function(&self, name: &str) -> Option<&str> {
        let worlds = self.worlds.values();
        let functions = worlds.filter_map(|world| {
            let function = world.func_exports.get(name);
            function.or_else(|| world.funcs.get(name))?.text()
        });
        one(functions)
    }

    /// The texts about an exported interface. The section has its last name alone, so that two interfaces of one last name
    /// have none.
    fn interface(&self, export: &str, last_names: &HashMap<&str, usize>) -> Vec<&InterfaceDocs> {
        let Some(last) = last_name(export) else {
            let worlds = self.worlds.values();
            let written_out = worlds.filter_map(|world| {
                let interface = world.interface_exports.get(export);
                interface.or_else(|| world.interfaces.get(export))
            });
            return written_out.collect();
        };
        match last_names.get(last) {
            Some(1) => self.interfaces.get(last).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// `rates` of `acme:report/rates@1.0.0`.
fn last_name(export: &str) -> Option<&str> {
    let (path, _version) = split_version(export);
    path.rsplit_once('/').map(|(_, last)| last)
}

#[cfg(feature = "wit")]
mod write {
    use wasm_encoder::{ComponentSection as _, CustomSection};
    use wasmparser::BinaryReader;
    use wit_parser::{Docs as WitDocs, Function as WitFunction, Resolve, WorldId, WorldItem};

    use super::{
        FunctionDocs, InterfaceDocs, MAX_SECTION, Package, SECTIONS, VERSIONS, WorldDocs, last_name,
    };
    use crate::world::WorldError;

    /// The id of a custom section.
    const CUSTOM: u8 = 0;

    /// The component with the doc comments of a world in it, in place of those that it had, and the number of functions that
    /// they are about. A signature of the component does not fit any longer. Whether the component has these functions is not
    /// checked: [`Docs::len`](super::Docs::len) of its inspection says how many of its functions have a text now.
    ///
    /// # Errors
    ///
    /// The world has no doc comments about its exports or too many, or the bytes are no component.
    pub fn documented(
        component: &[u8],
        resolve: &Resolve,
        world: WorldId,
    ) -> Result<(Vec<u8>, usize), WorldError> {
        let (section, functions) = section(resolve, world)?;
        let mut bytes = without_docs(component).map_err(WorldError::of)?;
        let custom = CustomSection {
            name: SECTIONS[0].into(),
            data: section.into(),
        };
        custom.append_to_component(&mut bytes);
        Ok((bytes, functions))
    }

    fn section(resolve: &Resolve, world: WorldId) -> Result<(Vec<u8>, usize), WorldError> {
        let Some(world) = resolve.worlds.get(world) else {
            return Err(WorldError::of("the world is gone"));
        };
        let mut package = Package::default();
        let mut own = WorldDocs {
            docs: text(&world.docs),
            ..WorldDocs::default()
        };
        for (key, item) in &world.exports {
            let name = resolve.name_world_key(key);
            match item {
                WorldItem::Function(function) => {
                    own.func_exports.extend(documented_function(function));
                }
                WorldItem::Interface { id, .. } => {
                    let Some(interface) = resolve.interfaces.get(*id) else {
                        continue;
                    };
                    let functions = interface.functions.values();
                    let docs = InterfaceDocs {
                        docs: text(&interface.docs),
                        funcs: functions.filter_map(documented_function).collect(),
                    };
                    match last_name(&name) {
                        Some(last) => package.interfaces.insert(last.to_owned(), docs),
                        None => own.interface_exports.insert(name, docs),
                    };
                }
                WorldItem::Type { .. } => {}
            }
        }
        let interfaces = package
            .interfaces
            .values()
            .chain(own.interface_exports.values());
        let functions = interfaces.map(|it| it.funcs.len()).sum::<usize>() + own.func_exports.len();
        if functions == 0 && own.docs.is_none() {
            return Err(WorldError::of(format!(
                "the world `{}` has no doc comments about its exports; write `///` above them",
                world.name
            )));
        }
        package.worlds.insert(world.name.clone(), own);
        let mut section = vec![VERSIONS[1]];
        serde_json::to_writer(&mut section, &package).map_err(WorldError::of)?;
        match section.len() > MAX_SECTION {
            true => Err(WorldError::of(format!(
                "the doc comments take more than {MAX_SECTION} bytes"
            ))),
            false => Ok((section, functions)),
        }
    }

    fn text(docs: &WitDocs) -> Option<String> {
        docs.contents.clone()
    }

    fn documented_function(function: &WitFunction) -> Option<(String, FunctionDocs)> {
        let docs = text(&function.docs)?;
        let docs = FunctionDocs::Item { docs: Some(docs) };
        Some((function.name.clone(), docs))
    }

    /// The component without its documentation.
    pub(crate) fn without_docs(component: &[u8]) -> wasmparser::Result<Vec<u8>> {
        let mut reader = BinaryReader::new(component, 0);
        let _magic_and_version = reader.read_u64()?;
        let mut kept = Vec::new();
        let mut from = 0;
        while !reader.eof() {
            let start = reader.current_position();
            let id = reader.read_u8()?;
            let mut body = reader.read_reader()?;
            if id == CUSTOM && SECTIONS.contains(&body.read_unlimited_string()?) {
                kept.extend_from_slice(component.get(from..start).unwrap_or_default());
                from = reader.current_position();
            }
        }
        kept.extend_from_slice(component.get(from..).unwrap_or_default());
        Ok(kept)
    }
}

#[cfg(feature = "wit")]
pub use write::documented;
#[cfg(feature = "wit")]
pub(crate) use write::without_docs;

#[cfg(all(test, feature = "wit"))]
#[path = "docs_tests.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
