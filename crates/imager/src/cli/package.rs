//! `ambit package`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CaseArg, SigningArgs};

/// `ambit package`.
#[derive(Debug, Subcommand)]
pub enum PackageCommand {
    /// Move a package, or one that was broken off (PKG.partial), to another disk: copied, read back and compared, and only
    /// then removed. Safe to break off, and to run again.
    Move(PackageMoveArgs),
    /// Bring what the custody log of the case has since (an attestation, a later run) into copies of a package. Nothing is signed
    /// but the head of the log. Safe to break off, and to run again.
    Update(PackageUpdateArgs),
}

/// `ambit package update`.
#[derive(Args, Debug)]
pub struct PackageUpdateArgs {
    /// The package; each copy of it that is here.
    #[arg(value_name = "PKG", required = true)]
    pub packages: Vec<PathBuf>,
    /// Which case: its log is the one that goes on.
    #[command(flatten)]
    pub case: CaseArg,
    /// Read the passphrase of the log's key from the first line of FILE instead of asking for it, where it has one.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// `ambit package move`.
#[derive(Args, Debug)]
pub struct PackageMoveArgs {
    /// The package as `--out` named it, with or without `.partial`.
    #[arg(value_name = "SRC")]
    pub from: PathBuf,
    /// Its new name. Must not exist.
    #[arg(value_name = "DEST")]
    pub to: PathBuf,
    /// Which case: it has the key of the journal, and its log says that the package was moved.
    #[command(flatten)]
    pub case: CaseArg,
    /// Who signs that.
    #[command(flatten)]
    pub signing: SigningArgs,
}
