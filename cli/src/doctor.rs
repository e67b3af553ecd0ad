//! `alto doctor`: what discovery stands on, looked at from here.

use alto_discovery::Severity;

use crate::args::DoctorOptions;
use crate::report::Status;
use crate::{Failure, findings};

/// Carries the command out.
pub(crate) fn run(options: &DoctorOptions) -> Result<Status, Failure> {
    let config = options.setup.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let found = runtime.map_err(Failure::Input)?.block_on(config.examine());
    findings::tell(&found, options.json)?;
    let faulty = found.iter().any(|finding| finding.severity == Severity::Fault);
    Ok(if faulty { Status::None } else { Status::Found })
}
