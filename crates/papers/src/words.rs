//! The words that paper needs and Markdown does not: footers, signatures.

use std::collections::BTreeSet;

use scope::Language;

/// What stands on paper beside the document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    /// What the document is, above its title.
    Kind,
    /// Before the policy id at the foot of each page.
    Policy,
    /// The name of the Markdown's digest.
    MarkdownDigest,
    /// The heading over the lines for signatures.
    Signatures,
    /// What the signatures are for.
    SignaturesFor,
    /// Below a line.
    PlaceAndDate,
    /// Below a line.
    NameAndOffice,
    /// Below a line.
    Signature,
    /// Before the number of a page.
    Page,
    /// Between the number of a page and how many there are.
    Of,
    /// What a cover sheet is, above its title.
    CoverKind,
    /// What the signatures on a cover sheet are for.
    CoverSignatures,
    /// Before the number of the policy's version.
    Version,
    /// The name of the policy's digest.
    PolicyId,
    /// The name of the form that is signed.
    Renderer,
    /// A medium of the policy.
    Medium,
    /// Who ordered it.
    Court,
    /// Its docket.
    Docket,
    /// The name of the custody log.
    Origin,
    /// The heading over the eight words.
    TrustWords,
    /// The name of the trust file's digest.
    TrustDigest,
    /// What the eight words are for.
    CompareWords,
    /// The heading over the people.
    TrustNames,
    /// A column.
    Person,
    /// A column.
    Organisation,
    /// A column.
    Roles,
}

/// That a PDF has no letters for some characters of its text, by their numbers.
#[cfg_attr(not(feature = "pdf"), expect(dead_code, reason = "only a PDF brings its own letters"))]
pub(crate) fn lacking(language: Language, characters: &BTreeSet<char>) -> String {
    let numbers = characters.iter().take(MOST_NUMBERS).map(|c| format!("U+{:04X}", u32::from(*c)));
    let numbers = numbers.collect::<Vec<_>>().join(", ");
    let more = characters.len().saturating_sub(MOST_NUMBERS);
    match language {
        Language::English => {
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!(
                "This PDF has no letters for these characters of the text, and shows the number of each instead: {numbers}{more}. The same policy as Markdown and as HTML has them."
            )
        }
        Language::German => {
            let more = if more > 0 { format!(" und {more} weitere") } else { String::new() };
            format!(
                "Für folgende Zeichen des Textes hat dieses PDF keine Buchstaben; an ihrer Stelle steht ihre Nummer: {numbers}{more}. Dieselbe Richtlinie enthält sie als Markdown und als HTML."
            )
        }
    }
}

/// A role of the trust file in a language. What no file has is shown as it is.
pub(crate) fn role(language: Language, role: &str) -> &str {
    match (language, role) {
        (Language::German, "authority") => "anordnende Stelle",
        (Language::German, "examiner") => "Forensiker",
        (Language::German, "witness") => "Zeuge",
        (Language::German, "case") => "Ermittlungsgruppe",
        (Language::German, "holder") => "Inhaber eines Sonderbestands",
        (Language::German, "auditor") => "Prüfer",
        (Language::German, "court") => "Gericht",
        (Language::German, "log") => "Verwahrungsprotokoll",
        (_, role) => role,
    }
}

/// Most numbers of characters that are written out.
const MOST_NUMBERS: usize = 40;

/// A word in a language.
pub(crate) fn word(language: Language, word: Word) -> &'static str {
    match language {
        Language::English => match word {
            Word::Kind => "Scoping policy",
            Word::Policy => "Policy",
            Word::MarkdownDigest => "SHA-256 of this text as Markdown",
            Word::Signatures => "Signatures",
            Word::SignaturesFor => {
                "Room for a signature on paper. What the program checks is the signature over approval.txt, which quotes the digest of the Markdown above."
            }
            Word::PlaceAndDate => "Place and date",
            Word::NameAndOffice => "Name and office",
            Word::Signature => "Signature",
            Word::Page => "page",
            Word::Of => "of",
            Word::CoverKind => "Approval of a scoping policy: cover sheet",
            Word::CoverSignatures => {
                "Keep this sheet apart from the package. Who signs here has read the policy, and the eight words above."
            }
            Word::Version => "version",
            Word::PolicyId => "Policy id",
            Word::Renderer => "Read as",
            Word::Medium => "Medium",
            Word::Court => "Ordered by",
            Word::Docket => "Docket",
            Word::Origin => "Custody log",
            Word::TrustWords => "Eight words that stand for the trust file",
            Word::TrustDigest => "SHA-256 of the trust file",
            Word::CompareWords => {
                "The trust file says whose signatures count. Every report of ambit-verify begins with the words of the trust file that it was given: where they are not these eight, in this order, it believes somebody else."
            }
            Word::TrustNames => "Whom the trust file names",
            Word::Person => "Person",
            Word::Organisation => "organisation",
            Word::Roles => "may sign as",
        },
        Language::German => match word {
            Word::Kind => "Richtlinie zum Umfang der Sicherung",
            Word::Policy => "Richtlinie",
            Word::MarkdownDigest => "SHA-256 dieses Textes als Markdown",
            Word::Signatures => "Unterschriften",
            Word::SignaturesFor => {
                "Raum für eine Unterschrift auf Papier. Das Programm prüft die Signatur über approval.txt, in der die oben genannte Prüfsumme des Markdown-Textes steht."
            }
            Word::PlaceAndDate => "Ort und Datum",
            Word::NameAndOffice => "Name und Amtsbezeichnung",
            Word::Signature => "Unterschrift",
            Word::Page => "Seite",
            Word::Of => "von",
            Word::CoverKind => "Genehmigung einer Richtlinie zum Umfang der Sicherung: Deckblatt",
            Word::CoverSignatures => {
                "Dieses Blatt ist getrennt vom Sicherungspaket aufzubewahren. Wer hier unterschreibt, hat die Richtlinie und die acht Wörter oben gelesen."
            }
            Word::Version => "Fassung",
            Word::PolicyId => "Kennung der Richtlinie",
            Word::Renderer => "Gelesen als",
            Word::Medium => "Datenträger",
            Word::Court => "Angeordnet durch",
            Word::Docket => "Aktenzeichen",
            Word::Origin => "Verwahrungsprotokoll",
            Word::TrustWords => "Acht Wörter, die für die Vertrauensdatei stehen",
            Word::TrustDigest => "SHA-256 der Vertrauensdatei",
            Word::CompareWords => {
                "Die Vertrauensdatei legt fest, wessen Signaturen gelten. Jeder Bericht von ambit-verify beginnt mit den Wörtern der verwendeten Vertrauensdatei: Sind es nicht diese acht in dieser Reihenfolge, so beruht der Bericht auf dem Vertrauen in andere Personen."
            }
            Word::TrustNames => "Personen, die die Vertrauensdatei nennt",
            Word::Person => "Person",
            Word::Organisation => "Stelle",
            Word::Roles => "darf unterzeichnen als",
        },
    }
}
