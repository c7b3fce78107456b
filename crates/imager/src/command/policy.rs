//! `ambit policy`: check, approve.

use std::path::Path;

use custody::{CaseFolder, Signer};
use evidence::acquisition::MediumId;
use evidence::approval::{Approval, Instrument, NAMESPACE};
use evidence::event::{Action, ApprovedBy, PolicyApprove};
use evidence::trust::{Step, Trust};
use scope::policy::UNREAD_VOLUMES;
use scope::render::counted;
use scope::{BundleFile, Digest, Language, Lint, lint};
use serde_json::json;

use crate::cli::ApproveArgs;
use crate::console::{Console, Context as _, Exit, Failure};
use crate::{load, workplace};

pub(super) fn check(path: &Path, deny_warnings: bool, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let loaded = load::policy(path)?;
    let policy = &loaded.policy;
    let lints = lint(policy);
    let many = |count: usize, noun| counted(u64::try_from(count).unwrap_or(u64::MAX), noun);
    let mut text = format!(
        "{} version {}: {}\npolicy id {}\n{}, {}, {}, {}\n",
        policy.schema_id().escape_debug(),
        policy.version(),
        policy.title().escape_debug(),
        policy.id(),
        many(policy.rules().len(), "rule"),
        many(policy.selectors().len(), "selector"),
        many(policy.lists().len(), "list"),
        // One that no file can name stands for volumes that are not read.
        many(policy.compartments().iter().filter(|own| own.id != UNREAD_VOLUMES).count(), "compartment")
    );
    for lint in &lints {
        text += &format!("\n{lint}");
    }
    let warnings: Vec<_> = lints.iter().map(warning).collect();
    let value = json!({
        "policy": policy.id(),
        "id": policy.schema_id(),
        "version": policy.version(),
        "warnings": warnings,
    });
    console.result(&value, text)?;
    Ok(if deny_warnings && !lints.is_empty() { Exit::No } else { Exit::Done })
}

/// A remark as JSON: the line and column are 0 where it is about the whole file.
fn warning(lint: &Lint) -> serde_json::Value {
    let place = &lint.problem;
    json!({
        "id": lint.id,
        "about": lint.about,
        "message": lint.message,
        "remedy": place.hint,
        "file": place.file,
        "line": place.line,
        "column": place.column,
    })
}

pub(super) fn approve(args: &ApproveArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let loaded = load::policy(&args.policy)?;
    let (mut case, trust) = workplace::open_case(&args.case, &loaded.folder)?;
    let signers = load::signers(&args.signing, &trust, Step::PolicyApprove, console)?;
    let by = if args.instrument.is_some() { ApprovedBy::Instrument } else { ApprovedBy::Signature };
    match by {
        ApprovedBy::Signature => workplace::need_quorum(&trust, Step::PolicyApprove, &signers)?,
        ApprovedBy::Instrument => attested(args, &trust, &signers)?,
    }
    let instrument = match (&args.instrument, args.instrument_kind) {
        (Some(path), Some(kind)) => Some(Instrument { kind: kind.into(), sha256: instrument(path)? }),
        _ => None,
    };
    let policy = &loaded.policy;
    let label = case.file().medium_label.clone();
    let Some(spec) = policy.target().media.iter().find(|spec| spec.label == label) else {
        return Err(Failure::no(format!("the policy does not name the case's medium `{label}`"))
            .hint("approve it in the case of a medium that it names"));
    };
    let ids =
        spec.ids.iter().map(|(kind, value)| MediumId { kind: kind.word().into(), value: value.clone() });
    let rendering = scope::render_in(policy, args.lang.into());
    let approval = Approval {
        origin: trust.origin().to_owned(),
        medium: label.clone(),
        medium_ids: ids.collect(),
        policy: policy.id(),
        rendering: Digest::of(rendering.as_bytes()),
        renderer: Language::from(args.lang).renderer().to_owned(),
        instrument,
    };
    workplace::log_holds(&case, &trust)?;
    for (what, remedy) in workplace::out_of_time(&loaded, workplace::now().at()) {
        console.say(format_args!("warning: {what}; a plan or a capture would be refused: {remedy}"));
    }
    has_none_yet(&case, approval.policy, args.lang.into())?;
    let bytes = approval.to_bytes();
    let mut files: Vec<(String, BundleFile)> =
        loaded.bundle.files().map(|(name, file)| (name.to_owned(), file.clone())).collect();
    files.push(("rendering.md".to_owned(), rendering.into_bytes().into()));
    files.push(("approval.txt".to_owned(), bytes.clone().into()));
    for signer in &signers {
        let signature = signer.sign(NAMESPACE, &bytes).into_bytes();
        files.push((format!("approval.txt.{}.sig", signer.principal()), signature.into()));
    }
    case.store_policy(&files).context("case")?;
    let action = Action::PolicyApprove(PolicyApprove {
        policy: approval.policy,
        approval: Digest::of(&bytes),
        rendering: approval.rendering,
        by,
        instrument,
        departure: None,
    });
    let statement = workplace::statement(action, "", &workplace::tool()?);
    let signed_by: Vec<&Signer> = signers.iter().collect();
    let event = case.append(statement, &signed_by).context("custody log")?;
    let names: Vec<_> = signers.iter().map(Signer::principal).collect();
    let how = match instrument {
        None => "approved by".to_owned(),
        Some(Instrument { kind, .. }) => format!("{} is attested by", kind.told()),
    };
    let text = format!(
        "policy {}\n{how} {} for medium {label}: event {}, policy.approve\nread what was approved: {}",
        approval.policy,
        names.join(" and "),
        event.index,
        case.root().join("policy/rendering.md").display()
    );
    let value = json!({
        "policy": approval.policy,
        "approval": Digest::of(&bytes),
        "rendering": approval.rendering,
        "signed_by": names,
        "instrument": instrument,
        "event": event.index,
    });
    if let Some(Instrument { kind, sha256 }) = instrument {
        console.say(format_args!("departure: {}", workplace::attested(kind, sha256)));
    }
    console.result(&value, text)?;
    Ok(if by == ApprovedBy::Instrument { Exit::Departures } else { Exit::Done })
}

/// Fails where the case has an approval already: of this policy, and nothing is left to do, or it was read in another
/// language; or of another.
fn has_none_yet(case: &CaseFolder, policy: Digest, language: Language) -> Result<(), Failure> {
    let Some(bytes) = case.policy_file("approval.txt").context("case")? else { return Ok(()) };
    let approval = Approval::parse(&bytes).context("case")?;
    let (approved, folder) = (approval.policy, case.root().display());
    Err(if approved == policy && approval.renderer != language.renderer() {
        Failure::new(format!(
            "this policy is approved in the case {folder} already, as {}; what was to be approved is {}",
            approval.renderer,
            language.renderer()
        ))
        .hint("a policy is approved once, in the language in which it is read: go on with `ambit plan`, or make a new case folder and approve there")
    } else if let Some(Instrument { kind, .. }) = approval.instrument.as_ref().filter(|_| approved == policy)
    {
        Failure::new(format!(
            "in the case {folder} this policy rests on {} that people attest, and nobody of the authority has signed it: {policy}",
            kind.told()
        ))
        .hint("go on with `ambit plan`: each report names it as a departure. Where the authority signs before the capture, make a new case folder for the same medium and approve there; keep this one, its log is part of the story")
    } else if approved == policy {
        Failure::new(format!("this policy is approved in the case {folder} already: {policy}"))
            .hint("nothing is left to do; go on with `ambit plan`")
    } else {
        Failure::new(format!("the case {folder} has another approved policy, {approved}; this one is {policy}"))
            .hint("show what changes with `ambit policy diff`; then make a new case folder for the same medium (`ambit case new NEWFOLDER --medium-label ...`), approve there with --case NEWFOLDER, and keep the old one: its log is part of the story")
    })
}

/// An order without a signature of the authority rests on people who attest it, and who sign: two, since no key of the authority stands for it.
fn attested(args: &ApproveArgs, trust: &Trust, signers: &[Signer]) -> Result<(), Failure> {
    if let Some(name) = &args.attested_by
        && !signers.iter().any(|signer| signer.principal() == name)
    {
        return Err(Failure::new(format!("the order is to be attested by `{name}`, who does not sign"))
            .hint(format!("add --sign-as {name}=KEY")));
    }
    workplace::attests(trust, signers.iter().map(Signer::principal)).map_err(|error| {
        Failure::new(error.to_string())
            .hint("such an order is attested by the examiner and a witness: give --sign-as for both")
    })
}

/// The digest of the order, which is of some bytes.
fn instrument(path: &Path) -> Result<Digest, Failure> {
    let bytes = load::read(path, MAX_INSTRUMENT)?;
    if bytes.is_empty() {
        return Err(Failure::no(format!("{}: the order is a file of 0 bytes", path.display()))
            .hint("give the scan, the message or the recording of the order with --instrument; nothing was approved"));
    }
    Ok(Digest::of(&bytes))
}

/// Longest scan or recording of an order that is read: hundreds of pages.
const MAX_INSTRUMENT: u64 = 1 << 30;
