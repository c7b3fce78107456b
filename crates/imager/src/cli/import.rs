//! The command line of `ambit policy import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `ambit policy import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// Whose catalogue the files are.
    #[arg(long, value_name = "CATALOGUE", value_enum)]
    pub from: CatalogueArg,
    /// The catalogue's files, such as /usr/share/artifacts/windows.yaml. A folder stands for the files in it and in its folders.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The definitions to write out, by their names in the catalogue; a file's name may stand without its folders.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required_unless_present = "all")]
    pub select: Vec<String>,
    /// Write out every definition.
    #[arg(long, conflicts_with = "select")]
    pub all: bool,
    /// Where to put the draft: a new folder.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write out the rest of a definition of which a policy cannot say everything. What is left out stands in the draft.
    #[arg(long)]
    pub leave_out_refused: bool,
    /// Accept paths without a bound to their depth, and those over the whole drive. Without this they are shown and asked about.
    #[arg(long)]
    pub accept_sweeps: bool,
}

/// A catalogue.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CatalogueArg {
    /// The Digital Forensics Artifact Repository (YAML; Debian's package `forensic-artifacts`).
    ForensicArtifacts,
    /// The Unix-like Artifacts Collector (YAML files of its folder `artifacts`).
    Uac,
    /// KAPE targets (`.tkape` files).
    Kape,
}

/// `ambit policy hash-list`.
#[derive(Args, Debug)]
pub struct HashListArgs {
    /// What the files are.
    #[arg(long, value_name = "FORM", value_enum)]
    pub from: SetArg,
    /// The files, taken together.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The list to make, to lie beside policy.toml: a new file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// A form in which sets of digests are published.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum SetArg {
    /// SQLite databases of the NSRL's Reference Data Set, version 3 (table FILE).
    Nsrl,
    /// What `hashdeep -c sha256` prints.
    Hashdeep,
    /// 64 hexadecimal digits in each line, in any order.
    Digests,
}
