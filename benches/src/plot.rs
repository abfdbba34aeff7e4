//! Plots, written by hand: they are a few lines and labels each, and a library for it would be the largest thing here.

use std::fmt::Write;

use crate::report::{Report, Row, Unit};

const WIDTH: f64 = 760.0;
/// The x coordinate at which the names of bars end.
const LEFT: f64 = 280.0;
const RIGHT: f64 = 690.0;
const LINE: f64 = 24.0;
const TOP: f64 = 48.0;

/// File names and contents of the plots of the measurements.
pub(crate) fn plots(report: &Report) -> Vec<(&'static str, String)> {
    let of = |group: &str| -> Vec<&Row> {
        let rows = report.rows.iter();
        rows.filter(|row| row.group == group && row.unit == Unit::Seconds)
            .collect()
    };
    let latency = [of("fresh"), of("session")].concat();
    let named = [
        of(crate::groups::protections::FRESH),
        of(crate::groups::protections::REUSED),
    ];
    let title = "A call of 16 bytes: fresh sandbox, then reused; seconds, logarithmic";
    let mut plots = vec![
        ("latency.svg", bars(title, &latency, true)),
        (
            "limits-fresh.svg",
            bars("What is switched on, fresh call", &named[0], false),
        ),
        (
            "limits-reused.svg",
            bars("What is switched on, reused instance", &named[1], false),
        ),
        ("concurrency.svg", line(report)),
    ];
    plots.retain(|plot| !plot.1.is_empty());
    plots
}

/// A bar for each row, from zero or on a logarithmic axis.
fn bars(title: &str, rows: &[&Row], logarithmic: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let values = rows.iter().map(|row| row.value.median);
    let (least, most) = values.fold((f64::MAX, 0.0_f64), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    // The axis begins at the power of ten below the least.
    let floor = 10_f64.powf(least.log10().floor());
    let place = |value: f64| {
        let part = if logarithmic {
            (value / floor).log10() / (most / floor).log10()
        } else {
            value / most
        };
        LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
    };
    let height = TOP + LINE * rows.len() as f64 + 16.0;
    let mut svg = open(title, height);
    if logarithmic {
        let mut tick = floor;
        while tick <= most {
            rule(&mut svg, place(tick), height, &seconds(tick));
            tick *= 10.0;
        }
    }
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + LINE * index as f64;
        let end = place(row.value.median);
        let colour = if row.name.starts_with("tollgate") {
            "#c2410c"
        } else {
            "#64748b"
        };
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{}" text-anchor="end">{}</text><rect x="{LEFT}" y="{}" width="{:.1}" height="16" fill="{colour}"/><text x="{:.1}" y="{}">{}</text>"#,
            LEFT - 8.0,
            y + 13.0,
            escape(&row.name),
            y,
            (end - LEFT).max(1.0),
            end + 5.0,
            y + 13.0,
            seconds(row.value.median),
        );
        // The quartiles.
        let _ = writeln!(
            svg,
            r##"<path d="M{:.1} {} H{:.1}" stroke="#0f172a" stroke-width="2"/>"##,
            place(row.value.low),
            y + 8.0,
            place(row.value.high),
        );
    }
    svg + "</svg>\n"
}

/// Throughput over calls in flight, both logarithmic.
fn line(report: &Report) -> String {
    let rows = report.rows.iter();
    let points: Vec<(f64, f64)> = rows
        .filter(|row| row.group == crate::groups::concurrency::GROUP && row.unit == Unit::PerSecond)
        .filter_map(|row| Some((row.name.split(' ').next()?.parse().ok()?, row.value.median)))
        .collect();
    let Some(most) = points.iter().map(|point| point.1).reduce(f64::max) else {
        return String::new();
    };
    let (bottom, decades) = (360.0, most.log10().ceil());
    let x = |many: f64| 90.0 + many.log10() / 4.0 * 580.0;
    let y = |rate: f64| bottom - (rate.log10() / decades).clamp(0.0, 1.0) * (bottom - TOP);
    let mut svg = open(
        "Calls per second over calls in flight, each waiting 10 ms",
        bottom + 40.0,
    );
    for decade in 0..=decades as i32 {
        let at = y(10_f64.powi(decade));
        let _ = writeln!(
            svg,
            r##"<path d="M90 {at:.1} H670" stroke="#e2e8f0"/><text x="82" y="{:.1}" text-anchor="end">{}</text>"##,
            at + 4.0,
            10_f64.powi(decade),
        );
    }
    let mut path = String::new();
    for (many, rate) in &points {
        let (x, y) = (x(*many), y(*rate));
        let _ = write!(
            path,
            "{}{x:.1} {y:.1}",
            if path.is_empty() { 'M' } else { 'L' }
        );
        let _ = writeln!(
            svg,
            r##"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="#c2410c"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{many}</text>"##,
            bottom + 22.0,
        );
    }
    let _ = writeln!(
        svg,
        r##"<path d="{path}" fill="none" stroke="#c2410c" stroke-width="2"/>"##
    );
    svg + "</svg>\n"
}

fn open(title: &str, height: f64) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12" fill="#0f172a">
<rect width="100%" height="100%" fill="#ffffff"/><text x="16" y="20" font-size="14">{}</text>
"##,
        escape(title),
    )
}

fn rule(svg: &mut String, x: f64, height: f64, label: &str) {
    let _ = writeln!(
        svg,
        r##"<path d="M{x:.1} 40 V{}" stroke="#e2e8f0"/><text x="{x:.1}" y="36" text-anchor="middle" fill="#64748b">{label}</text>"##,
        height - 8.0,
    );
}

fn seconds(value: f64) -> String {
    crate::table::shown(value, Unit::Seconds)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
