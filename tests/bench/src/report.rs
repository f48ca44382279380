//! The figures: a table for people, JSON for everything else.

use serde_json::{Value, json};
use std::fmt::Write;

/// One figure.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// Its unit; `x` for a ratio.
    pub unit: &'static str,
    /// The most it should be.
    pub goal: Option<f64>,
    /// A count, which is the same on every machine: it fails the run where it misses its goal.
    pub count: bool,
}

impl Row {
    /// Whether it is within its goal; true where it has none.
    pub fn good(&self) -> bool {
        self.goal.is_none_or(|goal| self.value <= goal)
    }
}

/// All figures of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// In the order of measuring.
    pub rows: Vec<Row>,
}

impl Report {
    /// A figure to look at.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push(Row { name: name.into(), value, unit, goal: None, count: false });
    }

    /// A time, a ratio or a size with a goal.
    pub(crate) fn goal(&mut self, name: impl Into<String>, value: f64, unit: &'static str, goal: f64) {
        self.rows.push(Row { name: name.into(), value, unit, goal: Some(goal), count: false });
    }

    /// A count that must not be over its goal.
    pub(crate) fn count(&mut self, name: impl Into<String>, value: u64, goal: u64) {
        let (value, goal) = (value as f64, Some(goal as f64));
        self.rows.push(Row { name: name.into(), value, unit: "", goal, count: true });
    }

    /// The counts that are over their goals.
    pub fn missed_counts(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.count && !row.good()).collect()
    }

    /// As a table.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let value = number(row.value);
            let goal = row.goal.map(|goal| format!("≤ {}", number(goal))).unwrap_or_default();
            let verdict = match (row.goal, row.good(), row.count) {
                (None, ..) => "",
                (_, true, _) => "good",
                (_, false, true) => "WRONG",
                (_, false, false) => "missed",
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:72} {value:>10} {:5} {goal:>9}  {verdict}", row.name, row.unit);
        }
        text
    }

    /// As JSON: a list of figures.
    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({"name": row.name, "value": row.value, "unit": row.unit, "goal": row.goal, "count": row.count,
                   "good": row.good()})
        };
        json!({"rows": self.rows.iter().map(row).collect::<Vec<_>>()})
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The middle of some figures.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
