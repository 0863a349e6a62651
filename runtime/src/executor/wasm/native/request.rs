//! One request, served by the export it belongs to.

use wasmtime::Store;
use wasmtime::component::{Instance, Resource};

use super::super::bindings::exports::lockgate::mcp::{completions, prompts, resources, tools};
use super::super::bindings::lockgate::mcp::types::InputAnswer;
use super::super::client::CallContext;
use super::super::host::Host;
use super::params::{Answered, CallTool, Complete, GetPrompt, Page, ReadResource, Reference, read};
use super::results::{self, Asked};
use super::seal::Purpose;
use super::{Failure, Inner};
use crate::message::{Json, Request, RpcError, code};
use crate::principal::Principal;

/// Serves `request` in `instance`.
pub(super) async fn serve(
    server: &Inner,
    principal: &Principal,
    request: &Request,
    store: &mut Store<Host>,
    instance: &Instance,
) -> Result<Json, Failure> {
    let mut visit = Visit { server, principal, request, store, instance };
    match request.method.as_str() {
        "tools/call" => visit.call_tool().await,
        "tools/list" => visit.list_tools().await,
        "resources/list" => visit.list_resources().await,
        "resources/templates/list" => visit.list_templates().await,
        "resources/read" => visit.read_resource().await,
        "prompts/list" => visit.list_prompts().await,
        "prompts/get" => visit.get_prompt().await,
        "completion/complete" => visit.complete().await,
        _ => Err(visit.unserved().into()),
    }
}

/// One request and the instance that serves it.
struct Visit<'a> {
    server: &'a Inner,
    principal: &'a Principal,
    request: &'a Request,
    store: &'a mut Store<Host>,
    instance: &'a Instance,
}

impl<'a> Visit<'a> {
    async fn list_tools(&mut self) -> Result<Json, Failure> {
        let (tools, Page { cursor }, call) = (self.tools()?, read(self.request)?, self.context()?);
        let page = tools.call_list_tools(&mut *self.store, call, cursor.as_deref()).await?;
        results::tool_page(page.map_err(results::rpc_error)?)
    }

    async fn call_tool(&mut self) -> Result<Json, Failure> {
        let (tools, CallTool { name, arguments }) = (self.tools()?, read(self.request)?);
        let arguments = arguments.unwrap_or_else(|| Json::of(&serde_json::Map::new()));
        if !arguments.is_object() {
            return Err(RpcError::new(code::INVALID_PARAMS, "the arguments of a tool are a JSON object").into());
        }
        let canonical = || arguments.canonical();
        let purpose = self.purpose(&name, &canonical);
        let (answer, call) = (self.answer(&purpose)?, self.context()?);
        let text = arguments.as_str().to_owned();
        let outcome = tools.call_call_tool(&mut *self.store, call, &name, &text, answer.as_ref()).await?;
        match outcome.map_err(results::rpc_error)? {
            tools::ToolOutcome::Complete(output) => results::tool_output(output),
            tools::ToolOutcome::InputRequired(asked) => self.ask(&purpose, results::asked(asked)?),
        }
    }

    async fn list_resources(&mut self) -> Result<Json, Failure> {
        let (resources, Page { cursor }, call) = (self.resources()?, read(self.request)?, self.context()?);
        let page = resources.call_list_resources(&mut *self.store, call, cursor.as_deref()).await?;
        results::resource_page(page.map_err(results::rpc_error)?)
    }

    async fn list_templates(&mut self) -> Result<Json, Failure> {
        let (resources, Page { cursor }, call) = (self.resources()?, read(self.request)?, self.context()?);
        let page = resources.call_list_templates(&mut *self.store, call, cursor.as_deref()).await?;
        results::template_page(page.map_err(results::rpc_error)?)
    }

    async fn read_resource(&mut self) -> Result<Json, Failure> {
        let (resources, ReadResource { uri }) = (self.resources()?, read(self.request)?);
        let purpose = self.purpose(&uri, &String::new);
        let (answer, call) = (self.answer(&purpose)?, self.context()?);
        let outcome = resources.call_read_resource(&mut *self.store, call, &uri, answer.as_ref()).await?;
        match outcome.map_err(results::rpc_error)? {
            resources::ResourceOutcome::Complete(output) => results::resource_output(output),
            resources::ResourceOutcome::InputRequired(asked) => self.ask(&purpose, results::asked(asked)?),
        }
    }

    async fn list_prompts(&mut self) -> Result<Json, Failure> {
        let (prompts, Page { cursor }, call) = (self.prompts()?, read(self.request)?, self.context()?);
        let page = prompts.call_list_prompts(&mut *self.store, call, cursor.as_deref()).await?;
        results::prompt_page(page.map_err(results::rpc_error)?)
    }

    async fn get_prompt(&mut self) -> Result<Json, Failure> {
        let (prompts, GetPrompt { name, arguments }) = (self.prompts()?, read(self.request)?);
        let canonical = Json::of(&arguments);
        let canonical = || canonical.as_str().to_owned();
        let purpose = self.purpose(&name, &canonical);
        let (answer, call) = (self.answer(&purpose)?, self.context()?);
        let arguments: Vec<(String, String)> = arguments.into_iter().collect();
        let outcome = prompts.call_get_prompt(&mut *self.store, call, &name, &arguments, answer.as_ref()).await?;
        match outcome.map_err(results::rpc_error)? {
            prompts::PromptOutcome::Complete(output) => results::prompt_output(output),
            prompts::PromptOutcome::InputRequired(asked) => self.ask(&purpose, results::asked(asked)?),
        }
    }

    async fn complete(&mut self) -> Result<Json, Failure> {
        let (completions, Complete { reference, argument, context }) = (self.completions()?, read(self.request)?);
        let target = match reference {
            Reference::Prompt { name } => completions::Target::Prompt(name),
            Reference::Resource { uri } => completions::Target::Resource(uri),
        };
        let known: Vec<(String, String)> = context.arguments.into_iter().collect();
        let call = self.context()?;
        let suggestions =
            completions.call_complete(&mut *self.store, call, &target, &argument.name, &argument.value, &known).await?;
        results::suggestions(suggestions.map_err(results::rpc_error)?)
    }

    /// Wraps a question of the guest, its state sealed.
    fn ask(&self, purpose: &Purpose<'_>, asked: Asked) -> Result<Json, Failure> {
        let state = asked.state.as_deref().map(|state| self.server.sealer.seal(purpose, state));
        Ok(results::input_required(asked, state))
    }

    /// The client's answer to an earlier question of this very request, its seal checked.
    fn answer(&self, purpose: &Purpose<'_>) -> Result<Option<InputAnswer>, Failure> {
        let Answered { responses, state } = read(self.request)?;
        if responses.is_none() && state.is_none() {
            return Ok(None);
        }
        let open = |sealed: String| {
            let opened = self.server.sealer.open(purpose, &sealed);
            opened.map_err(|error| RpcError::new(code::INVALID_PARAMS, error.to_string()))
        };
        let state = state.map(open).transpose()?;
        let responses = responses.unwrap_or_default().into_iter();
        Ok(Some(InputAnswer {
            responses: responses.map(|(key, value)| (key, value.as_str().to_owned())).collect(),
            state,
        }))
    }

    fn purpose<'p>(&self, target: &'p str, arguments: &'p (dyn Fn() -> String + Sync)) -> Purpose<'p>
    where
        'a: 'p,
    {
        Purpose { principal: self.principal, method: &self.request.method, target, arguments }
    }

    /// The guest's handle on this request.
    fn context(&mut self) -> Result<Resource<CallContext>, Failure> {
        let call = self.store.data_mut().table.push(CallContext);
        Ok(call.map_err(wasmtime::Error::from)?)
    }

    fn tools(&mut self) -> Result<tools::Guest, Failure> {
        match &self.server.parts.tools {
            Some(indices) => Ok(indices.load(&mut *self.store, self.instance)?),
            None => Err(self.unserved().into()),
        }
    }

    fn resources(&mut self) -> Result<resources::Guest, Failure> {
        match &self.server.parts.resources {
            Some(indices) => Ok(indices.load(&mut *self.store, self.instance)?),
            None => Err(self.unserved().into()),
        }
    }

    fn prompts(&mut self) -> Result<prompts::Guest, Failure> {
        match &self.server.parts.prompts {
            Some(indices) => Ok(indices.load(&mut *self.store, self.instance)?),
            None => Err(self.unserved().into()),
        }
    }

    fn completions(&mut self) -> Result<completions::Guest, Failure> {
        match &self.server.parts.completions {
            Some(indices) => Ok(indices.load(&mut *self.store, self.instance)?),
            None => Err(self.unserved().into()),
        }
    }

    fn unserved(&self) -> RpcError {
        let method = crate::Untrusted::new(self.request.method.as_str()).to_line(80);
        RpcError::new(code::METHOD_NOT_FOUND, format!("this server does not serve {method}"))
    }
}
