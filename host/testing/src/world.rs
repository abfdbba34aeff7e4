//! The world that is attacked: its functions, with the core signatures and names that a module of it has.

use std::path::Path;

use wit_parser::abi::{AbiVariant, WasmSignature};
use wit_parser::{
    Function as WitFunction, Handle, LiftLowerAbi, ManglingAndAbi, Resolve, ResourceIntrinsic,
    SizeAlign, Type, TypeDefKind, TypeId, WasmExport, WasmExportKind, WasmImport, WorldId,
    WorldItem, WorldKey,
};

use crate::error::Error;

/// The names that `wit-component` knows, and functions that wait for the host.
const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// A world of WIT.
pub(crate) struct World {
    /// As it was read, which the metadata of a module are made from.
    pub(crate) read: Resolve,
    pub(crate) id: WorldId,
    /// The same with types of their own for an interface that is imported and exported.
    pub(crate) resolve: Resolve,
    pub(crate) sizes: SizeAlign,
    pub(crate) name: String,
    pub(crate) imports: Vec<Function>,
    pub(crate) exports: Vec<Function>,
}

/// A function of a world.
pub(crate) struct Function {
    /// With its interface, as calls name it: `acme:report/rates@1.0.0.rate`.
    pub(crate) name: String,
    /// The interface alone.
    pub(crate) interface: Option<String>,
    pub(crate) key: Option<WorldKey>,
    pub(crate) wit: WitFunction,
    pub(crate) signature: WasmSignature,
    /// The property of its types or of itself that no component may have here.
    pub(crate) unsupported: Option<&'static str>,
}

impl World {
    pub(crate) fn read(path: &Path, name: &str) -> Result<World, Error> {
        let mut resolve = Resolve::default();
        let parsed = resolve.push_path(path);
        let (package, _) = parsed.map_err(|error| Error::Wit {
            path: path.to_owned(),
            message: resolve.render_error(&error).trim_end().to_owned(),
        })?;
        let id = resolve.select_world(&[package], Some(name));
        let id = id.map_err(|_| {
            let packages = resolve.packages.iter();
            let worlds = packages.flat_map(|(id, package)| {
                let names = package.worlds.keys();
                names.map(move |name| (id, name))
            });
            Error::World {
                path: path.to_owned(),
                wanted: name.to_owned(),
                worlds: worlds
                    .map(|(id, name)| resolve.id_of_name(id, name))
                    .collect(),
            }
        })?;
        Ok(World::of(resolve, id))
    }

    fn of(read: Resolve, id: WorldId) -> World {
        let mut resolve = read.clone();
        resolve.generate_nominal_type_ids(id);
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let mut world = World {
            name: full_name(&resolve, id),
            imports: Vec::new(),
            exports: Vec::new(),
            read,
            id,
            sizes,
            resolve,
        };
        let Some(items) = world.resolve.worlds.get(id) else {
            return world;
        };
        let (imports, exports) = (&items.imports, &items.exports);
        let imports = world.functions(imports.iter(), AbiVariant::GuestImport);
        let exports = world.functions(exports.iter(), AbiVariant::GuestExport);
        world.imports = imports;
        world.exports = exports;
        world
    }

    fn functions<'a>(
        &self,
        items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
        variant: AbiVariant,
    ) -> Vec<Function> {
        let mut found = Vec::new();
        for (key, item) in items {
            match item {
                WorldItem::Function(function) => found.push(self.function(None, function, variant)),
                WorldItem::Interface { id, .. } => {
                    let contents = self.resolve.interfaces.get(*id);
                    let functions = contents.into_iter().flat_map(|it| it.functions.values());
                    found.extend(functions.map(|it| self.function(Some(key), it, variant)));
                }
                WorldItem::Type { .. } => {}
            }
        }
        found
    }

    fn function(
        &self,
        key: Option<&WorldKey>,
        function: &WitFunction,
        variant: AbiVariant,
    ) -> Function {
        let interface = key.map(|key| self.resolve.name_world_key(key));
        let types = function.params.iter().map(|param| &param.ty);
        let off = types
            .chain(&function.result)
            .find_map(|ty| self.off(ty))
            .or(function.kind.is_async().then_some("it is async"));
        Function {
            name: match &interface {
                Some(interface) => format!("{interface}.{}", function.name),
                None => function.name.clone(),
            },
            interface,
            key: key.cloned(),
            signature: self.resolve.wasm_signature(variant, function),
            wit: function.clone(),
            unsupported: off,
        }
    }

    /// The type of a proposal that is off, within this one.
    fn off(&self, ty: &Type) -> Option<&'static str> {
        match ty {
            Type::ErrorContext => return Some("it has an error-context"),
            Type::Id(id) => match &self.resolve.types.get(*id)?.kind {
                TypeDefKind::Future(_) => return Some("it has a future"),
                TypeDefKind::Stream(_) => return Some("it has a stream"),
                TypeDefKind::Map(..) => return Some("it has a map"),
                TypeDefKind::FixedLengthList(..) => return Some("it has a fixed-length list"),
                _ => {}
            },
            _ => {}
        }
        self.parts(ty).into_iter().find_map(|part| self.off(&part))
    }

    /// The types that a type is made of.
    pub(crate) fn parts(&self, ty: &Type) -> Vec<Type> {
        let Type::Id(id) = ty else {
            return Vec::new();
        };
        match self.resolve.types.get(*id).map(|def| &def.kind) {
            Some(TypeDefKind::Type(of) | TypeDefKind::List(of) | TypeDefKind::Option(of)) => {
                vec![*of]
            }
            Some(TypeDefKind::Record(record)) => record.fields.iter().map(|it| it.ty).collect(),
            Some(TypeDefKind::Tuple(tuple)) => tuple.types.clone(),
            Some(TypeDefKind::Variant(variant)) => {
                variant.cases.iter().filter_map(|it| it.ty).collect()
            }
            Some(TypeDefKind::Result(of)) => [of.ok, of.err].into_iter().flatten().collect(),
            _ => Vec::new(),
        }
    }

    /// The definition of a type, behind all names that stand for it.
    pub(crate) fn kind(&self, id: TypeId) -> Option<&TypeDefKind> {
        let mut id = id;
        loop {
            match &self.resolve.types.get(id)?.kind {
                TypeDefKind::Type(Type::Id(of)) => id = *of,
                kind => return Some(kind),
            }
        }
    }

    /// The primitive type that a name stands for, or the type itself.
    pub(crate) fn plain(&self, ty: &Type) -> Type {
        match ty {
            Type::Id(id) => match self.resolve.types.get(*id).map(|def| &def.kind) {
                Some(TypeDefKind::Type(of)) => self.plain(of),
                _ => *ty,
            },
            _ => *ty,
        }
    }

    /// The resource that a name stands for.
    pub(crate) fn resource(&self, id: TypeId) -> TypeId {
        match self.resolve.types.get(id).map(|def| &def.kind) {
            Some(TypeDefKind::Type(Type::Id(of))) => self.resource(*of),
            _ => id,
        }
    }

    /// The resources that a type has handles of, in order.
    pub(crate) fn resources(&self, ty: &Type, found: &mut Vec<TypeId>) {
        if let Type::Id(id) = ty
            && let Some(TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of))) = self.kind(*id)
        {
            found.push(self.resource(*of));
        }
        for part in self.parts(ty) {
            self.resources(&part, found);
        }
    }

    /// The interface that exports a resource, if one does.
    pub(crate) fn exporter(&self, resource: TypeId) -> Option<&WorldKey> {
        let exports = &self.resolve.worlds.get(self.id)?.exports;
        let found = exports.iter().find(|(_, item)| match item {
            WorldItem::Interface { id, .. } => {
                let interface = self.resolve.interfaces.get(*id);
                interface.is_some_and(|it| it.types.values().any(|ty| *ty == resource))
            }
            _ => false,
        });
        found.map(|(key, _)| key)
    }

    /// Module and name of an imported function.
    pub(crate) fn import_name(&self, function: &Function) -> (String, String) {
        let import = WasmImport::Func {
            interface: function.key.as_ref(),
            func: &function.wit,
        };
        self.resolve.wasm_import_name(ABI, import)
    }

    /// Module and name of the function that makes a handle of an exported resource.
    pub(crate) fn new_name(&self, key: &WorldKey, resource: TypeId) -> (String, String) {
        let import = WasmImport::ResourceIntrinsic {
            interface: Some(key),
            resource,
            intrinsic: ResourceIntrinsic::ExportedNew,
        };
        self.resolve.wasm_import_name(ABI, import)
    }

    /// Module and name of the function that drops a handle of an imported resource.
    pub(crate) fn drop_name(&self, resource: TypeId) -> Option<(String, String)> {
        let imports = &self.resolve.worlds.get(self.id)?.imports;
        let key = imports.iter().find_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } => {
                let interface = self.resolve.interfaces.get(*id)?;
                let is_here = interface.types.values().any(|ty| *ty == resource);
                is_here.then_some(Some(key))
            }
            WorldItem::Type { id, .. } => (*id == resource).then_some(None),
            WorldItem::Function(_) => None,
        })?;
        let import = WasmImport::ResourceIntrinsic {
            interface: key,
            resource,
            intrinsic: ResourceIntrinsic::ImportedDrop,
        };
        Some(self.resolve.wasm_import_name(ABI, import))
    }

    /// The name of an exported function, or of its post-return function.
    pub(crate) fn export_name(&self, function: &Function, kind: WasmExportKind) -> String {
        let export = WasmExport::Func {
            interface: function.key.as_ref(),
            func: &function.wit,
            kind,
        };
        self.resolve.wasm_export_name(ABI, export)
    }

    pub(crate) fn size(&self, ty: &Type) -> u32 {
        u32::try_from(self.sizes.size(ty).size_wasm32()).unwrap_or(u32::MAX)
    }

    pub(crate) fn align(&self, ty: &Type) -> u32 {
        u32::try_from(self.sizes.align(ty).align_wasm32()).unwrap_or(1)
    }

    /// Types one after the other, with their places.
    pub(crate) fn offsets(&self, types: &[Type]) -> Vec<(u32, Type)> {
        let places = self.sizes.field_offsets(types.iter());
        let narrow = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let places = places.into_iter();
        places
            .map(|(at, ty)| (narrow(at.size_wasm32()), *ty))
            .collect()
    }
}

fn full_name(resolve: &Resolve, id: WorldId) -> String {
    let Some(world) = resolve.worlds.get(id) else {
        return String::new();
    };
    match world.package {
        Some(package) => resolve.id_of_name(package, &world.name),
        None => world.name.clone(),
    }
}
