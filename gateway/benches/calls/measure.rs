//! Samples, medians, and how they are shown.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

/// Times of single calls.
#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn median(&mut self) -> Duration {
        self.0.sort_unstable();
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}

/// One measure, and what it must reach; without a bound it is there to compare others by.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) must: Option<f64>,
    pub(crate) detail: String,
}

pub(crate) fn print_table(rows: &[Row]) {
    println!("\n{:<66} {:>11} {:>11}", "measure", "measured", "at most");
    for Row { name, value, unit, must, detail } in rows {
        let bound = must.map_or_else(String::new, |must| format!("{must:.2} {unit:<3}"));
        let mark = if held(*value, *must) { "" } else { "MISSED  " };
        println!("{name:<66} {value:>7.2} {unit:<3} {bound:>11}  {mark}{detail}");
    }
}

fn held(value: f64, must: Option<f64>) -> bool {
    must.is_none_or(|must| value <= must)
}

pub(crate) fn write_json(rows: &[Row], path: &Path) {
    let rows: Vec<_> = rows
        .iter()
        .map(|Row { name, value, unit, must, detail }| {
            let held = held(*value, *must);
            json!({"measure": name, "measured": value, "unit": unit, "must": must, "held": held, "detail": detail})
        })
        .collect();
    std::fs::write(path, format!("{:#}\n", json!({"rows": rows}))).expect("the JSON file can be written");
}
