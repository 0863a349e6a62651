//! Adds to lists of manifests, and keeps all else in them as it was.

use serde::Deserialize;

use super::Digest;
use crate::message::Json;

/// The annotation that holds a tag in a folder (OCI Image Specification, "Pre-Defined Annotation Keys").
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A list without entries.
pub(super) const EMPTY_INDEX: &[u8] =
    br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// The list with this entry, under this tag, which no other has from then on. An entry without a tag is there
/// once, and not beside the same with one. Nothing where it is no list.
pub(super) fn with_entry(list: &[u8], entry: Json, tag: Option<&str>) -> Option<Json> {
    let list = Json::parse(std::str::from_utf8(list).ok()?).ok()?;
    let mut members = list.members().ok()?;
    let mut entries: Vec<Json> = members.read("manifests").ok()??;
    let (digest, entry) = (digest_of(&entry), with_tag(&entry, tag)?);
    let is_same = |known: &Json| digest_of(known) == digest;
    if tag.is_none() && entries.iter().any(|known| is_same(known) && tag_of(known).is_some()) {
        return Some(list);
    }
    entries.retain(|known| match (tag, tag_of(known)) {
        (Some(tag), Some(known)) => known != tag,
        (None, Some(_)) => true,
        (_, None) => !is_same(known),
    });
    entries.push(entry);
    members.set("manifests", Json::of(&entries));
    Some(members.to_json())
}

fn with_tag(entry: &Json, tag: Option<&str>) -> Option<Json> {
    let Some(tag) = tag else { return Some(entry.clone()) };
    let mut members = entry.members().ok()?;
    let annotations: Json = members.read("annotations").ok()?.unwrap_or_else(Json::empty_object);
    let mut annotations = annotations.members().ok()?;
    annotations.set(REF_NAME, Json::of(&tag));
    members.set("annotations", annotations.to_json());
    Some(members.to_json())
}

fn digest_of(entry: &Json) -> Option<Digest> {
    #[derive(Deserialize)]
    struct Entry {
        digest: Digest,
    }
    entry.read::<Entry>().ok().map(|entry| entry.digest)
}

fn tag_of(entry: &Json) -> Option<String> {
    let annotations: Json = entry.members().ok()?.read("annotations").ok()??;
    annotations.members().ok()?.read(REF_NAME).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Json {
        Json::parse(format!(r#"{{"mediaType":"a/b","digest":"{}","size":1}}"#, Digest::of(text.as_bytes()))).unwrap()
    }

    #[test]
    fn an_entry_is_added_once_and_the_rest_stays_as_it_was() {
        let old = br#"{"kept":1.50,"manifests":[],"other":{"b":1,"a":2}}"#;
        let one = with_entry(old, entry("one"), None).unwrap();
        let two = with_entry(one.as_str().as_bytes(), entry("two"), Some("v1")).unwrap();
        let again = with_entry(two.as_str().as_bytes(), entry("one"), None).unwrap();
        let moved = with_entry(again.as_str().as_bytes(), entry("three"), Some("v1")).unwrap();
        let text = moved.as_str();
        assert!(text.starts_with(r#"{"kept":1.50,"#) && text.ends_with(r#""other":{"b":1,"a":2}}"#), "{text}");
        let count = |part: &str| text.matches(&Digest::of(part.as_bytes()).hex()).count();
        assert_eq!((count("one"), count("two"), count("three")), (1, 0, 1));
        assert_eq!(text.matches(REF_NAME).count(), 1);
        for none in [&b"[]"[..], b"{}", b"{", br#"{"manifests":1}"#] {
            assert!(with_entry(none, entry("one"), None).is_none());
        }
    }

    #[test]
    fn an_entry_gets_its_tag_later_and_does_not_lose_it() {
        let untagged = with_entry(EMPTY_INDEX, entry("one"), None).unwrap();
        let tagged = with_entry(untagged.as_str().as_bytes(), entry("one"), Some("v1")).unwrap();
        let both = with_entry(tagged.as_str().as_bytes(), entry("one"), Some("v2")).unwrap();
        let again = with_entry(both.as_str().as_bytes(), entry("one"), None).unwrap();
        let count = |list: &Json| list.as_str().matches(&Digest::of(b"one").hex()).count();
        assert_eq!([&untagged, &tagged, &both, &again].map(count), [1, 1, 2, 2]);
        assert_eq!((tagged.as_str().matches(REF_NAME).count(), again.as_str()), (1, both.as_str()));
    }
}
