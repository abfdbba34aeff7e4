//! A provider in JavaScript or TypeScript: a module that componentize-js makes a component of, with SpiderMonkey in it.

use wit_parser::{Function, FunctionKind, Type};

use crate::commands::new::exports::{self, Exported, short_name};
use crate::commands::new::folder::Files;
use crate::commands::new::own_world;
use crate::commands::new::packages;
use crate::commands::new::policy::{self, Needs};
use crate::commands::new::readme::Readme;
use crate::commands::new::value::{Value, is_option};
use crate::commands::new::words::{escaped, lower_camel, upper_camel};
use crate::commands::new::world::World;
use crate::output::status::ExitReason;

const KEYWORDS: &str = "arguments await break case catch class const continue debugger default delete do else enum eval export \
    extends false finally for function if implements import in instanceof interface let new null package private protected \
    public return static super switch this throw true try typeof undefined var void while with yield";

/// Adds the files of a project, and tells its commands.
pub(super) fn project(
    files: &mut Files,
    name: &str,
    world: Option<&World>,
    typed: bool,
) -> Result<Readme, ExitReason> {
    let wit = match world {
        None => include_str!("templates/javascript/world.wit").to_owned(),
        Some(world) => own_world::text(world)?,
    };
    files.add("wit/world.wit", wit);
    let needs = Needs {
        interpreter: true,
        wasi: None,
    };
    files.add("tollgate.toml", policy::text(&needs, world.is_none()));
    let (language, file, built, ours, ignored) = match typed {
        false => (
            "JavaScript",
            "provider.js",
            "provider.js",
            include_str!("templates/javascript/provider.js"),
            "node_modules/\n*.wasm\n",
        ),
        true => (
            "TypeScript",
            "provider.ts",
            "dist/provider.js",
            include_str!("templates/typescript/provider.ts"),
            "node_modules/\n*.wasm\n/types/\n/dist/\n",
        ),
    };
    files.add(".gitignore", ignored);
    let source = world.map_or_else(|| ours.to_owned(), |world| stubs(world, typed));
    files.add(file, source);
    packages::add(files, name, typed)?;
    let build = include_str!("templates/javascript/build.js")
        .replace("{{source}}", built)
        .replace("{{component}}", &format!("{name}.wasm"));
    files.add("build.js", build);
    let mut commands = Vec::new();
    if typed {
        files.add(
            "tsconfig.json",
            include_str!("templates/typescript/tsconfig.json"),
        );
        commands.push("npx jco guest-types wit -n provider -o types --quiet && npx tsc".to_owned());
    }
    commands.push("node build.js".to_owned());
    Ok(Readme {
        language,
        install: vec!["npm ci --ignore-scripts --no-audit --no-fund --silent".to_owned()],
        build: commands,
        component: format!("{name}.wasm"),
        notes: include_str!("templates/javascript/notes.md").replace("{{file}}", file),
    })
}

fn stubs(world: &World, typed: bool) -> String {
    let head = include_str!("templates/javascript/stubs.js.in").replace("{{world}}", &world.name);
    let source = Source { world, typed };
    let exported = exports::of(world);
    let mut text = head;
    for each in &exported {
        text.push('\n');
        match each.interface {
            None => each.functions.iter().for_each(|function| {
                text.push_str(&source.own(function));
            }),
            Some(interface) => {
                let name = lower_camel(interface.name);
                let full = match interface.is_inline {
                    true => interface.name.to_owned(),
                    false => world.resolve.id_of(interface.id).unwrap_or_default(),
                };
                let object = source.object(each);
                let namesakes = exported.iter().filter_map(|other| other.interface);
                let alone = namesakes
                    .filter(|other| other.name == interface.name)
                    .count()
                    == 1;
                let ty = source.of_type(&full, "");
                if alone && escaped(name.clone(), KEYWORDS) == name {
                    text.push_str(&format!("export const {name}{ty} = {object};\n"));
                } else {
                    // By its whole name, which no other one has and no keyword is.
                    let local: String = full
                        .chars()
                        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                        .collect();
                    let full = if alone { name } else { format!("'{full}'") };
                    text.push_str(&format!(
                        "const {local}_{ty} = {object};\nexport {{ {local}_ as {full} }};\n"
                    ));
                }
            }
        }
    }
    text
}

struct Source<'w> {
    world: &'w World,
    typed: bool,
}

impl Source<'_> {
    /// The type of a module, or of something in it, behind the name of a constant.
    fn of_type(&self, module: &str, inside: &str) -> String {
        match self.typed {
            true => format!(": typeof import('{module}'){inside}"),
            false => String::new(),
        }
    }

    /// A function of the world itself.
    fn own(&self, function: &Function) -> String {
        let name = lower_camel(&function.name);
        let local = escaped(name.clone(), KEYWORDS);
        let ty = self.of_type(own_world::NAME, &format!(".{name}"));
        let body = self.function(function);
        let text = format!("const {local}{ty} = {body};\n");
        match local == name {
            true => format!("export {text}"),
            false => format!("{text}export {{ {local} as {name} }};\n"),
        }
    }

    /// An interface: an object of functions, and of classes for its resources.
    fn object(&self, exported: &Exported<'_>) -> String {
        let mut text = String::from("{\n");
        for resource in &exported.resources {
            let class = upper_camel(resource.name);
            // A name of its own would hide a class of the language, such as `Error`, from its functions.
            text.push_str(&format!("  {class}: class {{\n"));
            for function in &resource.functions {
                text.push_str(&format!("    {}\n", self.member(function)));
            }
            text.push_str("  },\n");
        }
        for function in &exported.functions {
            let name = lower_camel(&function.name);
            text.push_str(&format!("  {name}: {},\n", self.function(function)));
        }
        text + "}"
    }

    fn function(&self, function: &Function) -> String {
        match self.body(function) {
            Body::Nothing => format!("({}) => {{}}", params(function, false)),
            // A brace would begin a block.
            Body::Value(value) if value.starts_with('{') => {
                format!("({}) => ({value})", params(function, false))
            }
            Body::Value(value) => format!("({}) => {value}", params(function, false)),
            Body::Throw(text) => format!("({}) => {{ {text} }}", params(function, false)),
        }
    }

    fn member(&self, function: &Function) -> String {
        let name = lower_camel(short_name(function));
        let name = match function.kind {
            FunctionKind::Constructor(_) => "constructor".to_owned(),
            FunctionKind::Static(_) => format!("static {name}"),
            _ => name,
        };
        let params = params(function, self.typed);
        match self.body(function) {
            Body::Nothing => format!("{name}({params}) {{}}"),
            Body::Value(value) => format!("{name}({params}) {{ return {value}; }}"),
            Body::Throw(text) if self.typed => format!("{name}({params}): never {{ {text} }}"),
            Body::Throw(text) => format!("{name}({params}) {{ {text} }}"),
        }
    }

    fn body(&self, function: &Function) -> Body {
        let resolve = &self.world.resolve;
        let ty = match (&function.kind, function.result) {
            (FunctionKind::Constructor(_), _) | (_, None) => return Body::Nothing,
            (_, Some(ty)) => ty,
        };
        match Value::empty(resolve, ty) {
            // The `ok` of a result is returned, and its `err` is thrown.
            Some(Value::Ok(None)) => Body::Nothing,
            Some(Value::Ok(Some(value))) => Body::Value(self.value(&value)),
            Some(value) => Body::Value(self.value(&value)),
            None => {
                let name = &function.name;
                Body::Throw(format!("throw new Error('{name} is not written yet');"))
            }
        }
    }

    fn value(&self, value: &Value<'_>) -> String {
        let resolve = &self.world.resolve;
        match value {
            Value::Bool => "false".to_owned(),
            Value::Number(Type::U64 | Type::S64) => "0n".to_owned(),
            Value::Number(_) => "0".to_owned(),
            Value::Char => "' '".to_owned(),
            Value::Text => "''".to_owned(),
            Value::List(ty) => match array(*ty) {
                Some(array) => format!("new {array}()"),
                None => "[]".to_owned(),
            },
            Value::None(ty) if is_option(resolve, *ty) => "{ tag: 'none' }".to_owned(),
            Value::None(_) => "undefined".to_owned(),
            Value::Ok(None) => "{ tag: 'ok', val: undefined }".to_owned(),
            Value::Ok(Some(value)) => format!("{{ tag: 'ok', val: {} }}", self.value(value)),
            Value::Tuple(values) => {
                let values: Vec<_> = values.iter().map(|value| self.value(value)).collect();
                format!("[{}]", values.join(", "))
            }
            Value::Record(_, fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| format!("{}: {}", lower_camel(name), self.value(value)));
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
            Value::Variant(_, case, None) => format!("{{ tag: '{case}' }}"),
            Value::Variant(_, case, Some(value)) => {
                format!("{{ tag: '{case}', val: {} }}", self.value(value))
            }
            Value::Enum(_, case) => format!("'{case}'"),
            Value::Flags(_) => "{}".to_owned(),
        }
    }
}

enum Body {
    Nothing,
    Value(String),
    Throw(String),
}

fn params(function: &Function, typed: bool) -> String {
    let is_method = matches!(function.kind, FunctionKind::Method(_));
    let params = function.params.iter().skip(usize::from(is_method));
    let any = if typed { ": any" } else { "" };
    let params = params.map(|param| escaped(lower_camel(&param.name), KEYWORDS) + any);
    params.collect::<Vec<_>>().join(", ")
}

/// The array type that a list of numbers is.
fn array(ty: Type) -> Option<&'static str> {
    Some(match ty {
        Type::U8 => "Uint8Array",
        Type::S8 => "Int8Array",
        Type::U16 => "Uint16Array",
        Type::S16 => "Int16Array",
        Type::U32 => "Uint32Array",
        Type::S32 => "Int32Array",
        Type::U64 => "BigUint64Array",
        Type::S64 => "BigInt64Array",
        Type::F32 => "Float32Array",
        Type::F64 => "Float64Array",
        _ => return None,
    })
}
