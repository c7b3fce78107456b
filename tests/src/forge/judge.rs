//! What the checks say of a forged package.

use age::Identity;
use evidence::report::{Answer, Report, Status};
use evidence::sample::Seed;
use evidence::verify::{VerifyOptions, audit, audit_with, draw_lines, verify};

use super::{Forge, Keys, Medium, Package, Sealed};

impl Sealed {
    /// Verifies, with the keys of these people.
    #[must_use]
    pub fn verify(&self, people: &[&str]) -> Report {
        verify(&self.memory(), self.trust.as_bytes(), &options(&self.keys, people))
    }

    /// Audits, with the keys of these people.
    #[must_use]
    pub fn audit(&self, people: &[&str]) -> Report {
        audit(&self.memory(), self.trust.as_bytes(), &options(&self.keys, people), |_| ())
    }

    /// Audits as the auditor, and examines the original again.
    #[must_use]
    pub fn audit_against(&self, medium: &Medium) -> Report {
        let options = options(&self.keys, &["auditor"]);
        let open = source::OpenOptions::default();
        folder::audit_against(&self.memory(), self.trust.as_bytes(), &options, &[medium.path()], &open)
            .expect("the medium can be walked")
    }

    /// Draws `n` lines and `n` items of the original as the auditor, and examines these again.
    #[must_use]
    pub fn sample_against(&self, medium: &Medium, n: usize) -> folder::Sampled {
        let (files, options) = (self.memory(), options(&self.keys, &["auditor"]));
        let mut known = evidence::replay::Reexamination::new();
        let verified =
            audit_with(&files, self.trust.as_bytes(), &options, |record| drop(known.record(record)));
        assert_eq!(verified.report.followed, Answer::Yes, "{}", verified.report.text());
        if let Some(policy) = verified.policy.as_ref().filter(|_| verified.stopped_at_limit) {
            known.stopped_at(*policy.limits());
        }
        let (acquisition, policy) = (verified.acquisition.expect("read"), verified.policy.expect("read"));
        let seed = Seed::new(&acquisition.inventory.root, "drawn after the seal").expect("a nonce");
        let lines = draw_lines(&files, &acquisition, &options, seed, n).expect("drawn");
        let lines = lines.drawn.into_iter().filter_map(|(_, record)| Some(record?.locator)).collect();
        let open = source::OpenOptions::default();
        folder::sample_medium(known, &acquisition, &policy, &lines, (seed, n), &[medium.path()], &open)
            .expect("the medium can be walked")
    }
}

fn options(keys: &Keys, people: &[&str]) -> VerifyOptions {
    let boxed = |name: &&str| Box::new(keys.identity(name).clone()) as Box<dyn Identity>;
    VerifyOptions {
        identities: people.iter().map(boxed).collect(),
        recipients: people.iter().map(|name| keys.recipient(name)).collect(),
        ..VerifyOptions::default()
    }
}

/// The checks of a status, in their order, joined by blanks.
#[must_use]
pub fn statuses(report: &Report, status: Status) -> String {
    let of = report.checks.iter().filter(|check| check.status == status);
    of.map(|check| check.id).collect::<Vec<_>>().join(" ")
}

/// The kinds of the findings, each once, sorted, joined by blanks.
#[must_use]
pub fn kinds(report: &Report) -> String {
    let mut kinds: Vec<&str> = report.findings.iter().map(|finding| finding.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(" ")
}

/// Exactly these checks fail, and the first of them says `why`; none: the package is INTACT.
pub fn check(sealed: &Sealed, people: &[&str], fails: &str, why: &str) -> Report {
    let report = sealed.verify(people);
    assert_eq!(statuses(&report, Status::Fail), fails, "{}", report.text());
    let expected = if fails.is_empty() { 0 } else { 2 };
    assert_eq!(report.exit_code(), expected, "{}", report.text());
    let said = match fails.split(' ').next() {
        Some(first) if !first.is_empty() => report.check(first).unwrap().detail.clone(),
        _ => report.text().split_whitespace().collect::<Vec<_>>().join(" "),
    };
    assert!(said.contains(why), "it should say {why}: {said}");
    report
}

/// A package with a lie in its records.
pub fn forged(lie: impl FnOnce(&mut Forge)) -> Package {
    let mut forge = Forge::honest();
    lie(&mut forge);
    forge.assemble()
}

/// A sealed package with a lie in its parts, its statement or its log.
pub fn packed(lie: impl FnOnce(&mut Package)) -> Sealed {
    let mut package = Forge::honest().assemble();
    lie(&mut package);
    package.seal()
}

/// Nobody sees it without a key, and everybody is told so; the holder of `who`'s key does.
pub fn only_its_holder(sealed: &Sealed, who: &str, why: &str) {
    check(sealed, &[], "", "not checked: contents of the captured parts");
    check(sealed, &[who], "objects", why);
}
