//! The command lines of `ambit medium`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{CaseArg, ProgressMode, SigningArgs};

/// `ambit medium`.
#[derive(Debug, Subcommand)]
pub enum MediumCommand {
    /// Print layers, volumes, gaps, counters, and what cannot be read. Shows no name of a file.
    Info(MediumInfoArgs),
    /// Print every item as a line. Shows names.
    List(MediumListArgs),
}

/// `ambit medium info`.
#[derive(Args, Debug)]
pub struct MediumInfoArgs {
    /// The medium; several are the drives of one set.
    #[arg(required = true)]
    pub medium: Vec<PathBuf>,
    /// What an image is read as that is two things at once: `raw`, or the `container` whose mark it bears.
    #[arg(long, value_name = "FORM")]
    pub image_form: Option<source::Form>,
    /// Print the names of partitions, logical volumes and file systems, too, and what an E01's maker wrote: say that you may see them.
    #[arg(long)]
    pub i_may_see_names: bool,
    /// Compute the digests of the whole medium, and compare them with those that an image states.
    #[arg(long)]
    pub digest: bool,
    /// Walk every file system, and compare what is seen with what the file system counts. Reads all folders, and shows no name.
    #[arg(long)]
    pub count: bool,
}

/// How a listing is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ListFormat {
    /// A line of JSON for each item, with every name, all times, and names escaped as in records.
    Json,
    /// A line for each name, for people: kind, size, last change, name, and where a link leads; tabs between them.
    Lines,
    /// A line for each name as the Sleuth Kit's `fls -m` writes them, of one volume.
    Bodyfile,
}

/// `ambit medium list`.
#[derive(Args, Debug)]
pub struct MediumListArgs {
    /// The medium; several are the drives of one set.
    #[arg(required = true)]
    pub medium: Vec<PathBuf>,
    /// What an image is read as that is two things at once: `raw`, or the `container` whose mark it bears.
    #[arg(long, value_name = "FORM")]
    pub image_form: Option<source::Form>,
    /// Names of files will be shown: say that you may see them.
    #[arg(long)]
    pub i_may_see_names: bool,
    /// Only the volume at PLACE, as `ambit medium info` prints it; `.` is the medium itself.
    #[arg(long, value_name = "PLACE")]
    pub volume: Option<String>,
    /// How each item is written.
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub format: ListFormat,
    /// Read all content and print its SHA-256.
    #[arg(long)]
    pub digest: bool,
    /// List deleted entries too.
    #[arg(long)]
    pub deleted: bool,
    /// List runs of unallocated space too.
    #[arg(long)]
    pub unallocated: bool,
    /// How progress is told on standard error. Default: on a terminal, unless the listing goes there, too.
    #[arg(long, value_name = "HOW")]
    pub progress: Option<ProgressMode>,
    /// Which case: its log says that names were looked at. Where no case folder is found, no log does.
    #[command(flatten)]
    pub case: CaseArg,
    /// Who signs the event.
    #[command(flatten)]
    pub signing: SigningArgs,
}
