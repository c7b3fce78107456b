//! The command line of `ambit-verify`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Checks a sealed evidence package. Needs no key: only the package, and a trust file from elsewhere.
#[derive(Debug, Parser)]
#[command(
    name = "ambit-verify",
    version,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = EXIT_CODES
)]
pub struct Cli {
    /// A further check.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to check, when no further check is named.
    #[command(flatten)]
    pub verify: Option<CheckArgs>,
}

const EXIT_CODES: &str = "Exit codes: 0 all that was asked is confirmed; 1 could not finish; \
2 finished, and the answer is no; 3 confirmed, with departures from the order or the procedure.";

/// Further checks.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay every decision from the recorded facts, with the key that opens the ledger.
    Audit(AuditArgs),
    /// Say why an item came to what it came to, with the key that opens the ledger: outcome, rules, what they compared.
    Explain(ExplainArgs),
    /// Print a trust file's eight words and principals, or the keys as `ssh-keygen -Y verify` takes them.
    Trust(TrustArgs),
}

/// What every check needs.
#[derive(Args, Debug)]
#[group(id = "check", required = false)]
pub struct CheckArgs {
    /// The package: a folder such as KC07.ambit.
    pub package: PathBuf,
    /// The trust file. It never comes out of the package.
    #[arg(long, value_name = "FILE", required = true)]
    pub trust: PathBuf,
    /// The eight words of the trust file, as they stand on the court's paper.
    #[arg(long, value_name = "WORDS")]
    pub trust_words: Option<String>,
    /// An age identity that opens a set; may be given several times. Without one, no content is checked.
    #[arg(long = "identity", value_name = "FILE")]
    pub identities: Vec<PathBuf>,
    /// Read the identities' passphrase from the first line of FILE instead of asking for it.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `ambit-verify trust`.
#[derive(Args, Debug)]
pub struct TrustArgs {
    /// The trust file.
    pub trust: PathBuf,
    /// Print an `allowed_signers` file, for checking signatures by hand.
    #[arg(long)]
    pub allowed_signers: bool,
}

/// `ambit-verify audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// What every check needs.
    #[command(flatten)]
    pub check: CheckArgs,
    /// Examine the original again, and compare it with the record. Given several times: the drives of one set, in
    /// the order of the capture.
    #[arg(long, value_name = "MEDIUM")]
    pub against: Vec<PathBuf>,
    /// Read a mounted original although its mount is writable.
    #[arg(long, requires = "against")]
    pub writable_source: bool,
}

/// `ambit-verify explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// What every check needs.
    #[command(flatten)]
    pub check: CheckArgs,
    /// The item: its control number, its locator, or a path from the root of its volume, escaped as in every record.
    #[arg(value_name = "ITEM")]
    pub item: String,
}
