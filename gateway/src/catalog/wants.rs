//! What an entry asks for. None of it is given until a person grants it, as with any other server; a person may also
//! grant what no entry asks for: an entry is a stranger's note about a server, not the server's own limit.

use lockgate_runtime::{Access, Credential, CredentialHeader, Grant, Origin, Untrusted};
use serde::Serialize;

use super::quoted;

/// Something that an entry asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Want {
    /// What it is.
    #[serde(flatten)]
    pub(crate) item: Item,
    /// Whether the server does not start without it.
    pub(crate) required: bool,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Item {
    /// A variable with this value.
    Variable { name: String, value: String },
    /// A variable whose value has secrets in it, as `$NAME`. The whole of it is granted as one secret.
    VariableOfSecrets { name: String, value: String, secret: String },
    /// A secret in a variable.
    Secret { secret: String, variable: String },
    /// A secret in a header of the requests to a remote server; `{}` stands for it.
    Header { secret: String, header: String, format: String, to: String },
    /// A secret that the entry uses nowhere.
    UnusedSecret { secret: String },
    /// A directory; or a volume that Docker would make, for which a person chooses one.
    Directory { host: String, guest: String, access: Access, made_by_docker: bool },
    /// The network: these hosts, or without a list all of them.
    Network { hosts: Option<Vec<String>> },
    /// Names of hosts with addresses of the entry's choice.
    HostNames { names: Vec<String> },
    /// To run as this user.
    User { user: String },
    /// A sign-in at one of these providers.
    SignIn { providers: Vec<String> },
    /// To live as long as the client's session.
    LongLife,
}

impl Item {
    /// Who grants it, if anybody does.
    pub(crate) fn granted(&self, grant: &Grant) -> Option<Origin> {
        let variable = |name: &str| {
            let set = grant.env.iter().find(|item| item.value.name == name).map(|item| item.origin);
            let is_it = |credential: &Credential| credential.variables().any(|variable| variable == name);
            set.or_else(|| grant.credentials.iter().find(|item| is_it(&item.value)).map(|item| item.origin))
        };
        let header = |name: &str| {
            let is_it = |header: &CredentialHeader| header.name.as_str().eq_ignore_ascii_case(name);
            let credential = grant.credentials.iter().find(|item| item.value.header.as_ref().is_some_and(is_it));
            credential.map(|item| item.origin)
        };
        match self {
            Self::Variable { name, .. }
            | Self::VariableOfSecrets { name, .. }
            | Self::Secret { variable: name, .. } => variable(name),
            Self::Directory { guest, .. } => {
                grant.dirs.iter().find(|item| item.value.guest == *guest).map(|item| item.origin)
            }
            Self::Header { header: name, .. } => header(name),
            Self::UnusedSecret { .. }
            | Self::Network { .. }
            | Self::HostNames { .. }
            | Self::User { .. }
            | Self::SignIn { .. }
            | Self::LongLife => None,
        }
    }

    /// Whether it is given in a variable: an empty one leaves it out.
    pub(crate) fn is_in_variable(&self) -> bool {
        matches!(self, Self::Variable { .. } | Self::VariableOfSecrets { .. } | Self::Secret { .. })
    }

    /// A header's secret as `--credential` takes it.
    pub(super) fn credential(&self) -> Option<String> {
        match self {
            Self::Header { secret, header, format, to } => {
                Some(format!("{to} {header}: {}", format.replacen("{}", &format!("{{{secret}}}"), 1)))
            }
            _ => None,
        }
    }

    /// The flag that grants it, as it is written in a shell; nothing for what no flag grants.
    pub(crate) fn flag(&self) -> Option<String> {
        match self {
            Self::Variable { name, value } => Some(quoted("--env", &format!("{name}={value}"))),
            Self::VariableOfSecrets { name: variable, secret, .. } | Self::Secret { secret, variable } => {
                Some(quoted("--reveal-env", &format!("{variable}={secret}")))
            }
            Self::Header { .. } => self.credential().map(|credential| quoted("--credential", &credential)),
            Self::Directory { host, guest, access, made_by_docker } => {
                let here = if *made_by_docker { "./" } else { "" };
                let access = match access {
                    Access::Read => "",
                    Access::ReadWrite => ",rw",
                };
                Some(quoted("--dir", &format!("{here}{host}={guest}{access}")))
            }
            Self::UnusedSecret { .. }
            | Self::Network { .. }
            | Self::HostNames { .. }
            | Self::User { .. }
            | Self::SignIn { .. }
            | Self::LongLife => None,
        }
    }

    /// What kind of thing it is, and which: a word and a line for a terminal.
    pub(crate) fn describe(&self) -> (&'static str, String) {
        let (kind, text) = match self {
            Self::Variable { name, value } => ("env", format!("{name}={value}")),
            Self::VariableOfSecrets { name, value, .. } => ("env", format!("{name}={value}, with secrets in it")),
            Self::Secret { secret, variable } => ("secret", format!("{secret}, as it is, in {variable}")),
            Self::Header { secret, header, format, to } => {
                ("secret", format!("{secret} in the header \"{header}: {format}\" to {to}"))
            }
            Self::UnusedSecret { secret } => ("secret", format!("{secret}, which the entry uses nowhere")),
            Self::Directory { host, guest, access, made_by_docker } => {
                let kind = if *made_by_docker { "a volume " } else { "" };
                let access = match access {
                    Access::Read => "read-only",
                    Access::ReadWrite => "read-write",
                };
                ("dir", format!("{kind}{host} as {guest} {access}"))
            }
            Self::Network { hosts: Some(hosts) } => ("network", hosts.join(" ")),
            Self::Network { hosts: None } => ("network", "any host".to_owned()),
            Self::HostNames { names } => ("hosts", names.join(" ")),
            Self::User { user } => ("user", user.clone()),
            Self::SignIn { providers } => ("sign-in", providers.join(" ")),
            Self::LongLife => ("life", "as long as a client's session".to_owned()),
        };
        (kind, Untrusted::new(text).to_line(400))
    }

    /// Why it is not given, where no flag gives it.
    pub(crate) fn not_given(&self) -> &'static str {
        match self {
            Self::Network { .. } => "not given: containers have no network; the server runs without",
            Self::HostNames { .. } => "not given: containers have no network",
            Self::User { .. } => "not given: a container's user is not the entry's to choose",
            Self::SignIn { .. } => "not given: a grant can hold a token as a credential",
            Self::LongLife => "as all containers",
            Self::UnusedSecret { .. } => "not needed",
            Self::Variable { .. }
            | Self::VariableOfSecrets { .. }
            | Self::Secret { .. }
            | Self::Header { .. }
            | Self::Directory { .. } => "not granted",
        }
    }
}

/// The lines under `[servers.NAME.grant]` that grant these wants. Directories that are granted already are repeated: they
/// stand in one list.
pub(crate) fn config_lines(wants: &[&Want], grant: &Grant) -> String {
    let directory = |host: &str, guest: &str, access: Access| {
        let access = match access {
            Access::Read => "read",
            Access::ReadWrite => "read-write",
        };
        format!("{{ host = {}, guest = {}, access = \"{access}\" }}", text(host), text(guest))
    };
    let granted = grant.dirs.iter().map(|item| &item.value);
    let mut dirs: Vec<String> =
        granted.map(|dir| directory(&dir.host.to_string_lossy(), &dir.guest, dir.access)).collect();
    let (before, mut lines) = (dirs.len(), Vec::new());
    for want in wants {
        match &want.item {
            Item::Variable { name, value } => lines.push(format!("env.{} = {}", key(name), text(value))),
            Item::VariableOfSecrets { name: variable, secret, .. } | Item::Secret { secret, variable } => {
                lines.push(format!(
                    "credentials.{} = {{ secret = {}, reveal-env = {} }}",
                    key(secret),
                    text(secret),
                    text(variable)
                ))
            }
            Item::Header { secret, header, format, to } => lines.push(format!(
                "credentials.{} = {{ secret = {}, header = {}, format = {}, to = [{}] }}",
                key(secret),
                text(secret),
                text(header),
                text(format),
                text(to)
            )),
            Item::Directory { host, guest, access, made_by_docker } => {
                let here = if *made_by_docker { "./" } else { "" };
                dirs.push(directory(&format!("{here}{host}"), guest, *access));
            }
            Item::UnusedSecret { .. }
            | Item::Network { .. }
            | Item::HostNames { .. }
            | Item::User { .. }
            | Item::SignIn { .. }
            | Item::LongLife => {}
        }
    }
    if dirs.len() > before {
        lines.push(format!("dirs = [{}]", dirs.join(", ")));
    }
    lines.join("\n")
}

/// A basic string (TOML 1.0, "String"): as JSON writes it, which leaves no control character but U+007F as it is.
fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string().replace('\u{7f}', "\\u007f")
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { text(name) }
}

#[cfg(test)]
mod tests {
    use lockgate_runtime::{Directory, Sourced, Variable};

    use super::*;

    #[test]
    fn a_flag_is_read_back_as_what_is_wanted() {
        let variable = Item::Variable { name: "A".to_owned(), value: "it's $HOME; rm -rf ~".to_owned() };
        assert_eq!(variable.flag().unwrap(), r"--env 'A=it'\''s $HOME; rm -rf ~'");
        let directory = |host: &str, access, made_by_docker| {
            let item = Item::Directory { host: host.to_owned(), guest: "/data".to_owned(), access, made_by_docker };
            item.flag().unwrap()
        };
        assert_eq!(directory("/srv/a b", Access::Read, false), "--dir '/srv/a b=/data'");
        assert_eq!(directory("vol", Access::ReadWrite, true), "--dir ./vol=/data,rw");
        let secret = Item::Secret { secret: "brave.api_key".to_owned(), variable: "BRAVE_API_KEY".to_owned() };
        assert_eq!(secret.flag().unwrap(), "--reveal-env BRAVE_API_KEY=brave.api_key");
        let header = Item::Header {
            secret: "apify.api_key".to_owned(),
            header: "Authorization".to_owned(),
            format: "Bearer {}".to_owned(),
            to: "https://mcp.apify.com".to_owned(),
        };
        assert_eq!(
            header.flag().unwrap(),
            "--credential 'https://mcp.apify.com Authorization: Bearer {apify.api_key}'"
        );
    }

    #[test]
    fn lines_of_a_configuration_are_read_back_as_what_is_wanted() {
        let words = "it's \"$HOME\"\n\u{7f}";
        let required = |item| Want { item, required: true };
        let wants = [
            required(Item::Variable { name: "A.b".to_owned(), value: words.to_owned() }),
            required(Item::Secret { secret: "brave.api_key".to_owned(), variable: "KEY".to_owned() }),
            required(Item::Directory {
                host: "vol".to_owned(),
                guest: "/data".to_owned(),
                access: Access::ReadWrite,
                made_by_docker: true,
            }),
            required(Item::Network { hosts: None }),
        ];
        let dirs = vec![Sourced::config("/mine=/other".parse::<Directory>().unwrap())];
        let lines = config_lines(&wants.iter().collect::<Vec<_>>(), &Grant { dirs, ..Grant::default() });
        let read: serde_json::Value = toml::from_str(&lines).unwrap();
        let expected = serde_json::json!({
            "env": { "A.b": words },
            "credentials": { "brave.api_key": { "secret": "brave.api_key", "reveal-env": "KEY" } },
            "dirs": [
                { "host": "/mine", "guest": "/other", "access": "read" },
                { "host": "./vol", "guest": "/data", "access": "read-write" },
            ],
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_variable_is_granted_with_any_value_and_a_directory_by_its_place() {
        let grant = Grant {
            credentials: vec![
                Sourced::flag(Credential::parse_reveal_flag("KEY=some.secret").unwrap()),
                Sourced::config(Credential::parse_flag("https://a.example X-Key: {some.secret}").unwrap()),
            ],
            env: vec![Sourced::flag("A=other".parse::<Variable>().unwrap())],
            dirs: vec![Sourced::config("/mine=/data".parse::<Directory>().unwrap())],
            ..Grant::default()
        };
        let variable = |name: &str| Item::Variable { name: name.to_owned(), value: String::new() }.granted(&grant);
        assert_eq!((variable("A"), variable("B")), (Some(Origin::Flag), None));
        let secret =
            |variable: &str| Item::Secret { secret: "x".to_owned(), variable: variable.to_owned() }.granted(&grant);
        // An empty variable is how a person leaves a secret out.
        assert_eq!((secret("KEY"), secret("A"), secret("B")), (Some(Origin::Flag), Some(Origin::Flag), None));
        let header = |header: &str| {
            let (secret, format, to) = ("x".to_owned(), "{}".to_owned(), "https://a.example".to_owned());
            Item::Header { secret, header: header.to_owned(), format, to }.granted(&grant)
        };
        assert_eq!((header("X-KEY"), header("Authorization")), (Some(Origin::Config), None));
        let directory = |guest: &str| {
            let (host, guest) = ("/theirs".to_owned(), guest.to_owned());
            Item::Directory { host, guest, access: Access::ReadWrite, made_by_docker: false }.granted(&grant)
        };
        assert_eq!((directory("/data"), directory("/dat")), (Some(Origin::Config), None));
        assert_eq!(Item::Network { hosts: None }.granted(&grant), None);
    }
}
