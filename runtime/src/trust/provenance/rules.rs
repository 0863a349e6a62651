//! What a policy asks of provenance, as a person writes it: `provenance = { … }`.

use serde::Deserialize;

use super::source::SourceUri;

/// What a policy asks of an artifact's provenance. Whatever of it could not be enforced was refused when it was read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct ProvenanceRules {
    /// Whether there has to be some. Where there need not, some that is there is judged all the same.
    pub(crate) is_required: bool,
    pub(super) builder: Option<BuilderRule>,
    pub(super) source: Option<SourceUri>,
    pub(super) git_ref: Option<RefRule>,
    pub(super) build_type: Option<String>,
}

/// Who may build: a builder's `id`. Without `@` in it, in any version.
#[derive(Debug, Clone)]
pub(super) struct BuilderRule(pub(super) String);

/// From which branches or tags: exactly one, or with a `*` at the end all that begin so and have no further `/`.
#[derive(Debug, Clone)]
pub(super) struct RefRule(pub(super) String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    required: bool,
    builder: Option<String>,
    source: Option<String>,
    #[serde(rename = "ref")]
    git_ref: Option<String>,
    build_type: Option<String>,
}

impl TryFrom<Written> for ProvenanceRules {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let is_uri = |text: &String| text.contains("://") && !text.contains(char::is_whitespace);
        if let Some(builder) = written.builder.as_ref().filter(|builder| !is_uri(builder)) {
            return Err(format!("builder = \"{builder}\" is no URI, as https://github.com/acme/builder"));
        }
        if let Some(kind) = written.build_type.as_ref().filter(|kind| !is_uri(kind)) {
            return Err(format!(
                "build-type = \"{kind}\" is no URI, as https://actions.github.io/buildtypes/workflow/v1"
            ));
        }
        let source = match written.source.as_deref().map(SourceUri::parse) {
            Some(Ok((source, None))) => Some(source),
            Some(Ok((_, Some(git_ref)))) => {
                return Err(format!("`source` is a repository alone: write `{git_ref}` as ref = \"{git_ref}\""));
            }
            Some(Err(error)) => return Err(format!("source = \"{}\": {error}", written.source.unwrap_or_default())),
            None => None,
        };
        let git_ref = written.git_ref.map(|text| {
            let before = text.strip_suffix('*').unwrap_or(&text);
            if before.starts_with("refs/") && !before.contains(['*', ' ']) {
                return Ok(RefRule(text));
            }
            Err(format!("ref = \"{text}\" is no full ref, as refs/heads/main, or refs/tags/v* with a * at the end"))
        });
        Ok(Self {
            is_required: written.required,
            builder: written.builder.map(BuilderRule),
            source,
            git_ref: git_ref.transpose()?,
            build_type: written.build_type,
        })
    }
}

impl ProvenanceRules {
    /// What it asks, in words.
    pub(crate) fn words(&self) -> Vec<String> {
        let Self { is_required, builder, source, git_ref, build_type } = self;
        let mut words = vec![if *is_required { "provenance" } else { "of provenance, if there is some" }.to_owned()];
        words.extend(builder.iter().map(|rule| format!("built by: {}", rule.0)));
        words.extend(source.iter().map(|source| format!("built from: {source}")));
        words.extend(git_ref.iter().map(|rule| format!("built at: {}", rule.0)));
        words.extend(build_type.iter().map(|kind| format!("built as: {kind}")));
        words
    }
}

impl BuilderRule {
    pub(super) fn is_met_by(&self, builder: &str) -> bool {
        self.0 == builder || builder.split_once('@').is_some_and(|(id, _)| id == self.0)
    }
}

impl RefRule {
    pub(super) fn is_met_by(&self, git_ref: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => git_ref.strip_prefix(start).is_some_and(|rest| !rest.is_empty() && !rest.contains('/')),
            None => self.0 == git_ref,
        }
    }
}
