//! The rendering in English.

use chrono::{DateTime, FixedOffset};

use super::document::{Mark, Text, code, given, strong, text};
use super::language::{grouped, moment as parts};
use super::sentence::{Column, Holder, Join, Named, Part, Phrase, Sentence, Shape, Undetermined};
use super::words::{kind, listed, time_kind};
use crate::facts::Look;
use crate::mail::Role;
use crate::policy::{Effect, Hours, ListItems, MediumIdKind, PathCase};

/// A sentence in English.
pub(super) fn say(sentence: &Sentence<'_>) -> Text {
    match sentence {
        Sentence::Version { id, version } => text!["Scoping policy ", code(id), ", version ", number(version), "."],
        Sentence::PolicyId => "Policy id".into(),
        Sentence::Supersedes => "Takes the place of the policy".into(),
        Sentence::RenderedBy => "Rendered by".into(),
        Sentence::WhatBinds => text!["What is approved is the rendering whose name and SHA-256 stand in ", code("approval.txt"), ". The same policy gives the same bytes in each language, always."],
        Sentence::MarksFollow => "Each provision says who sees to it:".into(),
        Sentence::MarkMeans(mark) => match mark {
            Mark::Tool => "The program does it, and the record shows it.",
            Mark::Duty => "Somebody must do it; the program shows it and cannot know.",
            Mark::Unchecked => "It is stated here, and nothing in the record confirms or refutes it.",
        }
        .into(),
        Sentence::Part(part) => self::part(*part).into(),

        Sentence::Court(court) => text!["Ordered by: ", given(court), "."],
        Sentence::Docket(docket) => text!["Docket: ", given(docket), "."],
        Sentence::Instrument(instrument) => text!["Instrument: ", given(instrument), "."],
        Sentence::LegalBasis(basis) => text!["Legal basis: ", given(basis), "."],
        Sentence::Particular(particular) => text!["What the order describes: ", given(particular), "."],
        Sentence::Issued(time) => text!["Issued: ", moment(*time), ". By the clock of the machine, work that begins earlier is refused, or is on the record as a departure from the order."],
        Sentence::ExecuteBy(time) => text!["Seizure or copying on site by: ", moment(*time), ". By the clock of the machine, work that begins later is refused, or is on the record as a departure from the order; work that ends later is found to be one when the package is checked."],
        Sentence::Hours(Hours::Any) => "Work on site at any hour.".into(),
        Sentence::Hours(hours @ Hours::Daily { .. }) => text!["Work on site only in the hours ", hours.to_string(), " (local time and its offset). By the clock of the machine, work that begins at another hour is refused, or is on the record as a departure from the order; work that goes on at another hour is found to be one when the package is checked. Whether work is on site, the program does not know: it takes all for that."],
        Sentence::ReviewBy(time) => text!["Review in the laboratory by: ", moment(*time), "."],

        Sentence::MediumShows { label, ids } => text![given(label), ": ", identities(ids), ", compared with what the medium itself shows."],
        Sentence::MediumTagged { label, ids } => text![given(label), ": ", identities(ids), ", read off the medium and stated by a person."],
        Sentence::OtherMediaRefused { tagged: false } => "A medium that contradicts what stands here is refused, and so is one that shows none of it; unless somebody overrides it on the record.".into(),
        Sentence::OtherMediaRefused { tagged: true } => "A medium that contradicts what stands here is refused, and so is one that shows none of it, and of which no person states the asset tag; unless somebody overrides it on the record.".into(),
        Sentence::WritableRefused => "A mounted tree whose mount can be written to, and a device that can be written to, are refused unless somebody overrides it on the record.".into(),
        Sentence::Live(true) => "A running system, or a snapshot of one, may be read.".into(),
        Sentence::Live(false) => "A running system is not read: nothing changes the medium while it is read. The program cannot tell a read-only bind mount of a live file system from one at rest.".into(),
        Sentence::DeletedCatalogued => "Deleted entries of which the file system still has something, and entries in use that have lost their name, are listed and decided like files, by name, size and times alone; their content is not read.".into(),
        Sentence::DeletedHeld(id) => text!["Deleted entries of which the file system still has something, and entries in use that have lost their name, are decided like files; so is what stands where the content of one was, if the file system still tells where and no other file has any of it now. What the rules would capture of them goes to the compartment ", code(id), " instead."],
        Sentence::UnallocatedHeld(id) => text!["All space that a file system counts as free is taken, whatever is in it and whosever it was; no rule can be about it. It goes to the compartment ", code(id), ", whole."],
        Sentence::SlackHeld(id) => text!["Of a file that is captured, what stands behind its end in the last of its blocks (slack space) goes to the compartment ", code(id), "; of a file that is held, to the compartment of the file. Of no other file is it read."],
        Sentence::NotRead { deleted, unallocated, slack } => {
            let all = [(*deleted, "deleted entries"), (*unallocated, "unallocated space"), (*slack, "slack space"), (true, "snapshots")];
            format!("{} are not read.", listed(&all, "and")).into()
        }
        Sentence::Streams(true) => "Named streams of files are items like files.".into(),
        Sentence::Streams(false) => "Named streams of files are not read.".into(),
        Sentence::ContainersNotOpened => "Archives, mailboxes and disk images inside files are taken or left whole; what they hold is no item of its own.".into(),
        Sentence::TakenApart { documents, mail } => {
            let mut said = Text::default();
            if *documents {
                said.add("To search for keywords, pages in HTML and documents of Word, Excel and PowerPoint (OOXML) are taken apart for their text, and nothing else is unpacked.");
            }
            if *documents && *mail {
                said.add(" ");
            }
            if *mail {
                said.add("Of messages, and of mailboxes in the form mbox, the headers are read, as is said below.");
            }
            said
        }
        Sentence::ContainersOpened { forms, depth } => text![
            "An archive of one of these forms that is to be captured, or may be, is opened: ", forms.join(", "), "; up to ", number(*depth),
            " of them in each other. What is excluded, out of scope, held or withheld stays closed. Each file in an archive is an item of its own, under the path of the archive, \"!/\" and its name there. A file in a .tar.gz lies in two archives."],
        Sentence::ContainersWhole => "An archive that was opened is captured whole only if every file in it is captured; otherwise those files are taken singly, and the archive is left. What an archive contains, and with whom mail in it was exchanged, is asked of its files alone. A rule that includes an archive for its own name, type, size or digest includes no file in it by that: what no rule includes of its files is not taken.".into(),
        Sentence::ContainersUnknown => "An archive that cannot be opened to its end (encrypted, damaged, too large, too deep, with bytes or remarks in it that belong to no file, or with a folder or link whose name a rule excludes, withholds or holds) is unknown: it goes where what is unknown goes; but it goes whole to nobody if a rule excludes or withholds a file in it, or holds one for somebody else: then the files that could be read stand for it, each by itself, and of the others nothing is taken but a note of why. A file is an archive if its first bytes say so. Not opened, and taken or left whole, are mailboxes, disk images and archives of other forms.".into(),
        Sentence::ContainersZips => "Whether a file is a zip is told from its end, too: where its first bytes say that it is something else, its last 65,577 bytes are examined with them. So a zip is opened that unpacks itself or stands behind other bytes, and such as programs are packed in (jar, war, apk). A document that is packed as a zip (docx, xlsx, odt, epub) is taken or left whole; but one in which something lies that is not of such a document by its name or first bytes, or that has bytes or remarks of nothing in it, is unknown as an archive is that cannot be opened to its end. What is disguised as a part of such a document is not found; nor are a tar, a gzip or an archive of another form that stand behind other bytes, nor a zip behind which more than 65,535 bytes follow.".into(),
        Sentence::UnreadNamed => "A volume that cannot be read is named in the record, and nothing of it is taken.".into(),
        Sentence::UnreadPreserved => "A volume of which no file can be read (encrypted, damaged, of an unknown kind) is named in the record, and may be preserved whole, whatever is on it, encrypted to the court alone: the last compartment below.".into(),
        Sentence::Closed(glob) => text!["The program does not enter folders like ", code(glob), ". What lies in them is not recorded at all; the auditor's replay checks that nothing recorded lies there."],
        Sentence::MostItems(items) => text!["The program stops the capture after ", number(items), " items of the medium, whatever becomes of them (folders and what is left count, too), and the record says so; the auditor's replay counts again."],
        Sentence::MostBytes(bytes) => text!["The program stops the capture before an item that would bring what is kept beyond ", number(bytes), " bytes, and the record says so; the auditor's replay counts again."],
        Sentence::MostBytesWithin(bytes) => text!["The program stops the capture before an item that would bring what is kept beyond ", number(bytes), " bytes, an archive counting together with what is kept of the files in it, and the record says so; the auditor's replay counts again."],

        Sentence::LooksFollow => "The program looks at an item (a file, a folder, a link, a stream) no deeper than the decision about it needs. It may take these looks:".into(),
        Sentence::LookAllowed(look) => text![self::look(*look), "."],
        Sentence::KeptIsRead => "A file that is kept is read whole, to copy it and to compute its digest; that decides nothing.".into(),
        Sentence::LookRefused(look) => text!["Never taken: ", self::look(*look), "."],

        Sentence::DefaultDeny => "What no rule includes is out. The order of the rules means nothing. The words of the authority stand first; below them stands what the program does.".into(),
        Sentence::RuleHeading { id, effect, to: None } => text!["Rule ", given(id), ": ", effect.word()],
        Sentence::RuleHeading { id, effect, to: Some(to) } => text!["Rule ", given(id), ": ", effect.word(), " for ", code(to)],
        Sentence::Basis(basis) => text!["Basis: ", given(basis), "."],
        Sentence::Ground(ground) => text!["Ground: ", given(ground), "."],
        Sentence::RuleMeans { effect, to, shape } => text!["What the program does: an item ", self::effect(*effect, *to), " ", when(*shape)],
        Sentence::Joined(join) => match join {
            Join::Any => "At least one of these:".into(),
            Join::All => "Each of these:".into(),
            Join::Unless => text![strong("Except"), " where one of these holds:"],
        },
        Sentence::SelectorIs { selector, phrase } => text![named(*selector), ": the item ", self::phrase(phrase), "."],
        Sentence::SelectorAll(selector) => text![named(*selector), ": all of this holds:"],
        Sentence::ItemIs(phrase) => text!["the item ", self::phrase(phrase), "."],

        Sentence::ExcludeWins => text!["What an ", code("exclude"), " matches is left, whatever else matches it."],
        Sentence::NotIncludedIsLeft => text!["What no ", code("include"), " matches is left."],
        Sentence::Held(order) => text!["What a ", code("hold"), " matches goes to its compartment alone; where several match, in this order: ", Text::joined(order.iter().map(code), "and then"), "."],
        Sentence::Withheld { holds: false } => text!["What a ", code("withhold"), " matches is not taken, but named in the withholding log."],
        Sentence::Withheld { holds: true } => text!["What a ", code("withhold"), " matches is not taken, but named in the withholding log; where a ", code("hold"), " matches too, it is named to that compartment alone."],
        Sentence::RestIsCaptured => "What remains is captured for the case team.".into(),
        Sentence::HardLinks => "A file with several names (hard links) counts under each of them: any name can include it, and any name can exclude it. A reader sees only the names that themselves are in scope.".into(),
        Sentence::MailIsRead => "Of messages (files of one message, and mailboxes in the form mbox) the header is read, as part of the look “content”. Addresses compare without regard to capital letters; an entry that begins with @ stands for every address of that domain, and of no domain below it. A message whose header cannot be read as asked, or in two ways, leaves the condition unknown; so does a file that does not begin as mail and has fields of a message in it, and so do mail stores that are not read (PST and OST, for instance). Attached messages are not looked into; of pictures, programs and documents, the first mebibyte is looked through for fields of a message, and no more.".into(),
        Sentence::MailIsDecidedWhole => "A mailbox is one file and is decided as a whole. Where one message that fits suffices, the other messages go with it; where every message must fit, one that does not is enough for the condition not to hold.".into(),
        Sentence::LinksNotFollowed => "Links are recorded and never followed.".into(),
        Sentence::PathCase(case) => match case {
            PathCase::AsVolume => "Capital and small letters differ in names where they differ on the volume.",
            PathCase::Sensitive => "Capital and small letters differ in names.",
            PathCase::Insensitive => "Capital and small letters are the same in names.",
        }
        .into(),
        Sentence::Globs => text!["In paths and names, ", code("*"), " stands for any characters within one folder or file name, ", code("?"), " for one character, ", code("[ab]"), " for one of those between the brackets (", code("[a-z]"), " for one from a to z), ", code("[!ab]"), " for one that is none of them, and ", code("**"), " for any number of whole folders, none too: ", code("/a/**"), " is the folder ", code("/a"), " and whatever lies below it. A ", code("\\"), " before one of these signs takes its meaning away, and ", code("\\x"), " with two hexadecimal digits is a byte that is no text."],
        Sentence::PathsOfVolumes => "A path begins at the root of the volume on which the item lies, not where that volume would be mounted: where the home folders are a volume of their own, what would be /home/anna is /anna there. The program says which paths of a policy fit no item of a medium.".into(),
        Sentence::Extensions => "An extension is what follows the last dot of a name. Capital and small letters are always the same in it.".into(),
        Sentence::KeywordsCompare => "A keyword is found without regard to capital and small letters, inside of words too, and with its spaces and signs exactly as the list has them; accents count.".into(),
        Sentence::KeywordsRead => "Searched are texts, pages in HTML and newer documents of Office (docx, xlsx, pptx) as they are stored: numbers without the format in which a table shows them, pages without what a script or a style sheet makes of them. Where the text of a file cannot be told beyond doubt (mail, PDF, archives, other or damaged documents, other sets of characters such as Latin-1 and Windows-1252, encoded parts), or a keyword is in it for a reader and not as it is written (across a soft hyphen, with another kind of space), whether the keyword is in it is unknown.".into(),

        Sentence::Unknown(outcome) => {
            let outcome = match outcome {
                Undetermined::Left => "is left".into(),
                Undetermined::Held(id) => text!["goes to the compartment ", code(id)],
            };
            text!["An item whose decision needs a fact that cannot be had (unreadable, encrypted, without a text that can be searched) ", outcome, "; it is left where a ", code("withhold"), " matches. It is never captured and never listed."]
        }
        Sentence::UnknownDespiteHold(Undetermined::Left) => text!["So an item whose scope could not be determined is left even if a ", code("hold"), " rule matches it, and no compartment gets it."],
        Sentence::UnknownDespiteHold(Undetermined::Held(id)) => text!["So an item whose scope could not be determined goes to the compartment ", code(id), " even if a ", code("hold"), " rule of another compartment matches it, and the other does not get it."],
        Sentence::NotSearchable { no_hit: true } => "A file of a type without text, such as a picture, counts as one without keywords.".into(),
        Sentence::NotSearchable { no_hit: false } => "Whether a file of a type without text, such as a picture, contains a keyword is unknown.".into(),
        Sentence::Zoneless(Some(offset)) => text!["Times that carry no zone are read as local time at UTC", offset.to_string(), "."],
        Sentence::Zoneless(None) => "Times that carry no zone, as all on FAT do, leave a condition on them unknown.".into(),

        Sentence::Column(column) => self::column(*column).into(),
        Sentence::Moment(time) => moment(*time),
        Sentence::Accounts { uid, sid } => {
            let uids = uid.iter().map(|uid| text!["user id ", uid.to_string()]);
            let sids = sid.iter().map(|sid| text!["security identifier ", code(sid)]);
            Text::joined(uids.chain(sids), "or")
        }
        Sentence::AccountsAreTheirs => "That these accounts are these people's is the authority's finding.".into(),
        Sentence::ListSize { of } => {
            let count = of.count();
            let noun = match (of, count) {
                (ListItems::Keywords(_), 1) => " keyword",
                (ListItems::Keywords(_), _) => " keywords",
                (ListItems::Addresses(_), 1) => " address",
                (ListItems::Addresses(_), _) => " addresses",
                (ListItems::Sha256(_), 1) => " SHA-256 digest",
                (ListItems::Sha256(_), _) => " SHA-256 digests",
            };
            text![number(count), noun]
        }
        Sentence::ListDigest { digest, file, restricted } => {
            let mut text = text![code(digest)];
            if let Some(file) = file {
                text.add(text![", file ", code(file)]);
            }
            if *restricted {
                text.add(", restricted: its items are not published");
            }
            text
        }
        Sentence::ListTerms(terms) => Text::joined(terms.iter().map(code), "and"),
        Sentence::ArtifactOrigin(own) => text![
            code(&own.id), " was taken from ", code(&own.definition), " of ", code(&own.catalogue), ", file ", code(&own.file), " with the digest ", code(own.sha256),
            "; the program compares this digest with no file."
        ],
        Sentence::ArtifactPaths(globs) => Text::joined(globs.iter().map(|glob| code(glob.text())), "or"),
        Sentence::ArtifactsDecide => "The paths written here decide, whatever the catalogue says.".into(),

        Sentence::RecipientsFollow => "Everything taken is encrypted to these public keys. Whose keys they are is the authority's finding.".into(),
        Sentence::Holder(holder) => match holder {
            Holder::Case => "The case team",
            Holder::Further => "Further holders",
            Holder::Auditor => "The auditor",
            Holder::Court => "The court",
        }
        .into(),
        Sentence::Opens(Holder::Case | Holder::Further) => "what is captured, and the withholding log".into(),
        Sentence::Opens(Holder::Auditor | Holder::Court) => "the record of every item".into(),
        Sentence::CompartmentHeading { at, id } => text!["Compartment ", at.to_string(), ": ", code(id)],
        Sentence::CompartmentHolder(label) => text!["Who and what it is for: ", given(label), "."],
        Sentence::CompartmentOfUnread => "Who and what it is for: volumes of which no file can be read, preserved whole for the court.".into(),
        Sentence::CompartmentKey { key, alone: false } => text!["What is held for it can be opened with the key ", code(key), ". The same key stands elsewhere in this part: whoever has it opens that, too."],
        Sentence::CompartmentKey { key, alone: true } => text!["It alone can open what is held for it, with the key ", code(key), "."],
        Sentence::Release(release) => text!["Released only on: ", given(release), "."],
        Sentence::ReleaseOfUnread => "Released only on: a further order of the court.".into(),
        Sentence::HeldRow => "The row of a held item shows the case team its control number, the rules that decided, and a size class; nothing else.".into(),

        Sentence::LeftFacts { case: true } => "An encrypted list of every file name on the medium, with sizes, times and owners, including other people's, is made and kept. The auditor and the court can open it, and so can the case team or a further holder: one of their keys is the same.".into(),
        Sentence::LeftFacts { case: false } => "An encrypted list of every file name on the medium, with sizes, times and owners, including other people's, is made and kept. The auditor and the court can open it; the case team cannot.".into(),
        Sentence::LeftCounts => "Of items that are left nothing is kept but their number and a line that tells nothing.".into(),
        Sentence::KeptBy(holder) => text!["It is kept by: ", given(holder), "."],
        Sentence::KeptOn(basis) => text!["On this basis: ", given(basis), "."],
        Sentence::KeptUntil(until) => text!["Until: ", given(until), "."],
        Sentence::Replayable => "Every decision can be replayed from it.".into(),
        Sentence::NotReplayable => text![strong("The decisions to leave them cannot be replayed"), ": that they were right can be checked on the medium alone."],
        Sentence::Inventory => "A public inventory has one line per item, with its outcome and nothing else that can be read.".into(),

        Sentence::Condition(condition) => text![given(condition), "."],
        Sentence::NoConditions => "The policy states no further conditions.".into(),
        Sentence::Remark(lint) => text![given(&lint.about), ": ", given(&lint.message), "."],
        Sentence::NoRemarks => "None.".into(),
        Sentence::End(id) => text!["End of the policy ", code(id), "."],
    }
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Authority => "Authority",
        Part::Media => "The media",
        Part::Looks => "What may be looked at, and how deep",
        Part::Rules => "The rules",
        Part::Combination => "How the rules come together",
        Part::Unknown => "What cannot be determined",
        Part::Periods => "Periods",
        Part::Custodians => "Custodians",
        Part::Lists => "Lists",
        Part::Artifacts => "Artifacts",
        Part::Recipients => "Who can open what",
        Part::Record => "What is kept about what was left",
        Part::Duties => "Duties of people",
        Part::Remarks => "Remarks of the program on this policy",
    }
}

fn column(column: Column) -> &'static str {
    match column {
        Column::Id => "Name",
        Column::From => "from",
        Column::Until => "until before",
        Column::Label => "what it is",
        Column::Accounts => "accounts",
        Column::Size => "size",
        Column::Digest => "digest",
        Column::Holder => "Who",
        Column::Opens => "can open",
        Column::Key => "public key",
    }
}

fn look(look: Look) -> Text {
    let (name, words) = match look {
        Look::Metadata => {
            ("metadata", ": names, kinds, sizes, times and owners, as the file system records them")
        }
        Look::Type => {
            ("type", ": the first bytes of a file, to tell what type it is and whether it is encrypted")
        }
        Look::Hash => (
            "hash",
            ": a file is read whole to compute its digest, which is compared with lists; nobody sees it",
        ),
        Look::Content => (
            "content",
            ": the text of a file is searched for the keywords of the lists below, and the headers of e-mails are compared with their addresses and with periods, where a rule asks for it; whichever of these a rule asks of a file, all of them are done with it and recorded",
        ),
    };
    text![strong(name), words]
}

fn effect(effect: Effect, to: Option<Named<'_>>) -> Text {
    match (effect, to) {
        (Effect::Include, _) => "is in scope".into(),
        (Effect::Exclude, _) => "is left where it is and not named".into(),
        (Effect::Withhold, _) => "that is in scope is not taken but named in the withholding log".into(),
        (Effect::Hold, None) => "that is in scope is kept for a compartment alone".into(),
        (Effect::Hold, Some(to)) => {
            text![
                "that is in scope is kept for the compartment ",
                code(to.id),
                " alone (",
                given(to.label),
                ")"
            ]
        }
    }
}

fn when(shape: Shape) -> &'static str {
    match (shape.any, shape.all, shape.unless) {
        (true, false, false) => "if at least one of the following holds.",
        (false, true, false) => "if each of the following holds.",
        (true, false, true) => "if at least one of the following holds and no exception does.",
        (false, true, true) => "if each of the following holds and no exception does.",
        (true, true, false) => "if at least one of the first group holds and each of the second.",
        (true, true, true) => {
            "if at least one of the first group holds, each of the second, and no exception does."
        }
        // INVARIANT: reading refuses a rule with neither `any` nor `all`.
        (false, false, _) => "always.",
    }
}

fn phrase(phrase: &Phrase<'_>) -> Text {
    match phrase {
        Phrase::Path(globs) => text!["has a path like ", Text::joined(globs.iter().map(code), "or")],
        Phrase::Name(globs) => text!["has a name like ", Text::joined(globs.iter().map(code), "or")],
        Phrase::Ext(exts) => text!["has the extension ", Text::joined(exts.iter().map(code), "or")],
        Phrase::Kind(kinds) => text!["is a ", Text::joined(kinds.iter().map(|own| kind(*own)), "or")],
        Phrase::Type(types) => {
            text!["is of the type ", Text::joined(types.iter().map(code), "or"), " by its first bytes"]
        }
        Phrase::TypeMismatch(true) => "bears an extension that belongs to other types".into(),
        Phrase::TypeMismatch(false) => "does not bear an extension that belongs to other types".into(),
        Phrase::Size { min: Some(min), max: Some(max) } => {
            text!["has from ", number(min), " to ", number(max), " bytes"]
        }
        Phrase::Size { min: Some(min), max: None } => text!["has at least ", number(min), " bytes"],
        Phrase::Size { min: None, max: Some(max) } => text!["has at most ", number(max), " bytes"],
        Phrase::Size { min: None, max: None } => "has a size".into(),
        Phrase::Time { of, each, within } => {
            let times = |word| Text::joined(of.iter().map(|own| time_kind(*own)), word);
            let which = if *each {
                text!["has each of the times ", times("and")]
            } else {
                text!["has the time ", times("or")]
            };
            match within {
                Some((from, until)) => {
                    text![which, " in the period from ", moment(*from), " until before ", moment(*until)]
                }
                None => which,
            }
        }
        Phrase::Owner(owners) => {
            text!["belongs to ", Text::joined(owners.iter().map(|own| named(*own)), "or")]
        }
        Phrase::HashIn(lists) => {
            text!["has a digest on the list ", Text::joined(lists.iter().map(|own| named(*own)), "or")]
        }
        Phrase::Encrypted(true) => "is encrypted".into(),
        Phrase::Encrypted(false) => "is not encrypted".into(),
        Phrase::Keywords { list, at_least: 1 } => {
            text!["contains at least one term of the list ", named(*list)]
        }
        Phrase::Keywords { list, at_least } => {
            text!["contains at least ", number(at_least), " different terms of the list ", named(*list)]
        }
        Phrase::Mail { parties, roles, each, within } => {
            let mut text = Text::from("is mail of which ");
            text.add(if *each { "every message" } else { "at least one message" });
            if !parties.is_empty() {
                text.add(text![
                    " has an address of the list ",
                    Text::joined(parties.iter().map(|own| named(*own)), "or"),
                    " as ",
                    Text::joined(roles.iter().map(|own| role(*own)), "or")
                ]);
            }
            if let Some((from, until)) = within {
                text.add(if parties.is_empty() { " is dated" } else { " and is dated" });
                text.add(text![" in the period from ", moment(*from), " until before ", moment(*until)]);
            }
            text
        }
        Phrase::Artifact(artifacts) => {
            text![
                "is at a place of the artifact ",
                Text::joined(artifacts.iter().map(|own| named(*own)), "or")
            ]
        }
        Phrase::Volume(volumes) => text!["is on the volume ", Text::joined(volumes.iter().map(code), "or")],
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::From => "sender (From)",
        Role::To => "recipient (To)",
        Role::Cc => "recipient of a copy (Cc)",
        Role::Bcc => "recipient of a hidden copy (Bcc)",
    }
}

fn named(own: Named<'_>) -> Text {
    text!["“", given(own.label), "” (", code(own.id), ")"]
}

fn identities(ids: &[&(MediumIdKind, String)]) -> Text {
    Text::joined(ids.iter().map(|(kind, id)| text![identity(*kind), " ", code(id)]), "and")
}

/// What identifies a medium.
pub(super) fn identity(kind: MediumIdKind) -> &'static str {
    match kind {
        MediumIdKind::Serial => "serial number",
        MediumIdKind::Wwn => "World Wide Name",
        MediumIdKind::Gpt => "GUID of the partition table",
        MediumIdKind::MdUuid => "UUID of a RAID array (md)",
        MediumIdKind::VgUuid => "UUID of a volume group (LVM)",
        MediumIdKind::MbrSignature => "disk signature in the MBR (32 bits, the same on every copy of a disk)",
        MediumIdKind::Fsuuid => "UUID of a file system",
        MediumIdKind::AssetTag => "asset tag",
        MediumIdKind::ImageSha256 => "SHA-256 of the image",
    }
}

/// `9 March 2011, 18:00 (UTC-06:00)`.
fn moment(time: DateTime<FixedOffset>) -> Text {
    let (day, month, year, clock, zone) = parts(time);
    let months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month = usize::try_from(month).ok().and_then(|month| months.get(month.checked_sub(1)?));
    format!("{day} {} {year}, {clock} ({zone})", month.unwrap_or(&"")).into()
}

fn number(number: impl std::fmt::Display) -> String {
    grouped(number, ',')
}
