//! Types of two worlds, compared by structure and by name.

use std::collections::{BTreeSet, HashMap, HashSet};

use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

use crate::served::split_version;

/// The types of two worlds.
pub(super) struct Types<'a> {
    pub(super) old: &'a Resolve,
    pub(super) new: &'a Resolve,
    /// The answers so far: a type may have the same part many times.
    known: HashMap<(TypeId, TypeId), bool>,
}

impl<'a> Types<'a> {
    pub(super) fn new(old: &'a Resolve, new: &'a Resolve) -> Types<'a> {
        Types {
            old,
            new,
            known: HashMap::new(),
        }
    }

    /// Whether values of both types look the same to the engine: names of fields and cases count, names of types do not.
    pub(super) fn same(&mut self, old: &Type, new: &Type) -> bool {
        self.same_at(old, new)
    }

    /// The same for what a function takes and gives.
    pub(super) fn same_function(&mut self, old: &Function, new: &Function) -> bool {
        let kind = |function: &Function| function.kind.is_async();
        kind(old) == kind(new)
            && old.params.len() == new.params.len()
            && old
                .params
                .iter()
                .zip(&new.params)
                .all(|(old, new)| self.same(&old.ty, &new.ty))
            && self.same_maybe(old.result.as_ref(), new.result.as_ref())
    }

    fn same_maybe(&mut self, old: Option<&Type>, new: Option<&Type>) -> bool {
        match (old, new) {
            (Some(old), Some(new)) => self.same_at(old, new),
            (None, None) => true,
            _ => false,
        }
    }

    fn same_at(&mut self, old: &Type, new: &Type) -> bool {
        let (old, new) = (unnamed(self.old, old), unnamed(self.new, new));
        let (Type::Id(a), Type::Id(b)) = (old, new) else {
            return old == new;
        };
        if let Some(known) = self.known.get(&(a, b)) {
            return *known;
        }
        let same = self.same_definition(a, b);
        self.known.insert((a, b), same);
        same
    }

    fn same_definition(&mut self, a: TypeId, b: TypeId) -> bool {
        let (old, new) = (self.old, self.new);
        let (Some(old_type), Some(new_type)) = (old.types.get(a), new.types.get(b)) else {
            return false;
        };
        match (&old_type.kind, &new_type.kind) {
            (TypeDefKind::Record(old), TypeDefKind::Record(new)) => {
                old.fields.len() == new.fields.len()
                    && old
                        .fields
                        .iter()
                        .zip(&new.fields)
                        .all(|(old, new)| old.name == new.name && self.same_at(&old.ty, &new.ty))
            }
            (TypeDefKind::Variant(old), TypeDefKind::Variant(new)) => {
                old.cases.len() == new.cases.len()
                    && old.cases.iter().zip(&new.cases).all(|(old, new)| {
                        old.name == new.name && self.same_maybe(old.ty.as_ref(), new.ty.as_ref())
                    })
            }
            (TypeDefKind::Enum(old), TypeDefKind::Enum(new)) => {
                names(&old.cases, |case| &case.name) == names(&new.cases, |case| &case.name)
            }
            (TypeDefKind::Flags(old), TypeDefKind::Flags(new)) => {
                names(&old.flags, |flag| &flag.name) == names(&new.flags, |flag| &flag.name)
            }
            (TypeDefKind::Tuple(old), TypeDefKind::Tuple(new)) => {
                old.types.len() == new.types.len()
                    && old
                        .types
                        .iter()
                        .zip(&new.types)
                        .all(|(old, new)| self.same_at(old, new))
            }
            (TypeDefKind::Option(old), TypeDefKind::Option(new))
            | (TypeDefKind::List(old), TypeDefKind::List(new)) => self.same_at(old, new),
            (
                TypeDefKind::FixedLengthList(old, many),
                TypeDefKind::FixedLengthList(new, as_many),
            ) => many == as_many && self.same_at(old, new),
            (TypeDefKind::Map(old, of), TypeDefKind::Map(new, to)) => {
                self.same_at(old, new) && self.same_at(of, to)
            }
            (TypeDefKind::Result(old), TypeDefKind::Result(new)) => {
                self.same_maybe(old.ok.as_ref(), new.ok.as_ref())
                    && self.same_maybe(old.err.as_ref(), new.err.as_ref())
            }
            (TypeDefKind::Future(old), TypeDefKind::Future(new))
            | (TypeDefKind::Stream(old), TypeDefKind::Stream(new)) => {
                self.same_maybe(old.as_ref(), new.as_ref())
            }
            (TypeDefKind::Handle(old), TypeDefKind::Handle(new)) => match (old, new) {
                (Handle::Own(old), Handle::Own(new))
                | (Handle::Borrow(old), Handle::Borrow(new)) => {
                    self.same_at(&Type::Id(*old), &Type::Id(*new))
                }
                _ => false,
            },
            // A resource has no structure: it is the one of its name.
            (TypeDefKind::Resource, TypeDefKind::Resource) => {
                old_type.name == new_type.name
                    && base_of(old, old_type.owner) == base_of(new, new_type.owner)
            }
            _ => false,
        }
    }
}

fn names<T>(of: &[T], name: impl Fn(&T) -> &String) -> Vec<&str> {
    of.iter().map(|one| name(one).as_str()).collect()
}

/// The type behind names that stand for others.
fn unnamed(resolve: &Resolve, ty: &Type) -> Type {
    let mut ty = *ty;
    while let Type::Id(id) = ty
        && let Some(TypeDefKind::Type(behind)) = resolve.types.get(id).map(|it| &it.kind)
    {
        ty = *behind;
    }
    ty
}

/// The interface of a type without its version, if it has a name.
fn base_of(resolve: &Resolve, owner: TypeOwner) -> Option<String> {
    let TypeOwner::Interface(id) = owner else {
        return None;
    };
    resolve.interfaces.get(id)?.name.as_ref()?;
    let name = resolve.id_of(id)?;
    Some(split_version(&name).0.to_owned())
}

/// A type as WIT has it: by its name where it has one.
pub(super) fn text(resolve: &Resolve, ty: &Type) -> String {
    let id = match ty {
        Type::Id(id) => *id,
        plain => return plain_name(plain).to_owned(),
    };
    let Some(found) = resolve.types.get(id) else {
        return "_".to_owned();
    };
    match &found.name {
        Some(name) => name.clone(),
        None => definition(resolve, &found.kind),
    }
}

fn plain_name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(_) => "_",
    }
}

/// A definition as WIT has it, with the types inside by their names.
pub(super) fn definition(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let of = |ty: &Type| text(resolve, ty);
    let maybe = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), of);
    let listed = |items: Vec<String>| items.join(", ");
    match kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields = fields.map(|field| format!("{}: {}", field.name, of(&field.ty)));
            format!("record {{ {} }}", listed(fields.collect()))
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter().map(|case| match &case.ty {
                Some(ty) => format!("{}({})", case.name, of(ty)),
                None => case.name.clone(),
            });
            format!("variant {{ {} }}", listed(cases.collect()))
        }
        TypeDefKind::Enum(it) => {
            format!(
                "enum {{ {} }}",
                names(&it.cases, |case| &case.name).join(", ")
            )
        }
        TypeDefKind::Flags(it) => {
            format!(
                "flags {{ {} }}",
                names(&it.flags, |flag| &flag.name).join(", ")
            )
        }
        TypeDefKind::Tuple(tuple) => {
            format!("tuple<{}>", listed(tuple.types.iter().map(of).collect()))
        }
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", of(ty)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", of(key), of(value)),
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", of(ok)),
            (ok, err) => format!("result<{}, {}>", maybe(ok), maybe(err)),
        },
        TypeDefKind::Future(ty) => format!("future<{}>", maybe(ty)),
        TypeDefKind::Stream(ty) => format!("stream<{}>", maybe(ty)),
        TypeDefKind::Handle(Handle::Own(id)) => of(&Type::Id(*id)),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", of(&Type::Id(*id))),
        TypeDefKind::Type(ty) => of(ty),
        TypeDefKind::Resource => "resource".to_owned(),
        TypeDefKind::Unknown => "_".to_owned(),
    }
}

/// A function as WIT has it.
pub(super) fn signature(resolve: &Resolve, function: &Function) -> String {
    let params = function.params.iter();
    let params = params.map(|param| format!("{}: {}", param.name, text(resolve, &param.ty)));
    let params = params.collect::<Vec<_>>().join(", ");
    let word = match function.kind.is_async() {
        true => "async func",
        false => "func",
    };
    match &function.result {
        Some(ty) => format!("{word}({params}) -> {}", text(resolve, ty)),
        None => format!("{word}({params})"),
    }
}

/// All types that functions take or give, with the types inside them.
pub(super) fn reached<'f>(
    resolve: &Resolve,
    functions: impl Iterator<Item = &'f Function>,
) -> HashSet<TypeId> {
    let mut left: Vec<Type> = Vec::new();
    for function in functions {
        left.extend(function.params.iter().map(|param| param.ty));
        left.extend(function.result);
    }
    let mut found = HashSet::new();
    while let Some(ty) = left.pop() {
        let Type::Id(id) = ty else { continue };
        if let (true, Some(definition)) = (found.insert(id), resolve.types.get(id)) {
            parts(&definition.kind, &mut left);
        }
    }
    found
}

/// Adds the types that a definition names.
fn parts(kind: &TypeDefKind, to: &mut Vec<Type>) {
    match kind {
        TypeDefKind::Record(it) => to.extend(it.fields.iter().map(|field| field.ty)),
        TypeDefKind::Variant(it) => to.extend(it.cases.iter().filter_map(|case| case.ty)),
        TypeDefKind::Tuple(it) => to.extend(&it.types),
        TypeDefKind::Option(ty)
        | TypeDefKind::List(ty)
        | TypeDefKind::FixedLengthList(ty, _)
        | TypeDefKind::Type(ty) => to.push(*ty),
        TypeDefKind::Map(key, value) => to.extend([*key, *value]),
        TypeDefKind::Result(it) => to.extend(it.ok.into_iter().chain(it.err)),
        TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => to.extend(*ty),
        TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => to.push(Type::Id(*id)),
        TypeDefKind::Enum(_)
        | TypeDefKind::Flags(_)
        | TypeDefKind::Resource
        | TypeDefKind::Unknown => {}
    }
}

/// The changes between two definitions of one name, each a clause such as ``case `chf` is added``. Types inside are
/// compared by name, since they are told where they are defined.
pub(super) fn changes(old: (&Resolve, TypeId), new: (&Resolve, TypeId)) -> Vec<String> {
    let kind =
        |(resolve, id): (&'_ Resolve, TypeId)| resolve.types.get(id).map(|it| it.kind.clone());
    let (Some(a), Some(b)) = (kind(old), kind(new)) else {
        return Vec::new();
    };
    let entries = |resolve: &Resolve, kind: &TypeDefKind| -> Option<(&'static str, Entries)> {
        let of = |ty: &Type| text(resolve, ty);
        Some(match kind {
            TypeDefKind::Record(it) => {
                let fields = it.fields.iter();
                (
                    "field",
                    fields.map(|it| (it.name.clone(), of(&it.ty))).collect(),
                )
            }
            TypeDefKind::Variant(it) => {
                let cases = it.cases.iter();
                let payload = |ty: &Option<Type>| ty.as_ref().map_or_else(String::new, of);
                (
                    "case",
                    cases.map(|it| (it.name.clone(), payload(&it.ty))).collect(),
                )
            }
            TypeDefKind::Enum(it) => {
                let cases = it.cases.iter();
                (
                    "case",
                    cases.map(|it| (it.name.clone(), String::new())).collect(),
                )
            }
            TypeDefKind::Flags(it) => {
                let flags = it.flags.iter();
                (
                    "flag",
                    flags.map(|it| (it.name.clone(), String::new())).collect(),
                )
            }
            _ => return None,
        })
    };
    let same_kind = std::mem::discriminant(&a) == std::mem::discriminant(&b);
    match (entries(old.0, &a), entries(new.0, &b)) {
        (Some((word, a)), Some((_, b))) if same_kind => entry_changes(word, &a, &b),
        _ => {
            let (a, b) = (definition(old.0, &a), definition(new.0, &b));
            match a == b {
                true => Vec::new(),
                false => Vec::from([format!("is `{b}`, and was `{a}`")]),
            }
        }
    }
}

type Entries = Vec<(String, String)>;

fn entry_changes(word: &str, old: &Entries, new: &Entries) -> Vec<String> {
    let find = |list: &Entries, name: &str| -> Option<String> {
        list.iter().find(|it| it.0 == name).map(|it| it.1.clone())
    };
    let mut found = Vec::new();
    for (name, ty) in old {
        match find(new, name) {
            None => found.push(format!("{word} `{name}` is removed")),
            Some(other) if other != *ty => {
                let shown = |ty: &str| {
                    if ty.is_empty() {
                        "nothing".to_owned()
                    } else {
                        format!("`{ty}`")
                    }
                };
                found.push(format!(
                    "{word} `{name}` has {}, and had {}",
                    shown(&other),
                    shown(ty)
                ));
            }
            Some(_) => {}
        }
    }
    let added = new.iter().filter(|(name, _)| find(old, name).is_none());
    found.extend(added.map(|(name, _)| format!("{word} `{name}` is added")));
    // The order is the number that stands for a case in memory.
    let common: BTreeSet<&str> = old
        .iter()
        .map(|it| it.0.as_str())
        .filter(|name| find(new, name).is_some())
        .collect();
    let order = |list: &'_ Entries| -> Vec<String> {
        let kept = list.iter().filter(|it| common.contains(it.0.as_str()));
        kept.map(|it| it.0.clone()).collect()
    };
    if order(old) != order(new) {
        found.push(format!("the order of its {word}s is another"));
    }
    found
}
