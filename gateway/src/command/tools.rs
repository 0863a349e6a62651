//! `lockgate tools`: what a server offers.

use clap::Args;
use lockgate_runtime::message::{Json, RpcError};
use lockgate_runtime::{Principal, Untrusted};
use serde::{Deserialize, Serialize};

use super::selection::Selection;
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::report::Detail;
use crate::session::Direct;

/// The most pages of tools that are asked for: a server could go on for ever.
const MAX_PAGES: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct ToolsArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    trusting: Trusting,
}

pub(super) fn execute(common: &Common, args: ToolsArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let spec = args.selection.spec(&config)?;
    let runtime = common.runtime(Detail::Brief, &config, &args.trusting)?;
    let tools = block_on(async {
        let plan = runtime.resolve(spec).await?;
        let server = runtime.start(&plan).await?;
        let direct = Direct::to(server.open(Principal::local())).await.map_err(failed)?;
        list(&direct).await
    })?;
    match common.format {
        Format::Json => {
            #[derive(Serialize)]
            struct Document {
                tools: Vec<Json>,
            }
            output::json(&Document { tools: tools.into_iter().map(|tool| tool.whole).collect() })
        }
        Format::Text => {
            for tool in tools {
                let description = tool.description.as_ref().map(|text| text.to_line(200)).unwrap_or_default();
                output::text_line(&format!("{:<28} {description}", tool.name.to_line(128)))?;
            }
            Ok(())
        }
    }
}

/// A tool as a server describes it.
pub(super) struct ListedTool {
    pub(super) name: Untrusted,
    pub(super) description: Option<Untrusted>,
    pub(super) input_schema: Json,
    /// The whole description, as the server gave it.
    whole: Json,
}

/// All tools of a server, over all pages.
pub(super) async fn list(server: &Direct) -> Result<Vec<ListedTool>, CommandError> {
    let mut tools = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let page = page(server, cursor.as_deref()).await?;
        for whole in page.tools {
            tools.push(listed(whole)?);
        }
        match page.next_cursor {
            None => return Ok(tools),
            Some(next) if cursor.as_ref() == Some(&next) => break,
            Some(next) => cursor = Some(next),
        }
    }
    Err(CommandError::new(Kind::Failed, "the server's list of tools has no end"))
}

/// What a server answered instead.
pub(super) fn failed(error: RpcError) -> CommandError {
    CommandError::new(Kind::Failed, error.message)
}

#[derive(Deserialize)]
struct Page {
    tools: Vec<Json>,
    #[serde(rename = "nextCursor")]
    next_cursor: Option<String>,
}

async fn page(server: &Direct, cursor: Option<&str>) -> Result<Page, CommandError> {
    #[derive(Serialize)]
    struct Params<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<&'a str>,
    }
    let result = server.list_tools(Json::of(&Params { cursor })).await.map_err(failed)?;
    result
        .read()
        .map_err(|error| CommandError::new(Kind::Failed, format!("the server's list of tools is not MCP: {error}")))
}

fn listed(whole: Json) -> Result<ListedTool, CommandError> {
    #[derive(Deserialize)]
    struct Parts {
        name: String,
        description: Option<String>,
        #[serde(rename = "inputSchema")]
        input_schema: Json,
    }
    let parts: Parts = whole
        .read()
        .map_err(|error| CommandError::new(Kind::Failed, format!("the description of a tool is not MCP: {error}")))?;
    let Parts { name, description, input_schema } = parts;
    Ok(ListedTool { name: Untrusted::new(name), description: description.map(Untrusted::new), input_schema, whole })
}
