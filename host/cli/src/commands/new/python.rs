//! A provider in Python: classes that componentize-py makes a component of, with CPython in it.

use std::collections::{BTreeSet, HashSet};

use wit_parser::{Function, FunctionKind, Type, TypeId, TypeOwner, WorldItem};

use crate::commands::new::exports::{self, Exported, short_name};
use crate::commands::new::folder::Files;
use crate::commands::new::own_world;
use crate::commands::new::policy::{self, Needs};
use crate::commands::new::readme::Readme;
use crate::commands::new::value::{Value, original};
use crate::commands::new::words::{escaped, shouted, snake, upper_camel};
use crate::commands::new::world::World;
use crate::output::status::ExitReason;

const KEYWORDS: &str = "False None True and as assert async await break class continue def del elif else except finally for \
    from global if import in is lambda nonlocal not or pass raise return try while with yield";

/// Modules that no file of a project can be: those of the project and of componentize-py, and modules of Python that are
/// loaded before any file of the project.
const MODULES: &str = "abc app builtins codecs collections componentize_py_types dataclasses enum functools io operator os \
    re sys types typing weakref wit_world";

/// Classes of `app.py` that are not of an interface.
const CLASSES: &str = "Ok WitWorld";

/// Adds the files of a project, and tells its commands.
pub(super) fn project(
    files: &mut Files,
    name: &str,
    world: Option<&World>,
) -> Result<Readme, ExitReason> {
    // The very file that our own provider in Python is built with.
    let requirements = include_str!("templates/python/requirements.txt");
    files.add("requirements.txt", requirements);
    files.add(".gitignore", ".venv/\n__pycache__/\n*.wasm\n");
    let wit = match world {
        None => include_str!("templates/python/world.wit").to_owned(),
        Some(world) => own_world::text(world)?,
    };
    files.add("wit/world.wit", wit);
    match world {
        None => files.add("app.py", include_str!("templates/python/app.py")),
        Some(world) => stubs(files, world)?,
    }
    let needs = Needs {
        interpreter: true,
        wasi: Some("The library of Python imports all of WASI."),
    };
    files.add("tollgate.toml", policy::text(&needs, world.is_none()));
    let world = own_world::NAME;
    Ok(Readme {
        language: "Python",
        install: vec![
            "python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt".to_owned(),
        ],
        build: vec![format!(
            ".venv/bin/componentize-py -d wit -w {world} componentize app -o {name}.wasm"
        )],
        component: format!("{name}.wasm"),
        notes: include_str!("templates/python/notes.md").replace("{{world}}", world),
    })
}

fn stubs(files: &mut Files, world: &World) -> Result<(), ExitReason> {
    let refuse = |interface: &str, why: &str| {
        Err(ExitReason::Usage(format!(
            "the world {} exports the interface `{interface}`: {why}; give it another name in the WIT, or use --lang rust \
             or --lang js",
            world.name
        )))
    };
    let mut source = Source {
        world,
        imported: BTreeSet::new(),
    };
    let (mut modules, mut classes) = (String::new(), String::new());
    let mut taken: HashSet<String> = CLASSES.split_whitespace().map(str::to_owned).collect();
    for exported in exports::of(world) {
        let (class, base) = match exported.interface {
            None => ("WitWorld".to_owned(), "wit_world.WitWorld".to_owned()),
            Some(interface) if interface.is_inline => {
                return refuse(
                    interface.name,
                    "componentize-py makes nothing of one without a package",
                );
            }
            Some(interface) => {
                let class = type_ident(interface.name);
                if !taken.insert(class.clone()) {
                    return refuse(
                        interface.name,
                        &format!("another class of app.py is `{class}`"),
                    );
                }
                (class.clone(), format!("exports.{class}"))
            }
        };
        if let (Some(interface), false) = (exported.interface, exported.resources.is_empty()) {
            let module = ident(interface.name);
            if MODULES.split_whitespace().any(|taken| taken == module) {
                let why = "its resources would be in the module `{module}`, which is another one";
                return refuse(interface.name, &why.replace("{module}", &module));
            }
            files.add(format!("{module}.py"), source.resources(&module, &exported));
            modules.push_str(&format!("import {module}  # noqa: F401\n"));
        }
        if !exported.functions.is_empty() {
            classes.push_str(&format!("\n\nclass {class}({base}):\n"));
            classes.push_str(&source.functions(&exported.functions));
        }
    }
    let imports = source.imports(world, &classes);
    let text = include_str!("templates/python/stubs.py.in").replace("{{world}}", &world.name);
    files.add("app.py", format!("{text}{modules}{imports}{classes}"));
    Ok(())
}

struct Source<'w> {
    world: &'w World,
    /// Modules of imported interfaces that values are of.
    imported: BTreeSet<String>,
}

impl Source<'_> {
    /// The lines that import what `classes` names.
    fn imports(&self, world: &World, classes: &str) -> String {
        let mut text = String::from("import wit_world\n");
        let exports = world.resolve.worlds[world.id].exports.values();
        if exports
            .clone()
            .any(|item| matches!(item, WorldItem::Interface { .. }))
        {
            text.push_str("from wit_world import exports\n");
        }
        if !self.imported.is_empty() {
            let names: Vec<_> = self.imported.iter().map(String::as_str).collect();
            text.push_str(&format!(
                "from wit_world.imports import {}\n",
                names.join(", ")
            ));
        }
        if classes.contains("Ok(") {
            text.push_str("from componentize_py_types import Ok\n");
        }
        text
    }

    /// The module in which componentize-py looks for the resources of an interface: it has the interface's name.
    fn resources(&mut self, module: &str, exported: &Exported<'_>) -> String {
        let mut text = format!("\"\"\"The resources of the interface `{module}`.\"\"\"\n\n");
        let mut classes = String::new();
        for resource in &exported.resources {
            let class = type_ident(resource.name);
            classes.push_str(&format!("\n\nclass {class}(exports.{module}.{class}):\n"));
            match resource.functions.is_empty() {
                true => classes.push_str("    pass\n"),
                false => classes.push_str(&self.functions(&resource.functions)),
            }
        }
        text.push_str(&self.imports(self.world, &classes));
        text + &classes
    }

    fn functions(&mut self, functions: &[&Function]) -> String {
        let functions = functions.iter().map(|function| self.function(function));
        functions.collect::<Vec<_>>().join("\n")
    }

    fn function(&mut self, function: &Function) -> String {
        let resolve = &self.world.resolve;
        let (first, name, above) = match function.kind {
            // WIT names it.
            FunctionKind::Method(_) => (None, None, ""),
            FunctionKind::Static(_) => (Some("cls"), None, "    @classmethod\n"),
            FunctionKind::Constructor(_) => (Some("self"), Some("__init__"), ""),
            _ => (Some("self"), None, ""),
        };
        let params = function.params.iter().map(|param| {
            let name = ident(&param.name);
            // The first one is Python's own.
            if first == Some(name.as_str()) {
                name + "_"
            } else {
                name
            }
        });
        let first = first.map(str::to_owned).into_iter();
        let params: Vec<_> = first.chain(params).collect();
        let name = name.map_or_else(|| ident(short_name(function)), str::to_owned);
        let body = match (&function.kind, function.result) {
            (FunctionKind::Constructor(_), _) | (_, None) => "pass".to_owned(),
            (_, Some(ty)) => {
                let value = Value::empty(resolve, ty);
                // The `ok` of a result is returned, and its `err` is raised.
                let value = value.map(|value| match value {
                    Value::Ok(inner) => inner.map(|inner| *inner),
                    value => Some(value),
                });
                let value = value.and_then(|value| match value {
                    Some(value) => self.value(&value),
                    None => Some("None".to_owned()),
                });
                match value {
                    Some(value) => format!("return {value}"),
                    None => format!("raise NotImplementedError(\"{}\")", function.name),
                }
            }
        };
        format!(
            "{above}    def {name}({}):\n        {body}\n",
            params.join(", ")
        )
    }

    /// The value as an expression; nothing if it is of a type whose module cannot be told from its name.
    fn value(&mut self, value: &Value<'_>) -> Option<String> {
        Some(match value {
            Value::Bool => "False".to_owned(),
            Value::Number(Type::F32 | Type::F64) => "0.0".to_owned(),
            Value::Number(_) => "0".to_owned(),
            Value::Char => "\" \"".to_owned(),
            Value::Text => "\"\"".to_owned(),
            Value::List(Type::U8) => "b\"\"".to_owned(),
            Value::List(_) => "[]".to_owned(),
            Value::None(_) | Value::Ok(None) => "None".to_owned(),
            Value::Ok(Some(value)) => format!("Ok({})", self.value(value)?),
            Value::Tuple(values) => {
                let values = values.iter().map(|value| self.value(value));
                let values = values.collect::<Option<Vec<_>>>()?.join(", ");
                format!("({values},)")
            }
            Value::Record(id, fields) => {
                let path = self.path(*id)?;
                let fields = fields
                    .iter()
                    .map(|(name, value)| Some(format!("{}={}", ident(name), self.value(value)?)));
                format!("{path}({})", fields.collect::<Option<Vec<_>>>()?.join(", "))
            }
            Value::Variant(id, case, value) => {
                let value = match value {
                    Some(value) => self.value(value)?,
                    None => String::new(),
                };
                format!("{}_{}({value})", self.path(*id)?, upper_camel(case))
            }
            Value::Enum(id, case) => format!("{}.{}", self.path(*id)?, shouted(case)),
            Value::Flags(id) => format!("{}(0)", self.path(*id)?),
        })
    }

    fn path(&mut self, id: TypeId) -> Option<String> {
        let resolve = &self.world.resolve;
        let found = &resolve.types[original(resolve, id)];
        let name = type_ident(found.name.as_deref()?);
        let TypeOwner::Interface(owner) = found.owner else {
            return Some(format!("wit_world.{name}"));
        };
        let interface = resolve.interfaces[owner].name.as_deref()?;
        let world = &resolve.worlds[self.world.id];
        let all = || world.imports.values().chain(world.exports.values());
        let is = |item: &WorldItem, name: &str| match item {
            WorldItem::Interface { id, .. } => {
                resolve.interfaces[*id].name.as_deref() == Some(name)
            }
            _ => false,
        };
        // Of two modules with one name, each gets another one.
        if all().filter(|item| is(item, interface)).count() != 1 {
            return None;
        }
        let module = ident(interface);
        match world.exports.values().any(|item| is(item, interface)) {
            true => Some(format!("exports.{module}.{name}")),
            false => {
                self.imported.insert(module.clone());
                Some(format!("{module}.{name}"))
            }
        }
    }
}

fn ident(name: &str) -> String {
    escaped(snake(name), KEYWORDS)
}

fn type_ident(name: &str) -> String {
    escaped(upper_camel(name), KEYWORDS)
}
