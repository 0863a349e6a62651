//! `lockgate tools`: what a server offers.

use std::fmt::Display;
use std::sync::Arc;

use clap::Args;
use lockgate_runtime::message::{Json, RpcError};
use lockgate_runtime::{Principal, Untrusted};
use serde::{Deserialize, Serialize};

use super::locking::{Locking, Starter};
use super::selection::Selection;
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::lock::{Kind as List, is_taken_away};
use crate::report::Detail;
use crate::servers::Started;
use crate::session::{Direct, SurveyError};

#[derive(Debug, Args)]
pub(super) struct ToolsArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    locking: Locking,
    #[command(flatten)]
    trusting: Trusting,
}

pub(super) fn execute(common: &Common, args: ToolsArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let chosen = args.selection.server(&config)?;
    let runtime = Arc::new(common.runtime(Detail::Brief, &config, &args.trusting)?);
    let starter =
        Starter::open(runtime, common, &config, &args.locking, &args.trusting, std::slice::from_ref(&chosen))?;
    let tools = block_on(async {
        let Started { server, watch, .. } = starter.start(chosen).await?;
        let direct = Direct::to(server.open(Principal::local()), watch).await.map_err(failed)?;
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
    #[derive(Deserialize)]
    struct Page {
        tools: Vec<Json>,
    }
    let not_mcp = |error: &dyn Display| {
        CommandError::new(Kind::Failed, format!("the server's list of tools is not MCP: {error}"))
    };
    let pages = server.list(List::Tool).await.map_err(|error| match error {
        SurveyError::Rpc(error) => failed(error),
        SurveyError::Surface(error) => not_mcp(&error),
    })?;
    let mut tools = Vec::new();
    for (page, _) in pages {
        let page: Page = page.read().map_err(|error| not_mcp(&error))?;
        for whole in page.tools {
            tools.push(listed(whole)?);
        }
    }
    Ok(tools)
}

/// What a server answered instead.
pub(super) fn failed(error: RpcError) -> CommandError {
    let kind = if is_taken_away(&error) { Kind::Refused } else { Kind::Failed };
    CommandError::new(kind, error.message)
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
