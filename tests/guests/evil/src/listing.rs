//! How tools are listed, well or as `EVIL` says.

use std::env;

use crate::{
    bindings::exports::lockgate::mcp::tools::{Tool, ToolPage},
    deeds,
    exhaust::spin,
};

/// A page of the list, from `cursor` on.
pub(crate) fn page(cursor: Option<&str>) -> ToolPage {
    match env::var("EVIL").as_deref() {
        Ok("list-loop") => spin(),
        Ok("list-trap") => core::arch::wasm32::unreachable(),
        Ok("list-bad-json") => only(Tool { input_schema: "{\"type\":".to_owned(), ..some_tool() }),
        Ok("list-bad-schema") => only(Tool { input_schema: "{\"type\":\"string\"}".to_owned(), ..some_tool() }),
        Ok("list-bad-names") => last(["", "a b", "slash/ed", "ok", "ok", &"x".repeat(129)].map(named).into()),
        Ok("list-flood") => last(vec![described(&"x".repeat(1 << 10)); 100_000]),
        Ok("many-pages") => two_from(cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0)),
        Ok("page-loop") => ToolPage { next_cursor: Some("again".to_owned()), ..only(some_tool()) },
        _ => last(deeds().map(|deed| deed.listed()).collect()),
    }
}

fn two_from(start: usize) -> ToolPage {
    let tools = deeds().skip(start).take(2).map(|deed| deed.listed()).collect();
    let next = start + 2;
    ToolPage { next_cursor: (next < deeds().count()).then(|| next.to_string()), ..last(tools) }
}

fn some_tool() -> Tool {
    named("ok")
}

fn named(name: &str) -> Tool {
    let name = name.to_owned();
    Tool { name, ..described("Returns \"ok\"") }
}

fn described(description: &str) -> Tool {
    Tool {
        name: "ok".to_owned(),
        title: None,
        description: Some(description.to_owned()),
        input_schema: "{\"type\":\"object\"}".to_owned(),
        output_schema: None,
        annotations: None,
        icons: Vec::new(),
        meta: None,
        extra: None,
    }
}

fn only(tool: Tool) -> ToolPage {
    last(vec![tool])
}

fn last(tools: Vec<Tool>) -> ToolPage {
    ToolPage { tools, next_cursor: None, cache: None, meta: None }
}
