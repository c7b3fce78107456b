//! The document, section by section: what is said, in which order, and who sees to it. No words of any language.

use std::slice;

use super::document::{Block, Conditions, Document, Mark, Row, Text, code, given};
use super::language::Language;
use super::sentence::{Column, Holder, Join, Named, Part, Phrase, Sentence, Shape, Undetermined};
use crate::facts::Look;
use crate::lint::lint;
use crate::policy::{
    Compartment, Condition, Deleted, Effect, LeftRecord, ListItems, MediaSpec, MediumIdKind, NotSearchable,
    Policy, Rule, Selector, UNREAD_VOLUMES, UnknownDefault, UnreadVolumes,
};

/// The policy as a document.
pub(super) fn document(policy: &Policy, language: Language) -> Document {
    let mut page = Page { language, blocks: Vec::new(), part: 0, provision: 0 };
    head(&mut page, policy);
    authority(&mut page, policy);
    target(&mut page, policy);
    looks(&mut page, policy);
    rules(&mut page, policy);
    combination(&mut page, policy);
    unknown(&mut page, policy);
    names(&mut page, policy);
    recipients(&mut page, policy);
    record(&mut page, policy);
    duties(&mut page, policy);
    remarks(&mut page, policy);
    page.paragraph(&Sentence::End(policy.id()));
    Document { language, policy: policy.id(), title: given(policy.title()).into(), blocks: page.blocks }
}

/// What one selector asks for.
pub(super) fn conditions_of(policy: &Policy, own: &Selector, language: Language) -> Conditions {
    conditions(&Page { language, blocks: Vec::new(), part: 0, provision: 0 }, policy, own)
}

/// The document being made.
struct Page {
    language: Language,
    blocks: Vec<Block>,
    /// The number of the part being written.
    part: usize,
    /// The number of the last provision in it.
    provision: usize,
}

impl Page {
    fn say(&self, sentence: &Sentence<'_>) -> Text {
        self.language.say(sentence)
    }

    fn part(&mut self, part: Part) {
        self.part = self.part.saturating_add(1);
        self.provision = 0;
        self.blocks.push(Block::Part { number: self.part, title: self.say(&Sentence::Part(part)) });
    }

    fn heading(&mut self, sentence: &Sentence<'_>) {
        self.blocks.push(Block::Heading(self.say(sentence)));
    }

    fn paragraph(&mut self, sentence: &Sentence<'_>) {
        self.blocks.push(Block::Paragraph(self.say(sentence)));
    }

    /// The number of the next provision: people cite it.
    fn number(&mut self) -> String {
        self.provision = self.provision.saturating_add(1);
        format!("{}.{}", self.part, self.provision)
    }

    fn provision(&mut self, sentence: &Sentence<'_>, mark: Mark) {
        let number = Some(self.number());
        self.blocks.push(Block::Provision { number, text: self.say(sentence), mark });
    }

    fn each<'p>(&mut self, texts: &'p [String], mark: Mark, sentence: fn(&'p str) -> Sentence<'p>) {
        for text in texts {
            self.provision(&sentence(text), mark);
        }
    }

    /// A provision that a heading names.
    fn unnumbered(&mut self, sentence: &Sentence<'_>, mark: Mark) {
        self.blocks.push(Block::Provision { number: None, text: self.say(sentence), mark });
    }

    fn table(&mut self, columns: &[Column], rows: Vec<(Vec<Text>, Option<Text>)>, mark: Mark) {
        let columns = columns.iter().map(|column| self.say(&Sentence::Column(*column))).collect();
        let rows =
            rows.into_iter().map(|(cells, below)| Row { number: self.number(), cells, below }).collect();
        self.blocks.push(Block::Table { columns, rows, mark });
    }
}

fn head(page: &mut Page, policy: &Policy) {
    page.paragraph(&Sentence::Version { id: policy.schema_id(), version: policy.version() });
    let mut facts = vec![(page.say(&Sentence::PolicyId), code(policy.id()).into())];
    if let Some(before) = policy.supersedes() {
        facts.push((page.say(&Sentence::Supersedes), code(before).into()));
    }
    facts.push((page.say(&Sentence::RenderedBy), code(page.language.renderer()).into()));
    page.blocks.push(Block::Facts(facts));
    page.paragraph(&Sentence::WhatBinds);
    page.paragraph(&Sentence::MarksFollow);
    for mark in Mark::ALL {
        page.unnumbered(&Sentence::MarkMeans(mark), mark);
    }
}

fn authority(page: &mut Page, policy: &Policy) {
    let authority = policy.authority();
    page.part(Part::Authority);
    page.provision(&Sentence::Court(&authority.court), Mark::Unchecked);
    page.provision(&Sentence::Docket(&authority.docket), Mark::Unchecked);
    page.provision(&Sentence::Instrument(&authority.instrument), Mark::Unchecked);
    page.each(&authority.legal_basis, Mark::Unchecked, Sentence::LegalBasis);
    page.each(&authority.particulars, Mark::Unchecked, Sentence::Particular);
    page.provision(&Sentence::Issued(authority.issued), Mark::Tool);
    page.provision(&Sentence::ExecuteBy(authority.execute_by), Mark::Tool);
    let hours = match authority.hours {
        crate::policy::Hours::Any => Mark::Unchecked,
        crate::policy::Hours::Daily { .. } => Mark::Tool,
    };
    page.provision(&Sentence::Hours(authority.hours), hours);
    page.provision(&Sentence::ReviewBy(authority.review_by), Mark::Duty);
}

fn target(page: &mut Page, policy: &Policy) {
    let target = policy.target();
    page.part(Part::Media);
    media(page, &target.media);
    page.provision(&Sentence::WritableRefused, Mark::Tool);
    page.provision(&Sentence::Live(target.live), if target.live { Mark::Unchecked } else { Mark::Duty });
    match &target.deleted {
        Deleted::Never => {}
        Deleted::Catalogue => page.provision(&Sentence::DeletedCatalogued, Mark::Tool),
        Deleted::Hold(id) => page.provision(&Sentence::DeletedHeld(id), Mark::Tool),
    }
    if let Some(id) = &target.unallocated {
        page.provision(&Sentence::UnallocatedHeld(id), Mark::Tool);
    }
    if let Some(id) = &target.slack {
        page.provision(&Sentence::SlackHeld(id), Mark::Tool);
    }
    let not_read = Sentence::NotRead {
        deleted: target.deleted == Deleted::Never,
        unallocated: target.unallocated.is_none(),
        slack: target.slack.is_none(),
    };
    page.provision(&not_read, Mark::Tool);
    page.provision(&Sentence::Streams(target.streams), Mark::Tool);
    let content = target.inspect.contains(&Look::Content);
    let searches = policy.lists().iter().any(|list| matches!(list.items, ListItems::Keywords(_)));
    let (documents, mail) = (content && searches, content && !policy.mail_tests().is_empty());
    match &target.containers {
        None => page.provision(&Sentence::ContainersNotOpened, Mark::Tool),
        Some(own) => {
            page.provision(
                &Sentence::ContainersOpened { forms: &own.open, depth: own.max_depth },
                Mark::Tool,
            );
            page.provision(&Sentence::ContainersWhole, Mark::Tool);
            page.provision(&Sentence::ContainersUnknown, Mark::Tool);
            if own.open.contains(&"zip") {
                page.provision(&Sentence::ContainersZips, Mark::Tool);
            }
        }
    }
    if documents || mail {
        page.provision(&Sentence::TakenApart { documents, mail }, Mark::Tool);
    }
    let unread = match target.unread_volumes {
        UnreadVolumes::Name => Sentence::UnreadNamed,
        UnreadVolumes::Preserve => Sentence::UnreadPreserved,
    };
    page.provision(&unread, Mark::Tool);
    for glob in &target.closed {
        page.provision(&Sentence::Closed(glob.text()), Mark::Tool);
    }
    let limits = policy.limits();
    let most_bytes = match target.containers {
        Some(_) => Sentence::MostBytesWithin,
        None => Sentence::MostBytes,
    };
    let limits = [limits.items.map(Sentence::MostItems), limits.bytes.map(most_bytes)];
    for limit in limits.iter().flatten() {
        page.provision(limit, Mark::Tool);
    }
}

/// What the medium shows of itself is the program's to compare; what is read off its case is a person's word.
fn media(page: &mut Page, media: &[MediaSpec]) {
    let mut tagged = false;
    for medium in media {
        let label = &medium.label;
        let (tags, shown): (Vec<_>, Vec<_>) =
            medium.ids.iter().partition(|(kind, _)| *kind == MediumIdKind::AssetTag);
        if !shown.is_empty() {
            page.provision(&Sentence::MediumShows { label, ids: shown }, Mark::Tool);
        }
        if !tags.is_empty() {
            tagged = true;
            page.provision(&Sentence::MediumTagged { label, ids: tags }, Mark::Duty);
        }
    }
    page.provision(&Sentence::OtherMediaRefused { tagged }, Mark::Tool);
}

fn looks(page: &mut Page, policy: &Policy) {
    page.part(Part::Looks);
    page.paragraph(&Sentence::LooksFollow);
    for look in &policy.target().inspect {
        page.provision(&Sentence::LookAllowed(*look), Mark::Tool);
    }
    page.provision(&Sentence::KeptIsRead, Mark::Tool);
    for look in Look::ALL.into_iter().filter(|look| !policy.target().inspect.contains(look)) {
        page.provision(&Sentence::LookRefused(look), Mark::Tool);
    }
}

fn rules(page: &mut Page, policy: &Policy) {
    page.part(Part::Rules);
    page.paragraph(&Sentence::DefaultDeny);
    for rule in policy.rules() {
        page.heading(&Sentence::RuleHeading { id: &rule.id, effect: rule.effect, to: rule.to.as_deref() });
        page.blocks.push(Block::Quote(given(&rule.text).into()));
        page.paragraph(&Sentence::Basis(&rule.basis));
        if let Some(ground) = &rule.ground {
            page.paragraph(&Sentence::Ground(ground));
        }
        meaning(page, policy, rule);
    }
}

/// The rule as the tool reads it.
fn meaning(page: &mut Page, policy: &Policy, rule: &Rule) {
    let to = policy.compartments().iter().find(|own| rule.to.as_ref() == Some(&own.id));
    let to = to.map(|own| Named { id: &own.id, label: &own.label });
    let shape =
        Shape { any: !rule.any.is_empty(), all: !rule.all.is_empty(), unless: !rule.unless.is_empty() };
    page.unnumbered(&Sentence::RuleMeans { effect: rule.effect, to, shape }, Mark::Tool);
    for (ids, join) in [(&rule.any, Join::Any), (&rule.all, Join::All), (&rule.unless, Join::Unless)] {
        if ids.is_empty() {
            continue;
        }
        let selectors = ids.iter().filter_map(|id| policy.selectors().iter().find(|own| own.id == *id));
        let of = selectors.map(|found| conditions(page, policy, found)).collect();
        let alone = matches!((join, shape.any, shape.all), (Join::Any, _, false) | (Join::All, false, _));
        let joined = (!alone).then(|| page.say(&Sentence::Joined(join)));
        page.blocks.push(Block::Conditions { joined, of });
    }
}

fn conditions(page: &Page, policy: &Policy, own: &Selector) -> Conditions {
    let selector = Named { id: &own.id, label: &own.label };
    match own.conditions.as_slice() {
        [one] => {
            let phrase = Phrase::of(policy, one);
            Conditions { text: page.say(&Sentence::SelectorIs { selector, phrase }), all: Vec::new() }
        }
        several => {
            let several = several.iter().map(|one| page.say(&Sentence::ItemIs(Phrase::of(policy, one))));
            Conditions { text: page.say(&Sentence::SelectorAll(selector)), all: several.collect() }
        }
    }
}

fn combination(page: &mut Page, policy: &Policy) {
    page.part(Part::Combination);
    let compartments: Vec<&str> = policy.compartments().iter().map(|own| own.id.as_str()).collect();
    let holds = !compartments.is_empty();
    page.provision(&Sentence::ExcludeWins, Mark::Tool);
    page.provision(&Sentence::NotIncludedIsLeft, Mark::Tool);
    if holds {
        page.provision(&Sentence::Held(compartments), Mark::Tool);
    }
    page.provision(&Sentence::Withheld { holds }, Mark::Tool);
    page.provision(&Sentence::RestIsCaptured, Mark::Tool);
    page.provision(&Sentence::HardLinks, Mark::Tool);
    if !policy.mail_tests().is_empty() {
        page.provision(&Sentence::MailIsRead, Mark::Tool);
        page.provision(&Sentence::MailIsDecidedWhole, Mark::Tool);
    }
    page.provision(&Sentence::LinksNotFollowed, Mark::Tool);
    page.provision(&Sentence::PathCase(policy.defaults().path_case), Mark::Tool);
    page.provision(&Sentence::Globs, Mark::Tool);
    let asks =
        |of: fn(&Condition) -> bool| policy.selectors().iter().any(|own| own.conditions.iter().any(of));
    if asks(|condition| matches!(condition, Condition::Path(_))) {
        page.provision(&Sentence::PathsOfVolumes, Mark::Tool);
    }
    if asks(|condition| matches!(condition, Condition::Ext(_))) {
        page.provision(&Sentence::Extensions, Mark::Tool);
    }
    if asks(|condition| matches!(condition, Condition::Keywords { .. })) {
        page.provision(&Sentence::KeywordsCompare, Mark::Tool);
        page.provision(&Sentence::KeywordsRead, Mark::Tool);
    }
}

fn unknown(page: &mut Page, policy: &Policy) {
    page.part(Part::Unknown);
    let defaults = policy.defaults();
    let outcome = match &defaults.unknown {
        UnknownDefault::Left => Undetermined::Left,
        UnknownDefault::Hold(id) => Undetermined::Held(id),
    };
    page.provision(&Sentence::Unknown(outcome), Mark::Tool);
    if policy.rules().iter().any(|rule| rule.effect == Effect::Hold) {
        page.provision(&Sentence::UnknownDespiteHold(outcome), Mark::Tool);
    }
    let no_hit = defaults.not_searchable == NotSearchable::NoHit;
    page.provision(&Sentence::NotSearchable { no_hit }, Mark::Tool);
    page.provision(&Sentence::Zoneless(defaults.zoneless_times), Mark::Tool);
}

fn names(page: &mut Page, policy: &Policy) {
    if !policy.windows().is_empty() {
        page.part(Part::Periods);
        let rows = policy.windows().iter().map(|window| {
            let moment = |time| page.say(&Sentence::Moment(time));
            (vec![code(&window.id).into(), moment(window.from), moment(window.until)], None)
        });
        let rows = rows.collect();
        page.table(&[Column::Id, Column::From, Column::Until], rows, Mark::Tool);
    }
    if !policy.custodians().is_empty() {
        page.part(Part::Custodians);
        let rows = policy.custodians().iter().map(|own| {
            let accounts = page.say(&Sentence::Accounts { uid: &own.uid, sid: &own.sid });
            (vec![code(&own.id).into(), given(&own.label).into(), accounts], None)
        });
        let rows = rows.collect();
        page.table(&[Column::Id, Column::Label, Column::Accounts], rows, Mark::Tool);
        page.provision(&Sentence::AccountsAreTheirs, Mark::Unchecked);
    }
    if !policy.lists().is_empty() {
        page.part(Part::Lists);
        let rows = policy.lists().iter().map(|list| {
            let terms = match &list.items {
                ListItems::Sha256(_) => None,
                ListItems::Keywords(terms) | ListItems::Addresses(terms) => {
                    Some(terms).filter(|_| !list.restricted)
                }
            };
            let size = page.say(&Sentence::ListSize { of: &list.items });
            let (file, restricted) = (list.file.as_deref(), list.restricted);
            let digest = page.say(&Sentence::ListDigest { digest: list.digest, file, restricted });
            let below = terms.map(|terms| page.say(&Sentence::ListTerms(terms)));
            (vec![code(&list.id).into(), given(&list.label).into(), size, digest], below)
        });
        let rows = rows.collect();
        page.table(&[Column::Id, Column::Label, Column::Size, Column::Digest], rows, Mark::Tool);
    }
    artifacts(page, policy);
}

fn artifacts(page: &mut Page, policy: &Policy) {
    if policy.artifacts().is_empty() {
        return;
    }
    page.part(Part::Artifacts);
    let rows = policy.artifacts().iter().map(|own| {
        let below = page.say(&Sentence::ArtifactPaths(&own.path));
        (vec![code(&own.id).into(), given(&own.label).into()], Some(below))
    });
    let rows = rows.collect();
    page.table(&[Column::Id, Column::Label], rows, Mark::Tool);
    page.provision(&Sentence::ArtifactsDecide, Mark::Tool);
    for own in policy.artifacts() {
        page.provision(&Sentence::ArtifactOrigin(own), Mark::Unchecked);
    }
}

fn recipients(page: &mut Page, policy: &Policy) {
    let recipients = policy.recipients();
    page.part(Part::Recipients);
    page.paragraph(&Sentence::RecipientsFollow);
    let mut rows = Vec::new();
    for (holder, keys) in [
        (Holder::Case, &recipients.case),
        (Holder::Further, &recipients.captured_also),
        (Holder::Auditor, &recipients.auditor),
        (Holder::Court, &recipients.court),
    ] {
        for key in keys {
            let (who, what) = (page.say(&Sentence::Holder(holder)), page.say(&Sentence::Opens(holder)));
            rows.push((vec![who, what, code(key).into()], None));
        }
    }
    page.table(&[Column::Holder, Column::Opens, Column::Key], rows, Mark::Tool);
    for (at, own) in policy.compartments().iter().enumerate() {
        compartment(page, policy, at.saturating_add(1), own);
    }
}

/// Whether a key of a compartment opens something else as well, by the same policy.
fn is_elsewhere(policy: &Policy, own: &Compartment, key: &String) -> bool {
    let recipients = policy.recipients();
    let others =
        policy.compartments().iter().filter(|other| other.id != own.id && other.id != UNREAD_VOLUMES);
    // Volumes that are not read are for the court, whose keys these are.
    let court = (own.id != UNREAD_VOLUMES).then_some(&recipients.court);
    let lists = [&recipients.case, &recipients.captured_also, &recipients.auditor];
    let mut lists = lists.into_iter().chain(court).chain(others.map(|other| &other.recipients));
    lists.any(|list| list.contains(key))
}

fn compartment(page: &mut Page, policy: &Policy, at: usize, own: &Compartment) {
    // INVARIANT: no compartment of a file has that id; its label and release are words of the program.
    let unread = own.id == UNREAD_VOLUMES;
    page.heading(&Sentence::CompartmentHeading { at, id: &own.id });
    let (holder, release) = match unread {
        false => (Sentence::CompartmentHolder(&own.label), Sentence::Release(&own.release)),
        true => (Sentence::CompartmentOfUnread, Sentence::ReleaseOfUnread),
    };
    page.provision(&holder, Mark::Unchecked);
    for key in &own.recipients {
        let alone = !is_elsewhere(policy, own, key);
        page.provision(&Sentence::CompartmentKey { key, alone }, Mark::Tool);
    }
    page.provision(&release, Mark::Duty);
    page.provision(&Sentence::HeldRow, Mark::Tool);
}

fn record(page: &mut Page, policy: &Policy) {
    let (record, keys) = (policy.record(), policy.recipients());
    let mut captured = keys.case.iter().chain(&keys.captured_also);
    let case = captured.any(|key| keys.auditor.contains(key) || keys.court.contains(key));
    page.part(Part::Record);
    let kept = match record.left {
        LeftRecord::Facts => [Sentence::LeftFacts { case }, Sentence::Replayable],
        LeftRecord::Counts => [Sentence::LeftCounts, Sentence::NotReplayable],
    };
    for sentence in &kept {
        page.provision(sentence, Mark::Tool);
    }
    page.each(slice::from_ref(&record.holder), Mark::Duty, Sentence::KeptBy);
    page.each(slice::from_ref(&record.until), Mark::Duty, Sentence::KeptUntil);
    page.each(slice::from_ref(&record.basis), Mark::Unchecked, Sentence::KeptOn);
    page.provision(&Sentence::Inventory, Mark::Tool);
}

fn duties(page: &mut Page, policy: &Policy) {
    page.part(Part::Duties);
    let conditions = &policy.authority().conditions;
    if conditions.is_empty() {
        page.paragraph(&Sentence::NoConditions);
    }
    page.each(conditions, Mark::Duty, Sentence::Condition);
}

fn remarks(page: &mut Page, policy: &Policy) {
    page.part(Part::Remarks);
    let remarks = lint(policy);
    if remarks.is_empty() {
        page.paragraph(&Sentence::NoRemarks);
    }
    for remark in &remarks {
        page.paragraph(&Sentence::Remark(remark));
    }
}
