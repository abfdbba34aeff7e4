//! The exports of a world: functions and resources, each of which gets a stub.

use std::collections::HashSet;

use wit_parser::{
    Function, FunctionKind, InterfaceId, Resolve, Type, TypeDefKind, TypeId, WorldItem, WorldKey,
};

use crate::commands::new::world::World;
use crate::output::status::ExitReason;

/// The functions of the world itself, or of one interface that it exports.
pub(super) struct Exported<'w> {
    /// The interface; none for the world itself.
    pub(super) interface: Option<Interface<'w>>,
    /// Functions that belong to no resource.
    pub(super) functions: Vec<&'w Function>,
    pub(super) resources: Vec<Resource<'w>>,
}

/// An interface that is exported.
#[derive(Clone, Copy)]
pub(super) struct Interface<'w> {
    /// Without its package.
    pub(super) name: &'w str,
    pub(super) id: InterfaceId,
    /// It has no package: the world has it inline, or exports it under another name.
    pub(super) is_inline: bool,
}

/// A resource that is exported, with its constructor, methods and static functions.
pub(super) struct Resource<'w> {
    pub(super) name: &'w str,
    pub(super) functions: Vec<&'w Function>,
}

/// The exports of a world, its own functions first.
pub(super) fn of(world: &World) -> Vec<Exported<'_>> {
    let resolve = &world.resolve;
    let (mut own, mut interfaces) = (Vec::new(), Vec::new());
    for (key, item) in &resolve.worlds[world.id].exports {
        match item {
            WorldItem::Function(function) => own.push(function),
            WorldItem::Interface { id, .. } => interfaces.push(interface(resolve, key, *id)),
            // A world cannot export a type.
            WorldItem::Type { .. } => {}
        }
    }
    let own = Exported {
        interface: None,
        functions: own,
        resources: Vec::new(),
    };
    let own = (!own.functions.is_empty()).then_some(own);
    own.into_iter().chain(interfaces).collect()
}

fn interface<'w>(resolve: &'w Resolve, key: &'w WorldKey, id: InterfaceId) -> Exported<'w> {
    let found = &resolve.interfaces[id];
    let (name, is_inline) = match key {
        WorldKey::Name(name) => (name.as_str(), true),
        WorldKey::Interface(_) => (found.name.as_deref().unwrap_or_default(), false),
    };
    let of = |resource: Option<TypeId>| {
        let functions = found.functions.values();
        functions
            .filter(|function| function.kind.resource() == resource)
            .collect()
    };
    let types = found.types.iter();
    let resources = types.filter(|(_, id)| is_resource(resolve, **id));
    Exported {
        interface: Some(Interface {
            name,
            id,
            is_inline,
        }),
        functions: of(None),
        resources: resources
            .map(|(name, id)| Resource {
                name,
                functions: of(Some(*id)),
            })
            .collect(),
    }
}

fn is_resource(resolve: &Resolve, id: TypeId) -> bool {
    matches!(resolve.types[id].kind, TypeDefKind::Resource)
}

/// Checks that the world can be a provider's: it exports functions, and neither they nor its imports have a type that no host
/// of this version has.
pub(super) fn check(world: &World) -> Result<(), ExitReason> {
    let refuse = |why: &str, fix: &str| {
        let name = &world.name;
        Err(ExitReason::Usage(format!("the world {name} {why}; {fix}")))
    };
    let exported = of(world);
    let mut functions: Vec<&Function> = Vec::new();
    for exported in &exported {
        functions.extend(&exported.functions);
        for resource in &exported.resources {
            functions.extend(&resource.functions);
        }
    }
    if functions.is_empty() {
        return refuse(
            "exports nothing that can be called",
            "name a world with exported functions",
        );
    }
    for item in world.resolve.worlds[world.id].imports.values() {
        match item {
            WorldItem::Function(function) => functions.push(function),
            WorldItem::Interface { id, .. } => {
                functions.extend(world.resolve.interfaces[*id].functions.values());
            }
            WorldItem::Type { .. } => {}
        }
    }
    let mut seen = HashSet::new();
    for function in functions {
        if function.kind.is_async() {
            let why = format!(
                "has the asynchronous function `{}`: it is of WASI 0.3",
                function.name
            );
            return refuse(&why, "make it a plain function");
        }
        let resolve = &world.resolve;
        let found = find(resolve, function, &mut seen, |ty| proposal(resolve, ty));
        if let Some(proposal) = found {
            let why = format!(
                "has a type of a proposal that this host has off: `{}` has {proposal}",
                function.name
            );
            return refuse(&why, "use a type of WASI 0.2");
        }
    }
    Ok(())
}

/// The type with its article, if it is of a proposal: WASI 0.2 does not have it.
fn proposal(resolve: &Resolve, ty: Type) -> Option<&'static str> {
    let id = match ty {
        Type::ErrorContext => return Some("an error-context"),
        Type::Id(id) => id,
        _ => return None,
    };
    match resolve.types[id].kind {
        TypeDefKind::Future(_) => Some("a future"),
        TypeDefKind::Stream(_) => Some("a stream"),
        TypeDefKind::Map(..) => Some("a map"),
        TypeDefKind::FixedLengthList(..) => Some("a list of fixed length"),
        _ => None,
    }
}

/// The first thing that is found at a type of a function, or at one that such a type is made of. Types in `seen` are passed
/// over, and all that are looked at are put there.
fn find<T>(
    resolve: &Resolve,
    function: &Function,
    seen: &mut HashSet<TypeId>,
    mut at: impl FnMut(Type) -> Option<T>,
) -> Option<T> {
    let mut left: Vec<Type> = function.params.iter().map(|param| param.ty).collect();
    left.extend(function.result);
    while let Some(ty) = left.pop() {
        if let Type::Id(id) = ty {
            if !seen.insert(id) {
                continue;
            }
            left.extend(parts(&resolve.types[id].kind));
        }
        let found = at(ty);
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The types that a type is made of.
fn parts(kind: &TypeDefKind) -> Vec<Type> {
    match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => vec![*ty],
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        _ => Vec::new(),
    }
}

/// Whether a function takes or gives handles, so that it cannot be called from a command line.
pub(super) fn has_handles(resolve: &Resolve, function: &Function) -> bool {
    let is_handle = |ty| match ty {
        Type::Id(id) => matches!(resolve.types[id].kind, TypeDefKind::Handle(_)).then_some(()),
        _ => None,
    };
    find(resolve, function, &mut HashSet::new(), is_handle).is_some()
}

/// The name of a function without that of its resource.
pub(super) fn short_name(function: &Function) -> &str {
    match function.kind {
        FunctionKind::Constructor(_) => "new",
        _ => function.name.rsplit('.').next().unwrap_or(&function.name),
    }
}
