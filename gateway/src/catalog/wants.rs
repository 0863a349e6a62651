//! What an entry asks for. None of it is given until a person grants it, as with any other server; a person may also
//! grant what no entry asks for: an entry is a stranger's note about a server, not the server's own limit.

use lockgate_runtime::{Access, Grant, Origin, Untrusted};
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
        let variable = |name: &str| grant.env.iter().find(|item| item.value.name == name).map(|item| item.origin);
        match self {
            Self::Variable { name, .. }
            | Self::VariableOfSecrets { name, .. }
            | Self::Secret { variable: name, .. } => variable(name),
            Self::Directory { guest, .. } => {
                grant.dirs.iter().find(|item| item.value.guest == *guest).map(|item| item.origin)
            }
            Self::Header { .. }
            | Self::UnusedSecret { .. }
            | Self::Network { .. }
            | Self::HostNames { .. }
            | Self::User { .. }
            | Self::SignIn { .. }
            | Self::LongLife => None,
        }
    }

    /// The flag that grants it, as it is written in a shell; nothing for what no flag grants.
    pub(crate) fn flag(&self) -> Option<String> {
        match self {
            Self::Variable { name, value } => Some(quoted("--env", &format!("{name}={value}"))),
            Self::VariableOfSecrets { name: variable, secret, .. } | Self::Secret { secret, variable } => {
                Some(quoted("--reveal-env", &format!("{variable}={secret}")))
            }
            Self::Header { secret, header, format, to } => {
                let value = format.replacen("{}", &format!("{{{secret}}}"), 1);
                Some(quoted("--credential", &format!("{to} {header}: {value}")))
            }
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
    fn a_variable_is_granted_with_any_value_and_a_directory_by_its_place() {
        let grant = Grant {
            env: vec![Sourced::flag("A=other".parse::<Variable>().unwrap())],
            dirs: vec![Sourced::config("/mine=/data".parse::<Directory>().unwrap())],
            ..Grant::default()
        };
        let variable = |name: &str| Item::Variable { name: name.to_owned(), value: String::new() }.granted(&grant);
        assert_eq!((variable("A"), variable("B")), (Some(Origin::Flag), None));
        let directory = |guest: &str| {
            let (host, guest) = ("/theirs".to_owned(), guest.to_owned());
            Item::Directory { host, guest, access: Access::ReadWrite, made_by_docker: false }.granted(&grant)
        };
        assert_eq!((directory("/data"), directory("/dat")), (Some(Origin::Config), None));
        assert_eq!(Item::Network { hosts: None }.granted(&grant), None);
    }
}
