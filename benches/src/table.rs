//! The report for people: as text, or as markdown for docs/performance.md.

use std::fmt::Write;

use crate::goals::GOALS;
use crate::report::{Report, Unit};
use crate::spread::Spread;

/// The notation of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Text,
    Markdown,
}

/// Figures with goals first, then each group.
pub(crate) fn table(report: &Report, machine: &str, style: Style) -> String {
    let mut text = format!("{machine}\n");
    let figures = report.ratios.iter().map(|ratio| {
        let goal = GOALS.iter().find(|goal| goal.key == ratio.key);
        let (said, met) = goal.map_or((String::new(), ""), |goal| {
            (goal.said(), goal.met(ratio.value.median))
        });
        vec![
            ratio.key.to_owned(),
            number(ratio.value.median),
            range(ratio.value, number),
            said,
            met.to_owned(),
        ]
    });
    write(
        &mut text,
        ["figure", "median", "quartiles", "goal", ""],
        figures,
        style,
    );

    let mut groups: Vec<&str> = Vec::new();
    for row in &report.rows {
        if !groups.contains(&row.group) {
            groups.push(row.group);
        }
    }
    for group in groups {
        let rows = report.rows.iter().filter(|row| row.group == group);
        let rows = rows.map(|row| {
            let show = |value| shown(value, row.unit);
            vec![
                row.name.clone(),
                show(row.value.median),
                range(row.value, show),
                row.ratio
                    .map_or(String::new(), |ratio| number(ratio.median)),
                row.ratio
                    .map_or(String::new(), |ratio| range(ratio, number)),
            ]
        });
        write(
            &mut text,
            [group, "median", "quartiles", "ratio", "quartiles"],
            rows,
            style,
        );
    }
    text
}

fn write(
    text: &mut String,
    head: [&str; 5],
    rows: impl Iterator<Item = Vec<String>>,
    style: Style,
) {
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows);
    if lines.len() == 1 {
        return;
    }
    text.push('\n');
    let widths: Vec<usize> = (0..head.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    for (index, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        // Writing to a string cannot fail.
        let _ = match style {
            Style::Text => writeln!(text, "{}", cells.join("  ").trim_end()),
            Style::Markdown => writeln!(text, "| {} |", cells.join(" | ")),
        };
        if index == 0 && style == Style::Markdown {
            text.push_str("|---|---:|---:|---:|---:|\n");
        }
    }
}

fn range(value: Spread, show: impl Fn(f64) -> String) -> String {
    if value.low == value.high {
        return String::new();
    }
    format!("{}–{}", show(value.low), show(value.high))
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        v if v == 0.0 || v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        v if v >= 0.01 => format!("{value:.3}"),
        v if v >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.5}"),
    }
}

/// A number with its unit.
pub(crate) fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds if value < 1e-6 => format!("{} ns", number(value * 1e9)),
        Unit::Seconds if value < 1e-3 => format!("{} µs", number(value * 1e6)),
        Unit::Seconds if value < 1.0 => format!("{} ms", number(value * 1e3)),
        Unit::Seconds => format!("{} s", number(value)),
        Unit::PerSecond if value >= 1e6 => format!("{} M/s", number(value / 1e6)),
        Unit::PerSecond if value >= 1e3 => format!("{} k/s", number(value / 1e3)),
        Unit::PerSecond => format!("{} /s", number(value)),
        Unit::KiB => format!("{} KiB", number(value)),
        Unit::Times => format!("{}x", number(value)),
    }
}
