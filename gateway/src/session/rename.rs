//! Names and URIs inside of messages, where there are several servers: a client's become its server's own on the way
//! there, and the server's become those that clients are shown on the way back. All else stays as it was.

use lockgate_runtime::message::{Json, Members, Notification, RpcError, code};
use serde::Deserialize;

use super::method::Served;
use crate::names::{Names, ServerId};

/// The parameters with the server's own name or URI in place of the one that was shown.
pub(super) fn params(served: Served, params: &Json, own: &str) -> Result<Json, RpcError> {
    let malformed = |_| RpcError::new(code::INVALID_PARAMS, "the parameters are not of MCP's form");
    let mut members = params.members().map_err(malformed)?;
    match served {
        Served::List => {}
        Served::CallTool | Served::GetPrompt => members.set("name", Json::of(&own)),
        Served::ReadResource => members.set("uri", Json::of(&own)),
        Served::Complete => {
            let reference: Option<Json> = members.read("ref").map_err(malformed)?;
            let reference = reference.unwrap_or_else(Json::empty_object);
            let mut reference = reference.members().map_err(malformed)?;
            let key = if reference.get("uri").is_some() { "uri" } else { "name" };
            reference.set(key, Json::of(&own));
            let reference = reference.to_json();
            members.set("ref", reference);
        }
    }
    Ok(members.to_json())
}

/// How one server's things are shown.
#[derive(Clone, Copy)]
pub(super) struct Shower<'a> {
    pub(super) names: &'a Names,
    pub(super) server: ServerId,
}

impl Shower<'_> {
    /// A result with the names that clients are shown. What is not of MCP's form is left as it is: it names nothing.
    pub(super) fn result(self, served: Served, result: Json) -> Json {
        if self.names.is_one() {
            return result;
        }
        let Ok(mut members) = result.members() else {
            return result;
        };
        match served {
            Served::CallTool => self.each(&mut members, "content", |block| self.block(block)),
            Served::GetPrompt => self.each(&mut members, "messages", |message| {
                let Ok(mut message) = message.members() else {
                    return message.clone();
                };
                if let Ok(Some(content)) = message.read::<Json>("content") {
                    message.set("content", self.block(&content));
                }
                message.to_json()
            }),
            Served::ReadResource => self.each(&mut members, "contents", |contents| self.with_uri(contents, "uri")),
            Served::List => self.list(&mut members),
            Served::Complete => {}
        }
        members.to_json()
    }

    /// The items of a page of a list, whichever list it is.
    pub(super) fn list(self, page: &mut Members<'_>) {
        self.each(page, "tools", |item| self.with_name(item));
        self.each(page, "prompts", |item| self.with_name(item));
        self.each(page, "resources", |item| self.with_uri(item, "uri"));
        self.each(page, "resourceTemplates", |item| self.with_uri(item, "uriTemplate"));
    }

    /// A notification with the URIs that clients are shown.
    pub(super) fn notification(self, notification: Notification) -> Notification {
        if self.names.is_one() || notification.method != "notifications/resources/updated" {
            return notification;
        }
        Notification { params: self.with_uri(&notification.params, "uri"), ..notification }
    }

    /// A block of content, which may be or hold a resource (MCP schema, `ContentBlock`).
    fn block(self, block: &Json) -> Json {
        let Ok(mut members) = block.members() else {
            return block.clone();
        };
        match members.read::<String>("type").ok().flatten().as_deref() {
            Some("resource_link") => self.with_uri(block, "uri"),
            Some("resource") => match members.read::<Json>("resource") {
                Ok(Some(resource)) => {
                    members.set("resource", self.with_uri(&resource, "uri"));
                    members.to_json()
                }
                _ => block.clone(),
            },
            _ => block.clone(),
        }
    }

    fn with_name(self, item: &Json) -> Json {
        self.with(item, "name", |own| self.names.show_name(self.server, own))
    }

    fn with_uri(self, item: &Json, key: &'static str) -> Json {
        self.with(item, key, |own| self.names.show_uri(self.server, own))
    }

    fn with(self, item: &Json, key: &'static str, show: impl FnOnce(&str) -> String) -> Json {
        let Ok(mut members) = item.members() else {
            return item.clone();
        };
        let Ok(Some(own)) = members.read::<String>(key) else {
            return item.clone();
        };
        members.set(key, Json::of(&show(&own)));
        members.to_json()
    }

    fn each(self, members: &mut Members<'_>, key: &'static str, change: impl Fn(&Json) -> Json) {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Items(Vec<Json>);
        if let Ok(Some(Items(items))) = members.read::<Items>(key) {
            members.set(key, Json::of(&Vec::from_iter(items.iter().map(change))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Shown;

    fn names() -> Names {
        let servers = [("fs", "fs"), ("time", "time")];
        Names::of_many(servers.map(|(name, prefix)| (name.to_owned(), prefix.to_owned())).into_iter())
    }

    fn shown(served: Served, result: &str) -> String {
        let names = names();
        let server = names.resolve(Shown::Name("fs__x")).unwrap().server;
        Shower { names: &names, server }.result(served, Json::parse(result).unwrap()).as_str().to_owned()
    }

    #[test]
    fn lists_show_names_and_uris_and_keep_the_rest() {
        assert_eq!(
            shown(Served::List, r#"{"tools":[{"name":"read","x":1.0},{"y":2},3],"vendor":true}"#),
            r#"{"tools":[{"name":"fs__read","x":1.0},{"y":2},3],"vendor":true}"#
        );
        assert_eq!(
            shown(Served::List, r#"{"resources":[{"uri":"a:b","name":"n"}]}"#),
            r#"{"resources":[{"uri":"lockgate://fs/a%3Ab","name":"n"}]}"#
        );
        assert_eq!(
            shown(Served::List, r#"{"resourceTemplates":[{"uriTemplate":"a:{id}"}]}"#),
            r#"{"resourceTemplates":[{"uriTemplate":"lockgate://fs/a%3A{id}"}]}"#
        );
    }

    #[test]
    fn resources_inside_of_results_are_shown_as_well() {
        let result = r#"{"content":[{"type":"text","text":"a:b"},{"type":"resource_link","uri":"a:b"},{"type":"resource","resource":{"uri":"a:b","text":"t"}}]}"#;
        let expected = r#"{"content":[{"type":"text","text":"a:b"},{"type":"resource_link","uri":"lockgate://fs/a%3Ab"},{"type":"resource","resource":{"uri":"lockgate://fs/a%3Ab","text":"t"}}]}"#;
        assert_eq!(shown(Served::CallTool, result), expected);
        assert_eq!(
            shown(
                Served::GetPrompt,
                r#"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"a:b"}}]}"#
            ),
            r#"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"lockgate://fs/a%3Ab"}}]}"#
        );
        assert_eq!(
            shown(Served::ReadResource, r#"{"contents":[{"uri":"a:b","blob":""}]}"#),
            r#"{"contents":[{"uri":"lockgate://fs/a%3Ab","blob":""}]}"#
        );
    }

    #[test]
    fn a_request_carries_the_servers_own_name() {
        let changed =
            |served, text: &str| params(served, &Json::parse(text).unwrap(), "own").unwrap().as_str().to_owned();
        assert_eq!(
            changed(Served::CallTool, r#"{"name":"fs__own","arguments":{"name":"fs__own"}}"#),
            r#"{"name":"own","arguments":{"name":"fs__own"}}"#
        );
        assert_eq!(changed(Served::ReadResource, r#"{"uri":"lockgate://fs/own"}"#), r#"{"uri":"own"}"#);
        assert_eq!(
            changed(Served::Complete, r#"{"ref":{"type":"ref/prompt","name":"fs__own"},"argument":{}}"#),
            r#"{"ref":{"type":"ref/prompt","name":"own"},"argument":{}}"#
        );
    }

    proptest::proptest! {
        #[test]
        fn no_result_makes_it_panic(text in "\\PC{0,80}") {
            if let Ok(json) = Json::parse(text) {
                let names = names();
                for served in [Served::List, Served::CallTool, Served::GetPrompt, Served::ReadResource, Served::Complete] {
                    let shower = Shower { names: &names, server: ServerId::FIRST };
                    let _ = shower.result(served, json.clone());
                    let _ = params(served, &json, "x");
                }
            }
        }
    }
}
