//! The bridge to clients that are asked in their session: they do not know results that ask.

use std::time::Duration;

use lockgate_runtime::message::{Json, RpcError, code};
use serde::Serialize;

use super::call::Passage;
use super::client::Legacy;
use super::input::{Answered, InputRequired};
use super::legacy;
use super::method::Served;

/// How often a server may ask before it answers.
const MAX_ROUNDS: usize = 16;

/// How long a server that asks nothing, and only wants to be called again, is left alone.
const PAUSE: Duration = Duration::from_millis(100);

impl Passage {
    /// Passes the request on; where the server wants to know something, asks the client, and calls the server again with
    /// its answers.
    pub(super) async fn travel_with_questions(&mut self, client: &Legacy) -> Result<Json, RpcError> {
        for _ in 0..MAX_ROUNDS {
            let result = self.round(self.params.clone()).await?;
            let input = match Answered::read(&result)? {
                Answered::Complete(members) => return Ok(legacy::result(members)),
                Answered::InputRequired(input) => input,
                Answered::Otherwise => {
                    return Err(failure("the server answered with a result that older clients do not know"));
                }
            };
            match self.ask(client, &input).await {
                Ok(answers) => self.params = input.go_on(&self.params, &answers),
                Err(error) => return self.unanswered(error),
            }
        }
        Err(failure(&format!("the server asked for input {MAX_ROUNDS} times without coming to an end")))
    }

    /// Asks the client all that the server wants to know.
    async fn ask(&self, client: &Legacy, input: &InputRequired) -> Result<Vec<(String, Json)>, RpcError> {
        if !self.served.may_ask() {
            return Err(failure(&format!(
                "the server asked for input during {}, where MCP has no way to",
                self.method
            )));
        }
        self.check(input, &client.capabilities)?;
        if input.questions.is_empty() {
            tokio::time::sleep(PAUSE).await;
            return Ok(Vec::new());
        }
        let Some(_waiting) = self.charge.wait_for_client() else {
            return Err(failure("too many requests wait for the client's answers already; answer some first"));
        };
        let mut asked = Vec::new();
        for (key, question) in &input.questions {
            let request = |name: &str| question.to_request(client.revision, name);
            asked.push((key, question.method(), self.session.questions.ask(&self.before, request).await));
        }
        let mut answers = Vec::new();
        for (key, method, question) in asked {
            // Where one is not answered, the others are taken back.
            let answer = question
                .answer()
                .await
                .map_err(|error| failure(&format!("the client did not answer {method}: {}", error.message)))?;
            answers.push((key.clone(), answer));
        }
        Ok(answers)
    }

    /// What becomes of a request whose server was not told what it wants to know. The model can read a tool's result,
    /// and tell the person.
    fn unanswered(&self, error: RpcError) -> Result<Json, RpcError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ToolResult<'a> {
            content: [Text<'a>; 1],
            is_error: bool,
        }
        #[derive(Serialize)]
        struct Text<'a> {
            r#type: &'static str,
            text: &'a str,
        }
        if self.served != Served::CallTool {
            return Err(error);
        }
        Ok(Json::of(&ToolResult { content: [Text { r#type: "text", text: &error.message }], is_error: true }))
    }
}

fn failure(message: &str) -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, message)
}
