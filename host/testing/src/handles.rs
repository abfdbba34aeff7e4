//! The handles that an import needs, made by other imports.

use wasm_encoder::{BlockType, ValType};
use wit_parser::{FunctionKind, Handle, Type, TypeDefKind, TypeId};

use crate::code::{Code, Got, WORD};
use crate::module::Maker;
use crate::want::Want;
use crate::world::World;

/// How far imports that make handles need handles themselves.
const DEPTH: u32 = 3;

/// A step from a value to a part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// So many bytes further.
    Field(u32),
    /// The payload, if the tag is this one.
    Case { tag: u32, is: u32, payload: u32 },
    /// The first element of a list.
    Element,
}

impl World {
    /// The way to a handle of a resource in a value.
    fn path(&self, ty: &Type, resource: TypeId) -> Option<Vec<Step>> {
        let ty = self.plain(ty);
        let Type::Id(id) = ty else {
            return None;
        };
        let with = |first: Step, rest: Vec<Step>| -> Vec<Step> {
            std::iter::once(first).chain(rest).collect()
        };
        if let Some(cases) = self.cases(id) {
            let mut ways = (0_u32..).zip(&cases.types);
            return ways.find_map(|(is, ty)| {
                let rest = self.path(ty.as_ref()?, resource)?;
                let (tag, payload) = (cases.tag, cases.payload);
                Some(with(Step::Case { tag, is, payload }, rest))
            });
        }
        match self.kind(id)? {
            TypeDefKind::Handle(Handle::Own(of)) if self.resource(*of) == resource => {
                Some(Vec::new())
            }
            TypeDefKind::List(of) => Some(with(Step::Element, self.path(of, resource)?)),
            TypeDefKind::Record(_) | TypeDefKind::Tuple(_) => {
                let fields = self.offsets(&self.parts(&ty));
                fields.into_iter().find_map(|(at, of)| {
                    let rest = self.path(&of, resource)?;
                    Some(with(Step::Field(at), rest))
                })
            }
            _ => None,
        }
    }

    /// The import that makes handles of a resource, the simplest first.
    fn maker(&self, resource: TypeId, granted: &[bool]) -> Option<(usize, Vec<Step>)> {
        let mut found: Vec<(usize, usize, Vec<Step>)> = Vec::new();
        for (number, function) in self.imports.iter().enumerate() {
            let path = function.wit.result.as_ref();
            let path = path.and_then(|ty| self.path(ty, resource));
            let (Some(path), None) = (path, function.unsupported) else {
                continue;
            };
            if !granted.get(number).copied().unwrap_or(false) {
                continue;
            }
            let mut needs = Vec::new();
            for param in &function.wit.params {
                self.resources(&param.ty, &mut needs);
            }
            // One that needs a handle to make the same is a circle.
            if needs.contains(&resource) {
                continue;
            }
            let is_plain = matches!(
                function.wit.kind,
                FunctionKind::Constructor(_) | FunctionKind::Static(_)
            );
            let rank = needs.len().saturating_mul(2) + usize::from(!is_plain);
            found.push((rank, number, path));
        }
        let best = found
            .into_iter()
            .min_by_key(|(rank, number, _)| (*rank, *number));
        best.map(|(_, number, path)| (number, path))
    }

    /// Whether an import makes one resource and takes none.
    pub(crate) fn makes_one(&self, import: usize) -> bool {
        let Some(function) = self.imports.get(import) else {
            return false;
        };
        let (mut taken, mut made) = (Vec::new(), Vec::new());
        for param in &function.wit.params {
            self.resources(&param.ty, &mut taken);
        }
        let Some(result) = &function.wit.result else {
            return false;
        };
        self.resources(result, &mut made);
        let path = self.makes(result).and_then(|it| self.path(result, it));
        let is_one =
            path.is_some_and(|path| !path.iter().any(|step| matches!(step, Step::Element)));
        taken.is_empty() && made.len() == 1 && is_one
    }

    /// The resource that a function makes.
    pub(crate) fn makes(&self, result: &Type) -> Option<TypeId> {
        let mut found = Vec::new();
        self.resources(result, &mut found);
        found
            .into_iter()
            .find(|resource| self.path(result, *resource).is_some())
    }
}

impl Maker<'_> {
    /// A local with a handle of a resource; 0 if no import makes one.
    pub(crate) fn handle(&mut self, body: &mut Code, resource: TypeId, depth: u32) -> u32 {
        let local = body.local();
        if depth >= DEPTH {
            return local;
        }
        let Some((import, path)) = self.world.maker(resource, self.granted) else {
            return local;
        };
        self.calls = self.calls.saturating_add(1);
        let got = self.call(body, import, Want::Small, depth.saturating_add(1));
        self.follow(body, got, &path, false);
        body.sink().local_set(local);
        local
    }

    /// The function that drops the resource which an import makes.
    pub(crate) fn drop_handle(&mut self, import: usize) -> Option<u32> {
        let result = self.world.imports.get(import)?.wit.result?;
        let resource = self.world.makes(&result)?;
        let name = self.world.drop_name(resource)?;
        let ty = self.types.of(&[ValType::I32], &[]);
        Some(self.import(name, ty))
    }

    /// The way to the resource in the result of an import.
    pub(crate) fn resource_path(&self, import: usize) -> Option<Vec<Step>> {
        let result = self.world.imports.get(import)?.wit.result?;
        let resource = self.world.makes(&result)?;
        self.world.path(&result, resource)
    }

    /// Pushes the handle at the end of a path. `leaves` is for code in a block and a loop: another case leaves both.
    pub(crate) fn follow(&mut self, body: &mut Code, got: Got, path: &[Step], leaves: bool) {
        let at = match got {
            Got::Local(local) => {
                body.sink().local_get(local);
                return;
            }
            Got::Nothing => {
                body.sink().i32_const(0);
                return;
            }
            Got::At(at) => at,
        };
        let place = body.local();
        body.sink().i32_const(at.cast_signed()).local_set(place);
        for step in path {
            match *step {
                Step::Field(bytes) => {
                    body.sink()
                        .local_get(place)
                        .i32_const(bytes.cast_signed())
                        .i32_add()
                        .local_set(place);
                }
                Step::Case { tag, is, payload } => {
                    if leaves {
                        let mut sink = body.sink();
                        sink.local_get(place);
                        match tag {
                            1 => sink.i32_load8_u(WORD),
                            2 => sink.i32_load16_u(WORD),
                            _ => sink.i32_load(WORD),
                        };
                        sink.i32_const(is.cast_signed()).i32_ne().br_if(1);
                    }
                    body.sink()
                        .local_get(place)
                        .i32_const(payload.cast_signed())
                        .i32_add()
                        .local_set(place);
                }
                Step::Element => {
                    if leaves {
                        let mut sink = body.sink();
                        sink.local_get(place).i32_const(4).i32_add().i32_load(WORD);
                        sink.i32_eqz().br_if(1);
                    }
                    // An empty list has a place that may be anywhere.
                    body.sink()
                        .local_get(place)
                        .i32_const(4)
                        .i32_add()
                        .i32_load(WORD)
                        .if_(BlockType::Empty)
                        .local_get(place)
                        .i32_load(WORD)
                        .local_set(place)
                        .end();
                }
            }
        }
        body.sink().local_get(place).i32_load(WORD);
    }
}
