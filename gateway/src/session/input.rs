//! A server's result that is not one yet: it wants something from the client first (MCP, "Multi Round-Trip Requests").

mod question;

use lockgate_runtime::message::{Json, Members, RpcError, code};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(super) use self::question::Question;

/// The most questions of one result.
const MAX_QUESTIONS: usize = 64;

/// How a server answered.
pub(super) enum Answered<'a> {
    /// With what it was asked for.
    Complete(Members<'a>),
    /// With questions.
    InputRequired(InputRequired),
    /// With something that an extension of MCP knows.
    Otherwise,
}

impl<'a> Answered<'a> {
    /// Reads which kind a result is.
    pub(super) fn read(result: &'a Json) -> Result<Self, RpcError> {
        let malformed =
            || RpcError::new(code::INTERNAL_ERROR, "the server answered with a result that is not of MCP's form");
        let members = result.members().map_err(|_| malformed())?;
        // The client must not see a question where none is seen here.
        if members.lookalike(&["resultType", "inputRequests", "requestState"]).is_some() {
            return Err(malformed());
        }
        match members.read::<String>("resultType").map_err(|_| malformed())?.as_deref() {
            None | Some("complete") => Ok(Self::Complete(members)),
            Some("input_required") => InputRequired::read(&members).map(Self::InputRequired),
            Some(_) => Ok(Self::Otherwise),
        }
    }
}

/// What a server wants before it goes on (MCP schema, `InputRequiredResult`).
#[derive(Debug)]
pub(super) struct InputRequired {
    /// The questions, each under the key its answer is given back with.
    pub(super) questions: Vec<(String, Question)>,
    /// What is given back unchanged, as JSON.
    state: Option<Json>,
}

impl InputRequired {
    fn read(result: &Members<'_>) -> Result<Self, RpcError> {
        let requests: Members<'_> =
            result.read("inputRequests").map_err(|_| malformed("`inputRequests`"))?.unwrap_or_default();
        let state: Option<Json> = result.read("requestState").map_err(|_| malformed("`requestState`"))?;
        if state.as_ref().is_some_and(|state| !state.as_str().starts_with('"')) {
            return Err(malformed("`requestState`"));
        }
        if requests.iter().next().is_none() && state.is_none() {
            return Err(malformed("an `input_required` without `inputRequests` and `requestState`"));
        }
        if requests.iter().count() > MAX_QUESTIONS {
            return Err(malformed("more than 64 `inputRequests`"));
        }
        let question = |(key, request): (&str, &str)| Ok((key.to_owned(), Question::read(request)?));
        let questions = requests.iter().map(question).collect::<Result<_, RpcError>>()?;
        Ok(Self { questions, state })
    }

    /// Whether a client said that it can be asked all this.
    ///
    /// # Errors
    /// Names the capabilities it lacks (MCP schema, `MissingRequiredClientCapabilityError`).
    pub(super) fn check(&self, capabilities: &Json) -> Result<(), RpcError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            required_capabilities: Map<String, Value>,
        }
        let declared = capabilities.members().unwrap_or_default();
        let mut missing = Map::new();
        for (_, question) in self.questions.iter().filter(|(_, question)| !question.is_covered_by(&declared)) {
            merge(&mut missing, question.capability());
        }
        if missing.is_empty() {
            return Ok(());
        }
        let names = Vec::from_iter(missing.keys().map(String::as_str)).join(" and ");
        let message = format!("the server wants to ask something that this client cannot: it does not declare {names}");
        let data = Some(Json::of(&Data { required_capabilities: missing }));
        Err(RpcError { data, ..RpcError::new(code::MISSING_CLIENT_CAPABILITY, message) })
    }

    /// The parameters of the request that goes on where the result stopped.
    pub(super) fn go_on(&self, params: &Json, answers: &[(String, Json)]) -> Json {
        let mut responses = Members::default();
        for (key, answer) in answers {
            responses.set(key, answer.clone());
        }
        let responses = responses.to_json();
        let mut params = params.members().unwrap_or_default();
        params.remove("inputResponses");
        params.remove("requestState");
        if !answers.is_empty() {
            params.set("inputResponses", responses);
        }
        if let Some(state) = &self.state {
            params.set("requestState", state.clone());
        }
        params.to_json()
    }
}

/// Adds the members of `more`, and of the objects inside.
fn merge(into: &mut Map<String, Value>, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        let Value::Object(inner) = into.entry(key).or_insert_with(|| json!({})) else { continue };
        merge(inner, value);
    }
}

fn malformed(part: &str) -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, format!("the server asked for input in a form that MCP does not have: {part}"))
}
