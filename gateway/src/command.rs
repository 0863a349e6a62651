//! The command line: one file a subcommand.

mod allow;
mod call;
mod catalogued;
mod coerce;
mod compile_worker;
mod inspect;
mod listen;
mod locking;
mod output;
mod plan;
mod pull;
mod push;
mod rejudging;
mod run;
mod secret;
mod selection;
mod signer;
mod tools;
mod trust;
mod trusting;
mod update;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lockgate_runtime::{CompileWorker, RegistrySettings, Runtime, SecretSettings, Settings, StoreKind};

use self::trusting::{Trust, Trusting};
use crate::built_in;
use crate::config::Config;
use crate::environment::{self, Folders, docker_config, engine_socket};
use crate::error::{CommandError, Kind};
use crate::report::{self, Detail};

/// Runs MCP servers without handing them the house
#[derive(Debug, Parser)]
#[command(name = "lockgate", version, disable_help_subcommand = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Args)]
struct Common {
    /// Keep configuration, keys and compiled code below DIR
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// How to print results
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve a server's tools to an MCP client on stdin and stdout
    Run(run::RunArgs),
    /// Call one tool of a server and print what it answers
    Call(call::CallArgs),
    /// List the tools of a server
    Tools(tools::ToolsArgs),
    /// Show what a server is, without running it
    Inspect(inspect::InspectArgs),
    /// Show what would run and what it could touch, without running it
    Plan(plan::PlanArgs),
    /// Approve a project's lockgate.toml as it is now, so that it is read
    Allow(allow::AllowArgs),
    /// Accept servers as they are now, and keep that in lockgate.lock
    Update(update::UpdateArgs),
    /// Check a trust policy, say what it asks, trust a signer or a reviewed content, or refresh trust roots
    Trust(trust::TrustArgs),
    /// Say whether an artifact may run by the trust policy, and what was checked
    Verify(verify::VerifyArgs),
    /// Bring a component from a registry to this machine, without running it
    Pull(pull::PullArgs),
    /// Send a component to a registry, or into a folder in the OCI layout
    Push(push::PushArgs),
    /// Keep secrets for servers to use: set, list, remove
    Secret(secret::SecretArgs),
    /// Compile a component from stdin to stdout
    #[command(hide = true)]
    CompileWorker(compile_worker::CompileWorkerArgs),
}

/// Runs the command, and says how it ended.
pub(crate) fn execute(line: CommandLine) -> ExitCode {
    let CommandLine { common, verb } = line;
    let done = match verb {
        Verb::Run(args) => run::execute(&common, args),
        Verb::Call(args) => call::execute(&common, args),
        Verb::Tools(args) => tools::execute(&common, args),
        Verb::Inspect(args) => inspect::execute(&common, args),
        Verb::Plan(args) => plan::execute(&common, args),
        Verb::Allow(args) => allow::execute(&common, args),
        Verb::Update(args) => update::execute(&common, args),
        Verb::Trust(args) => trust::execute(&common, args),
        Verb::Verify(args) => verify::execute(&common, args),
        Verb::Pull(args) => pull::execute(&common, args),
        Verb::Push(args) => push::execute(&common, args),
        Verb::Secret(args) => secret::execute(&common, args),
        Verb::CompileWorker(args) => compile_worker::execute(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error.text());
            error.exit_code()
        }
    }
}

impl Common {
    /// Where this program keeps things.
    fn folders(&self) -> Result<Folders, CommandError> {
        Folders::find(self.home.as_deref()).map_err(|error| {
            CommandError::from_error(Kind::Usage, &error).hint("give a folder with --home DIR, or set HOME")
        })
    }

    /// What is configured.
    fn config(&self) -> Result<Config, CommandError> {
        let config = Config::read(&self.folders()?, &std::path::absolute(".")?)?;
        config.notes.iter().for_each(|note| report::write_line(note));
        Ok(config)
    }

    /// A runtime with this program's settings, which trusts as its flags, or else the person's policy, say.
    fn runtime(&self, detail: Detail, config: &Config, trusting: &Trusting) -> Result<Runtime, CommandError> {
        self.runtime_by(detail, config, trusting.read(&self.folders()?, config)?)
    }

    /// A runtime that trusts by this policy.
    fn runtime_by(&self, detail: Detail, config: &Config, trust: Trust) -> Result<Runtime, CommandError> {
        self.runtime_behind(Vec::new(), detail, config, trust)
    }

    /// As [`runtime_by`](Self::runtime_by), where this program itself has `listeners`.
    fn runtime_behind(
        &self,
        listeners: Vec<SocketAddr>,
        detail: Detail,
        config: &Config,
        trust: Trust,
    ) -> Result<Runtime, CommandError> {
        let settings = Settings { listeners, ..self.settings(config, trust)? };
        Ok(Runtime::new(settings, report::hooks(detail), built_in::SERVERS)?)
    }

    fn settings(&self, config: &Config, trust: Trust) -> Result<Settings, CommandError> {
        if let Some(problem) = environment::lacks_address_space() {
            return Err(
                CommandError::new(Kind::Failed, problem).hint("raise its limit: `ulimit -v`, or the unit's LimitAS")
            );
        }
        let folders = self.folders()?;
        let Trust { ceiling, policy, waived } = trust;
        // A guest that could write the policy would be trusted by it the next time.
        let own_folders = [folders.config.clone(), folders.data.clone(), folders.cache.clone()];
        let files = ceiling.iter().chain([&policy]).flat_map(|read| read.files.clone());
        let own_folders = own_folders.into_iter().chain(files).chain(config.own_files.clone()).collect();
        Ok(Settings {
            code_folder: folders.cache.join("code"),
            store_folder: folders.data.join("store"),
            roots_folder: folders.roots(),
            registry: RegistrySettings {
                docker_config: docker_config(),
                credential_programs: config.credential_programs,
                token_hosts: config.token_hosts.clone(),
            },
            key_file: folders.data.join("code.key"),
            policies_folder: folders.data.join("policies"),
            advisories_folder: folders.cache.join("advisories"),
            run_folder: folders.data.join("run"),
            engine_socket: engine_socket(),
            secrets: secret_settings(&folders, config.store),
            own_folders,
            compile_worker: CompileWorker {
                // Not the path it was started by: another version may lie there by now.
                program: "/proc/self/exe".into(),
                arguments: vec!["compile-worker".into()],
            },
            roots: config.roots.clone(),
            listeners: Vec::new(),
            guest_threads: std::thread::available_parallelism().map_or(1, usize::from),
            ceiling: ceiling.map(|read| read.policy),
            trust: policy.policy,
            waived: waived.into_iter().collect(),
        })
    }
}

/// Where secrets are kept. `store` is the one that a person has chosen.
fn secret_settings(folders: &Folders, store: Option<StoreKind>) -> SecretSettings {
    SecretSettings {
        variable: environment::variable,
        store,
        encrypted_file: folders.data.join("secrets.age"),
        key_file: folders.config.join("secrets.key"),
    }
}

/// Runs a command's future on the gateway's own threads; guests have others.
fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = threads.block_on(work);
    // A blocking read of stdin cannot be ended, and is not waited for.
    threads.shutdown_background();
    done
}
