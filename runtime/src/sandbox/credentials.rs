//! Credentials with their values, and how a request gets them.

use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};

use super::credential::{CredentialHeader, Destination};
use super::redact::Redactor;
use super::{Grant, HttpRequest};
use crate::secret::{Secret, SecretError, SecretName, SecretReader, SecretSource};

/// The longest value that is sent in a header, in bytes. Many servers take no more.
const MAX_HEADER_VALUE: usize = 8 * 1024;

/// How many random bytes tell one stand-in from every other text.
const STAND_IN_BYTES: usize = 16;

/// The credentials of one server, as they are used for it.
#[derive(Default)]
pub(crate) struct Credentials {
    headers: Vec<SentHeader>,
    variables: Vec<(String, Given)>,
}

/// What a server gets in a variable.
enum Given {
    StandIn(Arc<str>),
    Revealed(Arc<Secret>),
}

/// A header that is put into requests.
struct SentHeader {
    credential: SecretName,
    name: HeaderName,
    value: HeaderValue,
    to: Vec<Destination>,
    secret: Arc<Secret>,
    stand_in: Option<Arc<str>>,
}

/// The stand-in of a credential would have left.
#[derive(Debug, thiserror::Error)]
#[error(
    "the request holds the stand-in of the credential {credential} where the credential does not go: it is put into \
     the header {header} alone, of requests to {to}"
)]
pub(crate) struct StandInLeaves {
    credential: SecretName,
    header: HeaderName,
    to: String,
}

impl Credentials {
    /// Reads the value of every credential in a grant, once.
    ///
    /// # Errors
    /// Where one cannot be had, cannot be sent in a header, or lies where the server can read it.
    pub(crate) async fn read(grant: &Grant, secrets: &SecretReader) -> Result<Self, SecretError> {
        let mut read = Self::default();
        for credential in grant.credentials.iter().map(|credential| &credential.value) {
            let secret = Arc::new(secrets.read(&credential.secret).await?);
            if let Some(header) = &credential.header {
                not_in_sight(&credential.secret, grant)?;
                let value = header_value(header, &secret);
                let value = value.ok_or_else(|| SecretError::NotForHeader(credential.secret.clone()))?;
                let stand_in = header.placeholder.as_ref().map(|_| stand_in()).transpose()?;
                read.variables.extend(header.placeholder.clone().zip(stand_in.clone().map(Given::StandIn)));
                read.headers.push(SentHeader {
                    credential: credential.name.clone(),
                    name: header.name.clone(),
                    value,
                    to: header.to.clone(),
                    secret: Arc::clone(&secret),
                    stand_in,
                });
            }
            let revealed = credential.reveal_env.clone().map(|variable| (variable, Given::Revealed(secret)));
            read.variables.extend(revealed);
        }
        Ok(read)
    }

    /// The variables that a server gets: stand-ins, and the values that its grant reveals.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, given)| match given {
            Given::StandIn(text) => (name.as_str(), &**text),
            Given::Revealed(secret) => (name.as_str(), secret.expose()),
        })
    }

    /// Puts into a request the credentials that go where it goes, in place of what the guest wrote there. Gives what
    /// must not come back.
    pub(crate) fn put_into(&self, request: &mut HttpRequest) -> Result<Redactor, StandInLeaves> {
        let goes = |header: &&SentHeader| {
            header.to.iter().any(|destination| destination.rule().allows(&request.method, &request.url))
        };
        let sent: Vec<&SentHeader> = self.headers.iter().filter(goes).collect();
        for header in &sent {
            request.headers.remove(&header.name);
        }
        // What is left is the guest's own, and goes out as it is.
        if let Some(header) = self.headers.iter().find(|header| header.stand_in_is_in(request)) {
            return Err(header.refusal());
        }
        for header in &sent {
            request.headers.insert(header.name.clone(), header.value.clone());
        }
        if !sent.is_empty() && request.headers.contains_key(header::ACCEPT_ENCODING) {
            // In what is packed, a secret is not found.
            request.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Ok(Redactor::new(sent.iter().map(|header| Arc::clone(&header.secret))))
    }
}

impl SentHeader {
    fn stand_in_is_in(&self, request: &HttpRequest) -> bool {
        let Some(stand_in) = &self.stand_in else { return false };
        let stand_in = stand_in.as_bytes();
        let holds = |bytes: &[u8]| bytes.windows(stand_in.len()).any(|window| window == stand_in);
        request.headers.values().any(|value| holds(value.as_bytes()))
            || holds(request.url.as_str().as_bytes())
            || holds(&request.body)
    }

    fn refusal(&self) -> StandInLeaves {
        let to: Vec<String> = self.to.iter().map(ToString::to_string).collect();
        StandInLeaves { credential: self.credential.clone(), header: self.name.clone(), to: to.join(", ") }
    }
}

/// Checks that a server is not given the file from which a secret is only used for it.
fn not_in_sight(source: &SecretSource, grant: &Grant) -> Result<(), SecretError> {
    let SecretSource::File(path) = source else { return Ok(()) };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let file = real(path);
    match grant.dirs.iter().find(|dir| file.starts_with(real(&dir.value.host))) {
        Some(dir) => Err(SecretError::InSight { file: path.clone(), directory: dir.value.host.clone() }),
        None => Ok(()),
    }
}

/// The whole value of the header; nothing where it would be none, or would be another one than was written.
fn header_value(header: &CredentialHeader, secret: &Secret) -> Option<HeaderValue> {
    let text = zeroize::Zeroizing::new(header.format.fill(secret.expose()));
    if text.len() > MAX_HEADER_VALUE || text.trim() != text.as_str() {
        return None;
    }
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Text that is no key, and that nothing else is.
fn stand_in() -> Result<Arc<str>, SecretError> {
    let mut random = [0; STAND_IN_BYTES];
    let filled = rustix::rand::getrandom(&mut random[..], rustix::rand::GetRandomFlags::empty());
    if filled.map_err(|error| SecretError::Random(error.into()))? != STAND_IN_BYTES {
        return Err(SecretError::Random(std::io::ErrorKind::UnexpectedEof.into()));
    }
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("lockgate-stand-in-{hex}").into())
}
