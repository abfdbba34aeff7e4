//! The command reference in docs/guide/cli.md, rendered from clap. The test fails when the page differs from the
//! program; `BLESS=1` writes it.

use std::fmt::Write as _;
use std::path::Path;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory as _};

const INTRO: &str = "\
# Command reference

<!-- Rendered from the program's own help. To write it anew: BLESS=1 cargo test -p tollgate-cli reference -->

";

/// All commands below the program, `cache list` after `cache`.
fn commands(command: &Command) -> Vec<&Command> {
    let shown = command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help");
    shown
        .flat_map(|sub| std::iter::once(sub).chain(commands(sub)))
        .collect()
}

/// The arguments below a heading. The help flag is left out: every command has it.
fn below<'c>(command: &'c Command, heading: Option<&str>) -> Vec<&'c Arg> {
    let args = command.get_arguments();
    args.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
        .filter(|arg| arg.get_help_heading() == heading)
        .collect()
}

fn headings(command: &Command) -> Vec<&str> {
    let mut headings: Vec<&str> = Vec::new();
    for heading in command.get_arguments().filter_map(Arg::get_help_heading) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    headings
}

/// Text without colours.
fn plain(text: Option<&StyledStr>) -> String {
    text.map(StyledStr::to_string).unwrap_or_default()
}

fn ids(args: &[&Arg]) -> Vec<String> {
    args.iter().map(|arg| arg.get_id().to_string()).collect()
}

/// The options of each heading, once, from the command that has most of them.
fn shared(program: &Command) -> Vec<(&str, Vec<&Arg>)> {
    let mut groups: Vec<(&str, Vec<&Arg>)> = Vec::new();
    for command in commands(program) {
        for heading in headings(command) {
            let args = below(command, Some(heading));
            match groups.iter_mut().find(|(known, _)| *known == heading) {
                Some((_, most)) if most.len() < args.len() => *most = args,
                Some(_) => {}
                None => groups.push((heading, args)),
            }
        }
    }
    groups
}

fn name(arg: &Arg) -> String {
    let value = arg.get_action().takes_values();
    match (arg.get_short(), arg.get_long()) {
        // clap's own rendering: `<COMPONENT>`, `[ARGS]...`, `--policy <FILE>`.
        (None, _) => arg.to_string(),
        (Some(short), Some(long)) if !value => format!("-{short}, --{long}"),
        (Some(short), _) => format!("-{short} {arg}"),
    }
}

fn meaning(arg: &Arg) -> String {
    let mut text = plain(arg.get_help());
    let values: Vec<String> = match arg.get_action().takes_values() {
        true => arg
            .get_possible_values()
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect(),
        false => Vec::new(),
    };
    if !values.is_empty() {
        let _ = write!(text, " [possible values: {}]", values.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(text, " [env: {}]", variable.to_string_lossy());
    }
    let defaults = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy());
    let defaults: Vec<_> = defaults.collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        let _ = write!(text, " [default: {}]", defaults.join(" "));
    }
    text
}

fn table(args: &[&Arg]) -> String {
    let mut text = String::from("| Option | Meaning |\n|---|---|\n");
    for arg in args {
        // A bar would end the cell, and an asterisk may begin emphasis.
        let cell = |text: String| text.replace('|', "\\|");
        let meaning = cell(meaning(arg)).replace('*', "\\*").replace('<', "\\<");
        let _ = writeln!(text, "| `{}` | {meaning} |", cell(name(arg)));
    }
    text
}

fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

fn full_name(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}

fn section(command: &Command, shared: &[(&str, Vec<&Arg>)]) -> String {
    let mut command = command.clone();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let about = plain(command.get_about());
    let mut text = format!(
        "## {}\n\n{about}.\n\n```text\n{usage}\n```\n",
        full_name(&command)
    );
    let (mut own, mut links) = (below(&command, None), Vec::new());
    for heading in headings(&command) {
        let args = below(&command, Some(heading));
        match shared
            .iter()
            .find(|(known, all)| *known == heading && ids(all) == ids(&args))
        {
            Some(_) => links.push(format!("[{heading}](#{})", anchor(heading))),
            None => own.extend(args),
        }
    }
    if !own.is_empty() {
        let _ = write!(text, "\n{}", table(&own));
    }
    if !links.is_empty() {
        let _ = writeln!(text, "\nShared options: {}.", links.join(", "));
    }
    if let Some(after) = command.get_after_help() {
        let _ = write!(text, "\n```text\n{after}\n```\n");
    }
    text
}

fn reference() -> String {
    let mut program = crate::Cli::command();
    program.build();
    let shared = shared(&program);
    let all = commands(&program);
    let mut text = INTRO.to_owned();
    let _ = write!(
        text,
        "{}.\n\n| Command | |\n|---|---|\n",
        plain(program.get_about())
    );
    for command in &all {
        let name = full_name(command);
        let about = plain(command.get_about());
        let _ = writeln!(text, "| [`{name}`](#{}) | {about} |", anchor(name));
    }
    let after = plain(program.get_after_help());
    let _ = write!(text, "\n```text\n{after}\n```\n");
    for command in all {
        let _ = write!(text, "\n{}", section(command, &shared));
    }
    for (heading, args) in &shared {
        let _ = write!(text, "\n## {heading}\n\n{}", table(args));
    }
    text
}

#[test]
fn the_page_is_what_the_program_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join("docs/guide/cli.md");
    let text = reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(page.parent().unwrap()).unwrap();
        std::fs::write(&page, &text).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert_eq!(
        found, text,
        "docs/guide/cli.md differs; if this is on purpose, `./justw bless`"
    );
}
