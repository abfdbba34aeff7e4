//! The bytes that a function of an interface is given, as an expression in Rust: a stub charges for them, and its author may
//! forget to.

use wit_parser::{Type, TypeDefKind};

use crate::commands::new::rust_types::{Names, ident, type_ident};
use crate::commands::new::value::original;

/// The most parts of a type that are looked at. A few lines of WIT may name a type of billions.
const MOST_PARTS: usize = 200;

/// The bytes of a parameter beyond those of its own, of lists and texts. None if it has neither.
pub(super) fn bytes(names: &Names<'_>, ty: Type, of: &str) -> Option<String> {
    Charges {
        names,
        left: MOST_PARTS,
    }
    .of(ty, of)
}

struct Charges<'n, 'w> {
    names: &'n Names<'w>,
    left: usize,
}

impl Charges<'_, '_> {
    /// `of` is a place, or a reference to one.
    fn of(&mut self, ty: Type, of: &str) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        let named = match ty {
            Type::String => return Some(format!("{of}.len() as u64")),
            Type::Id(id) => id,
            _ => return None,
        };
        let resolve = &self.names.world.resolve;
        let id = original(resolve, named);
        match &resolve.types[id].kind {
            TypeDefKind::List(ty) => Some(match self.of(*ty, "each") {
                Some(each) => format!(
                    "{of}.iter().map(|each| size_of_val(each) as u64 + {each}).sum::<u64>()"
                ),
                None => format!("size_of_val({of}.as_slice()) as u64"),
            }),
            TypeDefKind::Option(ty) => {
                let each = self.of(*ty, "each")?;
                Some(format!("{of}.as_ref().map_or(0, |each| {each})"))
            }
            TypeDefKind::Result(result) => {
                let parts = [("Ok".to_owned(), result.ok), ("Err".to_owned(), result.err)];
                self.of_cases(of, parts.into_iter())
            }
            TypeDefKind::Variant(variant) => {
                let path = self.names.path(named);
                let cases = variant.cases.iter();
                let cases =
                    cases.map(|case| (format!("{path}::{}", type_ident(&case.name)), case.ty));
                self.of_cases(of, cases)
            }
            TypeDefKind::Tuple(tuple) => {
                let parts = tuple.types.iter().enumerate();
                self.sum(parts.map(|(at, ty)| (*ty, format!("{of}.{at}"))))
            }
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                self.sum(fields.map(|field| (field.ty, format!("{of}.{}", ident(&field.name)))))
            }
            // An alias of a type without parts.
            TypeDefKind::Type(ty) => self.of(*ty, of),
            _ => None,
        }
    }

    fn sum(&mut self, parts: impl Iterator<Item = (Type, String)>) -> Option<String> {
        let parts: Vec<_> = parts.filter_map(|(ty, of)| self.of(ty, &of)).collect();
        (!parts.is_empty()).then(|| parts.join(" + "))
    }

    fn of_cases(
        &mut self,
        of: &str,
        cases: impl ExactSizeIterator<Item = (String, Option<Type>)>,
    ) -> Option<String> {
        let count = cases.len();
        let arms: Vec<_> = cases
            .filter_map(|(case, ty)| {
                let each = self.of(ty?, "each")?;
                Some(format!("{case}(each) => {each}"))
            })
            .collect();
        if arms.is_empty() {
            return None;
        }
        let rest = if arms.len() < count { ", _ => 0" } else { "" };
        Some(format!("match &{of} {{ {}{rest} }}", arms.join(", ")))
    }
}
