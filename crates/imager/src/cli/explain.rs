//! The command line of `ambit policy explain`.

use std::path::PathBuf;

use clap::Args;

use super::{CaseArg, SigningArgs, SourceArgs};

/// `ambit policy explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The policy folder, or its policy.toml.
    pub policy: PathBuf,
    /// The item: a path from the root of its volume, escaped as in every record, or a locator.
    #[arg(long, value_name = "PATH|LOCATOR")]
    pub item: String,
    /// What is examined.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The age identity of the auditor or the court, to whom every item may be explained, or of the compartment for
    /// which this one would be held. Without one, only what the policy captures or lists by name is explained.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Which case: its log says that an item was looked at.
    #[command(flatten)]
    pub case: CaseArg,
    /// Who signs the event.
    #[command(flatten)]
    pub signing: SigningArgs,
}
