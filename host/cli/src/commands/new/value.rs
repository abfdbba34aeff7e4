//! An empty value of each type, which stubs return and which the first call of a function is made with.

use wit_parser::{Resolve, Result_, Type, TypeDefKind, TypeId};

/// The most parts of a value. A few lines of WIT may name a type of billions.
const MOST_PARTS: usize = 200;

/// An empty value. The ids are those of the types as they were named.
pub(super) enum Value<'w> {
    Bool,
    /// Of a number type of the component model.
    Number(Type),
    Char,
    Text,
    /// An empty list of this type.
    List(Type),
    /// `none`, and the type that it is none of.
    None(Type),
    Ok(Option<Box<Value<'w>>>),
    Tuple(Vec<Value<'w>>),
    Record(TypeId, Vec<(&'w str, Value<'w>)>),
    Variant(TypeId, &'w str, Option<Box<Value<'w>>>),
    Enum(TypeId, &'w str),
    Flags(TypeId),
}

impl Value<'_> {
    /// The value of a type, or nothing if it is a handle, which only a function of its own makes, or too large.
    pub(super) fn empty(resolve: &Resolve, ty: Type) -> Option<Value<'_>> {
        make(resolve, ty, &mut { MOST_PARTS })
    }

    /// In WAVE notation, with all that it has.
    pub(super) fn to_wave(&self) -> String {
        self.wave(false)
    }

    /// In WAVE notation as the engine prints it: without fields that are `none`.
    pub(super) fn printed(&self) -> String {
        self.wave(true)
    }

    fn wave(&self, is_short: bool) -> String {
        let list = |values: &[Value<'_>]| {
            let values: Vec<_> = values.iter().map(|value| value.wave(is_short)).collect();
            values.join(", ")
        };
        match self {
            Value::Bool => "false".to_owned(),
            Value::Number(Type::F32 | Type::F64) if !is_short => "0.0".to_owned(),
            Value::Number(_) => "0".to_owned(),
            Value::Char => "' '".to_owned(),
            Value::Text => "\"\"".to_owned(),
            Value::List(_) => "[]".to_owned(),
            Value::None(_) => "none".to_owned(),
            Value::Ok(None) => "ok".to_owned(),
            Value::Ok(Some(value)) => format!("ok({})", value.wave(is_short)),
            Value::Tuple(values) => format!("({})", list(values)),
            Value::Record(_, fields) => {
                let fields = fields
                    .iter()
                    .filter(|(_, value)| !is_short || !matches!(value, Value::None(_)))
                    .map(|(name, value)| {
                        // The engine prints them as they are.
                        let name = if is_short {
                            (*name).to_owned()
                        } else {
                            escaped(name)
                        };
                        format!("{name}: {}", value.wave(is_short))
                    })
                    .collect::<Vec<_>>();
                match fields.is_empty() {
                    // Flags have the braces alone.
                    true => "{:}".to_owned(),
                    false => format!("{{{}}}", fields.join(", ")),
                }
            }
            Value::Variant(_, case, None) | Value::Enum(_, case) => escaped(case),
            Value::Variant(_, case, Some(value)) => {
                format!("{}({})", escaped(case), value.wave(is_short))
            }
            Value::Flags(_) => "{}".to_owned(),
        }
    }
}

/// A name in WAVE, which has a few words of its own.
fn escaped(name: &str) -> String {
    match name {
        "true" | "false" | "inf" | "nan" | "some" | "none" | "ok" | "err" => format!("%{name}"),
        name => name.to_owned(),
    }
}

fn make<'w>(resolve: &'w Resolve, ty: Type, parts: &mut usize) -> Option<Value<'w>> {
    *parts = parts.checked_sub(1)?;
    let named = match ty {
        Type::Bool => return Some(Value::Bool),
        Type::Char => return Some(Value::Char),
        Type::String => return Some(Value::Text),
        Type::ErrorContext => return None,
        Type::Id(id) => id,
        number => return Some(Value::Number(number)),
    };
    Some(match &resolve.types[original(resolve, named)].kind {
        TypeDefKind::List(ty) => Value::List(*ty),
        TypeDefKind::Option(ty) => Value::None(*ty),
        TypeDefKind::Result(result) => Value::Ok(boxed(resolve, result.ok, parts)?),
        TypeDefKind::Tuple(tuple) => {
            let values = tuple.types.iter().map(|ty| make(resolve, *ty, parts));
            Value::Tuple(values.collect::<Option<_>>()?)
        }
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields =
                fields.map(|field| Some((field.name.as_str(), make(resolve, field.ty, parts)?)));
            Value::Record(named, fields.collect::<Option<_>>()?)
        }
        TypeDefKind::Variant(variant) => {
            let case = variant.cases.first()?;
            Value::Variant(named, &case.name, boxed(resolve, case.ty, parts)?)
        }
        TypeDefKind::Enum(of) => Value::Enum(named, &of.cases.first()?.name),
        TypeDefKind::Flags(_) => Value::Flags(named),
        // An alias of a type without parts.
        TypeDefKind::Type(ty) => make(resolve, *ty, parts)?,
        _ => return None,
    })
}

fn boxed<'w>(
    resolve: &'w Resolve,
    ty: Option<Type>,
    parts: &mut usize,
) -> Option<Option<Box<Value<'w>>>> {
    Some(match ty {
        None => None,
        Some(ty) => Some(Box::new(make(resolve, ty, parts)?)),
    })
}

/// The type that an alias stands for, in the end.
pub(super) fn original(resolve: &Resolve, mut id: TypeId) -> TypeId {
    while let TypeDefKind::Type(Type::Id(other)) = resolve.types[id].kind {
        id = other;
    }
    id
}

/// Whether a type is an option, under whatever name.
pub(super) fn is_option(resolve: &Resolve, ty: Type) -> bool {
    let Type::Id(id) = ty else { return false };
    matches!(
        resolve.types[original(resolve, id)].kind,
        TypeDefKind::Option(_)
    )
}

/// The result that a type is, under whatever name.
pub(super) fn as_result(resolve: &Resolve, ty: Type) -> Option<&Result_> {
    let Type::Id(id) = ty else { return None };
    match &resolve.types[original(resolve, id)].kind {
        TypeDefKind::Result(result) => Some(result),
        _ => None,
    }
}
