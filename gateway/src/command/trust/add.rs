//! `lockgate trust add`: adds what a person has looked at to their policy, for its repository alone.

use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{
    Decision, Explanation, Problem, Runtime, SignerKey, Source, Survey, Surveyed, TrustPolicy, Untrusted, Verdict,
};
use serde::Serialize;

use super::super::trusting::{Trusting, read_key};
use super::super::{Common, Format, block_on, output};
use super::edit::Added;
use super::place::{Change, Place};
use super::{judged, surveyed};
use crate::error::{CommandError, Kind};
use crate::report::Detail;

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// An OCI reference, oci-layout:DIR, or docker://IMAGE
    #[arg(value_name = "REF")]
    server: String,
    /// Trust this signer, as it is shown, for the repository; who only attested something of it, for that
    #[arg(long, value_name = "SIGNER", conflicts_with = "digest")]
    signer: Option<String>,
    /// Trust exactly this content: you have reviewed it
    #[arg(long)]
    digest: bool,
    /// Look for signatures of this public key (PEM), too
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// With --key: count its signatures without having been logged
    #[arg(long, requires = "key")]
    no_log: bool,
}

/// What was shown, and what was written.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    survey: &'a Survey,
    policy: &'a Path,
    written: Option<&'a str>,
    means: &'a [String],
    already: bool,
}

/// What became of it.
enum Outcome {
    Written(Box<Change>),
    /// The policy has it.
    Already,
    /// The person wants nothing of it.
    Nothing,
}

pub(super) fn execute(common: &Common, args: AddArgs) -> Result<(), CommandError> {
    block_on(add(common, args))
}

async fn add(common: &Common, args: AddArgs) -> Result<(), CommandError> {
    let AddArgs { server, signer, digest, key, no_log } = args;
    let source = judged(&server)?;
    let (config, folders) = (common.config()?, common.folders()?);
    let trust = Trusting::default().read(&folders, &config)?;
    let ceiling = trust.ceiling.as_ref().map(|read| read.policy.clone());
    let runtime = common.runtime_by(Detail::Brief, &config, trust)?;
    let key = key.map(|path| named_whole(&path)).transpose()?.map(|(name, key)| (name, key, !no_log));
    let survey = runtime.survey(&source, key).await?;
    if common.format == Format::Text {
        let Survey { reference, manifest, .. } = &survey;
        output::text_line(&format!("reference {reference}\nmanifest  {manifest}\n{}", surveyed(&survey)))?;
    }
    let explained = runtime.explain(&source).await?;
    let policy = Policy { place: Place::of(folders, &config), survey, explained, source, runtime, ceiling };
    let outcome = match policy.named(signer.as_deref(), digest)? {
        Some(added) => policy.add(&added).await?,
        None if common.format == Format::Json => Outcome::Nothing,
        None => policy.ask().await?,
    };
    report(common.format, &policy, &outcome)?;
    if !matches!(outcome, Outcome::Nothing) {
        return Ok(());
    }
    Err(CommandError::new(Kind::Refused, "nothing was trusted, and no file was changed")
        .hint("say whom: --signer SIGNER, as it is shown; or --digest, if you have reviewed exactly this content"))
}

fn report(format: Format, policy: &Policy, outcome: &Outcome) -> Result<(), CommandError> {
    let Policy { survey, place: Place { path, .. }, .. } = policy;
    let change = if let Outcome::Written(change) = outcome { Some(change) } else { None };
    if format == Format::Json {
        let (written, means) = (change.map(|change| &*change.lines), change.map_or(&[][..], |change| &change.means));
        let already = matches!(outcome, Outcome::Already);
        return output::json(&Document { survey, policy: path, written, means, already });
    }
    let path = path.display();
    match outcome {
        Outcome::Written(change) => output::text_line(&format!("\nwritten to {path}:\n{}", shown(change))),
        Outcome::Already => output::text_line(&format!("\n{path} has it already, and was not changed")),
        Outcome::Nothing => Ok(()),
    }
}

/// The lines of a change and what they mean, for a person.
fn shown(change: &Change) -> String {
    let means = change.means.iter().map(|means| Untrusted::new(means.as_str()).to_line(4000));
    let means: String = means.map(|means| format!("\nnote: {means}")).collect();
    format!("{}{means}", change.lines.trim_end())
}

/// A key under its whole path, as the policy that will name it lies elsewhere.
fn named_whole(path: &Path) -> Result<(String, SignerKey), CommandError> {
    read_key(&std::path::absolute(path)?)
}

/// The item that trusts somebody for what they said.
fn trusting(signer: &Surveyed) -> Added {
    if signer.signed { Added::Signer(signer.line.clone()) } else { Added::Attestation(signer.line.clone()) }
}

/// The policy of a person who has looked at something.
struct Policy {
    place: Place,
    survey: Survey,
    /// What the policies say of it now.
    explained: Vec<Explanation>,
    source: Source,
    runtime: Runtime,
    ceiling: Option<TrustPolicy>,
}

impl Policy {
    /// What the command line names.
    fn named(&self, signer: Option<&str>, digest: bool) -> Result<Option<Added>, CommandError> {
        if digest {
            return Ok(Some(Added::Digest(self.survey.manifest.to_string())));
        }
        let Some(name) = signer else { return Ok(None) };
        let found = self.survey.signers.iter().find(|signer| signer.name == name);
        let missing = || {
            let message = format!("{} neither signed it nor attested anything of it", name.escape_debug());
            CommandError::new(Kind::Refused, message).hint("name one of those that are shown, whole")
        };
        Ok(Some(trusting(found.ok_or_else(missing)?)))
    }

    /// The one whom a person would trust for it: who signed it, or where nobody did, who attested something of it.
    fn only_signer(&self) -> Option<&Surveyed> {
        let signers = &self.survey.signers;
        let signed: Vec<&Surveyed> = signers.iter().filter(|signer| signer.signed).collect();
        match (&*signed, &**signers) {
            ([one], _) => Some(one),
            ([], [one]) => Some(one),
            _ => None,
        }
    }

    /// Adds what was named on the command line.
    async fn add(&self, added: &Added) -> Result<Outcome, CommandError> {
        let Some(change) = self.change(added).await? else { return Ok(Outcome::Already) };
        self.place.write(&self.survey.name, added, &change)?;
        Ok(Outcome::Written(Box::new(change)))
    }

    /// Shows what could be added, and adds what the person says yes to.
    async fn ask(&self) -> Result<Outcome, CommandError> {
        let Survey { name, manifest, .. } = &self.survey;
        let mut choices = Vec::new();
        if let Some(one) = self.only_signer() {
            let attested = one.most_telling().unwrap_or_default().escape_debug();
            let only =
                if one.signed { String::new() } else { format!(", who did not sign it and attested {attested},") };
            choices.push((trusting(one), format!("trust {}{only} for {name}?", one.name)));
        }
        let question = format!("have you reviewed {manifest}, and trust exactly this content?");
        choices.push((Added::Digest(manifest.to_string()), question));
        let mut is_there = false;
        for (added, question) in choices {
            let change = match self.change(&added).await {
                Ok(Some(change)) => change,
                Ok(None) => {
                    is_there = true;
                    continue;
                }
                // Who cannot be trusted by the way may have signed what can be reviewed.
                Err(error) if !matches!(added, Added::Digest(_)) => {
                    output::error(&error.text());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let asked = format!("{} would get:\n{}\n{question}", self.place.path.display(), shown(&change));
            if output::ask(&asked)? {
                self.place.write(name, &added, &change)?;
                return Ok(Outcome::Written(Box::new(change)));
            }
        }
        Ok(if is_there { Outcome::Already } else { Outcome::Nothing })
    }

    /// The change that adds this, and all that it means; none where it is there already.
    async fn change(&self, added: &Added) -> Result<Option<Change>, CommandError> {
        let is_signer = !matches!(added, Added::Digest(_));
        if is_signer && self.survey.name == "oci-layout" {
            let message =
                "a scope for `oci-layout` is for every folder, and for everything that this signer ever signed";
            return Err(CommandError::new(Kind::Refused, message).hint("trust exactly this content: --digest"));
        }
        let Some(mut change) = self.place.change(&self.survey.name, added)? else { return Ok(None) };
        if change.is_scope && is_signer {
            self.check_nothing_is_lost(added)?;
        }
        if change.is_scope
            && let Some((scope, policy)) = self.in_force()
        {
            let means = "what else that lets run here does not run any more";
            change.means.push(format!("this takes the place of the scope {scope} of {policy}: {means}"));
        }
        change.means.extend(self.still_refused(&change).await?);
        Ok(Some(change))
    }

    /// The scope of the person's policy, or of one that it includes, which is for it now; and where that stands.
    fn in_force(&self) -> Option<(&str, &str)> {
        let Explanation { scope, policy, .. } = self.explained.last()?;
        Some((scope.as_deref()?, policy))
    }

    /// A narrower scope takes the place of a wider one with all that it asks for: that is nothing to do by the way.
    fn check_nothing_is_lost(&self, added: &Added) -> Result<(), CommandError> {
        let missing = self.explained.last().and_then(|explained| explained.missing.first());
        if let Some(Problem { reason, problem }) = missing {
            let message = format!(
                "what your policy includes is not there ({reason}: {problem}), and may have a scope for it, of which \
                 nothing would hold any more"
            );
            return Err(CommandError::new(Kind::Refused, message).hint("nothing was changed; do this when it is there"));
        }
        let Some((scope, policy)) = self.in_force() else { return Ok(()) };
        let message = format!("the scope {scope} of {policy} is for it, and what that asks for would no longer hold");
        let hint = if self.place.is_called(policy) {
            format!(
                "nothing was changed; add this to its `{}` by hand, for all that it is for: {added}",
                added.member()
            )
        } else {
            format!(
                "nothing was changed, and {policy} is not yours to change: ask whoever writes it to trust this signer"
            )
        };
        Err(CommandError::new(Kind::Refused, message)
            .hint(hint)
            .hint("or write a scope for it by hand, with all that it should ask for"))
    }

    /// What keeps it from running by the changed policy as well, in words.
    async fn still_refused(&self, change: &Change) -> Result<Option<String>, CommandError> {
        self.runtime.trust_anew(self.ceiling.clone(), change.policy.clone());
        let Decision { manifests, verdict, policy, .. } = self.runtime.verify(&self.source).await?;
        if !manifests.contains(&self.survey.manifest) {
            let message = "the registry gives something else for it by now than what was shown";
            return Err(CommandError::new(Kind::Failed, message).hint("nothing was changed; run this once more"));
        }
        let Verdict::Refused { why: Problem { reason, problem }, .. } = verdict else { return Ok(None) };
        if reason.is_denial() {
            let message = format!("whoever signs or reviews it, it does not run ({reason}): {problem}");
            let hint = "nothing was changed; it is `deny` that says so, in your policy, the machine's, or one that they include";
            return Err(CommandError::new(Kind::Refused, message).hint(hint));
        }
        let whose = if self.place.is_called(&policy) { "" } else { "; ask whoever writes that policy" };
        Ok(Some(format!("it still does not run, by {policy} ({reason}): {problem}{whose}")))
    }
}
