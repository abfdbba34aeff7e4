//! The exports that a world of an embedder has, read from its WIT, and a component compared with them.

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;
use wit_parser::{
    Function as WitFunction, PackageId, Resolve, Type as WitType, TypeDefKind, WorldItem,
};

use crate::escape;
use crate::refusal::{Refusal, RefusalKind};
use crate::served::{split_version, track};
use crate::value::{Case, Field, Function, Type};

/// The functions that components of a world export.
///
/// ```
/// use tollgate_component::World;
///
/// let wit = "
///     package acme:report@1.0.0;
///     interface render { render: func(title: string) -> result<string, string>; }
///     world plugin { export render; }
/// ";
/// let plugin = World::parse(&[wit], "plugin")?;
/// let [render] = plugin.functions() else { panic!("it has one") };
/// assert_eq!(render.full_name(), "acme:report/render@1.0.0.render");
/// assert_eq!(plugin.name(), "acme:report/plugin@1.0.0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    name: String,
    functions: Vec<Function>,
}

/// WIT that cannot be read as a world, with the mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct WorldError(String);

impl World {
    /// Reads a world from texts of WIT, such as those of `include_str!`: one for each package, those that others use
    /// first. `world` is its name, `plugin` or `acme:report/plugin`, in the last package unless it says another.
    ///
    /// # Errors
    ///
    /// The texts are no WIT, or have no such world.
    pub fn parse(packages: &[&str], world: &str) -> Result<World, WorldError> {
        let (mut resolve, mut last) = (Resolve::default(), None);
        for (number, text) in packages.iter().enumerate() {
            let pushed = resolve.push_source(&format!("package {number}"), text);
            last = Some(pushed.map_err(WorldError::of)?);
        }
        let last = last.ok_or_else(|| WorldError("no WIT is given; give a text".to_owned()))?;
        World::of(&resolve, last, world)
    }

    /// Reads a world from a folder or a file of WIT, as `bindgen!` does with its `path`: the packages that it uses are in
    /// `deps`.
    ///
    /// # Errors
    ///
    /// The folder cannot be read or is no WIT, or has no such world.
    pub fn folder(path: &Path, world: &str) -> Result<World, WorldError> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(path).map_err(WorldError::of)?;
        World::of(&resolve, package, world)
    }

    /// Its full name, with the version of its package.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The functions that a component of it exports, by themselves and in interfaces, in the order of the WIT.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Compares the functions that a component exports with those of the world. It may export more. One resource is taken for
    /// another, since types have no names here, and a function whose description was cut is told as missing.
    ///
    /// # Errors
    ///
    /// [`RefusalKind::MissingExport`]: each function that is missing or has another type, beside the type that is
    /// found.
    pub fn compare<'f>(
        &self,
        found: impl Iterator<Item = &'f Function> + Clone,
    ) -> Result<(), Refusal> {
        let mut wrong = self.functions.iter().filter_map(|wanted| {
            let same = |found: &&Function| {
                found.name == wanted.name && is_interface(&found.interface, &wanted.interface)
            };
            // Like the engine, the exact version first.
            let exact = |found: &&Function| same(found) && found.interface == wanted.interface;
            let mut all = found.clone();
            match all.find(exact).or_else(|| found.clone().find(same)) {
                Some(found) if is_type(found, wanted) => None,
                // Each is cut to a line: a component may have types of a megabyte.
                Some(found) => Some(format!(
                    "{} is `{}`, not `{wanted}`",
                    wanted.full_name(),
                    escape::line(&found.to_string())
                )),
                None => Some(format!("{} is missing: `{wanted}`", wanted.full_name())),
            }
        });
        let Some(first) = wrong.next() else {
            return Ok(());
        };
        let listed = std::iter::once(first).chain(wrong.by_ref().take(MOST_TOLD.saturating_sub(1)));
        let mut text = format!(
            "the component does not export what {} has: {}",
            self.name,
            listed.collect::<Vec<_>>().join("; ")
        );
        let rest = wrong.count();
        if rest > 0 {
            text.push_str(&format!("; and {rest} more"));
        }
        let mut names = found.map(|it| escape::line(&it.full_name()).into_owned());
        let shown: Vec<String> = names.by_ref().take(MOST_TOLD).collect();
        let more = if names.next().is_some() { ", …" } else { "" };
        text.push_str(&match shown.is_empty() {
            true => "; it exports no function".to_owned(),
            false => format!("; it exports {}{more}", shown.join(", ")),
        });
        Err(Refusal::new(RefusalKind::MissingExport, text))
    }

    fn of(resolve: &Resolve, package: PackageId, world: &str) -> Result<World, WorldError> {
        let id = resolve.select_world(&[package], Some(world));
        let id = id.map_err(WorldError::of)?;
        let world = resolve.worlds.get(id);
        let world = world.ok_or_else(|| WorldError("the world is gone".to_owned()))?;
        let name = match world.package {
            Some(package) => resolve.id_of_name(package, &world.name),
            None => world.name.clone(),
        };
        let mut functions = Vec::new();
        for (key, item) in &world.exports {
            match item {
                WorldItem::Function(function) => {
                    functions.push(function_of(resolve, None, function));
                }
                WorldItem::Interface { id, .. } => {
                    let interface: Arc<str> = resolve.name_world_key(key).into();
                    let Some(contents) = resolve.interfaces.get(*id) else {
                        continue;
                    };
                    for function in contents.functions.values() {
                        let interface = Some(Arc::clone(&interface));
                        functions.push(function_of(resolve, interface, function));
                    }
                }
                WorldItem::Type { .. } => {}
            }
        }
        Ok(World { name, functions })
    }
}

/// The most functions that a refusal names.
const MOST_TOLD: usize = 8;

impl WorldError {
    pub(crate) fn of(error: impl std::fmt::Display) -> WorldError {
        WorldError(format!("{error:#}"))
    }
}

/// Whether an interface is the wanted one, in a version that is the same to its callers.
fn is_interface(found: &Option<Arc<str>>, wanted: &Option<Arc<str>>) -> bool {
    let (Some(found), Some(wanted)) = (found, wanted) else {
        return found.is_none() && wanted.is_none();
    };
    let ((base, found), (wanted_base, wanted)) = (split_version(found), split_version(wanted));
    base == wanted_base && track(found) == track(wanted)
}

/// Whether the types are the same; parameters may have other names.
fn is_type(found: &Function, wanted: &Function) -> bool {
    let types = |function: &Function| -> Vec<Type> {
        function
            .params
            .iter()
            .map(|param| param.ty.clone())
            .collect()
    };
    found.result == wanted.result && types(found) == types(wanted)
}

fn function_of(resolve: &Resolve, interface: Option<Arc<str>>, of: &WitFunction) -> Function {
    let params = of.params.iter().map(|param| Field {
        name: param.name.clone(),
        ty: type_of(resolve, &param.ty),
    });
    let params = params.collect();
    let result = of.result.as_ref().map(|ty| type_of(resolve, ty));
    Function::new(interface, of.name.as_str().into(), params, result)
}

/// The same type as ours. The parser bounds how deep they are nested.
fn type_of(resolve: &Resolve, ty: &WitType) -> Type {
    let boxed = |ty: &WitType| Box::new(type_of(resolve, ty));
    let maybe = |ty: &Option<WitType>| ty.as_ref().map(boxed);
    let id = match ty {
        WitType::Bool => return Type::Bool,
        WitType::U8 => return Type::U8,
        WitType::U16 => return Type::U16,
        WitType::U32 => return Type::U32,
        WitType::U64 => return Type::U64,
        WitType::S8 => return Type::S8,
        WitType::S16 => return Type::S16,
        WitType::S32 => return Type::S32,
        WitType::S64 => return Type::S64,
        WitType::F32 => return Type::F32,
        WitType::F64 => return Type::F64,
        WitType::Char => return Type::Char,
        WitType::String => return Type::String,
        WitType::ErrorContext => return OFF,
        WitType::Id(id) => id,
    };
    let Some(definition) = resolve.types.get(*id) else {
        return OFF;
    };
    match &definition.kind {
        TypeDefKind::Record(record) => Type::Record(
            record
                .fields
                .iter()
                .map(|field| Field {
                    name: field.name.clone(),
                    ty: type_of(resolve, &field.ty),
                })
                .collect(),
        ),
        TypeDefKind::Variant(variant) => Type::Variant(
            variant
                .cases
                .iter()
                .map(|case| Case {
                    name: case.name.clone(),
                    ty: case.ty.as_ref().map(|ty| type_of(resolve, ty)),
                })
                .collect(),
        ),
        TypeDefKind::Tuple(tuple) => {
            Type::Tuple(tuple.types.iter().map(|ty| type_of(resolve, ty)).collect())
        }
        TypeDefKind::Enum(of) => {
            Type::Enum(of.cases.iter().map(|case| case.name.clone()).collect())
        }
        TypeDefKind::Flags(of) => {
            Type::Flags(of.flags.iter().map(|flag| flag.name.clone()).collect())
        }
        TypeDefKind::Option(of) => Type::Option(boxed(of)),
        TypeDefKind::List(of) => Type::List(boxed(of)),
        TypeDefKind::Result(of) => Type::Result(maybe(&of.ok), maybe(&of.err)),
        TypeDefKind::Type(of) => type_of(resolve, of),
        TypeDefKind::Resource | TypeDefKind::Handle(_) => Type::Opaque("a resource"),
        TypeDefKind::Map(..)
        | TypeDefKind::FixedLengthList(..)
        | TypeDefKind::Future(_)
        | TypeDefKind::Stream(_)
        | TypeDefKind::Unknown => OFF,
    }
}

const OFF: Type = Type::Opaque("a type of a proposal that is off");

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const TYPES: &str = "package acme:types@0.2.1;
        interface types { record row { name: string, cells: list<option<f64>> } }";
    const REPORT: &str = "package acme:report@1.2.0;
        interface render {
            use acme:types/types@0.2.1.{row};
            enum style { plain, bold }
            flags how { a, b }
            variant page { empty, text(string) }
            resource book { title: func() -> string; }
            render: func(rows: list<row>, style: style, how: how) -> result<page, tuple<u8, char>>;
            bind: func(books: list<own<book>>);
        }
        world plugin { export render; export version: func() -> string; export run: func(x: u32); }";

    #[test]
    fn a_world_is_read_with_all_of_its_types() {
        let world = World::parse(&[TYPES, REPORT], "acme:report/plugin").unwrap();
        let functions: Vec<String> = world
            .functions()
            .iter()
            .map(|function| {
                format!(
                    "{} {function}",
                    function.interface.as_deref().unwrap_or("-")
                )
            })
            .collect();
        let render = "acme:report/render@1.2.0";
        let mut expected = [
            format!(
                "{render} render: func(rows: list<record {{ name: string, cells: list<option<f64>> }}>, style: enum {{ plain, bold }}, how: flags {{ a, b }}) -> result<variant {{ empty, text(string) }}, tuple<u8, char>>"
            ),
            format!("{render} bind: func(books: list<a resource>)"),
            format!("{render} [method]book.title: func(self: a resource) -> string"),
            "- version: func() -> string".to_owned(),
            "- run: func(x: u32)".to_owned(),
        ];
        let mut found = functions.clone();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        for (texts, name, says) in [
            (&[REPORT][..], "plugin", "acme:types"),
            (&[TYPES], "plugin", "not found"),
            (&[], "plugin", "no WIT"),
            (&["package"], "plugin", "expected"),
        ] {
            let error = World::parse(texts, name).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn each_function_is_compared_by_name_version_and_type() {
        let world = World::parse(&[TYPES, REPORT], "plugin").unwrap();
        let all = world.functions().to_vec();
        assert!(world.compare(all.iter()).is_ok());
        // Another version on the same track, other names of parameters, and more exports are all right.
        let mut other = all.clone();
        for function in &mut other {
            if function.interface.is_some() {
                function.interface = Some("acme:report/render@1.0.7".into());
            }
            for param in &mut function.params {
                param.name.push('x');
            }
        }
        other.push(Function::new(None, "more".into(), vec![], None));
        assert!(world.compare(other.iter()).is_ok());
        // Each of these is told.
        let refused = |change: fn(&mut Vec<Function>)| {
            let mut found = all.clone();
            change(&mut found);
            let refusal = world.compare(found.iter()).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::MissingExport);
            refusal.message
        };
        let message = refused(|found| found.retain(|it| &*it.name != "run"));
        assert!(
            message.contains("run is missing: `run: func(x: u32)`"),
            "{message}"
        );
        assert!(
            message.contains("; it exports version, acme:report/render@1.2.0."),
            "{message}"
        );
        let message = refused(|found| {
            let run = found.iter_mut().find(|it| &*it.name == "run").unwrap();
            run.result = Some(Type::S64);
        });
        let says = "acme:report/plugin@1.2.0 has: run is `run: func(x: u32) -> s64`, not `run: func(x: u32)`";
        assert!(message.contains(says), "{message}");
        let message = refused(|found| {
            found
                .iter_mut()
                .for_each(|it| it.interface = Some("acme:report/render@2.0.0".into()));
        });
        assert!(
            message.contains("render@1.2.0.render is missing"),
            "{message}"
        );
        assert!(refused(Vec::clear).ends_with("; it exports no function"));
    }

    /// A component that exports nothing of a large world does not fill a terminal.
    #[test]
    fn a_refusal_names_the_first_functions_and_counts_the_rest() {
        let exports: String = (0..12).map(|n| format!("export f{n}: func();")).collect();
        let wit = format!("package acme:many; world many {{ {exports} }}");
        let world = World::parse(&[&wit], "many").unwrap();
        let other = Function::new(None, "x".repeat(5_000).into(), vec![], None);
        let message = world.compare([&other].into_iter()).unwrap_err().message;
        assert!(
            message.contains("f7 is missing") && !message.contains("f8 is missing"),
            "{message}"
        );
        assert!(
            message.contains("; and 4 more; it exports xxx"),
            "{message}"
        );
        assert!(message.len() < 4_000, "{}", message.len());
    }
}
