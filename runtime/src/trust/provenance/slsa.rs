//! Reads SLSA provenance 0.2 (<https://slsa.dev/spec/v0.2/provenance>) and 1 (<https://slsa.dev/spec/v1.0/provenance>).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BuildSource, Material, Provenance, SlsaVersion, SourceUri, shown};
use crate::message::{Json, JsonError};
use crate::trust::sbom::list;
use crate::untrusted::Untrusted;

/// The largest predicate that is read, in bytes.
const MAX_PREDICATE_BYTES: usize = 16 << 20;

/// The most materials of one build.
const MAX_MATERIALS: usize = 100_000;

/// The types of attestations that are provenance.
pub(crate) const TYPES: [&str; 2] = [TYPE_0_2, TYPE_1];

const TYPE_0_2: &str = "https://slsa.dev/provenance/v0.2";
const TYPE_1: &str = "https://slsa.dev/provenance/v1";

/// Why a text says nothing of a build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProvenanceProblem {
    /// Its predicate type is of another kind of statement, or another version.
    #[error("a statement of this type is no SLSA provenance 0.2 or 1")]
    OtherType,
    /// It is not what its type says.
    #[error("it is no SLSA provenance that can be read: {0}")]
    Unreadable(String),
    /// It is larger than anything that is read.
    #[error("it is larger than {} MiB", MAX_PREDICATE_BYTES >> 20)]
    TooLarge,
    /// It names several sources.
    #[error("it names several source repositories, and does not say which one it was built from")]
    Ambiguous,
}

impl ProvenanceProblem {
    /// Why, as a code that stays the same.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::OtherType => "provenance-other-type",
            Self::Unreadable(_) => "provenance-unreadable",
            Self::TooLarge => "provenance-too-large",
            Self::Ambiguous => "provenance-ambiguous",
        }
    }
}

/// The keys that are decided on.
const KEYS: [&str; 8] = [
    "builder",
    "buildType",
    "invocation",
    "materials",
    "buildDefinition",
    "runDetails",
    "externalParameters",
    "resolvedDependencies",
];

#[derive(Deserialize)]
struct Builder {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version02<'a> {
    builder: Builder,
    build_type: String,
    invocation: Option<Invocation>,
    #[serde(borrow)]
    materials: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    config_source: Option<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version1<'a> {
    #[serde(borrow)]
    build_definition: BuildDefinition<'a>,
    run_details: RunDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    build_type: String,
    #[serde(borrow)]
    external_parameters: &'a RawValue,
    #[serde(borrow)]
    resolved_dependencies: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RunDetails {
    builder: Builder,
}

#[derive(Deserialize)]
struct Descriptor {
    uri: Option<String>,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// Where the build types that are known write their source. A type that is not known may write it in any of these.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    /// GitHub's workflows.
    #[serde(borrow)]
    workflow: Option<&'a RawValue>,
    /// The generators of slsa-github-generator; a string in some.
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    /// BuildKit.
    #[serde(borrow)]
    config_source: Option<&'a RawValue>,
    /// Google Cloud Build.
    #[serde(borrow)]
    source_to_build: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Located {
    Uri(String),
    Parts {
        #[serde(alias = "repository")]
        uri: Option<String>,
        #[serde(rename = "ref")]
        git_ref: Option<String>,
        #[serde(default)]
        digest: BTreeMap<String, String>,
    },
}

impl Provenance {
    /// Reads the predicate of a statement that was authenticated.
    ///
    /// # Errors
    /// See [`ProvenanceProblem`].
    pub(crate) fn read(predicate_type: &str, predicate: &str) -> Result<Self, ProvenanceProblem> {
        let version = Self::version(predicate_type).ok_or(ProvenanceProblem::OtherType)?;
        if predicate.len() > MAX_PREDICATE_BYTES {
            return Err(ProvenanceProblem::TooLarge);
        }
        let json = Json::parse(predicate)?;
        if let Some(key) = json.members()?.lookalike(&KEYS) {
            return Err(ProvenanceProblem::Unreadable(format!("a key looks like `{key}`, and is written otherwise")));
        }
        match version {
            SlsaVersion::V0_2 => read_0_2(&json),
            SlsaVersion::V1 => read_1(&json),
        }
    }

    /// Reads a document that has no predicate type beside it, and finds the type.
    ///
    /// # Errors
    /// Where it is of no version that is read, or could be of either.
    pub(crate) fn read_document(text: &str) -> Result<(&'static str, Self), ProvenanceProblem> {
        let [old, new] = TYPES.map(|kind| (kind, Self::read(kind, text)));
        match (old, new) {
            ((_, Ok(_)), (_, Ok(_))) => {
                Err(ProvenanceProblem::Unreadable("it is written as version 0.2 and as version 1 at once".to_owned()))
            }
            ((kind, Ok(read)), _) | (_, (kind, Ok(read))) => Ok((kind, read)),
            (_, (_, Err(problem))) => Err(problem),
        }
    }

    /// The version that a predicate type announces; none where it is of another kind of statement.
    pub(crate) fn version(predicate_type: &str) -> Option<SlsaVersion> {
        match predicate_type {
            TYPE_0_2 => Some(SlsaVersion::V0_2),
            TYPE_1 => Some(SlsaVersion::V1),
            _ => None,
        }
    }
}

fn read_0_2(json: &Json) -> Result<Provenance, ProvenanceProblem> {
    let predicate: Version02<'_> = json.read()?;
    let source = predicate.invocation.and_then(|invocation| invocation.config_source);
    let source = source.and_then(|source| BuildSource::of(source.uri.as_deref()?, None, &source.digest));
    Ok(Provenance {
        version: SlsaVersion::V0_2,
        builder: predicate.builder.id,
        build_type: predicate.build_type,
        source,
        materials: materials(predicate.materials)?,
    })
}

fn read_1(json: &Json) -> Result<Provenance, ProvenanceProblem> {
    let Version1 { build_definition, run_details } = json.read()?;
    let materials = materials(build_definition.resolved_dependencies)?;
    let parameters: Parameters<'_> =
        serde_json::from_str(build_definition.external_parameters.get()).map_err(|error| unreadable(&error))?;
    let Parameters { workflow, source: of_generator, config_source, source_to_build } = parameters;
    let mut source = None;
    for text in [workflow, of_generator, config_source, source_to_build].into_iter().flatten() {
        // Another build type may mean something else by it.
        let Some(found) = serde_json::from_str(text.get()).ok().and_then(Located::read) else { continue };
        source = Some(match source {
            Some(known) => BuildSource::merged(known, found).ok_or(ProvenanceProblem::Ambiguous)?,
            None => found,
        });
    }
    if let Some(source) = source.as_mut().filter(|source| source.commit.is_none()) {
        source.commit = commit_among(&materials, source);
    }
    Ok(Provenance {
        version: SlsaVersion::V1,
        builder: run_details.builder.id,
        build_type: build_definition.build_type,
        source,
        materials,
    })
}

/// The commit that a builder says it resolved the source to.
fn commit_among(materials: &[Material], source: &BuildSource) -> Option<String> {
    materials.iter().find_map(|material| {
        let (repository, git_ref) = SourceUri::parse(material.uri.expose()).ok()?;
        let is_source = repository == source.repository && (git_ref.is_none() || git_ref == source.git_ref);
        is_source.then(|| commit(&material.digests)).flatten()
    })
}

fn commit(digests: &BTreeMap<String, String>) -> Option<String> {
    digests.get("gitCommit").or_else(|| digests.get("sha1")).cloned()
}

fn materials(text: Option<&RawValue>) -> Result<Vec<Material>, ProvenanceProblem> {
    let descriptors: Vec<Descriptor> = list(text, MAX_MATERIALS, "materials").map_err(|error| unreadable(&error))?;
    let material = |descriptor: Descriptor| Material {
        uri: Untrusted::new(descriptor.uri.unwrap_or_default()),
        digests: descriptor.digest,
    };
    Ok(descriptors.into_iter().map(material).collect())
}

impl BuildSource {
    /// Nothing where it is no repository.
    fn of(uri: &str, git_ref: Option<String>, digests: &BTreeMap<String, String>) -> Option<Self> {
        let (repository, at) = SourceUri::parse(uri).ok()?;
        Some(Self { repository, git_ref: git_ref.or(at), commit: commit(digests) })
    }

    /// What both say, where neither denies the other.
    fn merged(one: Self, other: Self) -> Option<Self> {
        let agree = |one: &Option<String>, other: &Option<String>| one.is_none() || other.is_none() || one == other;
        let is_one = one.repository == other.repository
            && agree(&one.git_ref, &other.git_ref)
            && agree(&one.commit, &other.commit);
        is_one.then(|| Self {
            repository: one.repository,
            git_ref: one.git_ref.or(other.git_ref),
            commit: one.commit.or(other.commit),
        })
    }
}

impl Located {
    fn read(self) -> Option<BuildSource> {
        match self {
            Self::Uri(uri) => BuildSource::of(&uri, None, &BTreeMap::new()),
            Self::Parts { uri, git_ref, digest } => BuildSource::of(uri.as_deref()?, git_ref, &digest),
        }
    }
}

fn unreadable(error: &impl std::fmt::Display) -> ProvenanceProblem {
    ProvenanceProblem::Unreadable(shown(&error.to_string()))
}

impl From<JsonError> for ProvenanceProblem {
    fn from(error: JsonError) -> Self {
        unreadable(&error)
    }
}
