//! What an entry becomes: a server as it is asked for, and what it wants besides.

use std::collections::BTreeMap;

use lockgate_runtime::{Credential, Grant, Image, Limits, ServerName, Source, Sourced, Spec, Variable};
use serde_json::{Map, Value};

use super::entry::{Container, Entry, Kind, Network, Secret};
use super::refusal::Refusal;
use super::settings::Settings;
use super::template::Template;
use super::variables::{Piece, Pieces, VariableError, expand};
use super::volume::Volume;
use super::wants::{Item, Want};

/// A server of a catalog: as it would run, with nothing granted yet, and what it wants.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// The entry's name in its catalog.
    pub(crate) entry: String,
    /// The server. Its arguments are the catalog's.
    pub(crate) spec: Spec,
    /// What the entry asks for.
    pub(crate) wants: Vec<Want>,
}

impl Offer {
    /// The required wants that a grant does not fulfil.
    pub(crate) fn unmet(&self, grant: &Grant) -> Vec<&Want> {
        self.wants.iter().filter(|want| want.required && want.item.granted(grant).is_none()).collect()
    }
}

/// Makes the server `name` of the entry. `given` are variables that a person sets: in the command, they replace the
/// entry's own.
pub(super) fn offer(
    entry: &Entry,
    entry_name: &str,
    name: ServerName,
    settings: &Settings,
    given: &[Variable],
) -> Result<Offer, Refusal> {
    let missing = entry.schema.missing(settings);
    if !missing.is_empty() {
        return Err(Refusal::Missing(missing));
    }
    let mut wants = Vec::new();
    let (source, arguments) = match &entry.kind {
        Kind::Container(container) => {
            let data = Map::from_iter([(entry.key.clone(), Value::Object(settings.clone()))]);
            let arguments = container_wants(entry, entry_name, container, &data, given, &mut wants)?;
            (Source::Image(Image::Registry(container.image.clone())), arguments)
        }
        Kind::Remote { remote, headers } => {
            header_wants(&entry.secrets, headers, &remote.url().origin().ascii_serialization(), &mut wants)?;
            (Source::Remote(remote.clone()), Vec::new())
        }
    };
    if !entry.providers.is_empty() {
        wants.push(optional(Item::SignIn { providers: entry.providers.clone() }));
    }
    let arguments = arguments.into_iter().map(Sourced::catalog).collect();
    let spec = Spec { name, source, arguments, grant: Grant::default(), limits: Limits::default() };
    Ok(Offer { entry: entry_name.to_owned(), spec, wants })
}

fn required(item: Item) -> Want {
    Want { item, required: true }
}

fn optional(item: Item) -> Want {
    Want { item, required: false }
}

/// Adds what a container wants, and returns its command.
fn container_wants(
    entry: &Entry,
    entry_name: &str,
    container: &Container,
    data: &Map<String, Value>,
    given: &[Variable],
    wants: &mut Vec<Want>,
) -> Result<Vec<String>, Refusal> {
    let mut variables = Variables::with_secrets(&entry.secrets);
    for (name, template) in &container.env {
        match variables.value_of(name, template, data)? {
            Declared::Plain(value) => {
                if !value.is_empty() {
                    wants.push(required(Item::Variable { name: name.clone(), value: value.clone() }));
                }
                let given = given.iter().find(|variable| variable.name == *name).map(|variable| &variable.value);
                variables.declare(name, Declared::Plain(given.unwrap_or(&value).clone()));
            }
            Declared::Secret => {
                let value = template.constant().unwrap_or_default().to_owned();
                let secret = secret_name(entry_name, name);
                wants.push(required(Item::VariableOfSecrets { name: name.clone(), value, secret }));
                variables.declare(name, Declared::Secret);
            }
        }
    }
    for Secret { name, variable, required } in &entry.secrets {
        let item = Item::Secret { secret: name.clone(), variable: variable.clone() };
        wants.push(Want { item, required: *required });
    }
    for template in &container.volumes {
        for volume in template.words(data)?.into_iter().filter(|volume| !volume.is_empty()) {
            let parsed = Volume::parse(&volume).map_err(|problem| Refusal::Volume { volume, problem })?;
            if let Some(volume) = parsed {
                let made_by_docker = volume.is_named();
                let Volume { host, guest, access } = volume;
                wants.push(required(Item::Directory { host, guest, access, made_by_docker }));
            }
        }
    }
    match &container.network {
        Network::None => {}
        Network::Hosts(hosts) => wants.push(optional(Item::Network { hosts: Some(hosts.clone()) })),
        Network::All => wants.push(optional(Item::Network { hosts: None })),
    }
    if !container.extra_hosts.is_empty() {
        wants.push(optional(Item::HostNames { names: container.extra_hosts.clone() }));
    }
    let user = container.user.as_ref().map(|user| user.text(data)).transpose()?;
    if let Some(user) = user.filter(|user| !user.is_empty()) {
        wants.push(optional(Item::User { user }));
    }
    if container.long_lived {
        wants.push(optional(Item::LongLife));
    }
    let mut command = Vec::new();
    for template in &container.command {
        let place = || "command".to_owned();
        let expanded = template.with_literals(|text| expand(text, |name| variables.get(name)));
        let expanded = expanded.map_err(|error| Refusal::Variable { place: place(), error })?;
        command.extend(expanded.words(data)?);
    }
    Ok(command)
}

/// A name for the secret that a whole variable is.
fn secret_name(entry: &str, variable: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '-' };
    let variable = variable.to_ascii_lowercase();
    format!("{}.{}", entry.chars().map(fit).take(60).collect::<String>(), variable.chars().take(60).collect::<String>())
}

/// The variables that an entry has declared so far.
struct Variables(BTreeMap<String, Declared>);

/// The value of a variable.
enum Declared {
    Plain(String),
    /// A secret, or a text with one in it.
    Secret,
}

impl Variables {
    fn with_secrets(secrets: &[Secret]) -> Self {
        Self(secrets.iter().map(|secret| (secret.variable.clone(), Declared::Secret)).collect())
    }

    fn declare(&mut self, name: &str, value: Declared) {
        // A variable that is a secret as well, and empty besides, stays one.
        self.0.entry(name.to_owned()).or_insert(value);
    }

    fn get(&self, name: &str) -> Result<&str, VariableError> {
        match self.0.get(name) {
            Some(Declared::Plain(value)) => Ok(value),
            Some(Declared::Secret) => Err(VariableError::Secret(name.to_owned())),
            None => Err(VariableError::Undeclared(name.to_owned())),
        }
    }

    /// The value of the variable `name`: as in Docker's gateway, `$NAME` is looked at only where there are no terms.
    fn value_of(&self, name: &str, template: &Template, data: &Map<String, Value>) -> Result<Declared, Refusal> {
        let Some(text) = template.constant() else {
            return Ok(Declared::Plain(template.text(data)?));
        };
        let mut has_secret = false;
        let expanded = expand(text, |name| match self.get(name) {
            Err(VariableError::Secret(_)) => {
                has_secret = true;
                Ok("")
            }
            other => other,
        });
        let refused = |error| Refusal::Variable { place: format!("variable {name}"), error };
        let value = expanded.map_err(refused)?;
        Ok(if has_secret { Declared::Secret } else { Declared::Plain(value) })
    }
}

/// Adds what a remote server wants in the headers of its requests.
fn header_wants(
    secrets: &[Secret],
    headers: &[(String, String)],
    to: &str,
    wants: &mut Vec<Want>,
) -> Result<(), Refusal> {
    let mut used = Vec::new();
    for (header, value) in headers {
        let refused = |problem| Refusal::Header { header: header.clone(), problem };
        let mut format = String::new();
        let mut secret = None;
        for piece in Pieces(value) {
            match piece.map_err(|error| Refusal::Variable { place: format!("header {header}"), error })? {
                Piece::Text(text) => format.push_str(text),
                Piece::Variable(name) => {
                    let found = secrets.iter().find(|secret| secret.variable == name);
                    let found = found.ok_or_else(|| refused("uses a variable that is no secret of the entry"))?;
                    if secret.replace(found).is_some() {
                        return Err(refused("has more than one secret in it"));
                    }
                    format.push_str("{}");
                }
            }
        }
        let secret = secret.ok_or_else(|| refused("has a value without a secret: no grant sends that"))?;
        used.push(&secret.name);
        let (name, to) = (header.clone(), to.to_owned());
        let item = Item::Header { secret: secret.name.clone(), header: name, format, to };
        if item.credential().is_none_or(|credential| Credential::parse_flag(&credential).is_err()) {
            return Err(refused("is none that a credential can be sent in"));
        }
        wants.push(Want { item, required: secret.required });
    }
    for secret in secrets.iter().filter(|secret| !used.contains(&&secret.name)) {
        wants.push(optional(Item::UnusedSecret { secret: secret.name.clone() }));
    }
    Ok(())
}
