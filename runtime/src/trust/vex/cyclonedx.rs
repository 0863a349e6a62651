//! Reads what a CycloneDX document says of vulnerabilities (<https://cyclonedx.org/capabilities/vex/>).

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{MAX_PRODUCTS, MAX_STATEMENTS, Product, Statement, VexProblem};
use crate::message::Json;
use crate::trust::sbom::{MAX_DOCUMENT_BYTES, Purl, Sbom, SbomProblem, list};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    bom_format: String,
    metadata: Option<Metadata>,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Metadata {
    timestamp: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    #[serde(default)]
    references: Vec<Reference>,
    updated: Option<Timestamp>,
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affects>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    state: Option<String>,
    last_updated: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    reference: String,
}

/// Reads the statements of a document. What they are about is one of its own components, or named by a package URL.
pub(super) fn read(text: &str) -> Result<Vec<Statement>, VexProblem> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(VexProblem::Unreadable("it is too large".to_owned()));
    }
    // A document without packages may still speak of some by their package URLs.
    let components = match Sbom::read_document(text) {
        Ok(sbom) => sbom.packages,
        Err(SbomProblem::NoPackages) => Vec::new(),
        Err(problem) => return Err(VexProblem::unreadable(&problem)),
    };
    let json = Json::parse(text).map_err(|error| VexProblem::unreadable(&error))?;
    let document: Document<'_> = json.read().map_err(|error| VexProblem::unreadable(&error))?;
    if document.bom_format != "CycloneDX" {
        return Err(VexProblem::OtherType);
    }
    let mut by_reference: HashMap<&str, Vec<&Purl>> = HashMap::new();
    for component in &components {
        if let Some(reference) = &component.reference {
            by_reference.entry(reference).or_default().extend(&component.purls);
        }
    }
    let of_document = document.metadata.and_then(|metadata| metadata.timestamp);
    let written: Vec<Vulnerability> = list(document.vulnerabilities, MAX_STATEMENTS, "vulnerabilities")
        .map_err(|problem| VexProblem::unreadable(&problem))?;
    let mut left = MAX_PRODUCTS;
    let statement = |vulnerability: Vulnerability| {
        let analysis = vulnerability.analysis?;
        let state = analysis.state?;
        let named = |affects: Affects| -> Vec<Purl> {
            match by_reference.get(affects.reference.as_str()) {
                Some(purls) => purls.iter().map(|purl| (*purl).clone()).collect(),
                None => Purl::parse(&affects.reference).ok().into_iter().collect(),
            }
        };
        // What is beyond clears nothing.
        let products: Vec<Product> =
            vulnerability.affects.into_iter().flat_map(named).map(Product::Package).take(left).collect();
        left -= products.len();
        Some(Statement {
            names: std::iter::once(vulnerability.id)
                .chain(vulnerability.references.into_iter().map(|one| one.id))
                .collect(),
            products,
            is_harmless: matches!(
                state.as_str(),
                "not_affected" | "false_positive" | "resolved" | "resolved_with_pedigree"
            ),
            at: analysis.last_updated.or(vulnerability.updated).or(of_document),
        })
    };
    Ok(written.into_iter().filter_map(statement).collect())
}
