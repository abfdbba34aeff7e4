//! The hostile code, the results of exports, and the calls of imports.

use wasm_encoder::{BlockType, ValType};
use wit_parser::Type;

use crate::code::{Code, Got, HEAP, PAGE, WORD};
use crate::flat::Flat;
use crate::guest::{Body, Post, Realloc, Times};
use crate::image::Writer;
use crate::module::{Maker, RECURSION, values};
use crate::want::{Bad, Want};
use crate::world::Function;

impl Maker<'_> {
    /// Writes the hostile code of the guest.
    pub(crate) fn hostile(&mut self, body: &mut Code) {
        let void = self.types.of(&[], &[]);
        let number = self.types.of(&[], &[ValType::I32]);
        self.done |= match self.guest.body {
            Body::Nothing => {
                self.guest.post != Post::None
                    || self.guest.realloc != Realloc::Good
                    || self.guest.memories > 0
                    || self.guest.result.is_anywhere()
            }
            Body::Call { arguments, .. } => arguments.is_anywhere(),
            _ => true,
        };
        match self.guest.body {
            Body::Nothing => {}
            Body::Loop => body.endless(),
            Body::Unreachable => body.trap(),
            Body::Division => {
                body.sink().i32_const(1).i32_const(0).i32_div_s().drop();
            }
            Body::Overflow => {
                let mut sink = body.sink();
                sink.i32_const(i32::MIN).i32_const(-1).i32_div_s().drop();
            }
            Body::Conversion => {
                body.sink()
                    .f64_const(f64::NAN.into())
                    .i32_trunc_f64_s()
                    .drop();
            }
            Body::Load => {
                body.sink().i32_const(-8).i32_load(WORD).drop();
            }
            Body::CallOutside => {
                body.sink().i32_const(1_000_000).call_indirect(0, void);
            }
            Body::CallNull => {
                body.sink().i32_const(0).call_indirect(0, void);
            }
            Body::CallMistyped => {
                body.sink()
                    .i32_const(RECURSION)
                    .call_indirect(0, number)
                    .drop();
            }
            Body::Recursion => {
                body.sink().i32_const(RECURSION).call_indirect(0, void);
            }
            Body::Grow => body.grow(16),
            Body::GrowPast => {
                body.grow(16);
                body.trap();
            }
            Body::Fill => {
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
            Body::Table => body.grow_table(),
            Body::TablePast => {
                body.grow_table();
                body.trap();
            }
            Body::Call {
                import,
                arguments,
                times,
            } => self.calls(body, import, arguments, times),
        }
    }

    /// The result of an export.
    pub(crate) fn result(&mut self, body: &mut Code, function: &Function, is_target: bool) {
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
    fn own_handle(&mut self, body: &mut Code, resource: wit_parser::TypeId) {
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

    fn calls(&mut self, body: &mut Code, import: usize, arguments: Want, times: Times) {
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
            Times::UntilRefused | Times::Dropped => {
                body.sink().block(BlockType::Empty).loop_(BlockType::Empty);
                body.forget_results();
                let got = self.call(body, import, arguments, 0);
                if let Some(path) = self.resource_path(import) {
                    self.follow(body, got, &path, true);
                    match self.drop_handle(import).filter(|_| times == Times::Dropped) {
                        Some(drop) => body.sink().call(drop),
                        None => body.sink().drop(),
                    };
                }
                body.sink().br(0).end().end();
            }
        }
    }

    /// Calls an import. Its result is at a place in memory, or in a local.
    pub(crate) fn call(&mut self, body: &mut Code, import: usize, want: Want, depth: u32) -> Got {
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
