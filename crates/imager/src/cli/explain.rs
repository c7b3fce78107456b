//! The command lines of `ambit policy explain` and `ambit policy diff`.

use std::path::PathBuf;

use clap::Args;

use super::{CaseArg, Lang, SigningArgs, SourceArgs};

/// `ambit policy explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The policy folder, or its policy.toml.
    pub policy: PathBuf,
    /// The item: a path from the root of its volume, escaped as in every record, or a locator.
    #[arg(long, value_name = "PATH|LOCATOR", required_unless_present = "item_too")]
    item: Option<String>,
    /// The same, as `ambit-verify explain` takes it.
    #[arg(value_name = "ITEM", conflicts_with = "item")]
    item_too: Option<String>,
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

impl ExplainArgs {
    /// Which item.
    pub(crate) fn item(&self) -> &str {
        self.item.as_deref().or(self.item_too.as_deref()).unwrap_or_default()
    }
}

/// `ambit policy diff`.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The policy as it is: its folder, or its policy.toml.
    pub before: PathBuf,
    /// The policy as it would be.
    pub after: PathBuf,
    /// The language of the policies' sentences; what is found is said in English.
    #[arg(long, value_enum, default_value = "en")]
    pub lang: Lang,
    /// What moves in a package.
    #[command(flatten)]
    pub ledger: LedgerArgs,
}

/// `ambit policy diff --ledger`.
#[derive(Args, Debug)]
pub struct LedgerArgs {
    /// Say which items of this package move, and why, from its ledger.
    #[arg(long, value_name = "PKG", requires = "trust", requires = "identity")]
    pub ledger: Option<PathBuf>,
    /// The trust file by which the package is checked. It never comes out of the package.
    #[arg(long, value_name = "FILE", requires = "ledger")]
    pub trust: Option<PathBuf>,
    /// The age identity that opens the ledger: the auditor's or the court's.
    #[arg(long, value_name = "FILE", requires = "ledger")]
    pub identity: Option<PathBuf>,
    /// Read the identity's passphrase from the first line of FILE instead of asking for it.
    #[arg(long, value_name = "FILE", requires = "ledger")]
    pub passphrase_file: Option<PathBuf>,
    /// Show the names of the items that move: say that you may see them.
    #[arg(long, requires = "ledger")]
    pub i_may_see_names: bool,
}
