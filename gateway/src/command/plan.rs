//! `lockgate plan`: what would run and what it could touch, with who said so.

use std::fmt::Display;

use clap::Args;
use lockgate_runtime::{Access, ContainerRun, Origin, Plan, Runs, Sourced, Untrusted};

use super::catalogued::{self, Planned};
use super::inspect::describe;
use super::selection::{Chosen, Selection};
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::report::{Detail, basis_text};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    trusting: Trusting,
    /// Ask no registry: show what a catalog's entry says and wants
    #[arg(long)]
    offline: bool,
}

pub(super) fn execute(common: &Common, args: PlanArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let Chosen { spec, offer, .. } = args.selection.choose(&config)?;
    if args.offline && offer.is_none() {
        let message = format!("--offline shows an entry of a catalog, and {} is none", spec.name);
        return Err(CommandError::new(Kind::Usage, message));
    }
    let resolve = || {
        let runtime = common.runtime(Detail::Brief, &config, &args.trusting)?;
        block_on(async { Ok(runtime.resolve(spec.clone()).await?) })
    };
    match offer {
        Some(offer) => {
            let planned = if args.offline { Planned::Offline } else { resolve().into() };
            catalogued::show(common.format, &offer, &spec, planned)
        }
        None => match (common.format, resolve()?) {
            (Format::Json, plan) => output::json(&without_values(plan)),
            (Format::Text, plan) => output::text_line(&text(&plan)),
        },
    }
}

/// The plan as it is shown: the values of variables may be secrets, and logs are read by many.
pub(super) fn without_values(mut plan: Plan) -> Plan {
    for variable in &mut plan.grant.env {
        "(not shown)".clone_into(&mut variable.value.value);
    }
    plan
}

/// A plan for a terminal.
pub(super) fn text(plan: &Plan) -> String {
    let Plan { name, source, runs, basis, signers, arguments, grant, limits } = plan;
    let mut text = format!("server   {name}\nsource   {source}\n");
    text.push_str(&match runs {
        Runs::Wasm { digest, manifest, bytes, component } => format!(
            "runs     {digest} ({bytes} bytes)\n{}trust    {}\nexecutor wasm: a fresh sandbox for every call\n{}\n",
            manifest.map(|digest| format!("manifest {digest}\n")).unwrap_or_default(),
            basis_text(*basis),
            describe(component)
        ),
        Runs::Container(ContainerRun { image, manifest, .. }) => {
            let manifest = manifest.map(|manifest| format!("manifest {manifest}\n")).unwrap_or_default();
            format!(
                "runs     image {image}\n{manifest}trust    {}\nexecutor container: one for each session of an older client, one for all others\n",
                basis_text(*basis)
            )
        }
        Runs::Remote => {
            format!(
                "runs     elsewhere\ntrust    {}\nexecutor remote: nothing of it is checked here\n",
                basis_text(*basis)
            )
        }
    });
    text.extend(signers.iter().map(|signer| format!("signer   {signer}\n")));
    if !arguments.is_empty() {
        let words = arguments.iter().map(|argument| Untrusted::new(argument.value.as_str()).to_line(200));
        text.push_str(&format!("command  {}\n", Vec::from_iter(words).join(" ")));
    }
    if grant.http.is_empty() && grant.dirs.is_empty() && grant.env.is_empty() && grant.credentials.is_empty() {
        text.push_str("grant    nothing: no network, no files, no variables\n");
    }
    let mut line = |title: &str, value: &dyn Display, origin: Origin| {
        text.push_str(&format!("{title:<8} {value} {}\n", origin_text(origin)));
    };
    for rule in &grant.http {
        line("http", &rule.value, rule.origin);
    }
    for dir in &grant.dirs {
        let access = match dir.value.access {
            Access::Read => "read-only",
            Access::ReadWrite => "read-write",
        };
        // Files alone are given to components; a container reaches whoever listens on a socket there.
        let sockets = if matches!(runs, Runs::Container(_)) { ", with the sockets in it" } else { "" };
        line("dir", &format!("{} as {} {access}{sockets}", dir.value.host.display(), dir.value.guest), dir.origin);
    }
    for variable in &grant.env {
        // The value may be long or private; its name is what matters here.
        line("env", &Untrusted::new(variable.value.name.as_str()).to_line(200), variable.origin);
    }
    for Sourced { value: credential, origin } in &grant.credentials {
        let secret = Untrusted::new(credential.secret.to_string()).to_line(200);
        if let Some(header) = &credential.header {
            let to = header.to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let stand_in =
                header.placeholder.iter().map(|name| format!("; a stand-in is in {name}")).collect::<String>();
            line("secret", &format!("{secret} in the header {} to {to}{stand_in}", header.name), *origin);
        }
        if let Some(variable) = &credential.reveal_env {
            line("REVEALS", &red(&format!("{secret} itself, in the variable {variable}")), *origin);
        }
    }
    line("memory", &format!("{} KiB", limits.memory.value >> 10), limits.memory.origin);
    line("time", &format!("{:?}", limits.time.value), limits.time.origin);
    line("output", &format!("{} KiB", limits.output.value >> 10), limits.output.origin);
    line("calls", &format!("{} at a time", limits.concurrency.value), limits.concurrency.origin);
    text.trim_end().to_owned()
}

/// The text in red, where a person looks at a terminal.
fn red(text: &str) -> String {
    if output::has_colour() { format!("\u{1b}[31m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Who wrote something.
pub(super) fn origin_text(origin: Origin) -> &'static str {
    match origin {
        Origin::Default => "(default)",
        Origin::Flag => "(flag)",
        Origin::Config => "(configuration)",
        Origin::Catalog => "(catalog)",
    }
}
