//! The command line of `ambit`.

mod amount;
mod attestation;
mod explain;
mod import;
mod medium;
mod package;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use evidence::approval::InstrumentKind;

pub use crate::progress::ProgressMode;
pub use attestation::{AttestationAppendArgs, AttestationCommand, AttestationSignArgs};
pub use explain::{DiffArgs, ExplainArgs, LedgerArgs};
pub use import::{CatalogueArg, HashListArgs, ImportArgs, SetArg};
pub use medium::{ListFormat, MediumCommand, MediumInfoArgs, MediumListArgs};
pub use package::{PackageCommand, PackageMoveArgs, PackageUpdateArgs};

/// Takes what the order allows, and lets others check that it took nothing more.
#[derive(Debug, Parser)]
#[command(name = "ambit", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// Print the result as one JSON object on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 could not finish; 2 finished, and the answer is no; \
3 done, with departures from the order or the procedure.";

/// The commands, in the order in which a case needs them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make keys for a person, or for the custody log.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Look at a trust file: its principals and its eight words.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Open a case: one medium, one custody log.
    #[command(subcommand)]
    Case(CaseCommand),
    /// Check, read and approve a scoping policy.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Count what a policy would take from a medium. Takes nothing; leaves an `examine` event.
    Plan(PlanArgs),
    /// Examine a medium under an approved policy and keep what it allows, in a sealed package.
    Capture(CaptureArgs),
    /// Preserve volumes of which no file can be read (encrypted, damaged), whole, in a package that the court alone opens.
    Image(ImageArgs),
    /// Look at a medium: its layers, and what is on them.
    #[command(subcommand)]
    Medium(MediumCommand),
    /// Keep a package: on a larger disk, for one.
    #[command(subcommand)]
    Package(PackageCommand),
    /// Add a seal signature to a package whose quorum is not met yet.
    Sign(SignArgs),
    /// Sign what an auditor found, or put it on the custody log.
    #[command(subcommand)]
    Attestation(AttestationCommand),
    /// Check one set of a package against its inventory, then lay its objects out in a new folder.
    Open(OpenArgs),
    /// Run the main job, from keys to audit, on a bundled medium.
    Demo(DemoArgs),
}

/// `ambit key`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make NAME and NAME.pub (OpenSSH ed25519, for signing) and NAME.age (age X25519, for opening).
    New(KeyNewArgs),
    /// Show the line `age1...` of a NAME.age, also of one with a passphrase: what a policy names as a recipient.
    Recipient(KeyRecipientArgs),
}

/// `ambit key recipient`.
#[derive(Args, Debug)]
pub struct KeyRecipientArgs {
    /// NAME.age.
    pub identity: PathBuf,
    /// Read the passphrase from the first line of FILE instead of asking for it.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// `ambit key new`.
#[derive(Args, Debug)]
pub struct KeyNewArgs {
    /// The name of the person or role; the files are named after it.
    pub name: String,
    /// The folder for the files.
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub dir: PathBuf,
    /// Make only one of the two keys.
    #[arg(long, value_name = "WHICH")]
    pub only: Option<KeyUse>,
    /// Write the keys without a passphrase. Anyone who can read the files can then sign and open.
    #[arg(long)]
    pub unprotected: bool,
    /// Read the passphrase from the first line of FILE instead of asking for it.
    #[arg(long, value_name = "FILE", conflicts_with = "unprotected")]
    pub passphrase_file: Option<PathBuf>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum KeyUse {
    /// Signing statements (OpenSSH ed25519).
    Signing,
    /// Opening sets (age X25519).
    Opening,
}

/// `ambit trust`.
#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// Print the principals, the quorums, and the eight words to compare with paper.
    Show {
        /// The trust file.
        trust: PathBuf,
    },
}

/// `ambit case`.
#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    /// Make a case folder with its custody log and the event `case.open`.
    New(CaseNewArgs),
}

/// `ambit case new`.
#[derive(Args, Debug)]
pub struct CaseNewArgs {
    /// The folder to make.
    pub dir: PathBuf,
    /// The trust file: the log's origin, and who the signers are.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// The medium's label in the policy, such as KC07.
    #[arg(long, value_name = "LABEL")]
    pub medium_label: String,
    /// What the case is about, in a sentence. It is public in the package.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub description: String,
    /// The log's signing key (`ambit key new log`).
    #[arg(long, value_name = "KEY")]
    pub log_key: PathBuf,
    /// Who signs.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// Who signs, and how their keys are unlocked.
#[derive(Args, Clone, Debug)]
pub struct SigningArgs {
    /// Sign as principal NAME of the trust file with the OpenSSH key KEY; may be given several times.
    #[arg(long = "sign-as", value_name = "NAME=KEY")]
    pub sign_as: Vec<SignAs>,
    /// Read the keys' passphrase from the first line of FILE instead of asking for it.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// `NAME=KEY`: a principal and the file of its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignAs {
    /// The principal's name in the trust file.
    pub principal: String,
    /// The file of the OpenSSH private key.
    pub key: PathBuf,
}

impl FromStr for SignAs {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, key)) if !name.is_empty() && !key.is_empty() => {
                Ok(Self { principal: name.to_owned(), key: key.into() })
            }
            _ => Err("expected NAME=KEY, such as examiner=keys/examiner".to_owned()),
        }
    }
}

/// `ambit policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check a policy: every error and every warning, with its place.
    Check {
        /// The policy folder, or its policy.toml.
        policy: PathBuf,
        /// Finish with exit code 2 if there are warnings.
        #[arg(long)]
        deny_warnings: bool,
    },
    /// Print the plain-language form of a policy: what a person approves.
    Render(RenderArgs),
    /// Compare a policy with a later version: who gains what, and whether the later one is narrower. Exit code 2 if it is not.
    Diff(DiffArgs),
    /// Explain what a policy makes of one item of a medium, and why. Leaves an `examine` event.
    Explain(ExplainArgs),
    /// Write definitions of a catalogue of artifacts out as the draft of a policy.
    Import(ImportArgs),
    /// Make a list of digests for a policy out of the NSRL's sets, hashdeep's or plain ones: sorted, each digest once.
    HashList(HashListArgs),
    /// Print the cover sheet of an approval: what is approved, and the eight words of the trust file.
    Cover(CoverArgs),
    /// Approve a policy: sign its plain-language form, and put `policy.approve` on the log.
    Approve(ApproveArgs),
}

/// `ambit policy render`.
#[derive(Args, Debug)]
pub struct RenderArgs {
    /// The policy folder, or its policy.toml.
    pub policy: PathBuf,
    /// The form. What is approved is the Markdown; the others are made from the same text and quote its digest.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The language of the program's words; the policy's own texts stand as they were written.
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t)]
    pub lang: Lang,
    /// Write to this new file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `ambit policy cover`.
#[derive(Args, Debug)]
pub struct CoverArgs {
    /// The policy folder, or its policy.toml.
    pub policy: PathBuf,
    /// The trust file whose words are printed.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// The form.
    #[arg(long, value_enum, default_value_t)]
    pub format: Sheet,
    /// The language, also that in which the policy is read.
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t)]
    pub lang: Lang,
    /// Write to this new file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A form for paper.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Sheet {
    /// One HTML page.
    Html,
    /// PDF/A for print.
    #[default]
    Pdf,
}

/// A form of the plain-language form.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Markdown, the form that is approved.
    #[default]
    Md,
    /// One HTML page, with nothing from elsewhere.
    Html,
    /// PDF/A for print: A4, the policy id on every page.
    Pdf,
}

/// A language of the plain-language form.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

impl From<Lang> for scope::Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::De => Self::German,
        }
    }
}

/// `ambit policy approve`.
#[derive(Args, Debug)]
pub struct ApproveArgs {
    /// The policy folder, or its policy.toml.
    pub policy: PathBuf,
    /// Which case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Who signs.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// The order was not signed with a key: FILE is its scan, the file itself, or the note or recording of the call. It is
    /// recorded by digest and attested by those who sign.
    #[arg(long, value_name = "FILE", requires = "instrument_kind")]
    pub instrument: Option<PathBuf>,
    /// How the order was given.
    #[arg(long, value_name = "KIND", value_enum, requires = "instrument")]
    pub instrument_kind: Option<InstrumentArg>,
    /// The language in which the policy was read, and is signed.
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t)]
    pub lang: Lang,
    /// The principal who attests the order; must be among the signers.
    #[arg(long, value_name = "NAME", requires = "instrument")]
    pub attested_by: Option<String>,
}

/// How an order was given.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum InstrumentArg {
    /// On paper.
    Paper,
    /// As a file.
    Electronic,
    /// By telephone.
    Telephone,
}

impl From<InstrumentArg> for InstrumentKind {
    fn from(arg: InstrumentArg) -> Self {
        match arg {
            InstrumentArg::Paper => Self::Paper,
            InstrumentArg::Electronic => Self::Electronic,
            InstrumentArg::Telephone => Self::Telephone,
        }
    }
}

/// Which case.
#[derive(Args, Clone, Debug)]
pub struct CaseArg {
    /// The case folder. Default: this folder if it is one, else `case` here or beside the policy folder.
    #[arg(long = "case", value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// What is examined, and under which policy.
#[derive(Args, Clone, Debug)]
pub struct ExamineArgs {
    /// The policy folder, or its policy.toml.
    #[arg(long, value_name = "POLICY")]
    pub policy: PathBuf,
    /// The medium.
    #[command(flatten)]
    pub source: SourceArgs,
}

/// The medium that is examined, and on what ground where that is not the ordinary one.
#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// The medium: an image (raw, split, E01, virtual disk), a device, or the folder where a medium is mounted
    /// read-only. Given several times: the drives of one set, in their order.
    #[arg(long, value_name = "MEDIUM")]
    pub medium: Vec<PathBuf>,
    /// Examine a mounted medium that can be written to. Goes on the record as a departure.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub writable_source: Option<String>,
    /// What an image is read as that is two things at once: `raw`, or the `container` whose mark it bears. Goes on the record.
    #[arg(long, value_name = "FORM")]
    pub image_form: Option<source::Form>,
    /// Go on although the policy is not approved, or no longer in force. Goes on the record as a departure.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub without_approval: Option<String>,
    /// Go on although the medium's identity does not match the policy. Goes on the record as a departure.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub other_medium: Option<String>,
    /// The asset tag that a person read off the medium, where the policy names it by that.
    #[arg(long, value_name = "TAG")]
    pub asset_tag: Option<String>,
    /// Compute the SHA-256 of the whole image first, for the record and where the policy names it by that.
    #[arg(long)]
    pub digest_medium: bool,
}

/// A reason says something.
fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why: it goes on the record".to_owned()),
        said => Ok(said.to_owned()),
    }
}

/// How fast a medium is worked through, and how that is told.
#[derive(Args, Clone, Debug)]
pub struct PaceArgs {
    /// How many threads look, decide, compress and encrypt. Default: one for each processor. The record does not depend
    /// on it, but for the parts that objects lie in and their control numbers.
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Read at most so many bytes (4000000, 4M, 4Mi) of content a second, for a medium or a server that others need meanwhile.
    #[arg(long, value_name = "BYTES_PER_S", value_parser = amount::rate)]
    pub throttle: Option<NonZeroU64>,
    /// How progress is told on standard error; never with names.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressMode,
}

impl PaceArgs {
    /// How many threads.
    pub(crate) fn jobs(&self) -> usize {
        let all = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.jobs.unwrap_or_else(all).get().min(MAX_JOBS)
    }
}

/// Most threads: each has open files, and with an image a process of its own.
const MAX_JOBS: usize = 256;

/// How hard content is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CompressionArg {
    /// Not at all.
    None,
    /// As fast as possible; what does not shrink is stored.
    Fast,
    /// As small as possible, at about a fifth of the speed; what does not shrink is stored.
    Best,
}

/// `ambit plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// What is examined.
    #[command(flatten)]
    pub examine: ExamineArgs,
    /// Make up a medium from this description instead of opening one: to show a policy before it is approved. Needs no case.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["medium", "dir", "sign_as"])]
    pub synthetic: Option<PathBuf>,
    /// Print every item of the synthetic medium as a line of JSON, with its name, which is nobody's.
    #[arg(long, requires = "synthetic")]
    pub list: bool,
    /// Write the counts for counsel as a page of HTML with charts, to this new file. It has no name of an item.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How fast.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Which case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Who signs.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// `ambit capture`.
#[derive(Args, Debug)]
pub struct CaptureArgs {
    /// What is examined.
    #[command(flatten)]
    pub examine: ExamineArgs,
    /// Which case.
    #[command(flatten)]
    pub case: CaseArg,
    /// The trust file: principals, roles and quorums.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// Who signs.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// The package to make, such as KC07.ambit. Must not exist. Given twice: two copies at once; losing one stops nothing.
    #[arg(long, value_name = "PKG", required = true)]
    pub out: Vec<PathBuf>,
    /// Begin although the plan counts more bytes than are free at the destination: for content that shrinks.
    #[arg(long)]
    pub tight: bool,
    /// Go on with the capture that was broken off and left PKG.partial: same case, policy, medium and options.
    #[arg(long)]
    pub resume: bool,
    /// Go on from a copy of PKG.partial that is older than what the case folder knows of, and say why: a departure.
    #[arg(long, value_name = "REASON", requires = "resume")]
    pub older_copy: Option<String>,
    /// Where a committed file is not what was written to the destination: discard its batch and all after it, take them
    /// again, and say why: a departure.
    #[arg(long, value_name = "REASON", requires = "resume")]
    pub retake: Option<String>,
    /// Record MD5 beside SHA-256 where the look *hash* is taken, for legacy hash sets.
    #[arg(long)]
    pub md5: bool,
    /// Record SHA-1 beside SHA-256 where the look *hash* is taken, for legacy hash sets.
    #[arg(long)]
    pub sha1: bool,
    /// How fast.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// End a batch once its parts, of all sets and threads, together hold so many bytes. An item is never split.
    /// 4096 at least; 2G is 2000000000, 2Gi is 2147483648.
    #[arg(long, value_name = "BYTES", default_value = "1Gi", value_parser = amount::part)]
    pub part_size: u64,
    /// How hard content is compressed.
    #[arg(long, value_name = "HOW", default_value = "fast")]
    pub compression: CompressionArg,
    /// Seal without asking once the counts are shown. Needed where standard input is no terminal.
    #[arg(long)]
    pub yes: bool,
    /// Make, model and serial of the write blocker, for the record.
    #[arg(long, value_name = "TEXT")]
    pub write_blocker: Option<String>,
}

/// `ambit image`.
#[derive(Args, Debug)]
pub struct ImageArgs {
    /// Who alone will be able to open it.
    #[arg(long, value_name = "WHOM")]
    pub to: Addressee,
    /// The rest is as for a capture.
    #[command(flatten)]
    pub capture: CaptureArgs,
}

/// For whom volumes are preserved.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Addressee {
    /// The recipients `court` of the policy.
    Court,
}

/// `ambit sign`.
#[derive(Args, Debug)]
pub struct SignArgs {
    /// The package; each copy of it that is here, so that one command seals all.
    #[arg(value_name = "PACKAGE", required = true)]
    pub packages: Vec<PathBuf>,
    /// The trust file: principals, roles and quorums.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// Which case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Who signs.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// `ambit open`.
#[derive(Args, Debug)]
pub struct OpenArgs {
    /// The package.
    pub package: PathBuf,
    /// The trust file. It never comes out of the package.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// The age identity that opens the set.
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Read the identity's passphrase from the first line of FILE instead of asking for it.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The set: `captured`, or `held:<compartment>`.
    #[arg(long, value_name = "SET")]
    pub set: String,
    /// The folder to make. Must not exist.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Lay the objects out a second time under their escaped original paths.
    #[arg(long)]
    pub original_paths: bool,
    /// How progress is told on standard error; never with names.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressMode,
}

/// `ambit demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// The folder to make. Default: a new folder `ambit-demo-<n>` here.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
