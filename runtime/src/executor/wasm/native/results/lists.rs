//! Pages of the four lists.

use super::super::super::bindings::exports::lockgate::mcp::{prompts, resources, tools};
use super::content::{annotations, icons, resource_item};
use super::{Failure, complete, parse_object, with_cache, with_extra};
use crate::message::{Json, ObjectWriter};

/// MCP schema, `ListToolsResult`.
pub(in super::super) fn tool_page(page: tools::ToolPage) -> Result<Json, Failure> {
    let tools::ToolPage { tools, next_cursor, cache, meta } = page;
    let tools = tools.into_iter().map(tool).collect::<Result<Vec<Json>, Failure>>()?;
    let result = complete().with("tools", tools).maybe("nextCursor", next_cursor);
    Ok(with_cache(result, cache).maybe("_meta", parse_object("_meta", meta)?).finish())
}

fn tool(tool: tools::Tool) -> Result<Json, Failure> {
    let tools::Tool {
        name,
        title,
        description,
        input_schema,
        output_schema,
        annotations: hints,
        icons: pictures,
        meta,
        extra,
    } = tool;
    let object = ObjectWriter::new()
        .with("name", name)
        .maybe("title", title)
        .maybe("description", description)
        .maybe("inputSchema", parse_object("input schema", Some(input_schema))?)
        .maybe("outputSchema", parse_object("output schema", output_schema)?)
        .maybe("annotations", hints.map(tool_annotations))
        .maybe("icons", icons(pictures))
        .maybe("_meta", parse_object("_meta", meta)?);
    with_extra(object, extra)
}

fn tool_annotations(hints: tools::ToolAnnotations) -> Json {
    let tools::ToolAnnotations { title, read_only, destructive, idempotent, open_world } = hints;
    ObjectWriter::new()
        .maybe("title", title)
        .maybe("readOnlyHint", read_only)
        .maybe("destructiveHint", destructive)
        .maybe("idempotentHint", idempotent)
        .maybe("openWorldHint", open_world)
        .finish()
}

/// MCP schema, `ListResourcesResult`.
pub(in super::super) fn resource_page(page: resources::ResourcePage) -> Result<Json, Failure> {
    let resources::ResourcePage { resources, next_cursor, cache, meta } = page;
    let item = |item| resource_item(ObjectWriter::new(), item);
    let resources = resources.into_iter().map(item).collect::<Result<Vec<Json>, Failure>>()?;
    let result = complete().with("resources", resources).maybe("nextCursor", next_cursor);
    Ok(with_cache(result, cache).maybe("_meta", parse_object("_meta", meta)?).finish())
}

/// MCP schema, `ListResourceTemplatesResult`.
pub(in super::super) fn template_page(page: resources::TemplatePage) -> Result<Json, Failure> {
    let resources::TemplatePage { templates, next_cursor, cache, meta } = page;
    let templates = templates.into_iter().map(template).collect::<Result<Vec<Json>, Failure>>()?;
    let result = complete().with("resourceTemplates", templates).maybe("nextCursor", next_cursor);
    Ok(with_cache(result, cache).maybe("_meta", parse_object("_meta", meta)?).finish())
}

fn template(template: resources::ResourceTemplate) -> Result<Json, Failure> {
    let resources::ResourceTemplate {
        uri_template,
        name,
        title,
        description,
        mime_type,
        icons: pictures,
        annotations: hints,
        meta,
        extra,
    } = template;
    let object = ObjectWriter::new()
        .with("uriTemplate", uri_template)
        .with("name", name)
        .maybe("title", title)
        .maybe("description", description)
        .maybe("mimeType", mime_type)
        .maybe("icons", icons(pictures))
        .maybe("annotations", annotations(hints))
        .maybe("_meta", parse_object("_meta", meta)?);
    with_extra(object, extra)
}

/// MCP schema, `ListPromptsResult`.
pub(in super::super) fn prompt_page(page: prompts::PromptPage) -> Result<Json, Failure> {
    let prompts::PromptPage { prompts, next_cursor, cache, meta } = page;
    let prompts = prompts.into_iter().map(prompt).collect::<Result<Vec<Json>, Failure>>()?;
    let result = complete().with("prompts", prompts).maybe("nextCursor", next_cursor);
    Ok(with_cache(result, cache).maybe("_meta", parse_object("_meta", meta)?).finish())
}

fn prompt(prompt: prompts::Prompt) -> Result<Json, Failure> {
    let prompts::Prompt { name, title, description, arguments, icons: pictures, meta, extra } = prompt;
    let argument = |argument| {
        let prompts::PromptArgument { name, title, description, required } = argument;
        let object = ObjectWriter::new().with("name", name).maybe("title", title);
        object.maybe("description", description).maybe("required", required).finish()
    };
    let arguments: Vec<Json> = arguments.into_iter().map(argument).collect();
    let object = ObjectWriter::new()
        .with("name", name)
        .maybe("title", title)
        .maybe("description", description)
        .maybe("arguments", if arguments.is_empty() { None } else { Some(arguments) })
        .maybe("icons", icons(pictures))
        .maybe("_meta", parse_object("_meta", meta)?);
    with_extra(object, extra)
}
