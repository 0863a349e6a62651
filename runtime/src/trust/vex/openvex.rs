//! Reads OpenVEX 0.0 and 0.2 (<https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md>).

use jiff::Timestamp;
use serde::Deserialize;

use super::{MAX_DOCUMENT_BYTES, MAX_PRODUCTS, MAX_STATEMENTS, Product, Purl, Statement, VexProblem};
use crate::artifact::Digest;
use crate::message::Json;

#[derive(Deserialize)]
struct Document {
    timestamp: Option<Timestamp>,
    statements: Vec<FileStatement>,
}

#[derive(Deserialize)]
struct FileStatement {
    vulnerability: Vulnerability,
    timestamp: Option<Timestamp>,
    last_updated: Option<Timestamp>,
    #[serde(default)]
    products: Vec<FileProduct>,
    /// In 0.0, beside the products.
    #[serde(default)]
    subcomponents: Vec<Named>,
    status: String,
    justification: Option<String>,
    impact_statement: Option<String>,
}

/// 0.0 wrote a name alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability {
    Name(String),
    Names {
        name: String,
        #[serde(default)]
        aliases: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FileProduct {
    Id(String),
    Component {
        #[serde(flatten)]
        named: Component,
        #[serde(default)]
        subcomponents: Vec<Named>,
    },
}

/// A part of a product.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Id(String),
    Component(Component),
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "@id")]
    id: Option<String>,
    identifiers: Option<Identifiers>,
}

#[derive(Deserialize)]
struct Identifiers {
    purl: Option<String>,
}

/// Reads the statements of a document.
pub(super) fn read(text: &str, subjects: &[Digest]) -> Result<Vec<Statement>, VexProblem> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(VexProblem::Unreadable("it is too large".to_owned()));
    }
    let json = Json::parse(text).map_err(|error| VexProblem::unreadable(&error))?;
    let document: Document = json.read().map_err(|error| VexProblem::unreadable(&error))?;
    if document.statements.len() > MAX_STATEMENTS {
        return Err(VexProblem::Unreadable(format!("it has more than {MAX_STATEMENTS} statements")));
    }
    let time = document.timestamp;
    let (mut statements, mut products) = (Vec::new(), 0);
    for statement in document.statements {
        let statement = statement.read(time, subjects)?;
        products += statement.products.len();
        if products > MAX_PRODUCTS {
            return Err(VexProblem::Unreadable(format!("it speaks of more than {MAX_PRODUCTS} products")));
        }
        statements.push(statement);
    }
    Ok(statements)
}

impl FileStatement {
    fn read(self, of_document: Option<Timestamp>, subjects: &[Digest]) -> Result<Statement, VexProblem> {
        let names = match self.vulnerability {
            Vulnerability::Name(name) => vec![name],
            Vulnerability::Names { name, aliases } => std::iter::once(name).chain(aliases).collect(),
        };
        let is_reasoned = self.justification.is_some() || self.impact_statement.is_some();
        let is_harmless = match self.status.as_str() {
            // "MUST" come with a reason, says the specification.
            "not_affected" => is_reasoned,
            "fixed" => true,
            "affected" | "under_investigation" => false,
            _ => return Err(VexProblem::Unreadable("a statement has a status that OpenVEX does not know".to_owned())),
        };
        let mut products = Vec::new();
        for product in &self.products {
            product.add_to(&mut products, &self.subcomponents, subjects);
        }
        let at = self.last_updated.or(self.timestamp).or(of_document);
        Ok(Statement { names, products, is_harmless, at })
    }
}

impl FileProduct {
    /// Adds what it names: parts of the artifact where it has any, else the artifact or a package itself. One that is
    /// neither the artifact nor named by a package URL is of nothing that is judged here.
    fn add_to(&self, products: &mut Vec<Product>, beside: &[Named], subjects: &[Digest]) {
        let (purl, inside) = match self {
            Self::Id(id) => (Purl::parse(id).ok(), &[][..]),
            Self::Component { named, subcomponents } => (named.purl(), subcomponents.as_slice()),
        };
        let Some(purl) = purl else { return };
        let is_artifact = matches!(purl.kind.as_str(), "oci" | "docker");
        let is_this_artifact = purl
            .version
            .as_deref()
            .is_some_and(|version| version.parse().is_ok_and(|digest| subjects.contains(&digest)));
        let mut parts = inside.iter().chain(beside).peekable();
        match (is_artifact, parts.peek().is_none()) {
            // Another artifact, or any: what is inside may differ.
            (true, _) if !is_this_artifact => {}
            (true, true) => products.push(Product::Artifact),
            (false, true) => products.push(Product::Package(purl)),
            (_, false) => {
                // One more than are read is enough to refuse the document.
                let left = (MAX_PRODUCTS + 1).saturating_sub(products.len());
                products.extend(parts.filter_map(Named::purl).map(Product::Package).take(left));
            }
        }
    }
}

impl Named {
    fn purl(&self) -> Option<Purl> {
        match self {
            Self::Id(id) => Purl::parse(id).ok(),
            Self::Component(component) => component.purl(),
        }
    }
}

impl Component {
    fn purl(&self) -> Option<Purl> {
        let given = self.identifiers.as_ref().and_then(|identifiers| identifiers.purl.as_ref());
        Purl::parse(given.or(self.id.as_ref())?).ok()
    }
}
