//! Check `approval`: who approved which policy for which medium, and that it was read as it is rendered.

use scope::policy::Authority;
use scope::{Digest, Language, Policy};

use super::{Checked, Context, Stop, none_or_fail};
use crate::acquisition::MediumId;
use crate::approval::{Approval, Instrument, NAMESPACE};
use crate::custody_log::{Logged, attestation_quorum, check_signature};
use crate::event::{Action, ApprovedBy, Moment, PolicyApprove};
use crate::order_time::{self, Moments};
use crate::report::Approved;
use crate::trust::{Role, Step, Trust};

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let mut problems = Vec::new();
    let policy = context.package.policy.as_ref().map_err(Clone::clone)?;
    let id = policy.id();
    // The rendering is made again even where nobody approved it: people may still read it.
    let rendering = context.package.rendering.as_ref().map_err(Clone::clone)?;
    match language(context) {
        Ok(language) => {
            let again = scope::render_in(policy, language);
            if again.as_bytes() != rendering.as_slice() {
                problems.push(format!(
                    "meta/policy/rendering.md: expected {} (rendered again by {}), found {}",
                    Digest::of(again.as_bytes()),
                    language.renderer(),
                    Digest::of(rendering)
                ));
            }
        }
        Err(unknown) => problems.push(unknown),
    }
    let start =
        context.package.start_event().map(|(logged, start)| (logged.event.when.clone(), start.clone()));
    let stated = start.as_ref().and_then(|(_, start)| start.without_approval.clone());
    if let Some(reason) = &stated {
        context.departures.push(format!("captured without an approval on record: {reason}"));
    }
    if let Some((when, start)) = &start {
        let authority = policy.authority();
        let kept = kept_to(context, authority, when);
        context.departures.extend(kept);
        if when.at() < authority.issued {
            let issued = authority.issued;
            context
                .departures
                .push(format!("the acquisition began at {when}, before the order was issued, {issued}"));
        }
        if let Some(reason) = &start.writable_source {
            context.departures.push(format!("the source was writable: {reason}"));
        }
    }
    let Some(bytes) = &context.package.approval else {
        if !problems.is_empty() {
            return none_or_fail(&problems, String::new);
        }
        return match stated {
            Some(reason) => Err(Stop::NotChecked(format!(
                "no approval is on record; acquisition.start says why: {reason}"
            ))),
            None => Err(Stop::Fail(
                "meta/policy/approval.txt is missing, and acquisition.start does not say why".to_owned(),
            )),
        };
    };
    let bytes = bytes.as_ref().map_err(Clone::clone)?;
    let approval = Approval::parse(bytes).map_err(|e| Stop::Fail(format!("meta/policy/{e}")))?;
    let trust = context.trust()?;
    problems.extend(content_problems(&approval, policy, id, Digest::of(rendering), context, trust));
    let event = context.package.log.entries.iter().find_map(|logged| match &logged.event.action {
        Action::PolicyApprove(approve) if approve.approval == Digest::of(bytes) => Some((logged, approve)),
        _ => None,
    });
    let Some((logged, event)) = event else {
        problems.push(format!(
            "the custody log has no policy.approve that quotes approval.txt {}",
            Digest::of(bytes)
        ));
        return none_or_fail(&problems, String::new);
    };
    problems.extend(event_problems(event, &approval, logged, context));
    let mut departures = Vec::new();
    let who = signers(context, trust, bytes, (logged, event), &mut problems, &mut departures);
    context.summary.approved = match event.by {
        ApprovedBy::Signature => Approved::Signed,
        ApprovedBy::Instrument => Approved::Attested,
    };
    context.departures.extend(departures);
    none_or_fail(&problems, || format!("policy {id}, approved {who} for medium {}", approval.medium))
}

/// Where the run did not keep to the order's time, by the moments that the record knows.
fn kept_to(context: &Context<'_>, authority: &Authority, began: &Moment) -> Vec<String> {
    let package = &context.package;
    let resumed: Vec<&Moment> = package.resume_events().map(|(logged, _)| &logged.event.when).collect();
    let stated = package.acquisition.as_ref().ok().map(|acquisition| &acquisition.ended);
    let end = package.end_event().map(|(logged, _)| &logged.event.when);
    let (ended, broken_off) = (stated.into_iter().chain(end).collect(), !resumed.is_empty());
    order_time::departures(authority, &Moments { began, resumed, ended, broken_off })
}

/// The language in which the policy was approved; English where nobody approved it.
fn language(context: &Context<'_>) -> Result<Language, String> {
    let Some(Ok(bytes)) = &context.package.approval else { return Ok(Language::English) };
    let Ok(approval) = Approval::parse(bytes) else { return Ok(Language::English) };
    Language::of_renderer(&approval.renderer).ok_or_else(|| {
        let known = Language::ALL.map(Language::renderer).join(" or ");
        format!("approval.txt: renderer: expected {known}, found {}", approval.renderer)
    })
}

fn content_problems(
    approval: &Approval,
    policy: &Policy,
    id: Digest,
    rendering: Digest,
    context: &Context<'_>,
    trust: &Trust,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expect = |what: &str, expected: &str, found: &str| {
        if expected != found {
            problems.push(format!("approval.txt: {what}: expected {expected}, found {found}"));
        }
    };
    expect("origin", trust.origin(), &approval.origin);
    expect("policy", &id.to_string(), &approval.policy.to_string());
    expect("rendering", &rendering.to_string(), &approval.rendering.to_string());
    if let Ok(acquisition) = &context.package.acquisition {
        expect("medium", &acquisition.medium.label, &approval.medium);
    }
    match policy.target().media.iter().find(|spec| spec.label == approval.medium) {
        None => expect("medium", "a label of the policy", &approval.medium),
        Some(spec) => {
            let mut ids: Vec<MediumId> = spec
                .ids
                .iter()
                .map(|(kind, value)| MediumId { kind: kind.word().to_owned(), value: value.clone() })
                .collect();
            ids.sort();
            ids.dedup();
            expect("medium-id", &list(&ids), &list(&approval.medium_ids));
        }
    }
    problems
}

fn list(ids: &[MediumId]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("{} {}", id.kind, id.value)).collect();
    if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
}

fn event_problems(
    event: &PolicyApprove,
    approval: &Approval,
    logged: &Logged,
    context: &Context<'_>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if event.policy != approval.policy
        || event.rendering != approval.rendering
        || event.instrument != approval.instrument
    {
        problems.push(
            "policy.approve and approval.txt do not say the same of policy, rendering or instrument"
                .to_owned(),
        );
    }
    if context.package.start_event().is_some_and(|(start, _)| start.event.index < logged.event.index) {
        problems.push("the policy was approved after acquisition.start".to_owned());
    }
    problems
}

/// Verifies every signature over the approval; says by whom it counts.
fn signers(
    context: &Context<'_>,
    trust: &Trust,
    bytes: &[u8],
    (logged, event): (&Logged, &PolicyApprove),
    problems: &mut Vec<String>,
    departures: &mut Vec<String>,
) -> String {
    let mut valid: Vec<(&str, Option<Role>)> = Vec::new();
    for (name, signature) in &context.package.approval_signatures {
        let file = format!("meta/policy/approval.txt.{name}.sig");
        let Some(principal) = trust.principal(name) else {
            problems.push(format!("{file}: {name} is not in the trust file"));
            continue;
        };
        let checked = match signature {
            Ok(armored) => check_signature(principal, armored, NAMESPACE, bytes, logged.event.when.at()),
            Err(Stop::Fail(e) | Stop::NotChecked(e) | Stop::Unfinished(e)) => Err(e.clone()),
        };
        match checked {
            Ok(()) => valid.push((name, None)),
            Err(e) => problems.push(format!("{file}: {e}")),
        }
    }
    let met = match event.by {
        ApprovedBy::Signature => trust.meets(Step::PolicyApprove, &valid),
        ApprovedBy::Instrument => attestation_quorum(trust, &valid),
    };
    let words = match event.instrument {
        None => "by".to_owned(),
        Some(Instrument { kind, .. }) => {
            format!("not by a signature of the authority but by {} that was attested by", kind.told())
        }
    };
    if let Err(e) = met {
        problems.push(format!("approval.txt: {e}"));
    }
    let people = valid.iter().filter_map(|(name, _)| trust.principal(name));
    let people =
        people.map(|p| format!("{} ({})", p.person, p.organisation)).collect::<Vec<_>>().join(" and ");
    if let Some(Instrument { kind, sha256 }) = event.instrument {
        // Nothing in the package shows what the order says, or that there is one.
        let attest = if valid.len() == 1 { "attests" } else { "attest" };
        departures.push(format!(
            "no signature by the authority: {people} {attest} {} by its digest {sha256}; {}",
            kind.told(),
            kind.remedy()
        ));
    }
    format!("{words} {people}")
}
