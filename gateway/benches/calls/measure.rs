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

/// What a measure has to keep to.
#[derive(Clone, Copy)]
pub(crate) enum Must {
    BeAtMost(f64),
    BeAtLeast(f64),
}

/// One measure, and what it must reach; without a bound it is there to compare others by.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) must: Option<Must>,
    pub(crate) detail: String,
}

pub(crate) fn print_table(rows: &[Row]) {
    println!("\n{:<66} {:>11} {:>14}", "measure", "measured", "bound");
    for Row { name, value, unit, must, detail } in rows {
        let bound = must.map_or_else(String::new, |must| format!("{} {:.2} {unit:<3}", must.sign(), must.bound()));
        let mark = if held(*value, *must) { "" } else { "MISSED  " };
        println!("{name:<66} {value:>7.2} {unit:<3} {bound:>14}  {mark}{detail}");
    }
}

impl Must {
    fn bound(self) -> f64 {
        let (Self::BeAtMost(bound) | Self::BeAtLeast(bound)) = self;
        bound
    }

    fn sign(self) -> &'static str {
        match self {
            Self::BeAtMost(_) => "<=",
            Self::BeAtLeast(_) => ">=",
        }
    }
}

fn held(value: f64, must: Option<Must>) -> bool {
    must.is_none_or(|must| match must {
        Must::BeAtMost(bound) => value <= bound,
        Must::BeAtLeast(bound) => value >= bound,
    })
}

pub(crate) fn write_json(rows: &[Row], path: &Path) {
    let rows: Vec<_> = rows
        .iter()
        .map(|Row { name, value, unit, must, detail }| {
            let (held, must) = (held(*value, *must), *must);
            json!({"measure": name, "measured": value, "unit": unit, "must": must.map(Must::bound), "is": must.map(Must::sign), "held": held, "detail": detail})
        })
        .collect();
    std::fs::write(path, format!("{:#}\n", json!({"rows": rows}))).expect("the JSON file can be written");
}
