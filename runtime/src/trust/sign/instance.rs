//! Instances of Sigstore that authors sign with: where their services are, and what others check their work with.

use std::sync::Arc;

use sigstore_trust_root::{SIGSTORE_PRODUCTION_SIGNING_CONFIG, ServiceConfiguration, ServiceSelector, SigningConfig};
use url::Url;

use crate::message::Json;
use crate::spec::{InvalidSource, Remote};
use crate::trust::root::{InvalidRoot, MAX_ROOT_BYTES, TrustRoot};

/// The revision of the log's interface that is spoken here.
const LOG_REVISION: u32 = 1;

/// For whom tokens are meant that are to be sent to Sigstore's public instance (cosign's `--oidc-client-id`).
const AUDIENCE: &str = "sigstore";

/// A certificate authority, a log, and the keys by which those who verify know them.
#[derive(Debug, Clone)]
pub struct SigningInstance {
    pub(super) root: Arc<TrustRoot>,
    /// For whom tokens have to be meant to be sent to the authority.
    pub(super) audience: String,
    pub(crate) authority: Service,
    pub(crate) log: Service,
}

/// Somebody who is asked over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// What it is, for a person.
    what: &'static str,
    at: Remote,
}

/// Why nothing can be signed with an instance.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSigningInstance {
    /// The text with the addresses cannot be read.
    #[error("its services cannot be read: it is no signing_config.json of version 0.2: {0}")]
    Config(String),
    /// A service that is needed is not there.
    #[error("it names no {0} that is in service now")]
    Missing(&'static str),
    /// It asks for more services than are used.
    #[error("it asks for {0}; {1}")]
    Asks(&'static str, &'static str),
    /// An address cannot be used.
    #[error("the address of its {0} cannot be used: {1}")]
    Address(&'static str, String),
    /// The keys cannot be read.
    #[error("its keys cannot be read: {0}")]
    Root(String),
    /// Nobody could check what is signed with it.
    #[error("its keys are not enough: nothing that is signed can be verified without a {0}")]
    Lacks(&'static str),
}

impl SigningInstance {
    /// Sigstore's public instance, whose log everybody can read.
    ///
    /// # Errors
    /// Where what is shipped cannot be used, which no build of this program causes.
    pub fn public_good() -> Result<Self, InvalidSigningInstance> {
        let root = TrustRoot::public_good().map_err(|error| InvalidSigningInstance::Root(error.to_string()))?;
        Self::of(SIGSTORE_PRODUCTION_SIGNING_CONFIG, root, AUDIENCE.to_owned())
    }

    /// Somebody's own instance: its `signing_config.json` (sigstore/protobuf-specs, `sigstore_trustroot.proto`), and its
    /// `trusted_root.json`, which users keep as `root_name`. Its authority is sent tokens that are meant for `audience`, and
    /// no others.
    ///
    /// # Errors
    /// See [`InvalidSigningInstance`].
    pub fn read(config: &[u8], root_name: &str, root: &[u8], audience: String) -> Result<Self, InvalidSigningInstance> {
        let root = TrustRoot::read(root_name, root);
        let root = root.map_err(|error: InvalidRoot| InvalidSigningInstance::Root(error.to_string()))?;
        let unreadable = |error: &dyn std::fmt::Display| InvalidSigningInstance::Config(error.to_string());
        if config.len() > MAX_ROOT_BYTES {
            return Err(unreadable(&format!("it is larger than {} KiB", MAX_ROOT_BYTES >> 10)));
        }
        let config = std::str::from_utf8(config).map_err(|error| unreadable(&error))?;
        Self::of(config, root, audience)
    }

    fn of(config: &str, root: Arc<TrustRoot>, audience: String) -> Result<Self, InvalidSigningInstance> {
        let unreadable = |error: &dyn std::fmt::Display| InvalidSigningInstance::Config(error.to_string());
        // Of a key that is there twice, another reader could take the other.
        Json::parse(config).map_err(|error| unreadable(&error))?;
        let config = SigningConfig::from_json(config).map_err(|error| unreadable(&error))?;
        for (has, what) in [
            (root.has_authorities(), "certificate authority"),
            (root.has_logs(), "transparency log"),
            (root.has_certificate_logs(), "log of certificates"),
        ] {
            if !has {
                return Err(InvalidSigningInstance::Lacks(what));
            }
        }
        check_selection(&config)?;
        let authority = config.fulcio_url().map(|service| service.url.as_str());
        let log = config.rekor_url(Some(LOG_REVISION)).map(|service| service.url.as_str());
        let authority = Service::at(authority, "certificate authority", "certificate authority (Fulcio)")?;
        if authority.is_overheard() {
            let problem = "it is sent the token, for which it needs https://, or a loopback address".to_owned();
            return Err(InvalidSigningInstance::Address("certificate authority", problem));
        }
        Ok(Self {
            root,
            audience,
            authority,
            log: Service::at(log, "transparency log", "transparency log (Rekor, revision 1 of its interface)")?,
        })
    }

    /// Whether it is Sigstore's public one.
    pub fn is_public_good(&self) -> bool {
        self.root.is_public_good()
    }

    /// What users call the file with its keys.
    pub fn root_name(&self) -> &str {
        self.root.name()
    }
}

/// Checks that no more is asked for than an entry of one log, which says as well when it was made.
fn check_selection(config: &SigningConfig) -> Result<(), InvalidSigningInstance> {
    use InvalidSigningInstance::Asks;
    match config.rekor_tlog_config {
        ServiceConfiguration { selector: ServiceSelector::Any, .. }
        | ServiceConfiguration { selector: ServiceSelector::Exact, count: Some(1), .. } => {}
        _ => {
            return Err(Asks(
                "another choice of logs",
                "one is used: its `rekorTlogConfig` has to say ANY, or EXACT 1",
            ));
        }
    }
    match config.tsa_config.selector {
        ServiceSelector::Any => Ok(()),
        _ => Err(Asks("timestamps", "none is asked for here: its `tsaConfig` has to say ANY, or nothing")),
    }
}

impl Service {
    fn at(url: Option<&str>, what: &'static str, precisely: &'static str) -> Result<Self, InvalidSigningInstance> {
        let url = url.ok_or(InvalidSigningInstance::Missing(precisely))?;
        let at = url.parse().map_err(|error: InvalidSource| InvalidSigningInstance::Address(what, error.to_string()));
        Ok(Self { what, at: at? })
    }

    /// Where one of its paths is.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.at.url().clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url.set_query(None);
        url
    }

    /// Whether its address is written out, and may be a private one.
    pub(crate) fn is_written_out(&self) -> bool {
        self.at.literal_address().is_some()
    }

    /// Whether others may read what is sent there.
    fn is_overheard(&self) -> bool {
        self.at.url().scheme() != "https" && !self.at.literal_address().is_some_and(|address| address.is_loopback())
    }

    /// What it is and where, without a path or anything else that could be a secret.
    pub(crate) fn shown(&self) -> String {
        format!("the {} at {}", self.what, self.at.url().origin().ascii_serialization())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::trust::forge::instance::Instance;

    pub(in crate::trust::sign) fn config(authority: &str, log: &str) -> Value {
        let since = |start: &str| json!({ "start": start });
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [{ "url": authority, "majorApiVersion": 1, "validFor": since("2024-01-01T00:00:00Z") }],
            "rekorTlogUrls": [
                { "url": "https://newer.example", "majorApiVersion": 2, "validFor": since("2024-01-01T00:00:00Z") },
                { "url": "https://later.example", "majorApiVersion": 1, "validFor": since("2999-01-01T00:00:00Z") },
                { "url": log, "majorApiVersion": 1, "validFor": since("2024-01-01T00:00:00Z") },
            ],
        })
    }

    fn read(config: &Value, root: &Value) -> Result<SigningInstance, InvalidSigningInstance> {
        let (config, root) = (config.to_string(), root.to_string());
        SigningInstance::read(config.as_bytes(), "ours.json", root.as_bytes(), "ours".to_owned())
    }

    #[test]
    fn the_public_instance_is_known() {
        let public = SigningInstance::public_good().unwrap();
        assert!(public.is_public_good());
        assert_eq!(public.authority.url("/api/v2/x").as_str(), "https://fulcio.sigstore.dev/api/v2/x");
        assert_eq!(public.log.url("/api/v1/x").as_str(), "https://rekor.sigstore.dev/api/v1/x");
    }

    #[test]
    fn an_instance_of_ones_own_is_asked_where_its_configuration_says() {
        let root = Instance::new().root_json();
        let own = read(&config("https://ca.example/fulcio/", "http://10.0.0.9:3000?secret"), &root).unwrap();
        assert_eq!((own.is_public_good(), own.root_name()), (false, "ours.json"));
        assert_eq!(own.authority.url("/a").as_str(), "https://ca.example/fulcio/a");
        assert_eq!(own.log.url("/a").as_str(), "http://10.0.0.9:3000/a");
        assert!(own.log.is_written_out() && !own.authority.is_written_out());
        assert_eq!(own.log.shown(), "the transparency log at http://10.0.0.9:3000");
    }

    #[test]
    fn an_instance_that_asks_for_more_services_than_are_used_is_refused() {
        let root = Instance::new().root_json();
        for (key, selection, is_good) in [
            ("rekorTlogConfig", json!({}), true),
            ("rekorTlogConfig", json!({ "selector": "ANY" }), true),
            ("rekorTlogConfig", json!({ "selector": "EXACT", "count": 1 }), true),
            ("rekorTlogConfig", json!({ "selector": "EXACT", "count": 2 }), false),
            ("rekorTlogConfig", json!({ "selector": "EXACT" }), false),
            ("rekorTlogConfig", json!({ "selector": "ALL" }), false),
            ("rekorTlogConfig", json!({ "selector": "SERVICE_SELECTOR_UNDEFINED" }), false),
            ("tsaConfig", json!({}), true),
            ("tsaConfig", json!({ "selector": "ANY" }), true),
            ("tsaConfig", json!({ "selector": "EXACT", "count": 1 }), false),
            ("tsaConfig", json!({ "selector": "ALL" }), false),
            ("tsaConfig", json!({ "selector": "SERVICE_SELECTOR_UNDEFINED" }), false),
        ] {
            let mut config = config("https://ca.example", "https://log.example");
            config[key] = selection.clone();
            match read(&config, &root) {
                Ok(_) => assert!(is_good, "{key} {selection}"),
                Err(InvalidSigningInstance::Asks(..)) => assert!(!is_good, "{key} {selection}"),
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn an_instance_with_which_nothing_could_be_verified_is_refused() {
        use InvalidSigningInstance::{Address, Config, Lacks, Missing, Root};
        let root = Instance::new().root_json();
        let good = config("https://ca.example", "https://log.example");
        assert!(read(&good, &root).is_ok());
        for (key, what) in [
            ("certificateAuthorities", "certificate authority"),
            ("tlogs", "transparency log"),
            ("ctlogs", "log of certificates"),
        ] {
            let mut less = root.clone();
            less[key] = json!([]);
            assert!(matches!(read(&good, &less), Err(Lacks(lacks)) if lacks == what), "{key}");
        }
        for url in ["http://log.example", "http://8.8.8.8", "ftp://log.example", "https://me:pw@log.example", "log"] {
            assert!(matches!(read(&config("https://ca.example", url), &root), Err(Address(..))), "{url}");
        }
        // A log is sent no secret, and what it answers is proven.
        assert!(read(&config("http://127.0.0.1:5555", "http://10.0.0.9"), &root).is_ok());
        assert!(matches!(read(&config("http://10.0.0.9", "https://log.example"), &root), Err(Address(..))));
        for key in ["caUrls", "rekorTlogUrls"] {
            let mut less = good.clone();
            less[key] = json!([]);
            assert!(matches!(read(&less, &root), Err(Missing(_))), "{key}");
        }
        let mut older = good.clone();
        older["mediaType"] = "application/vnd.dev.sigstore.signingconfig.v0.1+json".into();
        assert!(matches!(read(&older, &root), Err(Config(_))));
        assert!(matches!(read(&json!({}), &root), Err(Config(_))));
        assert!(matches!(read(&good, &json!({})), Err(Root(_))));
    }
}
