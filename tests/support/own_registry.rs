//! A registry of the tests' own: as it should be, with lists of referrers or without (OCI Distribution Specification 1.1),
//! or as a test says: wrong, slow, or hostile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::listener::Listener;
pub(crate) use super::listener::{Heard, Reply};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry on a free port of loopback. It ends with this value.
pub(crate) struct OwnRegistry {
    listener: Listener,
    held: Arc<Mutex<Held>>,
}

/// What a registry holds.
#[derive(Default)]
struct Held {
    blobs: BTreeMap<String, Vec<u8>>,
    /// For each repository: media type and bytes by digest, in the order in which they came.
    manifests: Vec<(String, String, String, Vec<u8>)>,
    /// Repository and tag.
    tags: BTreeMap<(String, String), String>,
}

/// Whether a registry lists what refers to a manifest, and how many on a page.
#[derive(Clone, Copy)]
pub(crate) struct Lists(pub(crate) Option<usize>);

impl OwnRegistry {
    /// Answers each request by what `answer` makes of it, and of how many came before.
    pub(crate) fn start(answer: impl Fn(&Heard, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self { listener: Listener::start(answer), held: Arc::default() }
    }

    /// Serves these artifacts under every name, but for what `instead` answers.
    pub(crate) fn serving(
        artifacts: Vec<Artifact>,
        instead: impl Fn(&Heard, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |heard, before| instead(heard, before).unwrap_or_else(|| serve(&artifacts, heard)))
    }

    /// A registry as it should be, which can be pushed to, but for what `instead` answers.
    pub(crate) fn good_but(
        lists: Lists,
        instead: impl Fn(&Heard, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let held = Arc::<Mutex<Held>>::default();
        let holds = Arc::clone(&held);
        let answer = move |heard: &Heard, before| {
            instead(heard, before).unwrap_or_else(|| holds.lock().unwrap().answer(lists, heard))
        };
        Self { listener: Listener::start(answer), held }
    }

    /// A registry as it should be, with lists of referrers.
    pub(crate) fn with_lists() -> Self {
        Self::good_but(Lists(Some(usize::MAX)), |_, _| None)
    }

    /// A registry as it should be, of the time before there were lists of referrers.
    pub(crate) fn without_lists() -> Self {
        Self::good_but(Lists(None), |_, _| None)
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn name(&self) -> String {
        self.listener.name()
    }

    /// A reference to something in it.
    pub(crate) fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.listener.name())
    }

    /// The first lines of the requests so far, without the version.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.listener.each(|heard| format!("{} {}", heard.method, heard.path))
    }

    /// What was sent to prove who asks, request by request.
    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        self.listener.each(|heard| heard.header("authorization").map(str::to_owned))
    }

    /// Keeps a blob, and gives its descriptor.
    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        self.held.lock().unwrap().blobs.insert(digest_of(bytes), bytes.to_vec());
        descriptor(media_type, bytes)
    }

    /// Keeps a manifest under a tag, if it gets one, and gives its descriptor.
    pub(crate) fn manifest(&self, repository: &str, tag: Option<&str>, manifest: &Value) -> Value {
        let media_type = manifest["mediaType"].as_str().unwrap();
        let bytes = manifest.to_string().into_bytes();
        self.held.lock().unwrap().keep(repository, tag, media_type, &bytes);
        descriptor(media_type, &bytes)
    }

    /// Keeps a manifest with these layers and members, and gives its descriptor.
    pub(crate) fn image(&self, repository: &str, tag: Option<&str>, layers: &[Value], more: Value) -> Value {
        let config = self.blob("application/vnd.oci.empty.v1+json", b"{}");
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        for (key, value) in more.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        self.manifest(repository, tag, &manifest)
    }

    /// What a tag names, as JSON.
    pub(crate) fn tagged(&self, repository: &str, tag: &str) -> Option<Value> {
        let held = self.held.lock().unwrap();
        let digest = held.tags.get(&(repository.to_owned(), tag.to_owned()))?;
        held.manifests.iter().find(|kept| kept.1 == *digest).map(|kept| serde_json::from_slice(&kept.3).unwrap())
    }
}

impl Held {
    fn keep(&mut self, repository: &str, tag: Option<&str>, media_type: &str, bytes: &[u8]) {
        let digest = digest_of(bytes);
        if !self.manifests.iter().any(|kept| kept.0 == repository && kept.1 == digest) {
            self.manifests.push((repository.to_owned(), digest.clone(), media_type.to_owned(), bytes.to_vec()));
        }
        if let Some(tag) = tag {
            self.tags.insert((repository.to_owned(), tag.to_owned()), digest);
        }
    }

    fn answer(&mut self, lists: Lists, heard: &Heard) -> Reply {
        let path = heard.path.strip_prefix("/v2/").unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let method = heard.method.as_str();
        if let Some((repository, upload)) = path.split_once("/blobs/uploads/") {
            return match (method, query.split_once("digest=")) {
                ("POST", _) => {
                    let host = heard.header("host").unwrap_or_default();
                    let place = format!("http://{host}/v2/{repository}/blobs/uploads/1");
                    Reply::new("202 Accepted", &[("location", &place)], b"")
                }
                ("PUT", Some((_, digest))) if !upload.is_empty() => {
                    if digest.replace("%3A", ":") != digest_of(&heard.body) {
                        return Reply::new("400 Bad Request", &[], b"");
                    }
                    self.blobs.insert(digest_of(&heard.body), heard.body.clone());
                    Reply::new("201 Created", &[], b"")
                }
                _ => not_found(),
            };
        }
        if let Some((_, digest)) = path.split_once("/blobs/") {
            return match (method, self.blobs.get(digest)) {
                ("HEAD", Some(blob)) => Reply::lying("200 OK", &[], blob.len(), b""),
                ("GET", Some(blob)) => blob_reply(heard, blob),
                _ => not_found(),
            };
        }
        if let Some((repository, name)) = path.split_once("/manifests/") {
            if method == "PUT" {
                return self.put(lists, repository, name, heard);
            }
            let digest = self.tags.get(&(repository.to_owned(), name.to_owned())).map_or(name, String::as_str);
            let found = self.manifests.iter().find(|kept| kept.0 == repository && kept.1 == digest);
            return found.map_or_else(not_found, |(_, digest, media_type, bytes)| {
                let headers = [("content-type", media_type.as_str()), ("docker-content-digest", digest)];
                let body = if method == "HEAD" { &[] } else { bytes.as_slice() };
                Reply::lying("200 OK", &headers, bytes.len(), body)
            });
        }
        match (path.split_once("/referrers/"), lists.0) {
            (Some((repository, subject)), Some(page)) => self.referrers(repository, subject, query, page),
            // As Debian's registry, which does not know the path.
            _ => Reply::new("404 Not Found", &[("content-type", "text/plain")], b"404 page not found\n"),
        }
    }

    fn put(&mut self, lists: Lists, repository: &str, name: &str, heard: &Heard) -> Reply {
        let Ok(manifest) = serde_json::from_slice::<Value>(&heard.body) else {
            return Reply::new("400 Bad Request", &[], b"");
        };
        let digest = digest_of(&heard.body);
        if name.contains(':') && name != digest {
            return Reply::new("400 Bad Request", &[], b"");
        }
        let tag = (!name.contains(':')).then_some(name);
        self.keep(repository, tag, heard.header("content-type").unwrap_or_default(), &heard.body);
        match manifest["subject"]["digest"].as_str() {
            Some(subject) if lists.0.is_some() => Reply::new("201 Created", &[("oci-subject", subject)], b""),
            _ => Reply::new("201 Created", &[], b""),
        }
    }

    fn referrers(&self, repository: &str, subject: &str, query: &str, page: usize) -> Reply {
        let from: usize = query.strip_prefix("from=").and_then(|from| from.parse().ok()).unwrap_or(0);
        let mut found = Vec::new();
        for (_, _, media_type, bytes) in self.manifests.iter().filter(|kept| kept.0 == repository) {
            let manifest: Value = serde_json::from_slice(bytes).unwrap();
            if manifest["subject"]["digest"] == subject {
                let mut entry = descriptor(media_type, bytes);
                let kind = &manifest["artifactType"];
                entry["artifactType"] = if kind.is_null() { &manifest["config"]["mediaType"] } else { kind }.clone();
                if let Some(notes) = manifest.get("annotations") {
                    entry["annotations"] = notes.clone();
                }
                found.push(entry);
            }
        }
        let rest = found.len() > from.saturating_add(page);
        let entries: Vec<Value> = found.into_iter().skip(from).take(page).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string();
        let next = format!("</v2/{repository}/referrers/{subject}?from={}>; rel=\"next\"", from.saturating_add(page));
        let link = rest.then_some(("link", next.as_str()));
        let headers: Vec<(&str, &str)> = [("content-type", INDEX)].into_iter().chain(link).collect();
        Reply::new("200 OK", &headers, index.as_bytes())
    }
}

/// An artifact that a registry of a test serves under every tag and its digest.
#[derive(Clone)]
pub(crate) struct Artifact {
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl Artifact {
    /// A component in the layout of the CNCF.
    pub(crate) fn component(bytes: &[u8]) -> Self {
        let config = json!({
            "created": "2026-11-01T00:00:00Z",
            "architecture": "wasm",
            "os": if bytes.get(4) == Some(&1) { "wasip1" } else { "wasip2" },
            "layerDigests": [digest_of(bytes)],
        });
        let config = config.to_string().into_bytes();
        Self::of(&config, "application/vnd.wasm.config.v0+json", bytes, "application/wasm", json!({}))
    }

    /// Any configuration and layer. `layer_more` is put into the layer's descriptor.
    pub(crate) fn of(config: &[u8], config_type: &str, layer: &[u8], layer_type: &str, layer_more: Value) -> Self {
        let mut descriptor = descriptor(layer_type, layer);
        for (key, value) in layer_more.as_object().unwrap() {
            descriptor[key] = value.clone();
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self::descriptor(config_type, config),
            "layers": [descriptor],
        });
        Self { manifest: manifest.to_string().into_bytes(), blobs: vec![config.to_vec(), layer.to_vec()] }
    }

    pub(crate) fn digest(&self) -> String {
        digest_of(&self.manifest)
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len()})
}

/// As a registry says it.
pub(crate) fn not_found() -> Reply {
    let body = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]});
    Reply::new("404 Not Found", &[("content-type", "application/json")], body.to_string().as_bytes())
}

fn serve(artifacts: &[Artifact], heard: &Heard) -> Reply {
    let name = heard.path.rsplit('/').next().unwrap();
    if heard.path.contains("/manifests/") {
        let named = artifacts.iter().find(|artifact| artifact.digest() == name);
        return match named.or(artifacts.first().filter(|_| !name.contains(':'))) {
            Some(artifact) => Reply::ok(MANIFEST, &artifact.manifest),
            None => not_found(),
        };
    }
    let mut blobs = artifacts.iter().flat_map(|artifact| &artifact.blobs);
    blobs.find(|blob| digest_of(blob) == name).map_or_else(not_found, |blob| blob_reply(heard, blob))
}

fn blob_reply(heard: &Heard, blob: &[u8]) -> Reply {
    match heard.range_from() {
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", blob.len() - 1, blob.len());
            Reply::new("206 Partial Content", &[("content-range", &range)], &blob[from..])
        }
        None => Reply::ok("application/octet-stream", blob),
    }
}
