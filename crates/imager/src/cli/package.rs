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
