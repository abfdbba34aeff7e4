//! Values laid out in the memory of a guest by the canonical ABI, well-formed or hostile in one place.

use wit_parser::{FlagsRepr, Handle, Type, TypeDefKind, TypeId};

use crate::forms::Cases;
use crate::random::Random;
use crate::want::{Bad, Want};
use crate::world::World;

/// Bytes of the text that overlapping elements share, and the number of these elements.
const SHARED: u32 = 32 << 10;
const SHARERS: u32 = 1_024;

/// Text that programs trip over.
const TEXTS: &[&str] = &[
    "\u{0}",
    "../../../etc/passwd",
    "/",
    ".",
    "é",
    "\u{1b}[2J\u{7}",
    "line\r\nX-Injected: 1",
    "%00%2e%2e%2f",
    "18446744073709551616",
    "-1",
    "\u{202e}txt.exe",
    "http://127.0.0.1:1/",
    "'; drop table x; --",
    "\u{10ffff}",
    "NaN",
    "{\"a\":",
];

/// A part of memory that is written while the guest is made, and the places that it fills while it runs.
pub(crate) struct Image {
    base: u32,
    bytes: Vec<u8>,
    pub(crate) holes: Vec<Hole>,
    /// The place of the zeros of [`Want::Large`].
    pub(crate) zeros: u32,
}

/// The place of a handle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hole {
    pub(crate) at: u32,
    pub(crate) resource: TypeId,
}

impl Image {
    pub(crate) fn new(base: u32, zeros: u32) -> Image {
        Image {
            base,
            bytes: Vec::new(),
            holes: Vec::new(),
            zeros,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn base(&self) -> u32 {
        self.base
    }

    /// The first place behind it.
    pub(crate) fn end(&self) -> u32 {
        let size = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.base.saturating_add(size)
    }

    /// Room for `size` bytes of zeros.
    pub(crate) fn room(&mut self, size: u32, align: u32) -> u32 {
        let align = align.max(1);
        let gap = self.end().wrapping_neg() % align;
        let more = gap.saturating_add(size) as usize;
        self.bytes.extend(std::iter::repeat_n(0, more));
        self.end().saturating_sub(size)
    }

    /// Writes bytes in its room.
    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) {
        let skipped = at.saturating_sub(self.base) as usize;
        for (place, byte) in self.bytes.iter_mut().skip(skipped).zip(bytes) {
            *place = *byte;
        }
    }

    fn word(&mut self, at: u32, word: u32) {
        self.put(at, &word.to_le_bytes());
    }

    /// Up to eight bytes, as a number.
    pub(crate) fn read(&self, at: u32, size: u32) -> u64 {
        let skipped = at.saturating_sub(self.base) as usize;
        let bytes = self.bytes.iter().skip(skipped).take(size.min(8) as usize);
        bytes
            .rev()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

/// Writes values into an image.
pub(crate) struct Writer<'a> {
    pub(crate) world: &'a World,
    pub(crate) image: &'a mut Image,
    pub(crate) random: &'a mut Random,
    pub(crate) want: Want,
    /// Whether the place that is wanted was found.
    pub(crate) done: bool,
}

impl Writer<'_> {
    /// Writes a value at its place, which is room that was taken.
    pub(crate) fn write(&mut self, ty: &Type, at: u32) {
        let ty = self.world.plain(ty);
        match ty {
            Type::String => self.text(at),
            Type::Id(id) => self.defined(id, at),
            Type::Char => match self.here(Bad::Char) {
                true => {
                    let bad = [0xd800, 0xdfff, 0x11_0000, u32::MAX];
                    let bad = self.random.one(&bad, u32::MAX);
                    self.image.word(at, bad);
                }
                false if self.want == Want::Random => {
                    let any = self.random.within(0, 0x12_0000);
                    self.image.word(at, any);
                }
                false => self.image.word(at, 0x61),
            },
            Type::Bool => {
                if self.here(Bad::Bool) {
                    let bad = u8::try_from(self.random.within(2, 255)).unwrap_or(2);
                    self.image.put(at, &[bad]);
                }
            }
            _ => self.number(&ty, at),
        }
    }

    /// Whether the hostile place is to be this one.
    fn here(&mut self, bad: Bad) -> bool {
        let here = self.want == Want::Bad(bad) && !self.done;
        self.done |= here;
        here
    }

    fn number(&mut self, ty: &Type, at: u32) {
        let bits = match self.want {
            Want::Random => self.random.next(),
            Want::Text => self
                .random
                .one(&[u64::MAX, 1 << 63, 1, 0x7fff_ffff_ffff_ffff], 0),
            Want::Small => 1,
            _ => 0,
        };
        let bits = match ty {
            Type::F32 if self.want == Want::Small => u64::from(1.0_f32.to_bits()),
            Type::F64 if self.want == Want::Small => 1.0_f64.to_bits(),
            _ => bits,
        };
        let size = self.world.size(ty) as usize;
        let bytes: Vec<u8> = bits.to_le_bytes().into_iter().take(size).collect();
        self.image.put(at, &bytes);
    }

    fn pair(&mut self, at: u32, pointer: u32, length: u32) {
        self.image.word(at, pointer);
        self.image.word(at.saturating_add(4), length);
    }

    /// A place that no memory of a guest has.
    fn outside(&mut self) -> u32 {
        self.random.within(u32::MAX - (1 << 20), u32::MAX - 8) & !7
    }

    fn text(&mut self, at: u32) {
        let want = self.want;
        let text: Vec<u8> = match want {
            Want::Small => b"a".to_vec(),
            Want::Text => self.random.one(TEXTS, "").as_bytes().to_vec(),
            Want::Random => {
                let size = self.random.within(0, 64);
                let any = (0..size).map(|_| self.random.next().to_le_bytes()[0] & 0x7f);
                any.collect()
            }
            Want::Large(bytes) if !self.done => {
                self.done = true;
                return self.pair(at, self.image.zeros, bytes);
            }
            _ if self.here(Bad::Gigabyte) => return self.pair(at, 8, 1 << 30),
            _ if self.here(Bad::Outside) => {
                let outside = self.outside();
                return self.pair(at, outside, 64);
            }
            _ if self.here(Bad::Utf8) => {
                let bad: [&[u8]; 5] = [
                    b"\xff",
                    b"\xc0\x80",
                    b"\xed\xa0\x80",
                    b"\xf4\x90\x80\x80",
                    b"a\xe2\x82",
                ];
                self.random.one(&bad, b"\xff").to_vec()
            }
            _ => return self.pair(at, 0, 0),
        };
        let length = u32::try_from(text.len()).unwrap_or(0);
        let place = self.image.room(length, 1);
        self.image.put(place, &text);
        self.pair(at, place, length);
    }

    fn defined(&mut self, id: TypeId, at: u32) {
        if let Some(cases) = self.world.cases(id) {
            return self.case(&cases, at);
        }
        match self.world.kind(id) {
            Some(TypeDefKind::List(of)) => self.list(of, at),
            Some(TypeDefKind::Record(record)) => {
                let fields: Vec<Type> = record.fields.iter().map(|field| field.ty).collect();
                self.all(&fields, at);
            }
            Some(TypeDefKind::Tuple(tuple)) => self.all(&tuple.types, at),
            Some(TypeDefKind::Flags(flags)) => {
                let size = match flags.repr() {
                    FlagsRepr::U8 => 1,
                    FlagsRepr::U16 => 2,
                    FlagsRepr::U32(words) => words.saturating_mul(4),
                };
                if self.here(Bad::Flags) || self.want == Want::Random {
                    let bits: Vec<u8> = vec![0xff; size];
                    self.image.put(at, &bits);
                }
            }
            Some(TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of))) => {
                if self.here(Bad::Handle) {
                    let bad = self
                        .random
                        .one(&[0, 77, 1 << 20, i32::MAX as u32, u32::MAX], 77);
                    return self.image.word(at, bad);
                }
                let resource = self.world.resource(*of);
                self.image.holes.push(Hole { at, resource });
            }
            _ => {}
        }
    }

    /// Writes values one after the other.
    pub(crate) fn all(&mut self, types: &[Type], at: u32) {
        for (offset, ty) in self.world.offsets(types) {
            self.write(&ty, at.saturating_add(offset));
        }
    }

    fn case(&mut self, cases: &Cases, at: u32) {
        let count = u32::try_from(cases.types.len()).unwrap_or(u32::MAX);
        let nested = |bad| {
            let mut types = cases.types.iter().flatten();
            types.any(|ty| self.world.has(ty, bad))
        };
        let chosen = match self.want {
            // The outermost that is not the way to another.
            Want::Bad(Bad::Case) if !self.done && count < 256 && !nested(Bad::Case) => {
                self.done = true;
                let bad = self.random.within(count, 255);
                let bytes: Vec<u8> = bad
                    .to_le_bytes()
                    .into_iter()
                    .take(cases.tag as usize)
                    .collect();
                return self.image.put(at, &bytes);
            }
            Want::Bad(bad) if !self.done => self.first(cases, |world, ty| world.has(ty, bad)),
            Want::Large(_) if !self.done => self.first(cases, World::lists),
            Want::Text | Want::Random => self.random.within(0, count.saturating_sub(1)),
            _ => 0,
        };
        let tag: Vec<u8> = chosen
            .to_le_bytes()
            .into_iter()
            .take(cases.tag as usize)
            .collect();
        self.image.put(at, &tag);
        if let Some(Some(ty)) = cases.types.get(chosen as usize) {
            self.write(ty, at.saturating_add(cases.payload));
        }
    }

    /// The first case whose payload can be what is looked for.
    fn first(&self, cases: &Cases, is_it: impl Fn(&World, &Type) -> bool) -> u32 {
        let found = cases
            .types
            .iter()
            .position(|ty| ty.as_ref().is_some_and(|ty| is_it(self.world, ty)));
        u32::try_from(found.unwrap_or(0)).unwrap_or(0)
    }

    fn list(&mut self, of: &Type, at: u32) {
        let (size, align) = (self.world.size(of), self.world.align(of));
        let want = self.want;
        match want {
            Want::Large(bytes) if !self.done => {
                self.done = true;
                let zeros = self.image.zeros;
                return self.pair(at, zeros, bytes / size.max(1));
            }
            Want::Bad(Bad::Overlap) if !self.done && self.world.lists(of) => {
                self.done = true;
                return self.overlapping(of, at);
            }
            // The innermost, if there is one within.
            Want::Bad(bad) if !self.done && self.world.has(of, bad) => {}
            _ if self.here(Bad::Gigabyte) => {
                return self.pair(at, 8, (1 << 30) / size.max(1));
            }
            _ if self.here(Bad::Outside) => {
                let outside = self.outside();
                return self.pair(at, outside, 64);
            }
            Want::Bad(Bad::Unaligned) if !self.done && align > 1 => {
                self.done = true;
                return self.pair(at, 1, 1);
            }
            Want::Small | Want::Text | Want::Random => {}
            _ => return self.pair(at, 0, 0),
        }
        let place = self.image.room(size, align);
        self.write(of, place);
        self.pair(at, place, 1);
    }

    /// Many elements, each of which holds the same text or list of zeros.
    fn overlapping(&mut self, of: &Type, at: u32) {
        let size = self.world.size(of);
        let zeros = self.image.room(SHARED, 16);
        let kept = (
            std::mem::replace(&mut self.image.zeros, zeros),
            std::mem::replace(&mut self.want, Want::Large(SHARED)),
        );
        let length = size.saturating_mul(SHARERS);
        let place = self.image.room(length, self.world.align(of));
        self.done = false;
        self.write(of, place);
        (self.image.zeros, self.want) = kept;
        self.done = true;
        let skipped = place.saturating_sub(self.image.base()) as usize;
        let element = self.image.bytes.iter().skip(skipped).take(size as usize);
        let element: Vec<u8> = element.copied().collect();
        for number in 1..SHARERS {
            let next = place.saturating_add(size.saturating_mul(number));
            self.image.put(next, &element);
        }
        self.pair(at, place, SHARERS);
    }
}
