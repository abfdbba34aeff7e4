//! Types and values of WIT in Rust, by the names that the macro `wit_bindgen::generate!` gives them.

use std::collections::HashSet;

use wit_parser::{
    Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldItem,
    WorldKey,
};

use crate::commands::new::value::Value;
use crate::commands::new::words::{escaped, snake, upper_camel};
use crate::commands::new::world::World;

/// Words that no item can be named by.
const KEYWORDS: &str = "as break const continue crate else enum extern false fn for if impl in let loop match mod move mut \
    pub ref return self static struct super trait true type unsafe use where while async await dyn abstract become box do \
    final macro override priv typeof unsized virtual yield try";

/// A function, parameter, field or module.
pub(super) fn ident(name: &str) -> String {
    escaped(snake(name), KEYWORDS)
}

/// A type or a case.
pub(super) fn type_ident(name: &str) -> String {
    match name {
        // The trait of an interface has this name.
        "guest" => "Guest_".to_owned(),
        name => upper_camel(name),
    }
}

/// The types of a world as one of its interfaces, or the world itself, names them.
pub(super) struct Names<'w> {
    pub(super) world: &'w World,
    /// The owner of the types that need no path.
    pub(super) scope: TypeOwner,
    pub(super) side: Side,
}

/// Whose names these are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// A guest's, by `wit_bindgen::generate!`.
    Guest {
        /// The body of each function; an empty value if it is none.
        body: Option<&'static str>,
    },
    /// A host's, by `bindgen!` in its module `world`. A handle is a `Resource`.
    Host,
}

impl Names<'_> {
    /// The type, owned.
    pub(super) fn of(&self, ty: Type) -> String {
        let id = match ty {
            Type::Bool => return "bool".to_owned(),
            Type::U8 => return "u8".to_owned(),
            Type::U16 => return "u16".to_owned(),
            Type::U32 => return "u32".to_owned(),
            Type::U64 => return "u64".to_owned(),
            Type::S8 => return "i8".to_owned(),
            Type::S16 => return "i16".to_owned(),
            Type::S32 => return "i32".to_owned(),
            Type::S64 => return "i64".to_owned(),
            Type::F32 => return "f32".to_owned(),
            Type::F64 => return "f64".to_owned(),
            Type::Char => return "char".to_owned(),
            Type::String | Type::ErrorContext => return self.std("String", "std::string"),
            Type::Id(id) => id,
        };
        if self.resolve().types[id].name.is_some() {
            return self.path(id);
        }
        match &self.resolve().types[id].kind {
            TypeDefKind::List(ty) => format!("{}<{}>", self.std("Vec", "std::vec"), self.of(*ty)),
            TypeDefKind::Option(ty) => {
                format!("{}<{}>", self.std("Option", "std::option"), self.of(*ty))
            }
            TypeDefKind::Result(result) => {
                self.result(&self.of_part(result.ok.as_ref()), result.err.as_ref())
            }
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.of(*ty));
                tuple_of(types.collect())
            }
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id))
                if self.side == Side::Host =>
            {
                format!("Resource<{}>", self.path(*id))
            }
            TypeDefKind::Handle(Handle::Own(id)) => self.path(*id),
            TypeDefKind::Handle(Handle::Borrow(id)) => match self.is_exported(*id) {
                true => format!("{}Borrow<'_>", self.path(*id)),
                false => format!("&{}", self.path(*id)),
            },
            TypeDefKind::Type(ty) => self.of(*ty),
            // `exports::check` refuses the others.
            _ => "()".to_owned(),
        }
    }

    /// The name of the type that has the state of a resource: none of the interface has it.
    pub(super) fn state(&self, resource: &str) -> String {
        let mut name = format!("My{resource}");
        while self.is_own(&name) {
            name.push('_');
        }
        name
    }

    /// A result with the type `ok` in it, and this error.
    pub(super) fn result(&self, ok: &str, err: Option<&Type>) -> String {
        let name = self.std("Result", "std::result");
        format!("{name}<{ok}, {}>", self.of_part(err))
    }

    /// A type that may be left out.
    fn of_part(&self, ty: Option<&Type>) -> String {
        ty.map_or_else(|| "()".to_owned(), |ty| self.of(*ty))
    }

    /// The value as an expression.
    pub(super) fn value(&self, value: &Value<'_>) -> String {
        let of_case = |id: &TypeId, case: &str| format!("{}::{}", self.path(*id), type_ident(case));
        match value {
            Value::Bool => "false".to_owned(),
            Value::Number(Type::F32 | Type::F64) => "0.0".to_owned(),
            Value::Number(_) => "0".to_owned(),
            Value::Char => "' '".to_owned(),
            Value::Text => format!("{}::new()", self.std("String", "std::string")),
            Value::List(_) => format!("{}::new()", self.std("Vec", "std::vec")),
            Value::None(_) => "None".to_owned(),
            Value::Ok(None) => "Ok(())".to_owned(),
            Value::Ok(Some(value)) => format!("Ok({})", self.value(value)),
            Value::Tuple(values) => {
                let values = values.iter().map(|value| self.value(value));
                tuple_of(values.collect())
            }
            Value::Record(id, fields) if fields.is_empty() => format!("{} {{}}", self.path(*id)),
            Value::Record(id, fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| format!("{}: {}", ident(name), self.value(value)));
                let fields = fields.collect::<Vec<_>>().join(", ");
                format!("{} {{ {fields} }}", self.path(*id))
            }
            Value::Variant(id, case, None) | Value::Enum(id, case) => of_case(id, case),
            Value::Variant(id, case, Some(value)) => {
                format!("{}({})", of_case(id, case), self.value(value))
            }
            Value::Flags(id) => format!("{}::empty()", self.path(*id)),
        }
    }

    fn resolve(&self) -> &Resolve {
        &self.world.resolve
    }

    /// A type of the standard library; with its path if a type of this scope has its name.
    fn std(&self, name: &str, module: &str) -> String {
        match self.is_own(name) {
            true => format!("{module}::{name}"),
            false => name.to_owned(),
        }
    }

    /// Whether a type of this scope has the name.
    fn is_own(&self, name: &str) -> bool {
        match self.scope {
            TypeOwner::Interface(id) => {
                let types = self.resolve().interfaces[id].types.keys();
                types.map(|name| type_ident(name)).any(|own| own == name)
            }
            TypeOwner::World(id) => {
                let names = self.resolve().worlds[id].imports.keys();
                let mut names = names.filter_map(|key| match key {
                    WorldKey::Name(name) => Some(type_ident(name)),
                    WorldKey::Interface(_) => None,
                });
                names.any(|own| own == name)
            }
            TypeOwner::None => false,
        }
    }

    pub(super) fn path(&self, id: TypeId) -> String {
        let root = match self.side {
            Side::Guest { .. } => "crate",
            Side::Host => "crate::world",
        };
        let found = &self.resolve().types[id];
        let name = type_ident(found.name.as_deref().unwrap_or_default());
        match found.owner {
            owner if owner == self.scope => name,
            TypeOwner::Interface(owner) => {
                let module = module_of(self.world, owner);
                format!("{root}::{module}::{name}")
            }
            TypeOwner::World(_) | TypeOwner::None => format!("{root}::{name}"),
        }
    }

    fn is_exported(&self, resource: TypeId) -> bool {
        let original = crate::commands::new::value::original(self.resolve(), resource);
        match self.resolve().types[original].owner {
            TypeOwner::Interface(id) => exported_key(self.world, id).is_some(),
            TypeOwner::World(_) | TypeOwner::None => false,
        }
    }
}

/// A tuple of one part is written with a comma.
fn tuple_of(parts: Vec<String>) -> String {
    match parts.as_slice() {
        [one] => format!("({one},)"),
        parts => format!("({})", parts.join(", ")),
    }
}

fn exported_key(world: &World, interface: InterfaceId) -> Option<&WorldKey> {
    let exports = world.resolve.worlds[world.id].exports.iter();
    let mut keys = exports
        .filter(|(_, item)| matches!(item, WorldItem::Interface { id, .. } if *id == interface));
    keys.next().map(|(key, _)| key)
}

/// The path of the module of an interface, from the root of the crate.
pub(super) fn module_of(world: &World, interface: InterfaceId) -> String {
    let resolve = &world.resolve;
    let key = exported_key(world, interface);
    let exports = if key.is_some() { "exports::" } else { "" };
    if let Some(WorldKey::Name(name)) = key {
        return format!("{exports}{}", ident(name));
    }
    let found = &resolve.interfaces[interface];
    let name = ident(found.name.as_deref().unwrap_or_default());
    match found.package {
        Some(package) => {
            let namespace = ident(&resolve.packages[package].name.namespace);
            let package = package_module(resolve, package);
            format!("{exports}{namespace}::{package}::{name}")
        }
        None => format!("{exports}{name}"),
    }
}

/// The module of a package. Its version is in the name if there are several.
fn package_module(resolve: &Resolve, id: PackageId) -> String {
    let name = &resolve.packages[id].name;
    let same = resolve.packages.iter().filter(|(_, other)| {
        other.name.namespace == name.namespace && other.name.name == name.name
    });
    let base = snake(&name.name);
    match (&name.version, same.count()) {
        (None, _) | (_, 1) => base,
        (Some(version), _) => {
            let version = version.to_string().replace(['.', '-', '+'], "_");
            format!("{base}{}", version.to_ascii_lowercase())
        }
    }
}

/// The names of the modules that the macro puts into the root of the crate.
pub(super) fn root_modules(world: &World) -> HashSet<String> {
    let packages = world.resolve.packages.iter();
    let mut names: HashSet<_> = packages
        .map(|(_, found)| ident(&found.name.namespace))
        .collect();
    names.extend(["exports", "std", "core", "alloc", "wit_bindgen", "_rt"].map(str::to_owned));
    for key in world.resolve.worlds[world.id].imports.keys() {
        if let WorldKey::Name(name) = key {
            names.insert(ident(name));
        }
    }
    names
}
