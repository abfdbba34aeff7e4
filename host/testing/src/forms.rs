//! The forms of types: their cases, and the places in them that can be hostile.

use wit_parser::{Int, Type, TypeDefKind, TypeId};

use crate::want::Bad;
use crate::world::World;

/// The form of a type with cases: the bytes of its tag, the place of the payload, and the payloads.
pub(crate) struct Cases {
    pub(crate) tag: u32,
    pub(crate) payload: u32,
    pub(crate) types: Vec<Option<Type>>,
}

impl World {
    pub(crate) fn cases(&self, id: TypeId) -> Option<Cases> {
        let (tag, types) = match self.kind(id)? {
            TypeDefKind::Variant(it) => (it.tag(), it.cases.iter().map(|case| case.ty).collect()),
            TypeDefKind::Enum(it) => (it.tag(), it.cases.iter().map(|_| None).collect()),
            TypeDefKind::Option(it) => (Int::U8, vec![None, Some(*it)]),
            TypeDefKind::Result(it) => (Int::U8, vec![it.ok, it.err]),
            _ => return None,
        };
        let types: Vec<Option<Type>> = types;
        let payload = self
            .sizes
            .payload_offset(tag, types.iter().map(Option::as_ref));
        Some(Cases {
            tag: match tag {
                Int::U8 => 1,
                Int::U16 => 2,
                Int::U32 => 4,
                Int::U64 => 8,
            },
            payload: u32::try_from(payload.size_wasm32()).unwrap_or(u32::MAX),
            types,
        })
    }

    /// Whether a value of the type has a place that can be hostile in this way.
    pub(crate) fn has(&self, ty: &Type, bad: Bad) -> bool {
        let ty = self.plain(ty);
        let here = match ty {
            Type::String => matches!(bad, Bad::Gigabyte | Bad::Outside | Bad::Utf8),
            Type::Char => bad == Bad::Char,
            Type::Bool => bad == Bad::Bool,
            Type::Id(id) => match self.kind(id) {
                Some(TypeDefKind::List(of)) => match bad {
                    Bad::Gigabyte | Bad::Outside => true,
                    Bad::Unaligned => self.align(of) > 1,
                    Bad::Overlap => self.lists(of),
                    _ => false,
                },
                Some(TypeDefKind::Handle(_)) => bad == Bad::Handle,
                Some(TypeDefKind::Flags(_)) => bad == Bad::Flags,
                _ => bad == Bad::Case && self.cases(id).is_some_and(|it| it.types.len() < 256),
            },
            _ => false,
        };
        here || self.parts(&ty).iter().any(|part| self.has(part, bad))
    }

    /// Whether a value of the type can hold a list or a text.
    pub(crate) fn lists(&self, ty: &Type) -> bool {
        let ty = self.plain(ty);
        let here = match ty {
            Type::String => true,
            Type::Id(id) => matches!(self.kind(id), Some(TypeDefKind::List(_))),
            _ => false,
        };
        here || self.parts(&ty).iter().any(|part| self.lists(part))
    }
}
