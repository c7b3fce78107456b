//! The command line of `ambit attestation`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CaseArg, SigningArgs};

/// `ambit attestation`.
#[derive(Debug, Subcommand)]
pub enum AttestationCommand {
    /// Sign an attestation that `ambit-verify` wrote: makes FILE.NAME.sig, as `ssh-keygen -Y sign` does.
    Sign(AttestationSignArgs),
    /// Put a signed attestation on the custody log of its package, in every copy that is named.
    Append(AttestationAppendArgs),
}

/// `ambit attestation sign`.
#[derive(Args, Debug)]
pub struct AttestationSignArgs {
    /// The attestation.
    pub attestation: PathBuf,
    /// The trust file: who may sign what.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// Who signs.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// `ambit attestation append`.
#[derive(Args, Debug)]
pub struct AttestationAppendArgs {
    /// The attestation; its signatures FILE.NAME.sig lie beside it.
    pub attestation: PathBuf,
    /// The package that it is about; once for each copy of it that is here.
    #[arg(long, value_name = "PKG", required = true)]
    pub package: Vec<PathBuf>,
    /// The trust file: principals and roles.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// Which case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Who signs the event: whoever keeps the log.
    #[command(flatten)]
    pub signing: SigningArgs,
}
