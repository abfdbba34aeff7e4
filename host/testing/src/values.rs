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
        Type::Variant(cases) => match first(cases, |case| case.ty.as_ref().is_some_and(has_list)) {
            Some(case) => Value::Variant(case.name.clone(), case.ty.as_ref().and_then(boxed)),
            None => Value::Bool(false),
        },
        Type::Enum(names) => Value::Enum(names.first().cloned().unwrap_or_default()),
        Type::Option(of) => Value::Option(boxed(of)),
        Type::Result(ok, err) => {
            let has_list = |ty: &Option<Box<Type>>| ty.as_deref().is_some_and(has_list);
            Value::Result(match has_list(err) && !has_list(ok) {
                true => Err(err.as_deref().and_then(boxed)),
                false => Ok(ok.as_deref().and_then(boxed)),
            })
        }
        Type::Flags(names) => Value::Flags(names.iter().take(1).cloned().collect()),
        // A function with one is not called with values.
        _ => Value::Bool(false),
    }
}

/// Whether each value, as [`value`] makes it, has a list or a string in it.
fn has_list(ty: &Type) -> bool {
    match ty {
        Type::String | Type::List(_) => true,
        Type::Tuple(types) => types.iter().any(has_list),
        Type::Record(fields) => fields.iter().any(|field| has_list(&field.ty)),
        Type::Variant(cases) => cases
            .iter()
            .any(|case| case.ty.as_ref().is_some_and(has_list)),
        Type::Option(of) => has_list(of),
        Type::Result(ok, err) => [ok, err]
            .into_iter()
            .any(|ty| ty.as_deref().is_some_and(has_list)),
        _ => false,
    }
}

/// The first of these with a property, or the first.
fn first<T>(all: &[T], has: impl Fn(&T) -> bool) -> Option<&T> {
    all.iter().find(|it| has(it)).or_else(|| all.first())
}

/// The same as the engine has it, but for options of handles, which are none; nothing if a handle is needed.
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
            let has_list = |ty: &EngineType| val(ty).is_some_and(|made| has_list_in(&made));
            let mut cases = of.cases();
            let case = cases.find(|case| case.ty.as_ref().is_some_and(has_list));
            let case = case.or_else(|| of.cases().next())?;
            let payload = match &case.ty {
                Some(ty) => Some(Box::new(val(ty)?)),
                None => None,
            };
            Val::Variant(case.name.to_owned(), payload)
        }
        EngineType::Enum(of) => Val::Enum(of.names().next()?.to_owned()),
        EngineType::Option(of) => Val::Option(val(&of.ty()).map(Box::new)),
        EngineType::Result(of) => {
            let made = |ty: Option<EngineType>| match ty {
                Some(ty) => val(&ty).map(|made| Some(Box::new(made))),
                None => Some(None),
            };
            let has_list = |made: &Option<Option<Box<Val>>>| {
                made.iter().flatten().any(|made| has_list_in(made))
            };
            let (ok, err) = (made(of.ok()), made(of.err()));
            Val::Result(match has_list(&err) && !has_list(&ok) || ok.is_none() {
                true => Err(err?),
                false => Ok(ok?),
            })
        }
        EngineType::Flags(of) => Val::Flags(of.names().take(1).map(str::to_owned).collect()),
        _ => return None,
    })
}

fn has_list_in(made: &Val) -> bool {
    match made {
        Val::String(_) | Val::List(_) => true,
        Val::Tuple(all) => all.iter().any(has_list_in),
        Val::Record(fields) => fields.iter().any(|(_, made)| has_list_in(made)),
        Val::Variant(_, Some(made)) | Val::Option(Some(made)) => has_list_in(made),
        Val::Result(Ok(Some(made)) | Err(Some(made))) => has_list_in(made),
        _ => false,
    }
}
