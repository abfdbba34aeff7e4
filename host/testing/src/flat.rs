//! Values of an image as the core values that a function takes or gives: the canonical ABI's flattening.

use wit_parser::{FlagsRepr, Type, TypeDefKind};

use crate::image::Image;
use crate::world::World;

/// A core value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flat {
    /// Its bits.
    Bits(u64),
    /// The handle that belongs to this place.
    Hole(u32),
}

impl World {
    /// The core values of a value in the image.
    pub(crate) fn flat(&self, image: &Image, ty: &Type, at: u32, out: &mut Vec<Flat>) {
        let ty = self.plain(ty);
        let Type::Id(id) = ty else {
            if ty == Type::String {
                out.push(Flat::Bits(image.read(at, 4)));
                out.push(Flat::Bits(image.read(at.saturating_add(4), 4)));
            } else {
                out.push(Flat::Bits(extended(&ty, image.read(at, self.size(&ty)))));
            }
            return;
        };
        if let Some(cases) = self.cases(id) {
            let tag = image.read(at, cases.tag);
            let start = out.len();
            out.push(Flat::Bits(tag));
            let chosen = usize::try_from(tag).ok().and_then(|it| cases.types.get(it));
            if let Some(Some(of)) = chosen {
                self.flat(image, of, at.saturating_add(cases.payload), out);
            }
            while out.len().saturating_sub(start) < self.width(&ty) {
                out.push(Flat::Bits(0));
            }
            return;
        }
        match self.kind(id) {
            Some(TypeDefKind::List(_)) => {
                out.push(Flat::Bits(image.read(at, 4)));
                out.push(Flat::Bits(image.read(at.saturating_add(4), 4)));
            }
            Some(TypeDefKind::Record(_) | TypeDefKind::Tuple(_)) => {
                let types = self.parts(&Type::Id(id));
                for (offset, of) in self.offsets(&types) {
                    self.flat(image, &of, at.saturating_add(offset), out);
                }
            }
            Some(TypeDefKind::Flags(flags)) => match flags.repr() {
                FlagsRepr::U8 => out.push(Flat::Bits(image.read(at, 1))),
                FlagsRepr::U16 => out.push(Flat::Bits(image.read(at, 2))),
                FlagsRepr::U32(words) => {
                    let mut at = at;
                    for _ in 0..words {
                        out.push(Flat::Bits(image.read(at, 4)));
                        at = at.saturating_add(4);
                    }
                }
            },
            Some(TypeDefKind::Handle(_)) => {
                let is_hole = image.holes.iter().any(|hole| hole.at == at);
                out.push(match is_hole {
                    true => Flat::Hole(at),
                    false => Flat::Bits(image.read(at, 4)),
                });
            }
            _ => {}
        }
    }

    /// The number of core values of a type.
    fn width(&self, ty: &Type) -> usize {
        let ty = self.plain(ty);
        let Type::Id(id) = ty else {
            return if ty == Type::String { 2 } else { 1 };
        };
        if let Some(cases) = self.cases(id) {
            let payloads = cases.types.iter().flatten().map(|of| self.width(of));
            return payloads.max().unwrap_or(0).saturating_add(1);
        }
        match self.kind(id) {
            Some(TypeDefKind::List(_)) => 2,
            Some(TypeDefKind::Record(it)) => {
                it.fields.iter().map(|field| self.width(&field.ty)).sum()
            }
            Some(TypeDefKind::Tuple(it)) => it.types.iter().map(|of| self.width(of)).sum(),
            Some(TypeDefKind::Flags(flags)) => flags.repr().count(),
            _ => 1,
        }
    }
}

/// A small signed number as an `i32` has it.
fn extended(ty: &Type, bits: u64) -> u64 {
    let low = bits.to_le_bytes();
    match ty {
        Type::S8 => i64::from(i8::from_le_bytes([low[0]])).cast_unsigned(),
        Type::S16 => i64::from(i16::from_le_bytes([low[0], low[1]])).cast_unsigned(),
        _ => bits,
    }
}
