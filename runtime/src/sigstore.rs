//! The services of Sigstore that authors sign with: a certificate authority (Fulcio) and a log (Rekor), as they are
//! asked. What is sent, and what an answer is worth, is known to `trust`.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use zeroize::Zeroizing;

use crate::artifact::{Attachment, Digest};
use crate::dial::{DialError, Dialler, Unreachable};
use crate::message::Json;
use crate::trust::{CannotAsk, CertificateProblem, Holder, Keyless, NotLogged, Service, SigningError, Unsigned};
use crate::untrusted::Untrusted;

/// How long an answer may take. A log answers when it has the entry.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most of an answer that is read, in bytes. Real ones have less than 16 KiB.
const MAX_ANSWER: usize = 1024 * 1024;

/// The most of what somebody says about a refusal that is shown, in characters.
const MAX_WORDS: usize = 300;

/// Where a certificate is asked for (Fulcio, `fulcio.proto`).
const CERTIFICATES: &str = "/api/v2/signingCert";

/// Where an entry is proposed (Rekor, `openapi.yaml`).
const ENTRIES: &str = "/api/v1/log/entries";

/// Why something was not signed.
#[derive(Debug, thiserror::Error)]
pub enum KeylessError {
    /// A service was not reached.
    #[error("{at} cannot be reached: {problem}")]
    Unreachable {
        /// Which, and where it should be.
        at: String,
        /// Why not.
        problem: String,
    },
    /// A service does not do what it was asked for.
    #[error("{at} refuses ({status}): {}", said.to_line(MAX_WORDS))]
    Refused {
        /// Which, and where it is.
        at: String,
        /// What it answered with.
        status: StatusCode,
        /// What it says.
        said: Untrusted,
    },
    /// A service answers with something that is not followed, or too long.
    #[error("the answer of {at} cannot be used: {problem}")]
    Answer {
        /// Which, and where it is.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificate authority gave something else than what it was asked for.
    #[error("the answer of {at} cannot be signed with: {problem}")]
    Certificate {
        /// Which, and where it is.
        at: String,
        /// What is wrong with it.
        problem: CertificateProblem,
    },
    /// No certificate is asked for.
    #[error(transparent)]
    CannotAsk(#[from] CannotAsk),
    /// It cannot be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// The services of one instance.
pub(crate) struct Services<'a> {
    dialler: &'a Dialler,
    keyless: &'a Keyless,
}

impl<'a> Services<'a> {
    pub(crate) fn new(dialler: &'a Dialler, keyless: &'a Keyless) -> Self {
        Self { dialler, keyless }
    }

    /// Proves to the certificate authority who is signing, and gets a certificate for it.
    pub(crate) async fn certificate(&self) -> Result<Holder, KeylessError> {
        let authority = &self.keyless.instance().authority;
        let asking = self.keyless.ask(SystemTime::now())?;
        let request = asking.request()?;
        let answer = self.post(authority, CERTIFICATES, request).await?;
        asking.certified(&answer).map_err(|problem| self.not_certified(problem))
    }

    fn not_certified(&self, problem: CertificateProblem) -> KeylessError {
        KeylessError::Certificate { at: self.keyless.instance().authority.shown(), problem }
    }

    /// Signs a statement about a manifest and has it logged. What comes out is what those who verify accept.
    pub(crate) async fn sign(
        &self,
        holder: &Holder,
        statement: &Unsigned,
        manifest: &Digest,
    ) -> Result<Attachment, KeylessError> {
        let log = &self.keyless.instance().log;
        let logging = holder.sign(statement)?;
        let proposed = Zeroizing::new(logging.proposed.as_str().as_bytes().to_vec());
        let answer = self.post(log, ENTRIES, proposed).await?;
        holder.logged(logging, &answer, manifest, SystemTime::now()).map_err(|problem| match problem {
            NotLogged::Signing(problem) => problem.into(),
            NotLogged::Certificate(problem) => self.not_certified(problem),
            problem => KeylessError::Answer { at: log.shown(), problem: problem.to_string() },
        })
    }

    async fn post(
        &self,
        service: &Service,
        path: &str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, KeylessError> {
        let at = || service.shown();
        let unreachable = |problem: &str| KeylessError::Unreachable { at: at(), problem: problem.to_owned() };
        let exchange = tokio::time::timeout(PATIENCE, self.exchange(service, path, body));
        let (status, answer) = match exchange.await {
            Err(_elapsed) => return Err(unreachable("nobody answered in time")),
            Ok(Err(error)) => return Err(unreachable(&words(&error))),
            Ok(Ok(answered)) => answered,
        };
        if status.is_redirection() {
            let problem = "it sends one elsewhere, which is not followed; write the address that it is at".to_owned();
            return Err(KeylessError::Answer { at: at(), problem });
        }
        let answer = answer.map_err(|problem| KeylessError::Answer { at: at(), problem: problem.to_owned() })?;
        if !status.is_success() {
            let said = Untrusted::new(self.keyless.without_token(&explanation(&answer)));
            return Err(KeylessError::Refused { at: at(), status, said });
        }
        Ok(answer)
    }

    /// One request and its answer, or what is wrong with that.
    async fn exchange(
        &self,
        service: &Service,
        path: &str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<(StatusCode, Result<Zeroizing<Vec<u8>>, &'static str>), DialError> {
        let url = service.url(path);
        // Not copied here: what has the token in it is wiped when it was sent.
        let mut request = Request::new(reqwest::Body::from(Bytes::from_owner(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.as_str().parse().map_err(|_| DialError::NoHost)?;
        let json = HeaderValue::from_static("application/json");
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, json.clone());
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("lockgate/", env!("CARGO_PKG_VERSION"))));
        let response = self.dialler.send(request, &url, service.is_written_out()).await?;
        let status = response.status();
        let answer = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let answer = answer.map(|answer| Zeroizing::new(answer.to_bytes().to_vec()));
        Ok((status, answer.map_err(|_| "it is too long, or broke off")))
    }
}

/// What both services say of a refusal: JSON with a message, or a text.
fn explanation(answer: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    let text = String::from_utf8_lossy(answer).into_owned();
    let said = Json::parse(text.as_str()).ok().and_then(|json| json.read::<Said>().ok());
    match said.map_or(text, |said| said.message).trim() {
        "" => "it does not say why".to_owned(),
        words => words.to_owned(),
    }
}

fn words(error: &DialError) -> String {
    match error.reason() {
        Unreachable::UnknownName => "its name is not known here".to_owned(),
        Unreachable::NotPublic => "it has no address of the public internet".to_owned(),
        Unreachable::OwnListener => "this is where Lockgate itself listens".to_owned(),
        Unreachable::Refused => "nobody listens there".to_owned(),
        Unreachable::TimedOut => "nobody answered in time".to_owned(),
        Unreachable::Tls(reason) => format!("it is not who it should be: {}", reason.to_line(MAX_WORDS)),
        Unreachable::Other(reason) => reason.to_line(MAX_WORDS),
    }
}
