//! Components as artifacts: which of a manifest's layers is the component, and whether it is what the manifest says
//! (CNCF "Wasm OCI Artifact Layout", and how others wrote before there was one).

use serde::{Deserialize, Serialize};

use super::manifest::{Content, Descriptor, Manifest};
use super::{Artifact, Depot, DepotError, Digest, MAX_COMPONENT_BYTES};
use crate::message::Json;
use crate::untrusted::Untrusted;

pub(super) const CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(super) const LAYER: &str = "application/wasm";

/// Layers that others write, and whether their name says that they are components.
const OTHER_LAYERS: [(&str, bool); 4] = [
    ("application/vnd.wasm.content.layer.v1+wasm", false),
    ("application/vnd.wasm.component.v1", true),
    ("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", true),
    ("application/vnd.bytecodealliance.component.layer.v0+wasm", true),
];

/// The largest configuration that is read, in bytes.
const MAX_CONFIG: u64 = 1024 * 1024;

/// Where the component of a manifest lies, and what it has to be.
#[derive(Debug, Clone)]
pub(crate) struct WasmLayer {
    /// Its bytes.
    pub(crate) blob: Descriptor,
    expected: Option<Binary>,
}

/// The encoding of WebAssembly's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
    Component,
    Module,
}

/// What a configuration says of its component. Its imports and exports are claims, and the component itself is looked
/// at instead.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    pub(super) created: String,
    pub(super) architecture: String,
    pub(super) os: String,
    pub(super) layer_digests: Vec<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<Names>,
}

/// What a component needs and offers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Names {
    pub(super) exports: Vec<String>,
    pub(super) imports: Vec<String>,
}

/// What of a configuration is checked. Its date may have any form, or be missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    architecture: String,
    os: String,
    #[serde(default)]
    layer_digests: Vec<Digest>,
}

/// Why a manifest is not of a component, or its component not what it says.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidComponent {
    /// It lists several artifacts.
    #[error("it lists several artifacts; name one of them by its digest, or run it as a container: docker://IMAGE")]
    Index,
    /// None of its layers is one.
    #[error("it holds no component (its layers are {0}); if it is an image, run it as a container: docker://IMAGE")]
    NoComponent(String),
    /// Several could be meant.
    #[error("it holds several layers where one component is expected; nobody can say which one is meant")]
    Several,
    /// Its configuration is none.
    #[error("its configuration is not that of a component: {0}")]
    Config(&'static str),
    /// The configuration is of other bytes.
    #[error("its configuration is of another component than the one it holds")]
    OtherLayer,
    /// The bytes are of another kind.
    #[error("it says that it holds {said}, and it is {found}")]
    OtherBinary {
        /// What the manifest says.
        said: &'static str,
        /// What it is.
        found: &'static str,
    },
}

impl Depot {
    /// Which blob is the component of this manifest.
    ///
    /// # Errors
    /// [`DepotError::Component`] where that is not clear, or the configuration contradicts it.
    pub(crate) async fn wasm_layer(&self, manifest: &Manifest) -> Result<WasmLayer, DepotError> {
        let (config, mut layer) = select(manifest)?;
        if config.media_type == CONFIG {
            let config = self.blob(config, MAX_CONFIG).await?;
            layer.expected = Some(check_config(config.bytes(), &layer.blob)?);
        }
        Ok(layer)
    }

    /// The component, in memory.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub(crate) async fn wasm(&self, manifest: &Manifest) -> Result<Artifact, DepotError> {
        let layer = self.wasm_layer(manifest).await?;
        let artifact = self.blob(&layer.blob, MAX_COMPONENT_BYTES).await?;
        layer.check(artifact.bytes())?;
        Ok(artifact)
    }

    /// Brings the component to this machine, without holding it in memory.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub(crate) async fn fetch_wasm(&self, manifest: &Manifest) -> Result<Descriptor, DepotError> {
        let layer = self.wasm_layer(manifest).await?;
        layer.check(&self.fetch(&layer.blob, MAX_COMPONENT_BYTES).await?)?;
        Ok(layer.blob)
    }
}

impl WasmLayer {
    /// Checks what the bytes are by their first eight (Core Specification, "Modules"; Component Model, "Binary Format").
    fn check(&self, head: &[u8]) -> Result<(), InvalidComponent> {
        let found = Binary::of(head);
        let said = self.expected.map_or("a component or core module", Binary::text);
        if found.is_some() && (self.expected.is_none() || self.expected == found) {
            return Ok(());
        }
        Err(InvalidComponent::OtherBinary { said, found: found.map_or("no WebAssembly", Binary::text) })
    }
}

impl Binary {
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head.get(..8)? {
            [0, b'a', b's', b'm', 1, 0, 0, 0] => Some(Self::Module),
            [0, b'a', b's', b'm', _, _, 1, 0] => Some(Self::Component),
            _ => None,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Component => "a component",
            Self::Module => "a core module",
        }
    }
}

/// Whether one of its layers says that it is a component.
pub(super) fn is_component(manifest: &Manifest) -> bool {
    select(manifest).is_ok()
}

fn select(manifest: &Manifest) -> Result<(&Descriptor, WasmLayer), InvalidComponent> {
    let Content::Image { config, layers } = &manifest.content else { return Err(InvalidComponent::Index) };
    let kind = |layer: &Descriptor| match OTHER_LAYERS.iter().find(|(name, _)| *name == layer.media_type) {
        Some((_, true)) => Some(Some(Binary::Component)),
        Some((_, false)) => Some(None),
        None => (layer.media_type == LAYER).then_some(None),
    };
    let mut found = layers.iter().filter_map(|layer| Some((layer, kind(layer)?)));
    let Some((blob, expected)) = found.next() else {
        let types: Vec<&str> = layers.iter().map(|layer| layer.media_type.as_str()).take(5).collect();
        return Err(InvalidComponent::NoComponent(Untrusted::new(types.join(", ")).to_line(300)));
    };
    // Others put policies beside it. They are what a component wants, which its manifest does not decide.
    let alone = config.media_type != CONFIG || layers.len() == 1;
    if found.next().is_some() || !alone {
        return Err(InvalidComponent::Several);
    }
    Ok((config, WasmLayer { blob: blob.clone(), expected }))
}

fn check_config(bytes: &[u8], layer: &Descriptor) -> Result<Binary, InvalidComponent> {
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidComponent::Config("it is no text"))?;
    let json = Json::parse(text).map_err(|_| InvalidComponent::Config("it is no strict JSON"))?;
    let claims: Claims =
        json.read().map_err(|_| InvalidComponent::Config("it lacks `architecture`, `os` or `layerDigests`"))?;
    if claims.architecture != "wasm" {
        return Err(InvalidComponent::Config("its `architecture` is not `wasm`"));
    }
    if claims.layer_digests != [layer.digest] {
        return Err(InvalidComponent::OtherLayer);
    }
    match claims.os.as_str() {
        "wasip1" => Ok(Binary::Module),
        "wasip2" | "wasip3" => Ok(Binary::Component),
        _ => Err(InvalidComponent::Config("its `os` is none of wasip1, wasip2, wasip3")),
    }
}

/// The `os` of these bytes.
pub(super) fn os_of(bytes: &[u8]) -> Option<&'static str> {
    Binary::of(bytes).map(|binary| match binary {
        Binary::Component => "wasip2",
        Binary::Module => "wasip1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::manifest::OCI_MANIFEST;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    fn descriptor(media_type: &str, bytes: &[u8]) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#, Digest::of(bytes), bytes.len())
    }

    fn manifest(config: &str, layers: &[&str]) -> Manifest {
        let layers: Vec<String> = layers.iter().map(|layer| descriptor(layer, COMPONENT)).collect();
        let config = descriptor(config, b"{}");
        let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{}]}}"#, layers.join(","));
        Manifest::read(text.into_bytes(), Some(OCI_MANIFEST)).unwrap()
    }

    fn selected(config: &str, layers: &[&str]) -> Result<WasmLayer, InvalidComponent> {
        select(&manifest(config, layers)).map(|(_, layer)| layer)
    }

    #[test]
    fn one_layer_is_the_component_however_it_is_called() {
        assert!(selected(CONFIG, &[LAYER]).is_ok());
        for (layer, _) in OTHER_LAYERS {
            assert!(selected("application/vnd.oci.empty.v1+json", &[layer]).is_ok());
            assert!(selected("x", &["application/vnd.wasm.policy.v1+yaml", layer]).is_ok());
        }
    }

    #[test]
    fn attack_55_what_could_be_several_things_is_none() {
        for (config, layers) in [
            (CONFIG, &[LAYER, LAYER][..]),
            (CONFIG, &[LAYER, "text/plain"]),
            ("x", &[LAYER, "application/vnd.wasm.component.v1"]),
        ] {
            assert_eq!(selected(config, layers).unwrap_err(), InvalidComponent::Several);
        }
        for layers in [&[][..], &["application/vnd.oci.image.layer.v1.tar+gzip"]] {
            assert!(matches!(selected("x", layers), Err(InvalidComponent::NoComponent(_))));
        }
        let index = Manifest::read(*br#"{"schemaVersion":2,"manifests":[]}"#, None).unwrap();
        assert_eq!(select(&index).unwrap_err(), InvalidComponent::Index);
    }

    #[test]
    fn bytes_of_another_kind_than_their_name_are_refused() {
        let layer = |name| selected("x", &[name]).unwrap();
        for name in ["application/wasm", "application/vnd.wasm.content.layer.v1+wasm"] {
            assert!(layer(name).check(COMPONENT).is_ok() && layer(name).check(MODULE).is_ok());
            assert!(layer(name).check(b"#!/bin/sh").is_err() && layer(name).check(b"").is_err());
        }
        let component = layer("application/vnd.wasm.component.v1");
        assert!(component.check(COMPONENT).is_ok());
        let error = component.check(MODULE).unwrap_err().to_string();
        assert_eq!(error, "it says that it holds a component, and it is a core module");
    }

    #[test]
    fn attack_55_a_configuration_agrees_with_its_layer() {
        let layer = selected(CONFIG, &[LAYER]).unwrap().blob;
        let config = |os: &str, digest: &str| {
            check_config(
                format!(r#"{{"architecture":"wasm","os":"{os}","layerDigests":["{digest}"]}}"#).as_bytes(),
                &layer,
            )
        };
        let (mine, other) = (layer.digest.to_string(), Digest::of(b"other").to_string());
        assert_eq!(config("wasip2", &mine), Ok(Binary::Component));
        assert_eq!(config("wasip1", &mine), Ok(Binary::Module));
        assert_eq!(config("wasip2", &other), Err(InvalidComponent::OtherLayer));
        assert!(config("linux", &mine).is_err());
        for text in ["", "{}", "[]", "\u{1}", r#"{"architecture":"amd64","os":"wasip2","layerDigests":[]}"#] {
            assert!(check_config(text.as_bytes(), &layer).is_err(), "{text}");
        }
    }
}
