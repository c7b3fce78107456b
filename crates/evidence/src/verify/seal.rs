//! Check `seal`: who signed the tag manifest, and that package.seal quotes it and every signature.

use std::collections::BTreeSet;

use scope::Digest;

use super::package::TAG_MANIFEST;
use super::{Checked, Context, Stop, none_or_fail};
use crate::custody_log::check_signature;
use crate::sshsig;
use crate::trust::{Role, Step};

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let trust = context.trust()?;
    let package = &context.package;
    let sealed = package.tag_manifest.as_ref().map_err(Clone::clone)?;
    let Some((logged, event)) = package.seal_event() else {
        return Err(Stop::Fail(package.unsealed()));
    };
    let mut problems = Vec::new();
    let found = Digest::of(sealed);
    if event.tagmanifest != found {
        problems
            .push(format!("{TAG_MANIFEST}: expected {} (package.seal), found {found}", event.tagmanifest));
    }
    let quoted: BTreeSet<&str> = event.signatures.iter().map(|s| s.principal.as_str()).collect();
    for principal in package.seal_signatures.keys().filter(|p| !quoted.contains(p.as_str())) {
        problems.push(format!("seal/{TAG_MANIFEST}.{principal}.sig: package.seal does not quote it"));
    }
    let mut signers: Vec<(&str, Option<Role>)> = Vec::new();
    for quote in &event.signatures {
        let file = format!("seal/{TAG_MANIFEST}.{}.sig", quote.principal);
        let bytes = match package.seal_signatures.get(&quote.principal) {
            Some(Ok(bytes)) => bytes,
            Some(Err(stop)) => return Err(stop.clone()),
            None => {
                problems.push(format!("{file} is missing, and package.seal quotes it"));
                continue;
            }
        };
        let found = Digest::of(bytes);
        if found != quote.signature {
            problems.push(format!("{file}: expected {} (package.seal), found {found}", quote.signature));
        }
        let Some(principal) = trust.principal(&quote.principal) else {
            problems.push(format!("{file}: {} is not in the trust file", quote.principal));
            continue;
        };
        match check_signature(principal, bytes, sshsig::PACKAGE_SEAL, sealed, logged.event.when.at()) {
            Ok(()) => signers.push((&quote.principal, None)),
            Err(e) => problems.push(format!("{file}: {e}")),
        }
    }
    if let Err(e) = trust.meets(Step::PackageSeal, &signers) {
        problems.push(e.to_string());
    }
    let on_log: Vec<&str> = logged.event.who.iter().map(|person| person.principal.as_str()).collect();
    let people = |names: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let known = names.filter_map(|name| trust.principal(name));
        known.map(|p| format!("{} ({})", p.person, p.organisation)).collect()
    };
    let sealed = || signers.iter().map(|(name, _)| *name);
    let before = people(&mut sealed().filter(|name| !on_log.contains(name)));
    let on_log = people(&mut on_log.iter().copied());
    let people = people(&mut sealed());
    context.summary.sealed_by.clone_from(&people);
    (context.summary.sealed_before, context.summary.sealed_on_log_by) = (before, on_log);
    none_or_fail(&problems, || format!("{TAG_MANIFEST} {found}, sealed by {}", people.join(" and ")))
}
