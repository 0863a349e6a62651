//! Reads SPDX 2.2 and 2.3 as JSON (<https://spdx.github.io/spdx-spec/v2.3/>).

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::licence::Licences;
use super::{Format, MAX_PACKAGES, Package, Purl, Sbom, SbomProblem, list, said};
use crate::message::Json;
use crate::untrusted::Untrusted;

/// The most relationships of one document: packages are in several, and files in many.
const MAX_RELATIONSHIPS: usize = 1_000_000;

/// The most external references of one package, creators of one document, and packages it says to describe.
const MAX_FEW: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    creation_info: Option<CreationInfo<'a>>,
    #[serde(borrow)]
    document_describes: Option<&'a RawValue>,
    #[serde(borrow)]
    packages: Option<&'a RawValue>,
    #[serde(borrow)]
    relationships: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CreationInfo<'a> {
    created: Option<String>,
    #[serde(borrow)]
    creators: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilePackage<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    version_info: Option<String>,
    supplier: Option<String>,
    license_concluded: Option<String>,
    license_declared: Option<String>,
    #[serde(borrow)]
    external_refs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_type: String,
    reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: String,
    related_spdx_element: String,
}

/// Reads a document that says it is of this version.
pub(super) fn read(json: &Json, version: &'static str) -> Result<Sbom, SbomProblem> {
    let document: Document<'_> = json.read().map_err(|error| SbomProblem::unreadable(&error))?;
    let relationships: Vec<Relationship> = list(document.relationships, MAX_RELATIONSHIPS, "relationships")?;
    let mut described: HashSet<String> =
        list(document.document_describes, MAX_FEW, "described packages")?.into_iter().collect();
    let mut has_relationships = false;
    for Relationship { spdx_element_id, relationship_type, related_spdx_element } in relationships {
        match relationship_type.as_str() {
            "DESCRIBES" => _ = described.insert(related_spdx_element),
            "DESCRIBED_BY" => _ = described.insert(spdx_element_id),
            _ => has_relationships = true,
        }
    }
    let written: Vec<FilePackage<'_>> = list(document.packages, MAX_PACKAGES, "packages")?;
    // A document that describes several things lists what is inside.
    let has_one_subject = written.iter().filter(|package| described.contains(&package.id)).count() == 1;
    let (mut packages, mut licences) = (Vec::with_capacity(written.len()), Licences::default());
    for package in written {
        let is_subject = has_one_subject && described.contains(&package.id);
        packages.push(package.read(is_subject, &mut licences)?);
    }
    let CreationInfo { created, creators } =
        document.creation_info.unwrap_or(CreationInfo { created: None, creators: None });
    let (mut authors, mut tools) = (Vec::new(), Vec::new());
    for creator in list::<String>(creators, MAX_FEW, "creators")? {
        match creator.split_once(':') {
            Some(("Tool", name)) => tools.extend(said(Some(name.trim().to_owned()))),
            Some(("Person" | "Organization", name)) => authors.extend(said(Some(name.trim().to_owned()))),
            _ => authors.extend(said(Some(creator))),
        }
    }
    let created = created.and_then(|created| created.parse().ok());
    Ok(Sbom { format: Format::Spdx, version, packages, authors, tools, created, has_relationships })
}

impl FilePackage<'_> {
    fn read(self, is_subject: bool, known: &mut Licences) -> Result<Package, SbomProblem> {
        let (mut purls, mut has_other_id) = (Vec::new(), false);
        for ExternalRef { reference_type, reference_locator } in
            list(self.external_refs, MAX_FEW, "external references of a package")?
        {
            match reference_type.as_str() {
                "purl" => purls.extend(Purl::parse(&reference_locator).ok()),
                "cpe22Type" | "cpe23Type" | "swid" | "swh" | "gitoid" => has_other_id |= !reference_locator.is_empty(),
                _ => {}
            }
        }
        let declared = self.license_declared.as_deref().and_then(|text| known.read(text));
        let concluded = self.license_concluded.as_deref().and_then(|text| known.read(text));
        let mut licences = Vec::from_iter(declared);
        licences.extend(concluded.filter(|concluded| !licences.contains(concluded)));
        Ok(Package {
            is_subject,
            name: Untrusted::new(self.name),
            version: said(self.version_info).map(|version| version.expose().to_owned()),
            purls,
            has_other_id,
            licences,
            // `Organization: Acme`
            supplier: said(self.supplier.map(|supplier| {
                let name = supplier.split_once(':').map(|(_, name)| name.trim().to_owned());
                name.unwrap_or(supplier)
            })),
            reference: Some(self.id),
        })
    }
}
