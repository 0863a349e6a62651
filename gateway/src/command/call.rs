//! `lockgate call`: one call of one tool.

use std::sync::Arc;

use clap::Args;
use lockgate_runtime::message::{Answer, Json, Notification};
use lockgate_runtime::{Principal, Untrusted};
use serde::{Deserialize, Serialize};

use super::coerce::arguments;
use super::locking::{Locking, Starter};
use super::selection::Selection;
use super::tools::{self, ListedTool};
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::report::{self, Detail};
use crate::servers::Started;
use crate::session::Direct;

#[derive(Debug, Args)]
pub(super) struct CallArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    locking: Locking,
    #[command(flatten)]
    trusting: Trusting,
    /// The tool to call
    #[arg(value_name = "TOOL")]
    tool: String,
    /// Its arguments; values are read as the types that the tool's schema names
    #[arg(value_name = "KEY=VALUE")]
    pairs: Vec<String>,
    /// Its arguments as a JSON object; KEY=VALUE are added to it
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
}

pub(super) fn execute(common: &Common, args: CallArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let chosen = args.selection.server(&config)?;
    let runtime = Arc::new(common.runtime(Detail::Brief, &config, &args.trusting)?);
    let starter =
        Starter::open(runtime, common, &config, &args.locking, &args.trusting, std::slice::from_ref(&chosen))?;
    let result = block_on(async {
        let Started { server, watch, .. } = starter.start(chosen).await?;
        let server = Direct::to(server.open(Principal::local()), watch).await.map_err(tools::failed)?;
        let tool = find(&server, &args.tool).await?;
        let arguments = arguments(&tool.input_schema, args.args.as_deref(), &args.pairs)?;
        call(&server, &args.tool, arguments).await
    })?;
    print(common.format, &result)
}

async fn find(server: &Direct, name: &str) -> Result<ListedTool, CommandError> {
    let mut tools = tools::list(server).await?;
    if let Some(position) = tools.iter().position(|tool| tool.name.expose() == name) {
        return Ok(tools.swap_remove(position));
    }
    let names: Vec<String> = tools.iter().map(|tool| tool.name.to_line(128)).collect();
    let hint = if names.is_empty() { "it has no tools".to_owned() } else { format!("it has: {}", names.join(", ")) };
    Err(CommandError::new(Kind::Failed, format!("the server has no tool named {name}")).hint(hint))
}

async fn call(server: &Direct, name: &str, arguments: Json) -> Result<Json, CommandError> {
    #[derive(Serialize)]
    struct Params<'a> {
        name: &'a str,
        arguments: Json,
    }
    let params = Json::of(&Params { name, arguments });
    let mut call = server.call_tool(params).map_err(tools::failed)?;
    while let Some(answer) = call.next().await {
        match answer {
            Answer::Notification(notification) => show(&notification),
            Answer::Done(outcome) => return server.called(outcome).map_err(tools::failed),
        }
    }
    Err(CommandError::new(Kind::Failed, "the server ended without an answer"))
}

/// Shows what the server says on the way.
fn show(notification: &Notification) {
    let params = Untrusted::new(notification.params.as_str());
    report::write_line(&format!("{} {}", notification.method, params.to_line(1000)));
}

/// MCP schema, `CallToolResult`, as far as it is shown.
#[derive(Deserialize)]
struct ToolResult {
    #[serde(rename = "resultType", default)]
    result_type: String,
    #[serde(default)]
    content: Vec<Json>,
    #[serde(rename = "isError", default)]
    is_error: bool,
}

fn print(format: Format, result: &Json) -> Result<(), CommandError> {
    let read: ToolResult = result
        .read()
        .map_err(|error| CommandError::new(Kind::Failed, format!("the tool's answer is not MCP: {error}")))?;
    if read.result_type == "input_required" {
        let message = "the tool asks for input, which a single call cannot give";
        return Err(CommandError::new(Kind::Failed, message).hint("call it from an MCP client, through `lockgate run`"));
    }
    match format {
        Format::Json => output::json(result)?,
        Format::Text => read.content.iter().try_for_each(print_block)?,
    }
    if read.is_error { Err(CommandError::new(Kind::ToolError, "the tool answered with an error")) } else { Ok(()) }
}

fn print_block(block: &Json) -> Result<(), CommandError> {
    #[derive(Deserialize)]
    struct Block {
        #[serde(rename = "type")]
        kind: String,
        text: Option<String>,
        #[serde(rename = "mimeType")]
        mime_type: Option<String>,
        uri: Option<String>,
    }
    match block.read::<Block>() {
        Ok(Block { text: Some(text), .. }) => output::words(&Untrusted::new(text)),
        Ok(Block { kind, mime_type, uri, .. }) => {
            let details = [Some(kind), mime_type, uri];
            let details: Vec<String> = details.into_iter().flatten().collect();
            output::words(&Untrusted::new(format!("[{}; --format json shows it]", details.join(" "))))
        }
        Err(_) => output::words(&Untrusted::new(block.as_str())),
    }
}
