//! The code of a guest's functions.

use wasm_encoder::{BlockType, Function as Code, HeapType, InstructionSink, MemArg, ValType};
use wit_parser::Type;

use crate::flat::Flat;
use crate::guest::{Body as Does, Post, Realloc, Times};
use crate::image::{Bad, Want, Writer};
use crate::module::{Maker, PAGE, RECURSION, values};
use crate::world::Function;

/// The code of a function while it is written. Its locals are all `i32`.
pub(crate) struct Body {
    bytes: Vec<u8>,
    params: u32,
    locals: u32,
}

/// The global that has the first free place of the heap, and the one that has its start.
const FREE: u32 = 0;
const HEAP: u32 = 1;

pub(crate) const WORD: MemArg = MemArg {
    offset: 0,
    align: 0,
    memory_index: 0,
};

impl Body {
    pub(crate) fn new(params: usize) -> Body {
        Body {
            bytes: Vec::new(),
            params: u32::try_from(params).unwrap_or(0),
            locals: 0,
        }
    }

    pub(crate) fn sink(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.bytes)
    }

    pub(crate) fn local(&mut self) -> u32 {
        self.locals = self.locals.saturating_add(1);
        self.params.saturating_add(self.locals).saturating_sub(1)
    }

    pub(crate) fn finish(mut self) -> Code {
        self.sink().end();
        let mut code = Code::new([(self.locals, ValType::I32)]);
        code.raw(self.bytes);
        code
    }

    pub(crate) fn endless(&mut self) {
        self.sink().loop_(BlockType::Empty).br(0).end();
    }

    pub(crate) fn trap(&mut self) {
        self.sink().unreachable();
    }

    /// An allocator that never frees: parameters are the old place, the old size, the alignment, the new size.
    pub(crate) fn allocate(&mut self) {
        let place = self.local();
        self.sink()
            .global_get(FREE)
            .local_get(2)
            .i32_add()
            .i32_const(1)
            .i32_sub()
            .i32_const(0)
            .local_get(2)
            .i32_sub()
            .i32_and()
            .local_tee(place)
            .local_get(3)
            .i32_add()
            .global_set(FREE)
            .block(BlockType::Empty)
            .global_get(FREE)
            .memory_size(0)
            .i32_const(PAGE.cast_signed())
            .i32_mul()
            .i32_le_u()
            .br_if(0)
            .local_get(3)
            .i32_const(PAGE.cast_signed())
            .i32_div_u()
            .i32_const(1)
            .i32_add()
            .memory_grow(0)
            .i32_const(-1)
            .i32_ne()
            .br_if(0)
            .unreachable()
            .end()
            .local_get(place);
    }

    /// Grows the memory until it does not.
    fn grow(&mut self, pages: i32) {
        self.sink()
            .loop_(BlockType::Empty)
            .i32_const(pages)
            .memory_grow(0)
            .i32_const(-1)
            .i32_ne()
            .br_if(0)
            .end();
    }

    fn grow_table(&mut self) {
        self.sink()
            .loop_(BlockType::Empty)
            .ref_null(HeapType::FUNC)
            .i32_const(500)
            .table_grow(0)
            .i32_const(-1)
            .i32_ne()
            .br_if(0)
            .end();
    }

    fn forget_results(&mut self) {
        self.sink().global_get(HEAP).global_set(FREE);
    }

    /// A constant of a core type.
    fn bits(&mut self, ty: ValType, bits: u64) {
        let low = u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        match ty {
            ValType::I64 => self.sink().i64_const(bits.cast_signed()),
            ValType::F32 => self.sink().f32_const(f32::from_bits(low).into()),
            ValType::F64 => self.sink().f64_const(f64::from_bits(bits).into()),
            _ => self.sink().i32_const(low.cast_signed()),
        };
    }
}

impl Maker<'_> {
    /// What the guest does in its hostile place.
    pub(crate) fn hostile(&mut self, body: &mut Body) {
        let void = self.types.of(&[], &[]);
        let number = self.types.of(&[], &[ValType::I32]);
        self.done |= match self.guest.body {
            Does::Nothing => {
                self.guest.post != Post::None
                    || self.guest.realloc != Realloc::Good
                    || self.guest.memories > 0
                    || self.guest.result.is_anywhere()
            }
            Does::Call { arguments, .. } => arguments.is_anywhere(),
            _ => true,
        };
        match self.guest.body {
            Does::Nothing => {}
            Does::Loop => body.endless(),
            Does::Unreachable => body.trap(),
            Does::Division => {
                body.sink().i32_const(1).i32_const(0).i32_div_s().drop();
            }
            Does::Overflow => {
                let mut sink = body.sink();
                sink.i32_const(i32::MIN).i32_const(-1).i32_div_s().drop();
            }
            Does::Conversion => {
                body.sink()
                    .f64_const(f64::NAN.into())
                    .i32_trunc_f64_s()
                    .drop();
            }
            Does::Load => {
                body.sink().i32_const(-8).i32_load(WORD).drop();
            }
            Does::CallOutside => {
                body.sink().i32_const(1_000_000).call_indirect(0, void);
            }
            Does::CallNull => {
                body.sink().i32_const(0).call_indirect(0, void);
            }
            Does::CallMistyped => {
                body.sink()
                    .i32_const(RECURSION)
                    .call_indirect(0, number)
                    .drop();
            }
            Does::Recursion => {
                body.sink().i32_const(RECURSION).call_indirect(0, void);
            }
            Does::Grow => body.grow(16),
            Does::GrowPast => {
                body.grow(16);
                body.trap();
            }
            Does::Fill => {
                body.grow(16);
                body.grow(1);
                body.sink()
                    .loop_(BlockType::Empty)
                    .global_get(HEAP)
                    .i32_const(0x5a)
                    .memory_size(0)
                    .i32_const(PAGE.cast_signed())
                    .i32_mul()
                    .global_get(HEAP)
                    .i32_sub()
                    .memory_fill(0)
                    .br(0)
                    .end();
            }
            Does::Table => body.grow_table(),
            Does::TablePast => {
                body.grow_table();
                body.trap();
            }
            Does::Call {
                import,
                arguments,
                times,
            } => self.calls(body, import, arguments, times),
        }
    }

    /// The result of an export.
    pub(crate) fn result(&mut self, body: &mut Body, function: &Function, is_target: bool) {
        let Some(ty) = function.wit.result else {
            return;
        };
        let want = match is_target {
            true => self.guest.result,
            false => Want::Zero,
        };
        let (size, align) = (self.world.size(&ty), self.world.align(&ty));
        let at = self.image.room(size, align);
        self.write(want, &[ty], at);
        if function.signature.retptr {
            for hole in std::mem::take(&mut self.image.holes) {
                body.sink().i32_const(hole.at.cast_signed());
                self.own_handle(body, hole.resource);
                body.sink().i32_store(WORD);
            }
            let outside = want == Want::Bad(Bad::Pointer);
            self.done |= outside;
            let at = match outside {
                true => self.random.within(u32::MAX - (1 << 16), u32::MAX) & !7,
                false => at,
            };
            body.sink().i32_const(at.cast_signed());
            return;
        }
        let mut flat = Vec::new();
        self.world.flat(&self.image, &ty, at, &mut flat);
        let holes = std::mem::take(&mut self.image.holes);
        for (flat, ty) in flat.iter().zip(values(&function.signature.results)) {
            match flat {
                Flat::Bits(bits) => body.bits(ty, *bits),
                Flat::Hole(at) => match holes.iter().find(|hole| hole.at == *at) {
                    Some(hole) => self.own_handle(body, hole.resource),
                    None => body.bits(ty, 0),
                },
            }
        }
    }

    /// Writes values as the guest wants them.
    fn write(&mut self, want: Want, types: &[Type], at: u32) {
        let mut writer = Writer {
            world: self.world,
            image: &mut self.image,
            random: &mut self.random,
            want,
            done: false,
        };
        writer.all(types, at);
        self.done |= writer.done;
        if let Want::Large(bytes) = want {
            self.zeros = bytes;
        }
    }

    /// A handle of a resource that the world exports, or of one that an import makes.
    fn own_handle(&mut self, body: &mut Body, resource: wit_parser::TypeId) {
        match self.new_handle(resource) {
            Some(new) => {
                body.sink().i32_const(0).call(new);
            }
            None => {
                let handle = self.handle(body, resource, 0);
                body.sink().local_get(handle);
            }
        }
    }

    fn calls(&mut self, body: &mut Body, import: usize, arguments: Want, times: Times) {
        match times {
            Times::Count(1) => {
                self.call(body, import, arguments, 0);
            }
            Times::Count(count) => {
                let round = body.local();
                body.sink().loop_(BlockType::Empty);
                body.forget_results();
                self.call(body, import, arguments, 0);
                body.sink()
                    .local_get(round)
                    .i32_const(1)
                    .i32_add()
                    .local_tee(round)
                    .i32_const(count.cast_signed())
                    .i32_lt_u()
                    .br_if(0)
                    .end();
            }
            Times::Endless => {
                body.sink().loop_(BlockType::Empty);
                body.forget_results();
                self.call(body, import, arguments, 0);
                body.sink().br(0).end();
            }
            Times::UntilRefused => {
                body.sink().block(BlockType::Empty).loop_(BlockType::Empty);
                body.forget_results();
                let got = self.call(body, import, arguments, 0);
                if let Some(path) = self.resource_path(import) {
                    self.follow(body, got, &path, true);
                    body.sink().drop();
                }
                body.sink().br(0).end().end();
            }
        }
    }

    /// Calls an import. Its result is at a place in memory, or in a local.
    pub(crate) fn call(&mut self, body: &mut Body, import: usize, want: Want, depth: u32) -> Got {
        let Some(function) = self.world.imports.get(import) else {
            return Got::Nothing;
        };
        let types: Vec<Type> = function.wit.params.iter().map(|param| param.ty).collect();
        let signature = &function.signature;
        let info = self.world.sizes.params(types.iter());
        let align = u32::try_from(info.align.align_wasm32()).unwrap_or(8);
        let size = u32::try_from(info.size.size_wasm32()).unwrap_or(0);
        let at = self.image.room(size, align);
        let before = self.done;
        self.write(want, &types, at);
        let mut flat = Vec::new();
        for (offset, ty) in self.world.offsets(&types) {
            let at = at.saturating_add(offset);
            self.world.flat(&self.image, &ty, at, &mut flat);
        }
        let holes = std::mem::take(&mut self.image.holes);
        let mut handles = Vec::new();
        for hole in holes {
            handles.push((hole.at, self.handle(body, hole.resource, depth)));
        }
        // The handles of the arguments are made well.
        self.done |= before;
        let params = values(&signature.params);
        let ty = self.types.of(&params, &values(&signature.results));
        let number = self.import(self.world.import_name(function), ty);
        let bad_pointer = want == Want::Bad(Bad::Pointer);
        let outside = self.random.within(u32::MAX - (1 << 16), u32::MAX) & !7;
        let pointer = |at: u32| if bad_pointer { outside } else { at }.cast_signed();
        if signature.indirect_params {
            for (at, handle) in handles {
                body.sink()
                    .i32_const(at.cast_signed())
                    .local_get(handle)
                    .i32_store(WORD);
            }
            self.done |= bad_pointer;
            body.sink().i32_const(pointer(at));
        } else {
            for (flat, ty) in flat.iter().zip(params) {
                match flat {
                    Flat::Bits(bits) => body.bits(ty, *bits),
                    Flat::Hole(at) => {
                        let handle = handles.iter().find(|(place, _)| place == at);
                        match handle {
                            Some((_, handle)) => {
                                body.sink().local_get(*handle);
                            }
                            None => body.bits(ty, 0),
                        }
                    }
                }
            }
        }
        match (function.wit.result, signature.retptr) {
            (Some(result), true) => {
                let (size, align) = (self.world.size(&result), self.world.align(&result));
                let place = self.image.room(size, align);
                self.done |= bad_pointer;
                body.sink().i32_const(pointer(place)).call(number);
                Got::At(place)
            }
            (Some(_), false) if signature.results.len() == 1 => {
                body.sink().call(number);
                if values(&signature.results) == [ValType::I32] {
                    let local = body.local();
                    body.sink().local_set(local);
                    return Got::Local(local);
                }
                body.sink().drop();
                Got::Nothing
            }
            _ => {
                body.sink().call(number);
                Got::Nothing
            }
        }
    }
}

/// The result of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Got {
    Nothing,
    /// At a place in memory.
    At(u32),
    /// In a local.
    Local(u32),
}
