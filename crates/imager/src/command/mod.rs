//! The commands: parse, do, render.

mod attestation;
mod capture;
mod case;
mod copies;
mod demo;
mod destination;
mod explain;
mod hash_list;
mod import;
mod keeping;
mod key;
mod medium;
mod open;
mod other_content;
mod package;
mod paper;
mod plan;
mod plan_paper;
mod policy;
mod policy_diff;
mod policy_ledger;
mod resume;
mod sign;
mod trust;
mod uncovered;

#[cfg(test)]
pub(crate) use capture::capture_made;
#[cfg(test)]
pub(crate) use keeping::Keeping;

use crate::cli::{
    AttestationCommand, CaseCommand, Command, KeyCommand, MediumCommand, PackageCommand, PolicyCommand,
    TrustCommand,
};
use crate::console::{Console, Exit, Failure};

pub(crate) fn run(command: Command, console: &mut Console<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Key(KeyCommand::New(args)) => key::new(&args, console),
        Command::Key(KeyCommand::Recipient(args)) => key::recipient(&args, console),
        Command::Trust(TrustCommand::Show { trust }) => trust::show(&trust, console),
        Command::Case(CaseCommand::New(args)) => case::new(&args, console),
        Command::Policy(PolicyCommand::Check { policy, deny_warnings }) => {
            policy::check(&policy, deny_warnings, console)
        }
        Command::Policy(PolicyCommand::Diff(args)) => policy_diff::diff(&args, console),
        Command::Policy(PolicyCommand::Explain(args)) => explain::explain(&args, console),
        Command::Policy(PolicyCommand::Import(args)) => import::import(&args, console),
        Command::Policy(PolicyCommand::HashList(args)) => hash_list::make(&args, console),
        Command::Policy(PolicyCommand::Render(args)) => paper::render(&args, console),
        Command::Policy(PolicyCommand::Cover(args)) => paper::cover(&args, console),
        Command::Policy(PolicyCommand::Approve(args)) => policy::approve(&args, console),
        Command::Plan(args) => plan::plan(&args, console),
        Command::Capture(args) => capture::capture(&args, console),
        Command::Image(args) => capture::image(&args, console),
        Command::Medium(MediumCommand::Info(args)) => medium::info(&args, console),
        Command::Medium(MediumCommand::List(args)) => medium::list(&args, console),
        Command::Package(PackageCommand::Move(args)) => package::move_to(&args, console),
        Command::Package(PackageCommand::Update(args)) => copies::update(&args, console),
        Command::Sign(args) => sign::sign(&args, console),
        Command::Attestation(AttestationCommand::Sign(args)) => attestation::sign(&args, console),
        Command::Attestation(AttestationCommand::Append(args)) => attestation::append(&args, console),
        Command::Open(args) => open::open(&args, console),
        Command::Demo(args) => demo::demo(&args, console),
    }
}
