//! `lockgate inspect`: what a server is, read without running it.

use clap::Args;
use lockgate_runtime::{Description, Digest, Form, Runs, Shape, Source, Untrusted};
use serde::Serialize;

use super::selection::without_grant;
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::report::Detail;

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// A path to a .wasm, or the name of a built-in server
    #[arg(value_name = "SERVER")]
    server: String,
}

pub(super) fn execute(common: &Common, args: InspectArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let source = without_grant(&args.server, &config)?.source;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    let runs = block_on(async { Ok(runtime.inspect(&source).await?) })?;
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
            }
            output::json(&Document { source, manifest, digest, bytes, component })
        }
        Format::Text => {
            let manifest = manifest.map(|digest| format!("manifest {digest}\n")).unwrap_or_default();
            output::text_line(&format!("source   {source}\n{manifest}digest   {digest}\nsize     {bytes} bytes"))?;
            output::text_line(&describe(&component))
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
