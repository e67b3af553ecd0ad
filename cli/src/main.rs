//! The command `alto`.
#![forbid(unsafe_code)]

mod alto_servers;
mod args;
mod asking;
mod check;
mod demo;
mod discover;
mod doctor;
mod evaluate;
mod explain;
mod findings;
mod input;
mod map;
mod name_server;
mod paperwork;
mod rank;
mod report;
mod serve;
mod setup;
mod stage;
mod whoami;
mod zone;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command, Evaluation};
use report::Status;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Discover(options) => discover::run(&options),
        Command::Rank(options) => rank::run(&options),
        Command::Map(options) => map::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Zone(options) => zone::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Explain { code } => explain::run(code.as_deref()),
        Command::Demo(options) => demo::run(&options),
        Command::Evaluate { what: Evaluation::Swarm(options) } => evaluate::swarm::run(&options),
        Command::Evaluate { what: Evaluation::Approaches(options) } => {
            evaluate::approaches::run(&options)
        }
        Command::Serve(options) => serve::run(&options),
        Command::Whoami(options) => whoami::run(&options),
        Command::Completions { shell } => paperwork::completions(shell),
        Command::Man { command } => paperwork::man(command.as_deref()),
    };
    match outcome {
        Ok(status) => status.into(),
        // Whoever reads our output has read enough.
        Err(Failure::Output(fault)) if fault.kind() == std::io::ErrorKind::BrokenPipe => {
            Status::Found.into()
        }
        Err(failure) => {
            // If nobody can hear it, the exit status still tells.
            let _ = writeln!(std::io::stderr(), "alto: {failure}");
            Status::Usage.into()
        }
    }
}

/// A line of results.
fn say(line: impl std::fmt::Display) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(Failure::Output)
}

/// Why a command could not be carried out at all.
#[derive(Debug)]
enum Failure {
    /// The configuration is wrong.
    Config(alto_discovery::Error),
    /// Input could not be read.
    Input(std::io::Error),
    /// Output could not be written.
    Output(std::io::Error),
    /// A flag's value makes no sense.
    Usage(String),
    /// What a demonstration needs could not be set up.
    Stage(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(fault) => fault.fmt(f),
            Self::Input(fault) => write!(f, "reading input: {fault}"),
            Self::Output(fault) => write!(f, "writing output: {fault}"),
            Self::Usage(fault) => f.write_str(fault),
            Self::Stage(fault) => write!(f, "setting up: {fault}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<alto_discovery::Error> for Failure {
    fn from(fault: alto_discovery::Error) -> Self {
        Self::Config(fault)
    }
}
