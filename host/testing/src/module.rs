//! A core module of a world, and the component that it becomes.

use std::collections::BTreeMap;

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::WasmType;
use wit_parser::{TypeId, WasmExportKind};

use crate::code::{Code, PAGE};
use crate::error::Error;
use crate::guest::{At, Guest, Post, Realloc};
use crate::image::Image;
use crate::random::Random;
use crate::world::World;

/// The place of the values that are written while the guest is made.
const VALUES: u32 = 1_024;
/// The place of the zeros of the largest arguments.
pub(crate) const ZEROS: u32 = 1 << 20;
/// The table's places: nothing, and the function that calls itself.
pub(crate) const RECURSION: i32 = 1;

/// A component that was made.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    /// Host calls of one round of its calls of an import: the import itself, and those that make its handles.
    pub(crate) calls: u64,
}

/// A module while it is made.
pub(crate) struct Maker<'a> {
    pub(crate) world: &'a World,
    pub(crate) guest: Guest,
    /// Imports that may be called to make resources.
    pub(crate) granted: &'a [bool],
    pub(crate) random: Random,
    pub(crate) image: Image,
    pub(crate) types: Types,
    imports: Vec<(String, String, u32)>,
    /// Whether the place that is to be hostile was found.
    pub(crate) done: bool,
    pub(crate) calls: u64,
    /// Bytes of zeros at [`ZEROS`].
    pub(crate) zeros: u32,
}

/// The function types of a module, each once.
#[derive(Default)]
pub(crate) struct Types(BTreeMap<(Vec<ValType>, Vec<ValType>), u32>, TypeSection);

impl Types {
    pub(crate) fn of(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let Types(known, section) = self;
        let key = (params.to_vec(), results.to_vec());
        *known.entry(key).or_insert_with(|| {
            section
                .ty()
                .function(params.iter().copied(), results.iter().copied());
            section.len().saturating_sub(1)
        })
    }
}

/// The values of a core signature.
pub(crate) fn values(types: &[WasmType]) -> Vec<ValType> {
    let value = |ty: &WasmType| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    };
    types.iter().map(value).collect()
}

/// A function of the module, by its type, its name and its code.
struct Own {
    ty: u32,
    export: Option<String>,
    code: Function,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(
        world: &'a World,
        guest: Guest,
        granted: &'a [bool],
        random: Random,
    ) -> Maker<'a> {
        Maker {
            world,
            guest,
            granted,
            random,
            image: Image::new(VALUES, ZEROS),
            types: Types::default(),
            imports: Vec::new(),
            done: false,
            calls: 1,
            zeros: 0,
        }
    }

    /// The component; none if the world has no place for what is to be hostile.
    pub(crate) fn component(mut self) -> Result<Option<Made>, Error> {
        let module = self.module();
        if !self.done {
            return Ok(None);
        }
        let World { read, id, .. } = self.world;
        let make = |error: &dyn std::fmt::Display| Error::Make(format!("{error:#}"));
        let mut module = module;
        embed_component_metadata(&mut module, read, *id, StringEncoding::UTF8)
            .map_err(|error| make(&error))?;
        let encoder = ComponentEncoder::default().module(&module);
        let mut encoder = encoder.map_err(|error| make(&error))?;
        Ok(Some(Made {
            bytes: encoder.encode().map_err(|error| make(&error))?,
            calls: self.calls,
        }))
    }

    /// The number of an imported function.
    pub(crate) fn import(&mut self, (module, name): (String, String), ty: u32) -> u32 {
        let known = self
            .imports
            .iter()
            .position(|(of, known, _)| *of == module && *known == name);
        let at = known.unwrap_or_else(|| {
            self.imports.push((module, name, ty));
            self.imports.len().saturating_sub(1)
        });
        u32::try_from(at).unwrap_or(0)
    }

    /// The number of the function that makes a handle of a resource that the world exports.
    pub(crate) fn new_handle(&mut self, resource: TypeId) -> Option<u32> {
        let key = self.world.exporter(resource)?;
        let name = self.world.new_name(key, resource);
        let ty = self.types.of(&[ValType::I32], &[ValType::I32]);
        Some(self.import(name, ty))
    }

    fn module(&mut self) -> Vec<u8> {
        let mut own = vec![self.recursion()];
        if self.guest.at == At::Start {
            own.push(self.start());
        }
        for number in 0..self.world.exports.len() {
            own.extend(self.export(number));
        }
        // The allocator begins behind all values.
        let zeros = ZEROS.saturating_add(self.zeros);
        let end = match self.zeros {
            0 => self.image.end(),
            _ => self.image.end().max(zeros),
        };
        let heap = end.next_multiple_of(16);
        own.push(self.realloc(heap));
        self.assemble(own, heap)
    }

    fn start(&mut self) -> Own {
        let mut body = Code::new(0);
        self.hostile(&mut body);
        Own {
            ty: self.types.of(&[], &[]),
            export: Some("_initialize".to_owned()),
            code: body.finish(),
        }
    }

    fn recursion(&mut self) -> Own {
        let ty = self.types.of(&[], &[]);
        let mut body = Code::new(0);
        body.sink()
            .i32_const(RECURSION)
            .call_indirect(0, ty)
            .memory_size(0)
            .drop();
        Own {
            ty,
            export: None,
            code: body.finish(),
        }
    }

    fn export(&mut self, number: usize) -> Vec<Own> {
        let Some(function) = self.world.exports.get(number) else {
            return Vec::new();
        };
        let params = values(&function.signature.params);
        let results = values(&function.signature.results);
        let mut body = Code::new(params.len());
        let is_target = self.guest.at == At::Export(number);
        if is_target {
            self.hostile(&mut body);
        }
        self.result(&mut body, function, is_target);
        let name = |kind| Some(self.world.export_name(function, kind));
        let (name, post_name) = (
            name(WasmExportKind::Normal),
            name(WasmExportKind::PostReturn),
        );
        let mut own = vec![Own {
            ty: self.types.of(&params, &results),
            export: name,
            code: body.finish(),
        }];
        if is_target && self.guest.post != Post::None {
            let mut body = Code::new(results.len());
            match self.guest.post {
                Post::Loop => body.endless(),
                _ => body.trap(),
            }
            own.push(Own {
                ty: self.types.of(&results, &[]),
                export: post_name,
                code: body.finish(),
            });
        }
        own
    }

    fn realloc(&mut self, heap: u32) -> Own {
        const I32: ValType = ValType::I32;
        let mut body = Code::new(4);
        match self.guest.realloc {
            Realloc::Good => body.allocate(),
            Realloc::Loop => {
                body.endless();
                body.sink().i32_const(0);
            }
            Realloc::Trap => {
                body.trap();
                body.sink().i32_const(0);
            }
            Realloc::Outside => {
                let outside = self.random.within(u32::MAX - (1 << 16), u32::MAX) & !15;
                body.sink().i32_const(outside.cast_signed());
            }
            Realloc::Unaligned => {
                let odd = self.random.within(heap, heap.saturating_add(64)) | 1;
                body.sink().i32_const(odd.cast_signed());
            }
            Realloc::Same => {
                body.sink().i32_const(heap.cast_signed());
            }
        }
        Own {
            ty: self.types.of(&[I32, I32, I32, I32], &[I32]),
            export: Some("cabi_realloc".to_owned()),
            code: body.finish(),
        }
    }

    fn assemble(&mut self, own: Vec<Own>, heap: u32) -> Vec<u8> {
        let (mut imports, mut functions) = (ImportSection::new(), FunctionSection::new());
        let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
        for (module, name, ty) in &self.imports {
            imports.import(module, name, EntityType::Function(*ty));
        }
        let first = imports.len();
        for (
            number,
            Own {
                ty,
                export,
                code: body,
            },
        ) in (first..).zip(own)
        {
            functions.function(ty);
            if let Some(name) = export {
                exports.export(&name, ExportKind::Func, number);
            }
            code.function(&body);
        }
        exports.export("memory", ExportKind::Memory, 0);
        let mut memories = MemorySection::new();
        let pages = u64::from(heap.div_ceil(PAGE).saturating_add(1));
        for number in 0..=self.guest.memories {
            memories.memory(MemoryType {
                minimum: if number == 0 { pages } else { 1 },
                maximum: None,
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
        }
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 2,
            maximum: None,
            shared: false,
        });
        let mut globals = GlobalSection::new();
        for mutable in [true, false] {
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable,
                shared: false,
            };
            globals.global(ty, &ConstExpr::i32_const(heap.cast_signed()));
        }
        let mut elements = ElementSection::new();
        let recursion = [first];
        let place = ConstExpr::i32_const(RECURSION);
        elements.active(None, &place, Elements::Functions(recursion[..].into()));
        let mut data = DataSection::new();
        let place = ConstExpr::i32_const(self.image.base().cast_signed());
        data.active(0, &place, self.image.bytes().iter().copied());
        let mut module = Module::new();
        module
            .section(&self.types.1)
            .section(&imports)
            .section(&functions)
            .section(&tables)
            .section(&memories)
            .section(&globals)
            .section(&exports)
            .section(&elements)
            .section(&code)
            .section(&data);
        module.finish()
    }
}
