//! One entry of a catalog: what it says, with the types that are decided on.

use std::collections::BTreeSet;

use lockgate_runtime::{Reference, Remote, SecretName};
use serde_json::Value;

use super::fields::{Fields, InvalidForm, is_visible};
use super::refusal::Refusal;
use super::settings::{InvalidSetting, Schema, Settings};
use super::template::{Part, Template};
use super::variables::is_variable;

const KNOWN: [&str; 17] = [
    "type",
    "image",
    "command",
    "volumes",
    "user",
    "env",
    "secrets",
    "remote",
    "sseEndpoint",
    "oauth",
    "config",
    "disableNetwork",
    "allowHosts",
    "extraHosts",
    "longLived",
    "tools",
    "policy",
];

/// An entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// How its templates call its settings.
    pub(super) key: String,
    /// What it says of its settings.
    pub(super) schema: Schema,
    pub(super) secrets: Vec<Secret>,
    /// The providers at which a person could sign in.
    pub(super) providers: Vec<String>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Container(Container),
    Remote { remote: Remote, headers: Vec<(String, String)> },
}

/// A server that runs in a container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) image: Reference,
    pub(super) command: Vec<Template>,
    pub(super) volumes: Vec<Template>,
    pub(super) user: Option<Template>,
    pub(super) env: Vec<(String, Template)>,
    pub(super) network: Network,
    pub(super) extra_hosts: Vec<String>,
    pub(super) long_lived: bool,
}

/// What of the network an entry asks for.
#[derive(Debug)]
pub(super) enum Network {
    None,
    Hosts(Vec<String>),
    All,
}

#[derive(Debug)]
pub(super) struct Secret {
    /// Its dotted name.
    pub(super) name: String,
    /// The variable it goes into, in a container or in a remote server's headers.
    pub(super) variable: String,
    pub(super) required: bool,
}

impl Entry {
    /// Reads the entry `name`.
    ///
    /// # Errors
    /// Where it has another form, or is of a kind that is not run.
    pub(super) fn read(name: &str, value: &Value) -> Result<Self, Refusal> {
        let fields = Fields::of(value, String::new(), &KNOWN)?;
        let kind = match (fields.text("type")?, fields.value("image"), fields.value("remote")) {
            (Some("poci"), ..) => return Err(Refusal::Poci),
            (Some("server"), ..) | (None, Some(_), None) => Kind::Container(Container::read(&fields)?),
            (Some("remote"), ..) | (None, None, Some(_)) => remote(&fields)?,
            (Some(_), ..) => return Err(InvalidForm::at("type", "is neither server, remote nor poci").into()),
            (None, ..) => return Err(InvalidForm::at("type", "is missing").into()),
        };
        let secrets = fields.items("secrets")?.into_iter().map(|(place, item)| Secret::read(item, place));
        let entry = Self {
            key: name.replace('.', "_"),
            schema: schema(name, &fields)?,
            secrets: secrets.collect::<Result<_, _>>()?,
            providers: providers(&fields)?,
            kind,
        };
        entry.check_variables()?;
        Ok(entry)
    }

    /// Checks that something can use each setting, so that a mistyped key is not silently nothing.
    ///
    /// # Errors
    /// Where nothing does.
    pub(super) fn check_settings(&self, settings: &Settings) -> Result<(), InvalidSetting> {
        let mut known: BTreeSet<&String> = self.schema.keys().collect();
        for template in self.templates() {
            for part in template.parts() {
                if let Part::Term(term) = part
                    && let [key, setting, ..] = term.path()
                    && *key == self.key
                {
                    known.insert(setting);
                }
            }
        }
        match settings.keys().find(|key| !known.contains(key)) {
            Some(key) => Err(InvalidSetting::Unknown { key: key.clone(), known: known.into_iter().cloned().collect() }),
            None => Ok(()),
        }
    }

    fn templates(&self) -> Vec<&Template> {
        let Kind::Container(Container { command, volumes, user, env, .. }) = &self.kind else {
            return Vec::new();
        };
        let env = env.iter().map(|(_, template)| template);
        command.iter().chain(volumes).chain(user).chain(env).collect()
    }

    /// Checks that no variable is declared twice.
    fn check_variables(&self) -> Result<(), InvalidForm> {
        let env: &[(String, Template)] = match &self.kind {
            Kind::Container(container) => &container.env,
            Kind::Remote { .. } => &[],
        };
        // A value that is never there contradicts nothing.
        let env = env.iter().filter(|(_, value)| value.constant() != Some("")).map(|(name, _)| name);
        let mut seen = BTreeSet::new();
        match env.chain(self.secrets.iter().map(|secret| &secret.variable)).find(|name| !seen.insert(*name)) {
            Some(name) => Err(InvalidForm::at(name, "is declared twice")),
            None => Ok(()),
        }
    }
}

impl Container {
    fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let image = fields.required_text("image")?;
        let image =
            Reference::of_image(image).map_err(|error| InvalidForm::at("image", format_args!("is none: {error}")))?;
        let templates = |key| Ok::<_, InvalidForm>(fields.texts(key)?.into_iter().map(Template::parse).collect());
        let hosts: Vec<String> = fields.texts("allowHosts")?.into_iter().map(str::to_owned).collect();
        let network = match (fields.flag("disableNetwork")?.unwrap_or(false), hosts) {
            (true, _) => Network::None,
            (false, hosts) if hosts.is_empty() => Network::All,
            (false, hosts) => Network::Hosts(hosts),
        };
        let mut env = Vec::new();
        for (place, item) in fields.items("env")? {
            let fields = Fields::of(item, place, &["name", "value"])?;
            let name = fields.required_text("name")?;
            let value = Template::parse(fields.text("value")?.unwrap_or_default());
            // A name that cannot be set does no harm without a value.
            if !is_variable(name) && value.constant() != Some("") {
                return Err(InvalidForm::at(&fields.place("name"), "is no name of a variable").into());
            }
            env.push((name.to_owned(), value));
        }
        Ok(Self {
            image,
            command: templates("command")?,
            volumes: templates("volumes")?,
            user: fields.text("user")?.map(Template::parse),
            env,
            network,
            extra_hosts: fields.texts("extraHosts")?.into_iter().map(str::to_owned).collect(),
            long_lived: fields.flag("longLived")?.unwrap_or(false),
        })
    }
}

fn remote(fields: &Fields<'_>) -> Result<Kind, Refusal> {
    let Some(value) = fields.value("remote") else {
        return Err(match fields.value("sseEndpoint") {
            Some(_) => Refusal::Sse,
            None => InvalidForm::at("remote", "is missing").into(),
        });
    };
    let remote = Fields::of(value, fields.place("remote"), &["url", "transport_type", "headers"])?;
    match remote.text("transport_type")? {
        Some("sse") => return Err(Refusal::Sse),
        None | Some("" | "streamable-http" | "streamable" | "streaming" | "http") => {}
        Some(_) => return Err(InvalidForm::at(&remote.place("transport_type"), "is no transport of MCP").into()),
    }
    let mut headers = Vec::new();
    if let Some(value) = remote.value("headers") {
        let place = remote.place("headers");
        let names: Vec<&str> =
            value.as_object().into_iter().flat_map(|members| members.keys()).map(String::as_str).collect();
        let fields = Fields::of(value, place, &names)?;
        for name in names {
            if !is_visible(name) {
                return Err(InvalidForm::at(name, "has characters that cannot be seen").into());
            }
            headers.push((name.to_owned(), fields.text(name)?.unwrap_or_default().to_owned()));
        }
    }
    let url = remote.required_text("url")?;
    let url: Remote = url.parse().map_err(|error| InvalidForm::at("remote.url", format_args!("is none: {error}")))?;
    // A catalog is a stranger's: it does not lead into the person's own network.
    if url.literal_address().is_some() {
        return Err(InvalidForm::at("remote.url", "is an address instead of a host's name").into());
    }
    Ok(Kind::Remote { remote: url, headers })
}

impl Secret {
    fn read(value: &Value, place: String) -> Result<Self, InvalidForm> {
        let fields = Fields::of(value, place, &["name", "env", "required"])?;
        let name = fields.required_text("name")?;
        let variable = fields.required_text("env")?;
        name.parse::<SecretName>()
            .map_err(|error| InvalidForm::at(&fields.place("name"), format_args!("is none: {error}")))?;
        if !is_variable(variable) {
            return Err(InvalidForm::at(&fields.place("env"), "is no name of a variable"));
        }
        let required = fields.flag("required")?.unwrap_or(true);
        Ok(Self { name: name.to_owned(), variable: variable.to_owned(), required })
    }
}

/// The element of `config` that is for the entry itself: its templates see no other.
fn schema(name: &str, fields: &Fields<'_>) -> Result<Schema, InvalidForm> {
    for (place, item) in fields.items("config")? {
        if Fields::of(item, place.clone(), &["name"])?.text("name")? == Some(name) {
            return Schema::read(item, place);
        }
    }
    Ok(Schema::default())
}

fn providers(fields: &Fields<'_>) -> Result<Vec<String>, InvalidForm> {
    let Some(value) = fields.value("oauth") else {
        return Ok(Vec::new());
    };
    let oauth = Fields::of(value, fields.place("oauth"), &["providers"])?;
    let provider = |(place, item)| Fields::of(item, place, &["provider"])?.required_text("provider").map(str::to_owned);
    oauth.items("providers")?.into_iter().map(provider).collect()
}
