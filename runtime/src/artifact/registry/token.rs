//! Proof of who asks: a password, or a token that the registry gives for it.

use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::body::{Body, Stop};
use super::breach::Breach;
use super::challenge::{Challenge, challenge};
use super::exchange::Request;
use super::logins::Login;
use super::token_host::TokenHost;
use super::{Access, Registry};
use crate::artifact::DepotError;
use crate::message::Json;

/// The largest answer with a token, in bytes.
const MAX_TOKEN: u64 = 64 * 1024;

impl Registry {
    /// What proved who asks, the last time.
    pub(super) fn authorization(&self, access: Access) -> Option<HeaderValue> {
        self.0.authorization.lock().unwrap_or_else(PoisonError::into_inner).get(&access).cloned()
    }

    /// Does what the registry asks for before it answers (RFC 9110, §11.6.1).
    pub(super) async fn authenticate(&self, headers: &HeaderMap, access: Access) -> Result<HeaderValue, DepotError> {
        let elsewhere = TokenHost::of(self.name(), &self.0.shared.token_hosts);
        let challenge = challenge(headers, self.endpoint()?, elsewhere.as_ref());
        let challenge = challenge
            .map_err(|(detour, problem)| self.not_followed((detour, problem.replace("REGISTRY", self.name()))))?;
        let known = self.0.shared.logins.of(self.name()).await?.credential;
        let authorization = match (challenge, known) {
            (Challenge::Basic, Some(Login::Password { user, password })) => basic(&user, &password),
            (Challenge::Basic, _) => {
                return Err(self.denied("it wants a name and password".to_owned(), &self.0.repository.name()).await);
            }
            (Challenge::Bearer { realm, service }, credential) => {
                let token = self.token(realm, service, access, credential).await?;
                HeaderValue::try_from(format!("Bearer {}", *token)).ok()
            }
        };
        let mut authorization = authorization.ok_or_else(|| self.broken(Breach::Token, "its token cannot be sent"))?;
        authorization.set_sensitive(true);
        let mut kept = self.0.authorization.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(access, authorization.clone());
        Ok(authorization)
    }

    /// Asks for a token for what is wanted here, whatever the registry thinks that is (Docker Registry Token
    /// Authentication; "OAuth2 Token Authentication" for an identity token).
    async fn token(
        &self,
        mut realm: Url,
        service: Option<String>,
        access: Access,
        credential: Option<Login>,
    ) -> Result<Zeroizing<String>, DepotError> {
        let actions = match access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        let scope = format!("repository:{}:{actions}", self.0.repository.repository());
        let service = service.unwrap_or_default();
        let request = if let Some(Login::Identity(identity)) = &credential {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("grant_type", "refresh_token"), ("client_id", "lockgate")])
                .extend_pairs([("service", &*service), ("scope", &*scope), ("refresh_token", identity.as_str())])
                .finish();
            Request::new(Method::POST, realm, access).body("application/x-www-form-urlencoded", Bytes::from(form))
        } else {
            realm.query_pairs_mut().extend_pairs([("service", &*service), ("scope", &*scope)]);
            let request = Request::new(Method::GET, realm, access);
            match &credential {
                Some(Login::Password { user, password }) => {
                    let header = basic(user, password)
                        .ok_or_else(|| self.broken(Breach::Token, "the password cannot be sent"))?;
                    request.secret_header(header::AUTHORIZATION, header)
                }
                _ => request,
            }
        };
        // A redirect is an answer like any other here: a password goes to no third host.
        let response = self.patiently(&request, None).await?;
        if response.status() != StatusCode::OK {
            return Err(self.unexpected(response, &format!("a token for {}", self.0.repository.name())).await);
        }
        let pace = self.0.shared.pace;
        let body = Body::new(response.into_body(), pace.idle, pace.deadline(0)).all(MAX_TOKEN).await;
        let body = body.map(Zeroizing::new).map_err(|stop| match stop {
            Stop::Slow => self.broken(Breach::Slow, "its token comes too slowly"),
            Stop::Broken(problem) => self.broken(Breach::Connection, format!("its token broke off: {problem}")),
            Stop::TooLong { .. } => self.broken(Breach::Token, "its token is too long"),
        })?;
        read_token(&body).ok_or_else(|| self.broken(Breach::Token, "its answer holds no token"))
    }

    /// The error of somebody who is not let in, with what would help.
    pub(super) async fn denied(&self, problem: String, wanted: &str) -> DepotError {
        let registry = self.name();
        let hint = match self.0.shared.logins.of(registry).await {
            Err(error) => return error,
            Ok(found) => match (found.credential, found.unasked) {
                (Some(_), _) => format!("the password that Docker's configuration has for {registry} does not help"),
                (None, Some(program)) => {
                    format!(
                        "the password is kept by `{program}`, which is not asked unless config.toml says so: [registry] credential-programs = true"
                    )
                }
                (None, None) => format!("if you have an account there, `docker login {registry}` keeps its password"),
            },
        };
        DepotError::Denied { registry: registry.to_owned(), wanted: wanted.to_owned(), problem, hint }
    }
}

/// RFC 7617.
fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let both = Zeroizing::new(format!("{user}:{password}"));
    let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(both.as_bytes()))).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn read_token(body: &[u8]) -> Option<Zeroizing<String>> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
    }
    let answer: Answer = Json::parse(std::str::from_utf8(body).ok()?).ok()?.read().ok()?;
    answer.token.or(answer.access_token).filter(|token| !token.is_empty()).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_of_two_names() {
        for (body, token) in [
            (r#"{"token":"a","expires_in":300}"#, Some("a")),
            (r#"{"access_token":"b"}"#, Some("b")),
            (r#"{"token":"a","access_token":"a"}"#, Some("a")),
            (r#"{"token":""}"#, None),
            ("{}", None),
            (r#"{"token":1}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(read_token(body.as_bytes()).as_ref().map(|token| token.as_str()), token, "{body}");
        }
    }

    #[test]
    fn a_password_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", basic("a", "b").unwrap()), "Sensitive");
    }
}
