//! Reads CycloneDX 1.4 to 1.6 as JSON (<https://cyclonedx.org/docs/1.6/json/>).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::licence::Licences;
use super::{Format, Licence, MAX_PACKAGES, Package, Purl, Sbom, SbomProblem, list, said};
use crate::message::Json;
use crate::untrusted::Untrusted;

/// How deep components may stand inside others. Each step reads its text once more.
const MAX_NESTING: usize = 16;

/// The most authors, tools, and licences of one package.
const MAX_FEW: usize = 1_000;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow)]
    components: Option<&'a RawValue>,
    #[serde(borrow)]
    dependencies: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    timestamp: Option<String>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    authors: Option<&'a RawValue>,
    /// In 1.4 and 1.5.
    manufacture: Option<Named>,
    manufacturer: Option<Named>,
    supplier: Option<Named>,
    #[serde(borrow)]
    component: Option<Component<'a>>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
    version: Option<String>,
}

/// Tools since 1.5: before, they were a list of names.
#[derive(Deserialize)]
struct Tools<'a> {
    #[serde(borrow)]
    components: Option<&'a RawValue>,
    #[serde(borrow)]
    services: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: String,
    bom_ref: Option<String>,
    group: Option<String>,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    cpe: Option<String>,
    #[serde(borrow)]
    swid: Option<&'a RawValue>,
    supplier: Option<Named>,
    manufacturer: Option<Named>,
    publisher: Option<String>,
    #[serde(borrow)]
    licenses: Option<&'a RawValue>,
    #[serde(borrow)]
    components: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct LicenceChoice {
    expression: Option<String>,
    license: Option<FileLicence>,
}

#[derive(Deserialize)]
struct FileLicence {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dependency<'a> {
    #[serde(borrow)]
    depends_on: Option<&'a RawValue>,
}

/// Reads a document that says it is of this version.
pub(super) fn read(json: &Json, version: &'static str) -> Result<Sbom, SbomProblem> {
    let document: Document<'_> = json.read().map_err(|error| SbomProblem::unreadable(&error))?;
    let (mut packages, mut licences) = (Vec::new(), Licences::default());
    let (mut authors, mut tools, mut created) = (Vec::new(), Vec::new(), None);
    if let Some(metadata) = document.metadata {
        created = metadata.timestamp.as_deref().and_then(|time| time.parse().ok());
        authors.extend(names(list(metadata.authors, MAX_FEW, "authors")?));
        authors.extend(names([metadata.manufacturer, metadata.manufacture, metadata.supplier].into_iter().flatten()));
        tools = read_tools(metadata.tools)?;
        if let Some(component) = metadata.component {
            let inside = component.components;
            packages.extend(component.read(true, &mut licences)?);
            walk(inside, 1, &mut packages, &mut licences)?;
        }
    }
    walk(document.components, 0, &mut packages, &mut licences)?;
    let mut has_relationships = false;
    for Dependency { depends_on } in list(document.dependencies, MAX_PACKAGES + 1, "dependencies")? {
        has_relationships |= depends_on.is_some_and(|on| !matches!(on.get().trim(), "null" | "[]"));
    }
    Ok(Sbom { format: Format::CycloneDx, version, packages, authors, tools, created, has_relationships })
}

/// Reads components, and those inside them.
fn walk(
    text: Option<&RawValue>,
    depth: usize,
    packages: &mut Vec<Package>,
    licences: &mut Licences,
) -> Result<(), SbomProblem> {
    if text.is_some() && depth > MAX_NESTING {
        return Err(SbomProblem::TooMany { what: "components inside each other", most: MAX_NESTING });
    }
    let too_many = || SbomProblem::TooMany { what: "packages", most: MAX_PACKAGES };
    let left = MAX_PACKAGES.checked_sub(packages.len()).ok_or_else(too_many)?;
    for component in list::<Component<'_>>(text, left, "packages")? {
        if packages.len() >= MAX_PACKAGES {
            return Err(too_many());
        }
        let inside = component.components;
        packages.extend(component.read(false, licences)?);
        walk(inside, depth + 1, packages, licences)?;
    }
    Ok(())
}

fn read_tools(text: Option<&RawValue>) -> Result<Vec<Untrusted>, SbomProblem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    if text.get().trim_start().starts_with('{') {
        let tools: Tools<'_> = serde_json::from_str(text.get()).map_err(|error| SbomProblem::unreadable(&error))?;
        let mut found = names(list(tools.components, MAX_FEW, "tools")?);
        found.extend(names(list(tools.services, MAX_FEW, "tools")?));
        return Ok(found);
    }
    Ok(names(list(Some(text), MAX_FEW, "tools")?))
}

fn names(named: impl IntoIterator<Item = Named>) -> Vec<Untrusted> {
    let shown = |Named { name, version }| match (said(name)?, version) {
        (name, Some(version)) => Some(Untrusted::new(format!("{} {version}", name.expose()))),
        (name, None) => Some(name),
    };
    named.into_iter().filter_map(shown).collect()
}

impl Component<'_> {
    /// Nothing where it is only a file.
    fn read(self, is_subject: bool, known: &mut Licences) -> Result<Option<Package>, SbomProblem> {
        if self.kind == "file" && self.purl.is_none() && !is_subject {
            return Ok(None);
        }
        let mut licences: Vec<Licence> = Vec::new();
        for LicenceChoice { expression, license } in list(self.licenses, MAX_FEW, "licences of a package")? {
            let named = license.and_then(|license| license.id.or(license.name));
            licences.extend(expression.or(named).as_deref().and_then(|text| known.read(text)));
        }
        // Python's packages say it twice, the second time as a path of words ("classifier").
        if licences.iter().any(|licence| !licence.is_unknown()) {
            licences.retain(|licence| !licence.written().expose().starts_with("License :: "));
        }
        let name = match said(self.group) {
            Some(group) => format!("{}/{}", group.expose(), self.name),
            None => self.name,
        };
        let supplier = self.supplier.and_then(|supplier| supplier.name);
        let manufacturer = self.manufacturer.and_then(|manufacturer| manufacturer.name);
        Ok(Some(Package {
            is_subject,
            name: Untrusted::new(name),
            version: said(self.version).map(|version| version.expose().to_owned()),
            purls: self.purl.as_deref().and_then(|purl| Purl::parse(purl).ok()).into_iter().collect(),
            has_other_id: said(self.cpe).is_some() || self.swid.is_some(),
            licences,
            supplier: said(supplier).or_else(|| said(manufacturer)).or_else(|| said(self.publisher)),
            reference: self.bom_ref,
        }))
    }
}
