//! Arguments for the exports: small values of any type, so that allocators are called.

use tollgate::value::{Field, Type, Value};
use tollgate::wasmtime::component::Val;
use tollgate::wasmtime::component::types::Type as EngineType;

/// A value of a type that the library describes.
pub(crate) fn value(ty: &Type) -> Value {
    let boxed = |ty: &Type| Some(Box::new(value(ty)));
    match ty {
        Type::Bool => Value::Bool(true),
        Type::S8 => Value::S8(1),
        Type::U8 => Value::U8(1),
        Type::S16 => Value::S16(1),
        Type::U16 => Value::U16(1),
        Type::S32 => Value::S32(1),
        Type::U32 => Value::U32(1),
        Type::S64 => Value::S64(1),
        Type::U64 => Value::U64(1),
        Type::F32 => Value::F32(1.0),
        Type::F64 => Value::F64(1.0),
        Type::Char => Value::Char('a'),
        Type::String => Value::String("ab".to_owned()),
        Type::List(of) => Value::List(vec![value(of), value(of)]),
        Type::Tuple(types) => Value::Tuple(types.iter().map(value).collect()),
        Type::Record(fields) => {
            let field = |field: &Field| (field.name.clone(), value(&field.ty));
            Value::Record(fields.iter().map(field).collect())
        }
        Type::Variant(cases) => match cases.first() {
            Some(case) => Value::Variant(case.name.clone(), case.ty.as_ref().and_then(boxed)),
            None => Value::Bool(false),
        },
        Type::Enum(names) => Value::Enum(names.first().cloned().unwrap_or_default()),
        Type::Option(of) => Value::Option(boxed(of)),
        Type::Result(ok, _) => Value::Result(Ok(ok.as_deref().and_then(boxed))),
        Type::Flags(names) => Value::Flags(names.iter().take(1).cloned().collect()),
        // A function with one is not called with values.
        _ => Value::Bool(false),
    }
}

/// The same as the engine has it; none if a handle is within.
pub(crate) fn val(ty: &EngineType) -> Option<Val> {
    Some(match ty {
        EngineType::Bool => Val::Bool(true),
        EngineType::S8 => Val::S8(1),
        EngineType::U8 => Val::U8(1),
        EngineType::S16 => Val::S16(1),
        EngineType::U16 => Val::U16(1),
        EngineType::S32 => Val::S32(1),
        EngineType::U32 => Val::U32(1),
        EngineType::S64 => Val::S64(1),
        EngineType::U64 => Val::U64(1),
        EngineType::Float32 => Val::Float32(1.0),
        EngineType::Float64 => Val::Float64(1.0),
        EngineType::Char => Val::Char('a'),
        EngineType::String => Val::String("ab".to_owned()),
        EngineType::List(of) => Val::List(vec![val(&of.ty())?, val(&of.ty())?]),
        EngineType::Tuple(of) => Val::Tuple(of.types().map(|ty| val(&ty)).collect::<Option<_>>()?),
        EngineType::Record(of) => {
            let fields = of.fields();
            let fields = fields.map(|field| Some((field.name.to_owned(), val(&field.ty)?)));
            Val::Record(fields.collect::<Option<_>>()?)
        }
        EngineType::Variant(of) => {
            let case = of.cases().next()?;
            let payload = match &case.ty {
                Some(ty) => Some(Box::new(val(ty)?)),
                None => None,
            };
            Val::Variant(case.name.to_owned(), payload)
        }
        EngineType::Enum(of) => Val::Enum(of.names().next()?.to_owned()),
        EngineType::Option(_) => Val::Option(None),
        EngineType::Result(of) => Val::Result(Ok(match of.ok() {
            Some(ty) => Some(Box::new(val(&ty)?)),
            None => None,
        })),
        EngineType::Flags(of) => Val::Flags(of.names().take(1).map(str::to_owned).collect()),
        _ => return None,
    })
}
