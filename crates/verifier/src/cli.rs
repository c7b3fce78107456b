//! The command line of `ambit-verify`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use crate::progress::ProgressMode;

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
    /// Draw lines, and with the original items of the medium, that nobody could foresee; name the commands that look at them.
    Sample(SampleArgs),
    /// Write, for the auditor to sign, what became of everything under one path: the whole ledger is replayed first.
    Attest(AttestArgs),
    /// Check a set with its holder's key, and write for them to sign a verdict for each control number; no content is shown.
    Holder(HolderArgs),
    /// Check a signed attestation: what it says, who signed it, and whether they may say so.
    Attestation(AttestationArgs),
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
    /// How progress is told on standard error; never with names.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressMode,
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
    /// Compare the ledger with what another tool saw of the medium: a bodyfile (`fls -r -p -m /`), DFXML (`fiwalk -X`), or
    /// CSV with a header (path, size, sha256).
    #[arg(long, value_name = "FILE")]
    pub against_listing: Option<PathBuf>,
    /// The volume that the listing is of, as the ledger names it; not needed where there is one, or for DFXML.
    #[arg(long, value_name = "VOLUME", requires = "against_listing")]
    pub listing_volume: Option<String>,
    /// The tool that made the listing, for the result: such as `fls 4.12.1`.
    #[arg(long, value_name = "TOOL", requires = "against_listing", value_parser = tool)]
    pub listing_tool: Option<String>,
    /// Write the result to this new file, for the auditor to sign.
    #[arg(long, value_name = "FILE")]
    pub write_result: Option<PathBuf>,
    /// Read a mounted original although its mount is writable.
    #[arg(long, requires = "against")]
    pub writable_source: bool,
    /// What an image is read as that is two things at once: `raw`, or the `container` whose mark it bears.
    #[arg(long, value_name = "FORM", requires = "against")]
    pub image_form: Option<source::Form>,
}

/// `ambit-verify explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// What every check needs.
    #[command(flatten)]
    pub check: CheckArgs,
    /// The item: its control number, its locator, or a path from the root of its volume, escaped as in every record.
    #[arg(value_name = "ITEM", required_unless_present = "item_too")]
    item: Option<String>,
    /// The same, as `ambit policy explain` takes it.
    #[arg(long = "item", value_name = "ITEM", conflicts_with = "item")]
    item_too: Option<String>,
}

impl ExplainArgs {
    /// Which item.
    pub(crate) fn item(&self) -> &str {
        self.item.as_deref().or(self.item_too.as_deref()).unwrap_or_default()
    }
}

/// `ambit-verify attest`.
#[derive(Args, Debug)]
pub struct AttestArgs {
    /// What every check needs.
    #[command(flatten)]
    pub check: CheckArgs,
    /// The path, from the root of its volume and as the record has it, such as /home/anna. It stands in the text.
    #[arg(long, value_name = "PATH")]
    pub prefix: PathBuf,
    /// The new file for the statement.
    #[arg(long, value_name = "FILE")]
    pub write_result: PathBuf,
}

/// `ambit-verify attestation`.
#[derive(Args, Debug)]
pub struct AttestationArgs {
    /// The attestation.
    pub attestation: PathBuf,
    /// A signature over it; may be given several times.
    #[arg(long = "sig", value_name = "FILE", required = true)]
    pub signatures: Vec<PathBuf>,
    /// The package that it is about: what can be compared without a key is.
    #[arg(long, value_name = "PKG")]
    pub package: Option<PathBuf>,
    /// The trust file.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
}

/// `ambit-verify sample`.
#[derive(Args, Debug)]
pub struct SampleArgs {
    /// What every check needs.
    #[command(flatten)]
    pub check: CheckArgs,
    /// How many lines are drawn, and how many items of the medium.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub n: usize,
    /// A text of 8 to 200 characters that was chosen by chance after the package was sealed.
    #[arg(long, value_name = "TEXT")]
    pub nonce: String,
    /// Look at the drawn items again on this original. Given several times: the drives of one set.
    #[arg(long, value_name = "MEDIUM")]
    pub against: Vec<PathBuf>,
    /// Read a mounted original although its mount is writable.
    #[arg(long, requires = "against")]
    pub writable_source: bool,
    /// What an image is read as that is two things at once: `raw`, or the `container` whose mark it bears.
    #[arg(long, value_name = "FORM", requires = "against")]
    pub image_form: Option<source::Form>,
    /// Print the names of the drawn lines' items, too.
    #[arg(long)]
    pub i_may_see_names: bool,
}

/// `ambit-verify holder`.
#[derive(Args, Debug)]
pub struct HolderArgs {
    /// What every check needs.
    #[command(flatten)]
    pub check: CheckArgs,
    /// The set: `captured`, or `held:<compartment>`.
    #[arg(long, value_name = "SET")]
    pub set: String,
    /// The new file for the verdicts.
    #[arg(long, value_name = "FILE")]
    pub write_result: PathBuf,
}

/// The name of a tool: it is put into a text that is signed.
fn tool(text: &str) -> Result<String, String> {
    let visible = text.bytes().all(|c| c == b' ' || c.is_ascii_graphic());
    if visible && (1..=100).contains(&text.len()) && text.trim() == text {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 100 printable characters of ASCII, such as `fls 4.12.1`".to_owned())
    }
}
