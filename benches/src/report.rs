//! The results: rows for people, `report.json` for programs.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::rounds::Samples;
use crate::spread::Spread;

/// Everything that was measured, group by group.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) rows: Vec<Row>,
}

/// A figure that has a goal.
pub(crate) struct Ratio {
    pub(crate) key: &'static str,
    pub(crate) value: Spread,
}

/// One line of a group.
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    pub(crate) value: Spread,
    pub(crate) unit: Unit,
    /// The ratio to the group's reference, if it has one.
    pub(crate) ratio: Option<Spread>,
}

impl Row {
    /// Its ratio to another row, or itself if it is one.
    pub(crate) fn as_ratio(&self) -> Option<Spread> {
        self.ratio
            .or_else(|| (self.unit == Unit::Times).then_some(self.value))
    }
}

/// The unit of a row's numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    PerSecond,
    KiB,
    Times,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "s",
            Unit::PerSecond => "1/s",
            Unit::KiB => "KiB",
            Unit::Times => "x",
        }
    }
}

impl Report {
    /// A figure that has a goal.
    pub(crate) fn ratio(&mut self, key: &'static str, value: Spread) {
        self.ratios.push(Ratio { key, value });
    }

    /// A line of its own.
    pub(crate) fn row(&mut self, group: &'static str, name: &str, value: Spread, unit: Unit) {
        self.rows.push(Row {
            group,
            name: name.to_owned(),
            value,
            unit,
            ratio: None,
        });
    }

    /// A line for each contender, by `reference`.
    pub(crate) fn contenders(
        &mut self,
        group: &'static str,
        samples: &Samples,
        reference: &str,
    ) -> Result<()> {
        for name in samples.names() {
            let ratio = samples.ratio(name, reference)?;
            self.compared(group, name, samples.seconds(name)?, ratio);
        }
        Ok(())
    }

    /// A line with its ratio to another.
    pub(crate) fn compared(
        &mut self,
        group: &'static str,
        name: &str,
        value: Spread,
        ratio: Spread,
    ) {
        self.rows.push(Row {
            group,
            name: name.to_owned(),
            value,
            unit: Unit::Seconds,
            ratio: Some(ratio),
        });
    }

    /// Writes `report.json`.
    pub(crate) fn write(&self, file: &Path, machine: &Value, versions: &Value) -> Result<()> {
        let (mut medians, mut spreads) = (Map::new(), Map::new());
        for row in &self.rows {
            let unit = row.unit.name();
            into(&mut medians, row.group).insert(
                row.name.clone(),
                json!({ "value": row.value.median, "unit": unit }),
            );
            into(&mut spreads, row.group).insert(row.name.clone(), quartiles(row.value));
        }
        let mut ratios = Map::new();
        for ratio in &self.ratios {
            ratios.insert(ratio.key.to_owned(), json!(ratio.value.median));
            into(&mut spreads, "ratios").insert(ratio.key.to_owned(), quartiles(ratio.value));
        }
        let report = json!({
            "ratios": ratios,
            "medians": medians,
            "spreads": spreads,
            "machine": machine,
            "versions": versions,
        });
        std::fs::write(file, format!("{report:#}\n"))?;
        Ok(())
    }
}

fn quartiles(value: Spread) -> Value {
    json!({ "q1": value.low, "q3": value.high })
}

fn into<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let entry = map.entry(key).or_insert_with(|| json!({}));
    // It was made an object, here or before.
    entry.as_object_mut().unwrap_or_else(|| unreachable!())
}
