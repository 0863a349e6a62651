//! What `lockgate plan` shows of an entry: what it wants, also where its digest cannot be found out. That is what a person
//! decides by.

use lockgate_runtime::{Grant, Origin, Plan, Source, Sourced, Spec, Untrusted};
use serde::Serialize;

use super::{flags, line};
use crate::catalog::{Offer, Want};
use crate::command::plan::{self, origin_text};
use crate::command::{Format, output};
use crate::error::CommandError;

/// The longest line of a stranger that is shown, in characters.
const MAX_LINE: usize = 400;

/// What came of resolving an entry.
pub(in crate::command) enum Planned {
    /// What would run.
    Plan(Box<Plan>),
    /// Why that is not known.
    Failed(CommandError),
    /// Nobody asked.
    Offline,
}

impl From<Result<Plan, CommandError>> for Planned {
    fn from(result: Result<Plan, CommandError>) -> Self {
        result.map_or_else(Self::Failed, |plan| Self::Plan(Box::new(plan)))
    }
}

/// Shows an entry and what would run. Where that could not be found out, this fails afterwards.
pub(in crate::command) fn show(
    format: Format,
    offer: &Offer,
    spec: &Spec,
    planned: Planned,
) -> Result<(), CommandError> {
    match (format, &planned) {
        (Format::Json, planned) => output::json(&Document::of(offer, spec, planned))?,
        (Format::Text, Planned::Plan(plan)) => {
            output::text_line(&format!("{}\n{}", entry_text(offer, &spec.grant), plan::text(plan)))?;
        }
        (Format::Text, planned) => {
            let rest = unresolved_text(spec, why_not(planned).unwrap_or_default());
            output::text_line(&format!("{}\n{rest}", entry_text(offer, &spec.grant)))?;
        }
    }
    match planned {
        Planned::Failed(error) => Err(error),
        Planned::Plan(_) | Planned::Offline => Ok(()),
    }
}

fn why_not(planned: &Planned) -> Option<&str> {
    match planned {
        Planned::Plan(_) => None,
        Planned::Failed(error) => Some(error.message()),
        Planned::Offline => Some("nobody was asked (--offline)"),
    }
}

fn shown(text: &str) -> String {
    Untrusted::new(text).to_line(MAX_LINE)
}

fn entry_text(offer: &Offer, grant: &Grant) -> String {
    let Offer { entry, spec: _, wants } = offer;
    let mut text = format!("entry    {} (catalog)\n", shown(entry));
    let mut title = "wants";
    for want in wants {
        text.push_str(&format!("{title:<8} {} ({})\n", line(want), state(want, grant)));
        title = "";
    }
    if wants.is_empty() {
        text.push_str("wants    nothing\n");
    }
    let unmet = offer.unmet(grant);
    if !unmet.is_empty() {
        text.push_str(&format!("refused  until it is granted: {}\n", Untrusted::new(flags(&unmet)).to_line(4000)));
    }
    text.trim_end().to_owned()
}

/// Whether a want is granted, and by whom.
fn state(want: &Want, grant: &Grant) -> String {
    match (want.item.granted(grant), want.item.flag()) {
        (Some(origin), _) => format!("granted: {}", origin_text(origin).trim_matches(['(', ')'])),
        (None, Some(_)) if !want.required => "not granted, and not required".to_owned(),
        (None, _) => want.item.not_given().to_owned(),
    }
}

fn unresolved_text(spec: &Spec, why: &str) -> String {
    let what = match spec.source {
        Source::Remote(_) => "elsewhere",
        _ => "digest not resolved",
    };
    let mut text = format!("server   {}\nsource   {}\nruns     {what}: {}", spec.name, spec.source, shown(why));
    if !spec.arguments.is_empty() {
        let words = spec.arguments.iter().map(|Sourced { value, .. }| shown(value));
        text.push_str(&format!("\ncommand  {} (catalog)", Vec::from_iter(words).join(" ")));
    }
    text
}

/// The same as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    catalog: DocumentEntry<'a>,
    plan: Option<Plan>,
    not_resolved: Option<&'a str>,
}

#[derive(Serialize)]
struct DocumentEntry<'a> {
    entry: &'a str,
    name: &'a str,
    source: &'a Source,
    arguments: &'a [Sourced<String>],
    wants: Vec<DocumentWant<'a>>,
}

#[derive(Serialize)]
struct DocumentWant<'a> {
    #[serde(flatten)]
    want: &'a Want,
    granted: Option<Origin>,
    flag: Option<String>,
}

impl<'a> Document<'a> {
    fn of(offer: &'a Offer, spec: &'a Spec, planned: &'a Planned) -> Self {
        let wants = offer.wants.iter().map(|want| {
            let (granted, flag) = (want.item.granted(&spec.grant), want.item.flag());
            DocumentWant { want, granted, flag }
        });
        let plan = match planned {
            Planned::Plan(plan) => Some(plan::without_values((**plan).clone())),
            Planned::Failed(_) | Planned::Offline => None,
        };
        let (name, source, arguments) = (spec.name.as_str(), &spec.source, &*spec.arguments);
        let catalog = DocumentEntry { entry: &offer.entry, name, source, arguments, wants: wants.collect() };
        Self { catalog, plan, not_resolved: why_not(planned) }
    }
}
