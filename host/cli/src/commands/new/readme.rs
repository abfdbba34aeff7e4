//! The page of a project: the commands from its folder to its first call.

use crate::commands::new::exports::{self, has_handles};
use crate::commands::new::value::Value;
use crate::commands::new::world::World;

/// The parts of the page that differ from language to language.
pub(super) struct Readme {
    pub(super) language: &'static str,
    /// The commands that install what builds it.
    pub(super) install: Vec<String>,
    /// The commands that build it.
    pub(super) build: Vec<String>,
    /// The file that they make.
    pub(super) component: String,
    /// Paragraphs on what is particular to the language.
    pub(super) notes: String,
}

impl Readme {
    /// The commands, from the folder that the project's is in.
    pub(super) fn commands(&self, name: &str, world: Option<&World>) -> Vec<String> {
        let mut commands = vec![format!("cd {name}")];
        commands.extend(self.install.iter().cloned());
        commands.extend(self.build.iter().cloned());
        commands.push(format!("tollgate inspect {}", self.component));
        commands.push(self.call(world));
        if world.is_none_or(|world| first_call(world).is_some()) {
            let component = &self.component;
            commands.push(format!("tollgate test {component} --cases cases.toml"));
        }
        commands
    }

    /// The cases, if a function can be called from a command line.
    pub(super) fn cases(&self, name: &str, world: Option<&World>) -> Option<String> {
        let text = match world {
            None => include_str!("templates/cases.toml.in").to_owned(),
            Some(world) => {
                let call = first_call(world)?;
                include_str!("templates/cases-of-stubs.toml.in")
                    .replace("{{call}}", &call.expression)
                    .replace("{{returns}}", &call.returns)
            }
        };
        let text = text.replace("{{name}}", name);
        Some(text.replace("{{component}}", &self.component))
    }

    /// The text of the page.
    pub(super) fn text(&self, name: &str, world: Option<&World>) -> String {
        let mut console = String::new();
        for command in self.commands(name, world) {
            console.push_str(&format!("$ {command}\n"));
            if world.is_none() && command.starts_with("tollgate run ") {
                console.push_str("lines: 1, words: 2, bytes: 7\n");
            }
            if command.starts_with("tollgate test ") {
                let count = if world.is_none() { 3 } else { 1 };
                console.push_str(&format!("{count} passed, 0 failed\n"));
            }
        }
        include_str!("templates/readme.in")
            .replace("{{name}}", name)
            .replace("{{language}}", self.language)
            .replace(
                "{{world}}",
                world.map_or("tollgate:provider/provider@0.2.0", |world| &world.name),
            )
            .replace("{{console}}", console.trim_end())
            .replace(
                "{{cases}}",
                match console.contains("--cases ") {
                    true => "\n\n`cases.toml` has calls and their expected ends, which `tollgate test` compares.",
                    false => "",
                },
            )
            .replace("{{notes}}", self.notes.trim_end())
    }

    /// The first call: of `run`, or of a function that takes what a command line can say.
    fn call(&self, world: Option<&World>) -> String {
        let component = &self.component;
        let Some(world) = world else {
            return format!("tollgate run {component} --input-text 'one two'");
        };
        match first_call(world) {
            Some(call) => {
                let expression = call.expression.replace('\'', "'\\''");
                format!("tollgate call {component} '{expression}'")
            }
            None => format!("tollgate check {component}"),
        }
    }
}

/// A call of an exported function with empty values, in WAVE notation, and the end of it in a project of stubs.
pub(super) struct FirstCall {
    pub(super) expression: String,
    /// The empty value of its result, as `tollgate call` prints it.
    pub(super) returns: String,
}

/// A call of a function that takes and gives what a command line can say.
pub(super) fn first_call(world: &World) -> Option<FirstCall> {
    let resolve = &world.resolve;
    let exported = exports::of(world);
    let all = || exported.iter().flat_map(|exported| &exported.functions);
    for exported in &exported {
        for function in &exported.functions {
            let params = function.params.iter();
            let values: Option<Vec<_>> = params
                .map(|param| Value::empty(resolve, param.ty))
                .collect();
            // A stub panics where its result has no empty value.
            let returns = function.result.map(|ty| Value::empty(resolve, ty));
            let (Some(values), false, None | Some(Some(_))) =
                (values, has_handles(resolve, function), &returns)
            else {
                continue;
            };
            let returns = returns.flatten();
            let namesakes = all().filter(|other| other.name == function.name).count();
            let name = match exported.interface {
                Some(interface) if namesakes > 1 => {
                    let full = match interface.is_inline {
                        true => None,
                        false => resolve.id_of(interface.id),
                    };
                    let full = full.unwrap_or_else(|| interface.name.to_owned());
                    format!("{full}.{}", function.name)
                }
                _ => function.name.clone(),
            };
            let values: Vec<_> = values.iter().map(Value::to_wave).collect();
            return Some(FirstCall {
                expression: format!("{name}({})", values.join(", ")),
                returns: returns.map_or_else(String::new, |value| value.printed()),
            });
        }
    }
    None
}
