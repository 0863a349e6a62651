//! `lockgate trust`: checks a policy, says what it asks, and trusts something that a person has looked at.

mod add;
mod edit;
mod place;
mod push;
mod refresh;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lockgate_runtime::{Explanation, Image, Problem, Source, Survey, Surveyed, Untrusted};

use super::trusting::{PolicyFile, Trusting, read_policy};
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::report::Detail;
use crate::sources::parse_server;

#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say whether a trust policy can be used, and what is wrong with it
    Check(CheckArgs),
    /// Say which scope is for something, and what it asks; nobody is asked for it
    Explain(ExplainArgs),
    /// Publish a policy, signed, for the policies of others to include
    Push(push::PushArgs),
    /// Show who signed something and what is inside, and trust that signer, or this content, for its repository
    Add(add::AddArgs),
    /// Fetch the trust roots of the policy that come by TUF, and verify them; nothing else fetches any
    Refresh(refresh::RefreshArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The policy
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// An OCI reference, oci-layout:DIR, or docker://IMAGE
    #[arg(value_name = "REF")]
    server: String,
    #[command(flatten)]
    policy: PolicyFile,
}

pub(super) fn execute(common: &Common, args: TrustArgs) -> Result<(), CommandError> {
    match args.verb {
        Verb::Check(CheckArgs { file }) => check(common, &file),
        Verb::Explain(args) => explain(common, args),
        Verb::Push(args) => push::execute(common, args),
        Verb::Add(args) => add::execute(common, args),
        Verb::Refresh(args) => refresh::execute(common, args),
    }
}

fn check(common: &Common, file: &Path) -> Result<(), CommandError> {
    let policy = read_policy(file, &common.folders()?, &mut Vec::new())?.ok_or_else(|| {
        CommandError::new(Kind::Usage, format!("there is no {}", file.display()))
            .hint("give the path of a policy, as trust.toml")
    })?;
    let scopes: Vec<&str> = policy.scopes().collect();
    let roots = policy.root_states();
    match common.format {
        Format::Json => output::json(&serde_json::json!({ "file": file, "scopes": scopes, "roots": roots })),
        Format::Text => {
            let count = match scopes.len() {
                1 => "1 scope".to_owned(),
                count => format!("{count} scopes"),
            };
            let list: String = scopes.iter().map(|scope| format!("\n  {scope}")).collect();
            let roots: String = roots.iter().map(|root| format!("\ntrust root {}", root.line())).collect();
            output::text_line(&format!("{} can be used: {count}{list}{roots}", file.display()))
        }
    }
}

fn explain(common: &Common, args: ExplainArgs) -> Result<(), CommandError> {
    let source = judged(&args.server)?;
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::from(args.policy))?;
    let explained = block_on(async { Ok(runtime.explain(&source).await?) })?;
    match common.format {
        Format::Json => output::json(&explained),
        Format::Text => {
            let texts: Vec<String> = explained.iter().map(text).collect();
            output::text_line(&texts.join("\n\n"))
        }
    }
}

/// What somebody else can vouch for.
pub(super) fn judged(server: &str) -> Result<Source, CommandError> {
    let (_, source) = parse_server(server)?;
    if matches!(source, Source::Oci(_) | Source::Layout(_) | Source::Image(Image::Registry(_))) {
        return Ok(source);
    }
    let message = format!("{source} is signed by nobody: only what lies in a registry or an OCI layout can be");
    Err(CommandError::new(Kind::Usage, message)
        .hint("write REGISTRY/REPOSITORY:TAG, REGISTRY/REPOSITORY@sha256:DIGEST, oci-layout:DIR or docker://IMAGE"))
}

fn text(explanation: &Explanation) -> String {
    let Explanation { policy, scope, asks, roots, only_warns, missing } = explanation;
    let scope = scope.as_deref().unwrap_or("none: the policy's default holds");
    let mut lines = vec![format!("policy    {policy}"), format!("scope     {scope}")];
    if asks.is_empty() {
        lines.push("asks      nothing would do: it does not run".to_owned());
    }
    lines.extend(asks.iter().map(|asked| format!("asks      {asked}")));
    lines.extend(roots.iter().map(|root| format!("root      {}", root.line())));
    if *only_warns {
        lines.push("mode      it only warns: what does not hold runs all the same".to_owned());
    }
    for Problem { reason, problem } in missing {
        let problem = Untrusted::new(problem.as_str()).to_line(4000);
        lines.push(format!(
            "missing   {problem} ({reason}): until it is there, it does not run, and it may ask for more"
        ));
    }
    lines.join("\n")
}

/// Who speaks for something and what they say, for a person.
pub(super) fn surveyed(survey: &Survey) -> String {
    let Survey { name, signers, sboms, provenance, missing, .. } = survey;
    let mut lines = vec![format!("name      {name}")];
    for Surveyed { name, signed, .. } in signers {
        lines.push(format!("{}{name}", if *signed { "signed by " } else { "attested by " }));
    }
    lines.extend(sboms.iter().map(|sbom| format!("inside    {}", sbom.line())));
    lines.extend(provenance.iter().map(|provenance| format!("built     {}", provenance.line())));
    lines.extend(missing.iter().map(|missing| format!("missing   {missing}")));
    lines.join("\n")
}
