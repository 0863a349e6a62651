//! `lockgate inspect`: what a server is and who speaks for it, read without running it.

use clap::Args;
use lockgate_runtime::{Description, Digest, Form, Image, Runs, Shape, Source, Survey, Untrusted};
use serde::Serialize;

use super::selection::without_grant;
use super::trust::surveyed;
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::report::Detail;

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// A path to a .wasm, an OCI reference, oci-layout:DIR, docker://IMAGE, or a name
    #[arg(value_name = "SERVER")]
    server: String,
}

pub(super) fn execute(common: &Common, args: InspectArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let source = without_grant(&args.server, &config)?.source;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    let (runs, survey) = block_on(async {
        let runs = runtime.inspect(&source).await?;
        // Who signed it and what they say is inside, whether anybody trusts them or not.
        let survey = match &source {
            Source::Oci(_) | Source::Layout(_) | Source::Image(Image::Registry(_)) => {
                Some(runtime.survey(&source, None).await?)
            }
            Source::File(_) | Source::BuiltIn(_) | Source::Image(Image::Local(_)) | Source::Remote(_) => None,
        };
        Ok((runs, survey))
    })?;
    if let (Runs::Container(run), Some(survey)) = (&runs, &survey) {
        return match common.format {
            Format::Json => output::json(&serde_json::json!({ "source": source, "runs": run, "survey": survey })),
            Format::Text => output::text_line(&surveyed(survey)),
        };
    }
    let Runs::Wasm { digest, manifest, bytes, component } = runs else {
        return Err(CommandError::new(
            Kind::Failed,
            format!("{source} is no component: nothing of it can be read here"),
        )
        .hint("`lockgate plan` shows how it would run"));
    };
    match common.format {
        Format::Json => {
            #[derive(Serialize)]
            struct Document {
                source: Source,
                #[serde(skip_serializing_if = "Option::is_none")]
                manifest: Option<Digest>,
                digest: Digest,
                bytes: usize,
                component: Description,
                #[serde(skip_serializing_if = "Option::is_none")]
                survey: Option<Survey>,
            }
            output::json(&Document { source, manifest, digest, bytes, component, survey })
        }
        Format::Text => {
            let manifest = manifest.map(|digest| format!("manifest {digest}\n")).unwrap_or_default();
            output::text_line(&format!("source   {source}\n{manifest}digest   {digest}\nsize     {bytes} bytes"))?;
            output::text_line(&describe(&component))?;
            survey.map_or(Ok(()), |survey| output::text_line(&surveyed(&survey)))
        }
    }
}

/// A component in lines: names are a stranger's words.
pub(super) fn describe(component: &Description) -> String {
    let form = match component.form {
        Form::Component => "WASI component",
        Form::CoreModule => "core module for wasm32-wasip1, adapted when it is compiled",
    };
    let shape = match &component.shape {
        Shape::Native(served) => {
            format!("native ({})", Vec::from_iter(served.iter().map(String::as_str)).join(", "))
        }
        Shape::Command => "command".to_owned(),
    };
    let reason = Untrusted::new(component.reason.as_str()).to_line(400);
    let mut text = format!("form     {form}\nshape    {shape}: {reason}");
    for (title, names) in [("imports", &component.imports), ("exports", &component.exports)] {
        let mut title = title;
        for name in names {
            text.push_str(&format!("\n{title:<8} {}", Untrusted::new(name.as_str()).to_line(200)));
            title = "";
        }
    }
    text
}
