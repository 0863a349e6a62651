//! `lockgate verify`: whether an artifact may run by the trust policy, and what was checked.

use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Decision, Requirement, SignedBy, TrustPolicy, Verdict};

use super::trust::judged;
use super::trusting::{PolicyFile, Trust, Trusting, read_key};
use super::{Common, Format, block_on, output};
use crate::config::ReadPolicy;
use crate::error::{CommandError, Kind};
use crate::report::{Detail, basis_text, who};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// An OCI reference, oci-layout:DIR, or docker://IMAGE
    #[arg(value_name = "REF")]
    server: String,
    /// Trust this public key alone (PEM; ECDSA on P-256 or Ed25519), in place of the trust policy
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    key: Option<PathBuf>,
    /// With --key: count its signatures without having been logged
    #[arg(long, requires = "key")]
    no_log: bool,
    #[command(flatten)]
    policy: PolicyFile,
}

pub(super) fn execute(common: &Common, args: VerifyArgs) -> Result<(), CommandError> {
    let source = judged(&args.server)?;
    let config = common.config()?;
    let runtime = match &args.key {
        Some(path) => common.runtime_by(Detail::Brief, &config, of_key(path, args.no_log)?)?,
        None => common.runtime(Detail::Brief, &config, &Trusting::from(args.policy))?,
    };
    let decision = block_on(async { Ok(runtime.verify(&source).await?) })?;
    match common.format {
        Format::Json => output::json(&decision)?,
        Format::Text => output::text_line(&text(&decision))?,
    }
    decision.refused().map_or(Ok(()), |refused| Err(refused.into()))
}

fn of_key(path: &Path, no_log: bool) -> Result<Trust, CommandError> {
    let (name, key) = read_key(path)?;
    // Nothing runs, so there is nobody to keep the file from.
    let policy = TrustPolicy::of_key(name, key, !no_log);
    let policy = policy.map_err(|error| CommandError::new(Kind::Failed, error.to_string()))?;
    let policy = ReadPolicy { policy, files: Vec::new() };
    Ok(Trust { policy, ..Trust::default() })
}

/// A decision, for a person.
pub(super) fn text(decision: &Decision) -> String {
    let Decision { reference, manifests, at, scope, policy, verdict, requirements, sboms, provenance, checked } =
        decision;
    let mut lines = vec![format!("reference {reference}")];
    lines.extend(manifests.iter().map(|digest| format!("manifest  {digest}")));
    let scope = scope.as_deref().unwrap_or("none: the policy's default holds");
    lines.push(format!("scope     {scope} ({policy})"));
    match verdict {
        Verdict::Accepted { basis, warning, .. } => {
            lines.push(format!("verdict   accepted: {}", basis_text(*basis)));
            lines.extend(warning.iter().map(|why| format!("warning   {}: {}", why.reason, why.problem)));
        }
        Verdict::Refused { why, .. } => lines.push(format!("verdict   refused: {}", why.reason)),
    }
    for Requirement { what, held, by, why, also, more } in requirements {
        lines.push(format!("{}  {what}", if *held { "met     " } else { "not met " }));
        lines.extend(by.iter().map(signer));
        lines.extend(why.iter().chain(also).map(|why| format!("          {}: {}", why.reason, why.problem)));
        if *more > 0 {
            lines.push(format!("          and {more} more"));
        }
    }
    for sbom in sboms {
        lines.push(format!("inside    {}", sbom.line()));
        lines.extend(sbom.remarks.iter().map(|remark| format!("          {remark}")));
    }
    lines.extend(provenance.iter().map(|provenance| format!("built     {}", provenance.line())));
    lines.extend(checked.iter().map(|checked| format!("checked   {checked}")));
    lines.push(format!("at        {at}"));
    lines.join("\n")
}

fn signer(by: &SignedBy) -> String {
    let SignedBy { root, logged, at, .. } = by;
    let root = root.as_ref().map(|root| format!(", by the trust root {root}")).unwrap_or_default();
    let logged = if *logged { ", logged" } else { "" };
    let at = at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    format!("          by {}{root}{logged}{at}", who(by))
}
