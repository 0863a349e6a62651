//! What a model reads of a server: its instructions, and its tools, prompts, resources and templates of resources with all
//! that is said of each.
//!
//! Only `_meta` is left out: it is for programs (MCP, "`_meta`"), and servers put into it what differs with every answer.

use std::collections::BTreeMap;

use lockgate_runtime::message::{Json, Members};
use lockgate_runtime::{Digest, Untrusted};
use serde::{Deserialize, Serialize};

use super::canonical::canonical;

/// What a server has lists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all(serialize = "kebab-case"), try_from = "String")]
pub(crate) enum Kind {
    Tool,
    Prompt,
    Resource,
    ResourceTemplate,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::ResourceTemplate];

    /// The list that a method asks for.
    pub(crate) fn of_method(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.method() == method)
    }

    /// The method that asks for the list.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Tool => "tools/list",
            Self::Prompt => "prompts/list",
            Self::Resource => "resources/list",
            Self::ResourceTemplate => "resources/templates/list",
        }
    }

    /// The member of its result with the items.
    pub(crate) fn member(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource => "resources",
            Self::ResourceTemplate => "resourceTemplates",
        }
    }

    /// The member of an item that tells it from others.
    fn key(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::ResourceTemplate => "uriTemplate",
        }
    }

    /// As it is written in a lock, and in a configuration.
    pub(crate) fn written(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource => "resources",
            Self::ResourceTemplate => "resource-templates",
        }
    }

    /// A word for one of them.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::ResourceTemplate => "template",
        }
    }
}

/// No kind of things that servers have.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is none of tools, prompts, resources and resource-templates")]
pub(crate) struct InvalidKind(String);

/// As it is written in a lock.
impl TryFrom<String> for Kind {
    type Error = InvalidKind;

    fn try_from(text: String) -> Result<Self, InvalidKind> {
        Self::ALL.into_iter().find(|kind| kind.written() == text).ok_or(InvalidKind(text))
    }
}

/// Something that a server says, in one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// The hash of the text.
    pub(crate) digest: Digest,
    /// Canonical JSON.
    pub(crate) text: String,
}

/// All that a model reads of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surface {
    /// Whether it has said how to use it, or that it says nothing.
    introduced: bool,
    /// How to use it.
    pub(crate) instructions: Option<Said>,
    /// What it has of each kind, by name or URI.
    pub(crate) items: BTreeMap<Kind, BTreeMap<String, Said>>,
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// The items with their names or URIs.
    pub(crate) items: Vec<(String, Said)>,
    /// Where the next page begins.
    pub(crate) next: Option<Json>,
}

/// Why it cannot be told what a server says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurfaceError {
    /// A list is of another form than MCP's.
    #[error("its answer to {method} is not of MCP's form: {problem}")]
    Form {
        /// Which list.
        method: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Other instructions for other clients.
    #[error("it has other instructions for clients that can do more")]
    Instructions,
    /// Two things of one name.
    #[error("it has two different {}s named `{}`", kind.word(), Untrusted::new(name.as_str()).to_line(128))]
    Twice {
        /// What they are.
        kind: Kind,
        /// Their name.
        name: String,
    },
}

impl Said {
    /// The item without its `_meta`.
    fn of_item(mut item: Members<'_>) -> Self {
        item.remove("_meta");
        Self::of(&item.to_json())
    }

    /// Words.
    pub(crate) fn words(words: &str) -> Self {
        Self::of(&Json::of(&words))
    }

    fn of(json: &Json) -> Self {
        let text = canonical(json);
        Self { digest: Digest::of(text.as_bytes()), text }
    }
}

impl Page {
    /// Reads the result of asking for a list.
    ///
    /// # Errors
    /// Where it has another form, or a member that another reader could take for one of those that are read here.
    pub(crate) fn read(kind: Kind, result: &Json) -> Result<Self, SurfaceError> {
        let method = kind.method();
        let form = |problem: String| SurfaceError::Form { method, problem };
        let page = result.members().map_err(|error| form(error.to_string()))?;
        if let Some(name) = page.lookalike(&[kind.member(), "nextCursor"]) {
            return Err(form(format!("it has a member that looks like `{name}`")));
        }
        let items: Vec<Json> = page.read(kind.member()).map_err(|error| form(error.to_string()))?.unwrap_or_default();
        let next: Option<Json> = page.read("nextCursor").map_err(|error| form(error.to_string()))?;
        let next = next.filter(|next| next.as_str() != "null");
        let read = |item: &Json| {
            let item = item.members().map_err(|error| form(error.to_string()))?;
            if item.lookalike(&[kind.key()]).is_some() {
                return Err(form(format!("an item has a member that looks like `{}`", kind.key())));
            }
            let name: Option<String> = item.read(kind.key()).map_err(|error| form(error.to_string()))?;
            let name = name.ok_or_else(|| form(format!("an item has no `{}`", kind.key())))?;
            Ok((name, Said::of_item(item)))
        };
        Ok(Self { items: items.iter().map(read).collect::<Result<_, _>>()?, next })
    }
}

impl Surface {
    /// Adds its instructions.
    ///
    /// # Errors
    /// Where it has said something, and it was something else.
    pub(crate) fn introduce(&mut self, instructions: Option<&str>) -> Result<(), SurfaceError> {
        let said = instructions.map(Said::words);
        if self.introduced && said != self.instructions {
            return Err(SurfaceError::Instructions);
        }
        (self.introduced, self.instructions) = (true, said);
        Ok(())
    }

    /// Adds a page of a list.
    ///
    /// # Errors
    /// Where it has something else under a name that is there already.
    pub(crate) fn add(&mut self, kind: Kind, page: Page) -> Result<(), SurfaceError> {
        let known = self.items.entry(kind).or_default();
        for (name, said) in page.items {
            match known.get(&name) {
                Some(other) if *other != said => return Err(SurfaceError::Twice { kind, name }),
                _ => known.insert(name, said),
            };
        }
        Ok(())
    }

    /// Everything that is said.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Said> {
        self.instructions.iter().chain(self.items.values().flat_map(BTreeMap::values))
    }
}

/// The words of a canonical text that is a JSON string.
pub(super) fn words_of(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// What a tool, prompt or resource says it is for, if it does.
pub(super) fn description_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Item {
        description: Option<String>,
    }
    serde_json::from_str::<Item>(text).ok()?.description
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kind: Kind, text: &str) -> Result<Page, SurfaceError> {
        Page::read(kind, &Json::parse(text).unwrap())
    }

    fn digest(item: &str) -> Digest {
        page(Kind::Tool, &format!(r#"{{"tools":[{item}]}}"#)).unwrap().items[0].1.digest
    }

    #[test]
    fn all_of_an_item_counts_but_its_meta() {
        let plain = digest(r#"{"name":"a","description":"d","inputSchema":{"type":"object"}}"#);
        for same in [
            r#"{"name":"a","description":"d","inputSchema":{"type":"object"},"_meta":{"now":1}}"#,
            r#"{"inputSchema":{"type":"object"},"description":"\u0064","name":"a"}"#,
        ] {
            assert_eq!(digest(same), plain, "{same}");
        }
        for other in [
            r#"{"name":"a","description":"d ","inputSchema":{"type":"object"}}"#,
            r#"{"name":"a","description":"d","inputSchema":{"type":"object"},"title":"t"}"#,
            r#"{"name":"a","description":"d","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}"#,
            r#"{"name":"a","description":"d","inputSchema":{"type":"object","x":1}}"#,
            r#"{"name":"a","description":"d","inputSchema":{"type":"object"},"_Meta":{}}"#,
            r#"{"name":"a","description":"d","inputSchema":{"type":"object","_meta":{}}}"#,
        ] {
            assert_ne!(digest(other), plain, "{other}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "[]",
            r#"{"tools":{}}"#,
            r#"{"tools":[],"Tools":[{"name":"a"}]}"#,
            r#"{"tools":[],"NEXTCURSOR":"x"}"#,
            r#"{"tools":[{"name":1}]}"#,
            r#"{"tools":[{}]}"#,
            r#"{"tools":["a"]}"#,
            r#"{"tools":[{"name":"a","Name":"b"}]}"#,
        ] {
            assert!(page(Kind::Tool, text).is_err(), "{text}");
        }
        assert!(page(Kind::Resource, r#"{"resources":[{"name":"a"}]}"#).is_err());
    }

    #[test]
    fn pages_come_together_and_a_name_stands_for_one_thing() {
        let mut surface = Surface::default();
        let mut add = |text: &str| surface.add(Kind::Prompt, page(Kind::Prompt, text).unwrap());
        add(r#"{"prompts":[{"name":"a"}],"nextCursor":"x"}"#).unwrap();
        add(r#"{"prompts":[{"name":"b"},{"name":"a"}]}"#).unwrap();
        assert!(add(r#"{"prompts":[{"name":"a","description":"other"}]}"#).is_err());
        add("{}").unwrap();
        assert_eq!(surface.items[&Kind::Prompt].keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn instructions_are_the_same_for_everybody() {
        for (one, other) in [(Some("a"), Some("b")), (Some("a"), None), (None, Some("b"))] {
            let mut surface = Surface::default();
            surface.introduce(one).unwrap();
            surface.introduce(one).unwrap();
            assert!(surface.introduce(other).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read_or_refused_without_a_panic(text in "\\PC{0,80}") {
            if let Ok(json) = Json::parse(text) {
                for kind in Kind::ALL {
                    let _ = Page::read(kind, &json);
                }
            }
        }
    }
}
