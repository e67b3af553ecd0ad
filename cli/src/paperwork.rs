//! Completions and manual pages, made from the command line's own definition.

use std::io::{Write as _, stdout};

use clap::CommandFactory as _;

use crate::Failure;
use crate::args::Arguments;
use crate::report::Status;

/// Prints the completions for `shell`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "alto", &mut script);
    print(&script)
}

/// Prints the manual page of `alto`, or of one of its commands.
pub(crate) fn man(command: Option<&str>) -> Result<Status, Failure> {
    print(&page(command)?)
}

fn page(command: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut alto = Arguments::command();
    alto.build();
    let page = match command {
        None => alto,
        Some(name) => {
            let found = alto.find_subcommand(name).cloned();
            found.ok_or_else(|| Failure::Usage(format!("no command `{name}`")))?
        }
    };
    let mut roff = Vec::new();
    // Commands have no version of their own.
    let source = concat!("alto ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(page).source(source).render(&mut roff).map_err(Failure::Output)?;
    Ok(roff)
}

fn print(text: &[u8]) -> Result<Status, Failure> {
    stdout().write_all(text).map_err(Failure::Output)?;
    Ok(Status::Found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The footer of each page tells the version.
    #[test]
    fn pages_tell_the_version() {
        let commands = Arguments::command();
        let names = commands.get_subcommands().map(|command| Some(command.get_name()));
        for name in names.chain([None]) {
            let page = String::from_utf8(page(name).unwrap()).unwrap();
            let title = page.lines().find(|line| line.starts_with(".TH")).unwrap();
            let version = format!("\"alto {}\"", env!("CARGO_PKG_VERSION"));
            assert!(title.contains(&version), "{title}");
        }
    }
}
