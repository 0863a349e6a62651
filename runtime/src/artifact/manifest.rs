//! Manifests, read strictly: what two readers could understand differently is refused (OCI Image Specification, "Image
//! Manifest" and "Image Index"; CVE-2021-41190).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Digest;
use crate::message::{Json, Members};
use crate::untrusted::Untrusted;

/// The largest manifest that is read, in bytes (as registries have it: OCI Distribution Specification, "Pushing
/// Manifests").
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

/// What a registry is asked for.
pub(crate) const MANIFEST_TYPES: [&str; 4] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest, as the bytes it came as and what they say.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    bytes: Arc<[u8]>,
    digest: Digest,
    media_type: &'static str,
    /// What kind of artifact it says it is.
    pub(crate) artifact_type: Option<String>,
    /// What it is about: the manifest that a signature or attestation is attached to.
    pub(crate) subject: Option<Descriptor>,
    /// Anybody's notes: no more than claims.
    pub(crate) annotations: BTreeMap<String, String>,
    /// What it lists.
    pub(crate) content: Content,
}

/// What a manifest lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// One artifact: its configuration and its layers.
    Image { config: Descriptor, layers: Vec<Descriptor> },
    /// Several, as one for each platform.
    Index { manifests: Vec<Descriptor> },
}

/// Names a blob or manifest. Where else it says its bytes may be had (`urls`, `data`) is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    /// Exactly how large it is, in bytes.
    pub(crate) size: u64,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// In an index: what the entry runs on.
    pub(crate) platform: Option<Platform>,
}

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) os: String,
    pub(crate) architecture: String,
    pub(crate) variant: Option<String>,
}

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("it is no manifest that is read here: {problem}")]
pub struct InvalidManifest {
    flaw: Flaw,
    problem: String,
}

/// What is wrong with a manifest: one code for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// It is larger than any.
    TooLarge,
    /// It is no JSON.
    Unreadable,
    /// It has a key twice.
    DuplicateKey,
    /// Two readers could see different things in it.
    Ambiguous,
    /// Its media type is another than what it lists, or than was said.
    MediaType,
    /// It names something by what is no SHA-256 digest.
    Digest,
    /// It lacks something, or has it in another form.
    Form,
}

impl InvalidManifest {
    /// A code that stays the same.
    pub fn code(&self) -> &'static str {
        match self.flaw {
            Flaw::TooLarge => "manifest-too-large",
            Flaw::Unreadable => "manifest-unreadable",
            Flaw::DuplicateKey => "duplicate-key",
            Flaw::Ambiguous => "manifest-ambiguous",
            Flaw::MediaType => "manifest-type",
            Flaw::Digest => "digest-invalid",
            Flaw::Form => "manifest-invalid",
        }
    }
}

impl Manifest {
    /// Reads a manifest. `said` is the media type that whoever gave it says it has: a `Content-Type`, or a descriptor's.
    ///
    /// # Errors
    /// Where two readers could see different things in it: other media types than said, `layers` beside `manifests`, a
    /// key twice or in another spelling; and where it is no manifest at all.
    pub(crate) fn read(bytes: impl Into<Arc<[u8]>>, said: Option<&str>) -> Result<Self, InvalidManifest> {
        let bytes = bytes.into();
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(invalid(Flaw::TooLarge, "it is larger than 4 MiB"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| invalid(Flaw::Unreadable, "it is no UTF-8 text"))?;
        let json = Json::parse(text).map_err(|error| {
            let flaw = if error.is_well_formed() { Flaw::DuplicateKey } else { Flaw::Unreadable };
            invalid(flaw, format!("it is no strict JSON: {error}"))
        })?;
        let members = strict_members(&json, "it")?;
        if required::<u64>(&members, "schemaVersion")? != 2 {
            return Err(invalid(Flaw::Form, "its `schemaVersion` is not 2"));
        }
        let content = match (members.get("layers"), members.get("manifests")) {
            (Some(_), None) => Content::Image {
                config: Descriptor::read(&required(&members, "config")?)?,
                layers: Descriptor::read_all(required(&members, "layers")?)?,
            },
            (None, Some(_)) if members.get("config").is_none() => {
                Content::Index { manifests: Descriptor::read_all(required(&members, "manifests")?)? }
            }
            (None, Some(_)) => return Err(invalid(Flaw::Ambiguous, "it has a `config` beside its `manifests`")),
            (Some(_), Some(_)) => {
                return Err(invalid(
                    Flaw::Ambiguous,
                    "it has both `layers` and `manifests`, for two readers to differ",
                ));
            }
            (None, None) => return Err(invalid(Flaw::Form, "it has neither `layers` nor `manifests`")),
        };
        let media_type = media_type(optional(&members, "mediaType")?, said, &content)?;
        let subject = optional(&members, "subject")?.map(|json| Descriptor::read(&json)).transpose()?;
        let artifact_type = optional(&members, "artifactType")?;
        let annotations = optional(&members, "annotations")?.unwrap_or_default();
        let digest = Digest::of(&bytes);
        drop(members);
        Ok(Self { bytes, digest, media_type, artifact_type, subject, annotations, content })
    }

    /// The bytes as they came.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of these bytes.
    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// One of [`MANIFEST_TYPES`].
    pub(crate) fn media_type(&self) -> &'static str {
        self.media_type
    }
}

/// The media type of a manifest: what is written in it and what was said about it agree with each other and with what
/// it lists. OCI's own may leave it out ("Image Manifest": SHOULD); what it lists then says which it is, to every
/// reader.
fn media_type(written: Option<String>, said: Option<&str>, content: &Content) -> Result<&'static str, InvalidManifest> {
    let unfitting = |problem| invalid(Flaw::MediaType, problem);
    let fitting: [&'static str; 2] = match content {
        Content::Image { .. } => [OCI_MANIFEST, DOCKER_MANIFEST],
        Content::Index { .. } => [OCI_INDEX, DOCKER_LIST],
    };
    let media_type = match &written {
        None => fitting[0],
        Some(written) => fitting
            .into_iter()
            .find(|fits| fits == written)
            .ok_or_else(|| unfitting(format!("its `mediaType` {} does not fit what it lists", shown(written))))?,
    };
    match said {
        Some(said) if said != media_type => Err(unfitting(format!(
            "it is {} and was said to be {}",
            shown(written.as_deref().unwrap_or(media_type)),
            shown(said)
        ))),
        _ => Ok(media_type),
    }
}

impl Descriptor {
    fn read(json: &Json) -> Result<Self, InvalidManifest> {
        let members = strict_members(json, "a descriptor")?;
        let digest: String = required(&members, "digest")?;
        Ok(Self {
            media_type: required(&members, "mediaType")?,
            digest: digest.parse().map_err(|_| invalid(Flaw::Digest, "it has a `digest` that is not SHA-256"))?,
            size: required(&members, "size")?,
            artifact_type: optional(&members, "artifactType")?,
            annotations: optional(&members, "annotations")?.unwrap_or_default(),
            platform: optional(&members, "platform")?.map(|json| Platform::read(&json)).transpose()?,
        })
    }

    fn read_all(list: Vec<Json>) -> Result<Vec<Self>, InvalidManifest> {
        list.iter().map(Self::read).collect()
    }
}

impl Platform {
    fn read(json: &Json) -> Result<Self, InvalidManifest> {
        let members = strict_members(json, "a platform")?;
        Ok(Self {
            os: required(&members, "os")?,
            architecture: required(&members, "architecture")?,
            variant: optional(&members, "variant")?,
        })
    }
}

/// What is decided on here. Other keys are anybody's.
const KEYS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "digest",
    "size",
    "platform",
    "os",
    "architecture",
    "variant",
];

fn strict_members<'a>(json: &'a Json, what: &str) -> Result<Members<'a>, InvalidManifest> {
    let members = json.members().map_err(|_| invalid(Flaw::Form, format!("{what} is no object")))?;
    match members.lookalike(KEYS) {
        Some(key) => {
            Err(invalid(Flaw::Ambiguous, format!("it spells `{key}` in another way, for two readers to differ")))
        }
        None => Ok(members),
    }
}

fn required<'a, T: serde::Deserialize<'a>>(members: &'a Members<'_>, key: &str) -> Result<T, InvalidManifest> {
    optional(members, key)?.ok_or_else(|| invalid(Flaw::Form, format!("it lacks a `{key}`")))
}

fn optional<'a, T: serde::Deserialize<'a>>(members: &'a Members<'_>, key: &str) -> Result<Option<T>, InvalidManifest> {
    let value = members.get(key).filter(|text| *text != "null");
    value
        .map(serde_json::from_str)
        .transpose()
        .map_err(|_| invalid(Flaw::Form, format!("its `{key}` has another form than it should")))
}

fn invalid(flaw: Flaw, problem: impl Into<String>) -> InvalidManifest {
    InvalidManifest { flaw, problem: problem.into() }
}

/// A stranger's word in an error.
fn shown(word: &str) -> String {
    format!("`{}`", Untrusted::new(word).to_line(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor() -> String {
        format!(
            r#"{{"mediaType":"application/wasm","digest":"{DIGEST}","size":0,"urls":["https://elsewhere.example/"]}}"#
        )
    }

    fn image(media_type: &str, more: &str) -> String {
        let blob = descriptor();
        format!(r#"{{"schemaVersion":2,{media_type}"config":{blob},"layers":[{blob}]{more}}}"#)
    }

    fn read(text: &str, said: Option<&str>) -> Result<Manifest, InvalidManifest> {
        Manifest::read(text.as_bytes(), said)
    }

    fn of(media_type: &str) -> String {
        format!(r#""mediaType":"{media_type}","#)
    }

    #[test]
    fn a_manifest_says_what_it_lists() {
        let text = image(&of(OCI_MANIFEST), r#","annotations":{"a":"b"},"x":[1]"#);
        let manifest = read(&text, Some(OCI_MANIFEST)).unwrap();
        assert_eq!((manifest.bytes(), manifest.digest()), (text.as_bytes(), &Digest::of(text.as_bytes())));
        assert_eq!((manifest.media_type(), manifest.annotations["a"].as_str()), (OCI_MANIFEST, "b"));
        let Content::Image { config, layers } = manifest.content else { panic!("no image") };
        assert_eq!((layers.len(), &layers[0]), (1, &config));
        assert_eq!((config.size, config.digest.to_string().as_str()), (0, DIGEST));
    }

    #[test]
    fn an_index_lists_platforms() {
        let entry = descriptor().replace(
            r#""urls""#,
            r#""platform":{"os":"linux","architecture":"arm64","variant":"v8","os.version":"1"},"urls""#,
        );
        let text = format!(r#"{{"schemaVersion":2,{}"manifests":[{entry}]}}"#, of(DOCKER_LIST));
        let Content::Index { manifests } = read(&text, Some(DOCKER_LIST)).unwrap().content else { panic!("no index") };
        assert_eq!(manifests[0].platform.as_ref().unwrap().architecture, "arm64");
    }

    #[test]
    fn without_a_media_type_what_it_lists_decides() {
        assert_eq!(read(&image("", ""), Some(OCI_MANIFEST)).unwrap().media_type(), OCI_MANIFEST);
        assert_eq!(read(&image("", ""), None).unwrap().media_type(), OCI_MANIFEST);
        for said in [OCI_INDEX, DOCKER_MANIFEST, "application/json", ""] {
            assert!(read(&image("", ""), Some(said)).is_err(), "{said}");
        }
    }

    #[test]
    fn attack_28_what_two_readers_could_understand_differently_is_refused() {
        let blob = descriptor();
        let oci = of(OCI_MANIFEST);
        let of_type = |media_type: &str| image(&of(media_type), "");
        for (code, text) in [
            ("manifest-type", of_type(OCI_INDEX)),
            ("manifest-type", of_type(DOCKER_LIST)),
            ("manifest-type", of_type("application/json")),
            ("manifest-ambiguous", image(&oci, r#","manifests":[]"#)),
            ("manifest-ambiguous", image(&oci, r#","manifests":null"#)),
            ("manifest-ambiguous", image(&oci, r#","Layers":[]"#)),
            ("manifest-ambiguous", image(&oci, r#","MEDIATYPE":"application/vnd.oci.image.index.v1+json""#)),
            ("manifest-ambiguous", image(&oci, "").replace(r#""size""#, r#""Digest":"x","size""#)),
            ("manifest-ambiguous", format!(r#"{{"schemaVersion":2,{}"config":{blob},"manifests":[]}}"#, of(OCI_INDEX))),
        ] {
            assert_eq!(read(&text, None).unwrap_err().code(), code, "{text}");
        }
        for said in [OCI_INDEX, DOCKER_MANIFEST, "application/json", "text/html"] {
            assert_eq!(read(&image(&oci, ""), Some(said)).unwrap_err().code(), "manifest-type", "{said}");
        }
    }

    #[test]
    fn attack_29_a_key_twice_is_refused_however_it_is_written() {
        for key in [r#""layers""#, r#""l\u0061yers""#] {
            let text = image(&of(OCI_MANIFEST), &format!(",{key}:[]"));
            assert_eq!(read(&text, None).unwrap_err().code(), "duplicate-key", "{text}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let blob = descriptor();
        let oci = of(OCI_MANIFEST);
        let good = image(&oci, "");
        for (code, text) in [
            ("digest-invalid", good.replace("sha256:e3", "sha512:e3")),
            ("manifest-invalid", good.replace(r#""size":0"#, r#""size":-1"#)),
            ("manifest-invalid", good.replace(r#""size":0"#, r#""size":0.5"#)),
            ("manifest-invalid", good.replace(r#""size":0"#, r#""size":"0""#)),
            ("manifest-invalid", good.replace(r#""schemaVersion":2"#, r#""schemaVersion":1"#)),
            ("manifest-invalid", format!(r#"{{"schemaVersion":2,{oci}"config":{blob}}}"#)),
            ("manifest-invalid", format!(r#"{{"schemaVersion":2,{oci}"layers":[]}}"#)),
            ("manifest-invalid", format!("[{good}]")),
            ("manifest-unreadable", format!("{good} {{}}")),
            ("manifest-unreadable", String::new()),
            ("manifest-too-large", format!("{good}{}", " ".repeat(4 << 20))),
        ] {
            assert_eq!(read(&text, None).unwrap_err().code(), code, "{text:.300}");
        }
    }

    #[test]
    fn words_of_the_stranger_are_shown_harmless() {
        let error = read(&image(&of("\\u001b[2J"), ""), None).unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = Manifest::read(bytes, None);
        }

        #[test]
        fn a_manifest_with_one_byte_changed_is_read_or_refused(at in 0_usize..400, byte in 0x20_u8..0x7f) {
            let mut bytes = image(&of(OCI_MANIFEST), "").into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(manifest) = Manifest::read(bytes.as_slice(), Some(OCI_MANIFEST)) {
                proptest::prop_assert_eq!(manifest.bytes(), bytes.as_slice());
                let is_image = matches!(manifest.content, Content::Image { .. });
                proptest::prop_assert!(is_image);
            }
        }
    }
}
