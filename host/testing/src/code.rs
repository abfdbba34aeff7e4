//! The code of a guest's functions.

use wasm_encoder::{BlockType, Function, HeapType, InstructionSink, MemArg, ValType};

/// Bytes of a page of memory.
pub(crate) const PAGE: u32 = 64 << 10;

/// The code of a function while it is written. Its locals are all `i32`.
pub(crate) struct Code {
    bytes: Vec<u8>,
    params: u32,
    locals: u32,
}

/// The global that has the first free place of the heap, and the one that has its start.
const FREE: u32 = 0;
pub(crate) const HEAP: u32 = 1;

pub(crate) const WORD: MemArg = MemArg {
    offset: 0,
    align: 0,
    memory_index: 0,
};

impl Code {
    pub(crate) fn new(params: usize) -> Code {
        Code {
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

    pub(crate) fn finish(mut self) -> Function {
        self.sink().end();
        let mut code = Function::new([(self.locals, ValType::I32)]);
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
    pub(crate) fn grow(&mut self, pages: i32) {
        self.sink()
            .loop_(BlockType::Empty)
            .i32_const(pages)
            .memory_grow(0)
            .i32_const(-1)
            .i32_ne()
            .br_if(0)
            .end();
    }

    pub(crate) fn grow_table(&mut self) {
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

    pub(crate) fn forget_results(&mut self) {
        self.sink().global_get(HEAP).global_set(FREE);
    }

    /// A constant of a core type.
    pub(crate) fn bits(&mut self, ty: ValType, bits: u64) {
        let low = u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        match ty {
            ValType::I64 => self.sink().i64_const(bits.cast_signed()),
            ValType::F32 => self.sink().f32_const(f32::from_bits(low).into()),
            ValType::F64 => self.sink().f64_const(f64::from_bits(bits).into()),
            _ => self.sink().i32_const(low.cast_signed()),
        };
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
