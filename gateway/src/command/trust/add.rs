//! `lockgate trust add`: a scope of its own for what a person has looked at.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Explanation, SignerKey, Survey, Surveyed, TrustPolicy};
use serde::Serialize;

use super::super::trusting::{Trusting, read_file, read_key};
use super::super::{Common, Format, block_on, output};
use super::{judged, surveyed};
use crate::config::FilesBeside;
use crate::error::{CommandError, Kind};
use crate::files;
use crate::report::Detail;

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// An OCI reference, oci-layout:DIR, or docker://IMAGE
    #[arg(value_name = "REF")]
    server: String,
    /// Trust this signer, as it is shown, for the repository
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
}

pub(super) fn execute(common: &Common, args: AddArgs) -> Result<(), CommandError> {
    let AddArgs { server, signer, digest, key, no_log } = args;
    let source = judged(&server)?;
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    let key = key.map(|path| named_whole(&path)).transpose()?.map(|(name, key)| (name, key, !no_log));
    let survey = block_on(async { Ok(runtime.survey(&source, key).await?) })?;
    if common.format == Format::Text {
        let Survey { reference, manifest, .. } = &survey;
        output::text_line(&format!("reference {reference}\nmanifest  {manifest}\n{}", surveyed(&survey)))?;
    }
    let place = common.folders()?.config.join("trust.toml");
    let chosen = choose(common.format, &survey, signer.as_deref(), digest)?;
    if let Some(Chosen { is_digest: false, .. }) = &chosen {
        let explained = block_on(async { Ok(runtime.explain(&source).await?) })?;
        check_nothing_is_lost(&explained, &survey)?;
    }
    let chosen = chosen.map(|chosen| chosen.line);
    let scope = chosen.map(|line| format!("[[scope]]\nmatch = \"{}\"\n{line}\n", survey.name));
    if let Some(scope) = &scope {
        if config.trust.is_some() {
            let message = "your trust policy is the table [trust] of config.toml, which is not rewritten";
            return Err(CommandError::new(Kind::Usage, message).hint(format!("add this to it:\n{scope}")));
        }
        append(&place, common.folders()?.roots(), scope)?;
    }
    match common.format {
        Format::Json => output::json(&Document { survey: &survey, policy: &place, written: scope.as_deref() })?,
        Format::Text => {
            if let Some(scope) = &scope {
                output::text_line(&format!("\nwritten to {}:\n{}", place.display(), scope.trim_end()))?;
            }
        }
    }
    if scope.is_some() {
        return Ok(());
    }
    Err(CommandError::new(Kind::Refused, "nothing was trusted, and no file was changed")
        .hint("say whom: --signer SIGNER, as it is shown; or --digest, if you have reviewed exactly this content"))
}

/// What the person wants to have written.
struct Chosen {
    line: String,
    is_digest: bool,
}

/// A narrower scope takes the place of a wider one with all that it asks for: that is nothing to do by the way.
fn check_nothing_is_lost(explained: &[Explanation], survey: &Survey) -> Result<(), CommandError> {
    if survey.name == "oci-layout" {
        let message = "a scope for `oci-layout` is for every folder, and for everything that this signer ever signed";
        return Err(CommandError::new(Kind::Refused, message).hint("trust exactly this content: --digest"));
    }
    let Some(Explanation { scope: Some(scope), policy, .. }) = explained.last() else { return Ok(()) };
    if *scope == survey.name {
        return Ok(());
    }
    let message = format!("the scope {scope} of {policy} is for it, and what that asks for would no longer hold");
    Err(CommandError::new(Kind::Refused, message)
        .hint("add the signer to a scope by hand, with all that it should ask for"))
}

/// The line that the person wants, if they want one.
fn choose(format: Format, survey: &Survey, signer: Option<&str>, digest: bool) -> Result<Option<Chosen>, CommandError> {
    let reviewed = || Chosen { line: format!("digests = [\"{}\"]", survey.manifest), is_digest: true };
    let signed: Vec<&Surveyed> = survey.signers.iter().filter(|signer| signer.signed).collect();
    let line = |signer: &Surveyed| Chosen { line: format!("signers = [{}]", signer.line), is_digest: false };
    if digest {
        return Ok(Some(reviewed()));
    }
    if let Some(name) = signer {
        let found = signed.iter().find(|signer| signer.name == name);
        let missing = || {
            CommandError::new(Kind::Refused, format!("{} did not sign it", name.escape_debug()))
                .hint("name one of the signers that are shown, whole")
        };
        return Ok(Some(line(found.ok_or_else(missing)?)));
    }
    if format == Format::Json {
        return Ok(None);
    }
    if let [one] = &*signed
        && output::ask(&format!("trust {} for {}?", one.name, survey.name))?
    {
        return Ok(Some(line(one)));
    }
    let question = format!("have you reviewed {}, and trust exactly this content?", survey.manifest);
    Ok(output::ask(&question)?.then(reviewed))
}

/// Adds a scope to the person's policy, which stays as it is otherwise. A policy that could not be used is not written.
fn append(path: &Path, roots: PathBuf, scope: &str) -> Result<(), CommandError> {
    let unwritable = |error: std::io::Error| {
        CommandError::new(Kind::Failed, format!("cannot write {}: {error}", path.display()))
            .hint("make it writable, and see that its disk is not full; nothing was changed")
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)?;
    // Two of these at once do not lose what one of them wrote; and what a link names is changed, not the link.
    let lock = fs::File::open(folder).map_err(unwritable)?;
    lock.lock().map_err(unwritable)?;
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = match read_file(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|error| unwritable(std::io::Error::other(error)))?,
        Err(error) if error.kind() == ErrorKind::NotFound => "default = \"reject\"\n".to_owned(),
        Err(error) => return Err(unwritable(error)),
    };
    let text = format!("{}\n\n{scope}", before.trim_end());
    let mut beside = FilesBeside::new(path).map_err(unwritable)?.with_roots(roots);
    TrustPolicy::read(&text, &mut beside).map_err(|error| {
        let message = format!("{} would become one that cannot be used: {error}", path.display());
        CommandError::new(Kind::Usage, message).hint(format!("nothing was changed; write it by hand:\n{scope}"))
    })?;
    files::replace(path, text.as_bytes()).map_err(unwritable)
}

/// A key under its whole path, as the policy that will name it lies elsewhere.
fn named_whole(path: &Path) -> Result<(String, SignerKey), CommandError> {
    read_key(&std::path::absolute(path)?)
}
