//! The rendering in German.

mod remarks;

use chrono::{DateTime, FixedOffset};

use super::document::{Mark, Text, code, given, strong, text};
use super::language::{grouped, moment as parts};
use super::sentence::{Column, Holder, Join, Named, Part, Phrase, Sentence, Shape, Undetermined};
use super::words::listed;
use crate::facts::{Kind, Look, TimeKind};
use crate::mail::Role;
use crate::policy::{Effect, Hours, ListItems, MediumIdKind, PathCase};

/// A sentence in German.
pub(super) fn say(sentence: &Sentence<'_>) -> Text {
    match sentence {
        Sentence::Version { id, version } => text!["Richtlinie zum Umfang der Sicherung ", code(id), ", Fassung ", number(version), "."],
        Sentence::PolicyId => "Kennung der Richtlinie".into(),
        Sentence::Supersedes => "Tritt an die Stelle der Richtlinie".into(),
        Sentence::RenderedBy => "Form dieser Wiedergabe".into(),
        Sentence::WhatBinds => text!["Genehmigt ist diejenige Wiedergabe, deren Form und SHA-256-Prüfsumme in ", code("approval.txt"), " genannt sind. Dieselbe Richtlinie ergibt in jeder Sprache stets dieselben Bytes. Texte der Anordnung sind im Wortlaut wiedergegeben und nicht übersetzt."],
        Sentence::MarksFollow => "Bei jeder Bestimmung ist vermerkt, wer für ihre Einhaltung sorgt:".into(),
        Sentence::MarkMeans(mark) => match mark {
            Mark::Tool => "Das Programm setzt die Bestimmung um; das Protokoll weist es nach.",
            Mark::Duty => "Die Einhaltung ist Sache der handelnden Personen; das Programm weist auf die Bestimmung hin, kann ihre Einhaltung aber nicht feststellen.",
            Mark::Unchecked => "Es handelt sich um eine Angabe, die das Protokoll weder bestätigt noch widerlegt.",
        }
        .into(),
        Sentence::Part(part) => self::part(*part).into(),

        Sentence::Court(court) => text!["Angeordnet durch: ", given(court), "."],
        Sentence::Docket(docket) => text!["Aktenzeichen: ", given(docket), "."],
        Sentence::Instrument(instrument) => text!["Art der Anordnung: ", given(instrument), "."],
        Sentence::LegalBasis(basis) => text!["Rechtsgrundlage: ", given(basis), "."],
        Sentence::Particular(particular) => text!["Gegenstand der Anordnung: ", given(particular), "."],
        Sentence::Issued(time) => text!["Erlassen am ", moment(*time), ". Maßgeblich ist die Uhr des Rechners. Ein früherer Beginn wird verweigert oder als Abweichung von der Anordnung protokolliert."],
        Sentence::ExecuteBy(time) => text!["Durchsuchung und Sicherung vor Ort bis zum ", moment(*time), ". Maßgeblich ist die Uhr des Rechners. Ein späterer Beginn wird verweigert oder als Abweichung von der Anordnung protokolliert; ein späteres Ende wird bei der Überprüfung des Sicherungspakets als Abweichung festgestellt."],
        Sentence::Hours(Hours::Any) => "Arbeiten vor Ort zu jeder Tages- und Nachtzeit.".into(),
        Sentence::Hours(Hours::Daily { from, until, offset }) => text![format!("Arbeiten vor Ort nur von {:02}:{:02} bis {:02}:{:02} Uhr (Ortszeit, UTC{offset}). Maßgeblich ist die Uhr des Rechners. Ein Beginn zu anderer Zeit wird verweigert oder als Abweichung von der Anordnung protokolliert; Arbeiten, die zu anderer Zeit andauern, werden bei der Überprüfung des Sicherungspakets als Abweichung festgestellt. Ob vor Ort gearbeitet wird, erkennt das Programm nicht; es nimmt es immer an.", from / 60, from % 60, until / 60, until % 60)],
        Sentence::ReviewBy(time) => text!["Durchsicht im Labor bis zum ", moment(*time), "."],

        Sentence::MediumShows { label, ids } => text![given(label), ": ", identities(ids), "; wird mit den eigenen Angaben des Datenträgers abgeglichen."],
        Sentence::MediumTagged { label, ids } => text![given(label), ": ", identities(ids), "; wird am Datenträger abgelesen und von einer Person angegeben."],
        Sentence::OtherMediaRefused { tagged: false } => "Ein Datenträger, der diesen Angaben widerspricht oder keine von ihnen aufweist, wird abgewiesen, es sei denn, jemand setzt sich darüber hinweg; dies wird protokolliert.".into(),
        Sentence::OtherMediaRefused { tagged: true } => "Ein Datenträger, der diesen Angaben widerspricht, wird abgewiesen, ebenso einer, der keine von ihnen aufweist und dessen Asservatenkennzeichen niemand angibt, es sei denn, jemand setzt sich darüber hinweg; dies wird protokolliert.".into(),
        Sentence::WritableRefused => "Ein Gerät oder ein eingehängtes Dateisystem, auf das geschrieben werden könnte, wird abgewiesen, es sei denn, jemand setzt sich darüber hinweg; dies wird protokolliert.".into(),
        Sentence::Live(true) => "Ein laufendes System oder dessen Momentaufnahme (Snapshot) darf gelesen werden.".into(),
        Sentence::Live(false) => "Ein laufendes System wird nicht gelesen: Während des Lesens verändert nichts den Datenträger. Ob ein nur lesbar eingehängtes Dateisystem andernorts noch in Betrieb ist, kann das Programm nicht erkennen.".into(),
        Sentence::DeletedCatalogued => "Gelöschte Einträge, von denen das Dateisystem noch Angaben enthält, und belegte Einträge, die ihren Namen verloren haben, werden erfasst und wie Dateien beurteilt, jedoch allein nach Name, Größe und Zeitangaben; ihr Inhalt wird nicht gelesen.".into(),
        Sentence::DeletedHeld(id) => text!["Gelöschte Einträge, von denen das Dateisystem noch Angaben enthält, und belegte Einträge, die ihren Namen verloren haben, werden wie Dateien beurteilt; ebenso das, was an der Stelle ihres Inhalts steht, sofern das Dateisystem diese Stelle noch angibt und keine andere Datei einen Teil davon belegt. Was davon nach den Regeln zu sichern wäre, gelangt stattdessen in den Sonderbestand ", code(id), "."],
        Sentence::UnallocatedHeld(id) => text!["Aller Speicherplatz, den ein Dateisystem als frei führt, wird ohne Rücksicht auf seinen Inhalt und dessen Herkunft als Ganzes gesichert; keine Regel kann ihn betreffen. Er gelangt in den Sonderbestand ", code(id), "."],
        Sentence::SlackHeld(id) => text!["Was bei einer gesicherten Datei hinter ihrem Ende in deren letztem Block steht (Schlupfspeicher, Slack), gelangt in den Sonderbestand ", code(id), "; bei einer gesondert verwahrten Datei in deren Sonderbestand. Bei keiner anderen Datei wird es gelesen."],
        Sentence::NotRead { deleted, unallocated, slack } => {
            let all = [(*deleted, "gelöschte Einträge"), (*unallocated, "nicht belegter Speicherplatz"), (*slack, "Schlupfspeicher (Slack)"), (true, "Momentaufnahmen (Snapshots)")];
            format!("{} werden nicht gelesen.", listed(&all, "und")).into()
        }
        Sentence::Streams(true) => "Benannte Datenströme von Dateien werden wie Dateien behandelt.".into(),
        Sentence::Streams(false) => "Benannte Datenströme von Dateien werden nicht gelesen.".into(),
        Sentence::ContainersNotOpened => "Archive, Postfachdateien und in Dateien enthaltene Datenträgerabbilder werden nur als Ganzes gesichert oder belassen; was sie enthalten, ist kein eigenes Objekt.".into(),
        Sentence::TakenApart { documents, mail } => {
            let mut said = Text::default();
            if *documents {
                said.add("Um nach Suchbegriffen zu suchen, werden HTML-Seiten sowie Dokumente von Word, Excel und PowerPoint (OOXML) in ihren Text zerlegt; sonst wird nichts entpackt.");
            }
            if *documents && *mail {
                said.add(" ");
            }
            if *mail {
                said.add("Von Nachrichten und von Postfächern im Format mbox wird der Kopf gelesen, wie unten beschrieben.");
            }
            said
        }
        Sentence::ContainersOpened { forms, depth } => text![
            "Ein Archiv einer dieser Formen, das zu sichern ist oder sein kann, wird geöffnet: ", forms.join(", "), "; bis zu ", number(*depth),
            " davon ineinander. Was ausgeschlossen ist, nicht zum Umfang gehört, verwahrt oder zurückbehalten wird, bleibt geschlossen. Jede Datei in einem Archiv ist ein eigenes Objekt; ihr Pfad ist der des Archivs, \"!/\" und ihr Name darin. Eine Datei in einem .tar.gz liegt in zwei Archiven."],
        Sentence::ContainersWhole => "Ein geöffnetes Archiv wird nur dann als Ganzes gesichert, wenn jede Datei darin gesichert wird; sonst werden diese Dateien einzeln gesichert, und das Archiv wird belassen. Was ein Archiv enthält und mit wem Nachrichten darin gewechselt wurden, wird nur bei seinen Dateien gefragt. Eine Regel, die ein Archiv wegen seines eigenen Namens, Typs, seiner Größe oder Prüfsumme einschließt, schließt damit keine Datei darin ein: Was keine Regel von seinen Dateien einschließt, wird nicht gesichert.".into(),
        Sentence::ContainersUnknown => "Ein Archiv, das nicht bis zum Ende geöffnet werden kann (verschlüsselt, beschädigt, zu groß, zu tief geschachtelt, mit Bytes oder Vermerken, die zu keiner Datei gehören, oder mit einem Ordner oder Verweis, dessen Namen eine Regel ausschließt, zurückbehält oder verwahrt), ist ungeklärt: Es geht dorthin, wohin Ungeklärtes geht; als Ganzes aber geht es an niemanden, wenn eine Regel eine Datei darin ausschließt, zurückbehält oder für jemand anderen verwahrt: Dann stehen die lesbaren Dateien einzeln dafür, und von den übrigen wird nichts gesichert als der Vermerk des Grundes. Eine Datei ist ein Archiv, wenn ihre ersten Bytes es sagen. Nicht geöffnet und nur als Ganzes gesichert oder belassen werden Postfachdateien, Datenträgerabbilder und Archive anderer Formen.".into(),
        Sentence::ContainersZips => "Ob eine Datei ein Zip ist, sagt auch ihr Ende: Wo ihre ersten Bytes etwas anderes sagen, werden mit ihnen ihre letzten 65.577 Bytes untersucht. Geöffnet wird so auch ein Zip, das sich selbst entpackt oder hinter anderen Bytes steht, und eines, als das Programme gepackt sind (jar, war, apk). Ein Dokument, das als Zip gepackt ist (docx, xlsx, odt, epub), wird nur als Ganzes gesichert oder belassen; liegt aber etwas darin, das nach seinem Namen oder seinen ersten Bytes nicht zu einem solchen Dokument gehört, oder hat es Bytes oder Vermerke, die zu nichts gehören, so ist es ungeklärt wie ein Archiv, das nicht bis zum Ende geöffnet werden kann. Was als Teil eines solchen Dokuments getarnt ist, wird nicht gefunden, ebenso wenig ein Tar, ein Gzip oder ein Archiv anderer Form hinter anderen Bytes und ein Zip, auf das mehr als 65.535 Bytes folgen.".into(),
        Sentence::UnreadNamed => "Ein Datenbereich (Volume), der nicht gelesen werden kann, wird im Protokoll benannt; aus ihm wird nichts gesichert.".into(),
        Sentence::UnreadPreserved => "Ein Datenbereich (Volume), aus dem keine Datei gelesen werden kann (verschlüsselt, beschädigt oder unbekannter Art), wird im Protokoll benannt und darf ohne Rücksicht auf seinen Inhalt als Ganzes gesichert werden, verschlüsselt allein für das Gericht; siehe den letzten Sonderbestand unten.".into(),
        Sentence::Closed(glob) => text!["Ordner nach dem Muster ", code(glob), " werden nicht betreten. Was sich darin befindet, wird überhaupt nicht erfasst; bei der Nachprüfung wird kontrolliert, dass kein erfasstes Objekt dort liegt."],
        Sentence::MostItems(items) => text!["Die Sicherung endet nach ", number(items), " Objekten des Datenträgers, gleich was mit ihnen geschieht (auch Ordner und Belassenes zählen); das Protokoll vermerkt es, und bei der Nachprüfung wird erneut gezählt."],
        Sentence::MostBytes(bytes) => text!["Die Sicherung endet vor dem Objekt, mit dem die gesicherte Menge ", number(bytes), " Bytes überstiege; das Protokoll vermerkt es, und bei der Nachprüfung wird erneut gezählt."],
        Sentence::MostBytesWithin(bytes) => text!["Die Sicherung endet vor dem Objekt, mit dem die gesicherte Menge ", number(bytes), " Bytes überstiege; ein Archiv zählt zusammen mit dem, was von den Dateien darin gesichert wird. Das Protokoll vermerkt es, und bei der Nachprüfung wird erneut gezählt."],

        Sentence::LooksFollow => "Ein Objekt (Datei, Ordner, Verknüpfung oder Datenstrom) wird nur so tief durchgesehen, wie es die Entscheidung darüber erfordert. Zulässig sind diese Stufen der Durchsicht:".into(),
        Sentence::LookAllowed(look) => text![self::look(*look), "."],
        Sentence::KeptIsRead => "Eine Datei, die gesichert wird, wird vollständig gelesen, um sie zu kopieren und ihre Prüfsumme zu bilden; auf die Entscheidung hat dies keinen Einfluss.".into(),
        Sentence::LookRefused(look) => text!["Unzulässig: ", self::look(*look), "."],

        Sentence::DefaultDeny => "Was keine Regel einbezieht, bleibt außer Betracht. Die Reihenfolge der Regeln ist ohne Bedeutung. Zuerst steht jeweils der Wortlaut der Anordnung, darunter, was das Programm tut.".into(),
        Sentence::RuleHeading { id, effect, to: None } => text!["Regel ", given(id), ": ", title(*effect)],
        Sentence::RuleHeading { id, effect, to: Some(to) } => text!["Regel ", given(id), ": ", title(*effect), " für ", code(to)],
        Sentence::Basis(basis) => text!["Grundlage: ", given(basis), "."],
        Sentence::Ground(ground) => text!["Grund: ", given(ground), "."],
        Sentence::RuleMeans { effect, to, shape } => text!["Das Programm verfährt so: ", self::effect(*effect, *to), ", ", when(*shape)],
        Sentence::Joined(join) => match join {
            Join::Any => "Mindestens eine dieser Voraussetzungen:".into(),
            Join::All => "Jede dieser Voraussetzungen:".into(),
            Join::Unless => text![strong("Ausgenommen"), ", wenn eine dieser Voraussetzungen vorliegt:"],
        },
        Sentence::SelectorIs { selector, phrase } => text![named(*selector), ": Das Objekt ", self::phrase(phrase), "."],
        Sentence::SelectorAll(selector) => text![named(*selector), ": Es muss alles Folgende zutreffen:"],
        Sentence::ItemIs(phrase) => text!["Das Objekt ", self::phrase(phrase), "."],

        Sentence::ExcludeWins => text!["Was eine Regel ausschließt (", code("exclude"), "), wird belassen, gleich welche andere Regel zutrifft."],
        Sentence::NotIncludedIsLeft => text!["Was keine Regel einbezieht (", code("include"), "), wird belassen."],
        Sentence::Held(order) => text!["Was gesondert zu verwahren ist (", code("hold"), "), gelangt allein in den dafür bestimmten Sonderbestand; treffen mehrere Regeln zu, gilt diese Reihenfolge: ", Text::joined(order.iter().map(code), "und dann"), "."],
        Sentence::Withheld { holds: false } => text!["Was zurückzustellen ist (", code("withhold"), "), wird nicht gesichert, aber im Verzeichnis der zurückgestellten Objekte benannt."],
        Sentence::Withheld { holds: true } => text!["Was zurückzustellen ist (", code("withhold"), "), wird nicht gesichert, aber im Verzeichnis der zurückgestellten Objekte benannt; wäre es zugleich gesondert zu verwahren (", code("hold"), "), wird es allein gegenüber dem Inhaber dieses Sonderbestands benannt."],
        Sentence::RestIsCaptured => "Was danach verbleibt, wird für die Ermittlungsgruppe gesichert.".into(),
        Sentence::HardLinks => "Eine Datei mit mehreren Namen (Hardlinks) wird unter jedem ihrer Namen beurteilt: Jeder Name kann sie einbeziehen, jeder kann sie ausschließen. Wer Einsicht nimmt, sieht nur diejenigen Namen, die selbst in den Umfang der Sicherung fallen.".into(),
        Sentence::MailIsRead => "Von Nachrichten (Dateien mit einer einzelnen Nachricht sowie Postfächer im Format mbox) wird der Kopf gelesen, und zwar als Teil der Stufe „Inhalt“. Adressen werden ohne Rücksicht auf Groß- und Kleinschreibung verglichen; ein Eintrag, der mit @ beginnt, steht für alle Adressen dieser Domain und keiner Domain darunter. Lässt sich der Kopf einer Nachricht insoweit nicht oder auf zwei Arten lesen, bleibt die Voraussetzung ungeklärt, ebenso bei Dateien, die nicht wie eine Nachricht beginnen, aber Felder eines Nachrichtenkopfs enthalten, und bei Postfachdateien, die nicht gelesen werden (etwa PST und OST). Angehängte Nachrichten werden nicht gelesen; Bilder, Programme und Dokumente werden nur in ihrem ersten Mebibyte auf Felder eines Nachrichtenkopfs durchgesehen.".into(),
        Sentence::MailIsDecidedWhole => "Ein Postfach ist eine Datei und wird als Ganzes beurteilt. Wo eine zutreffende Nachricht genügt, gehen die übrigen Nachrichten mit ihr; wo jede Nachricht zutreffen muss, genügt eine nicht zutreffende, damit die Voraussetzung nicht vorliegt.".into(),
        Sentence::LinksNotFollowed => "Verknüpfungen werden erfasst, ihnen wird aber nie gefolgt.".into(),
        Sentence::PathCase(case) => match case {
            PathCase::AsVolume => "Groß- und Kleinschreibung wird in Namen unterschieden, soweit das Dateisystem sie unterscheidet.",
            PathCase::Sensitive => "Groß- und Kleinschreibung wird in Namen unterschieden.",
            PathCase::Insensitive => "Groß- und Kleinschreibung wird in Namen nicht unterschieden.",
        }
        .into(),
        Sentence::Globs => text!["In Pfaden und Namen steht ", code("*"), " für beliebige Zeichen innerhalb eines Ordner- oder Dateinamens, ", code("?"), " für ein einzelnes Zeichen, ", code("[ab]"), " für eines der Zeichen in der Klammer (", code("[a-z]"), " für eines von a bis z), ", code("[!ab]"), " für eines, das nicht in der Klammer steht, und ", code("**"), " für beliebig viele ganze Ordner, auch für keinen: ", code("/a/**"), " bezeichnet den Ordner ", code("/a"), " und alles, was darunter liegt. Ein ", code("\\"), " vor einem dieser Zeichen hebt dessen Bedeutung auf; ", code("\\x"), " mit zwei hexadezimalen Ziffern ist ein Byte, das kein Text ist."],
        Sentence::PathsOfVolumes => "Ein Pfad beginnt an der Wurzel des Dateisystems, in dem das Objekt liegt, nicht dort, wo es eingehängt wäre: Bilden die Benutzerordner ein eigenes Dateisystem, so heißt dort /anna, was sonst /home/anna wäre. Das Programm nennt die Pfade, zu denen ein Datenträger kein Objekt hat.".into(),
        Sentence::Extensions => "Die Dateiendung ist, was auf den letzten Punkt eines Namens folgt. Groß- und Kleinschreibung wird in ihr nie unterschieden.".into(),
        Sentence::KeywordsCompare => "Ein Suchbegriff wird ohne Rücksicht auf Groß- und Kleinschreibung gefunden, auch innerhalb von Wörtern, und mit seinen Leer- und Satzzeichen genau so, wie die Liste ihn enthält; Akzente und Umlaute zählen.".into(),
        Sentence::KeywordsRead => "Durchsucht werden Texte, HTML-Seiten und neuere Office-Dokumente (docx, xlsx, pptx), so wie sie gespeichert sind: Zahlen ohne das Format, in dem eine Tabelle sie anzeigt, Seiten ohne das, was ein Skript oder eine Formatvorlage aus ihnen macht. Steht der Text einer Datei nicht zweifelsfrei fest (E-Mail, PDF, Archive, andere oder beschädigte Dokumente, andere Zeichensätze wie Latin-1 und Windows-1252, kodierte Teile) oder steht ein Suchbegriff für den Leser darin, aber anders geschrieben (über einen weichen Trennstrich hinweg, mit einem anderen Leerzeichen), so ist ungeklärt, ob er darin steht.".into(),

        Sentence::Unknown(outcome) => {
            let outcome = match outcome {
                Undetermined::Left => "wird belassen".into(),
                Undetermined::Held(id) => text!["gelangt in den Sonderbestand ", code(id)],
            };
            text!["Ein Objekt, über das ohne eine nicht zu erlangende Tatsache nicht entschieden werden kann (unlesbar, verschlüsselt oder ohne durchsuchbaren Text), ", outcome, "; ist es zurückzustellen (", code("withhold"), "), wird es belassen. Es wird niemals für die Ermittlungsgruppe gesichert und niemals benannt."]
        }
        Sentence::UnknownDespiteHold(Undetermined::Left) => text!["Ein Objekt, bei dem sich nicht feststellen lässt, ob es in den Umfang der Sicherung fällt, wird daher auch dann belassen, wenn eine Regel ", code("hold"), " zutrifft; es gelangt in keinen Sonderbestand."],
        Sentence::UnknownDespiteHold(Undetermined::Held(id)) => text!["Ein Objekt, bei dem sich nicht feststellen lässt, ob es in den Umfang der Sicherung fällt, gelangt daher auch dann in den Sonderbestand ", code(id), ", wenn eine Regel ", code("hold"), " für einen anderen Sonderbestand zutrifft; in den anderen gelangt es nicht."],
        Sentence::NotSearchable { no_hit: true } => "Eine Datei, deren Typ keinen Text enthält, etwa ein Bild, gilt als Datei ohne Suchbegriffe.".into(),
        Sentence::NotSearchable { no_hit: false } => "Bei einer Datei, deren Typ keinen Text enthält, etwa einem Bild, gilt als ungeklärt, ob sie einen Suchbegriff enthält.".into(),
        Sentence::Zoneless(Some(offset)) => text!["Zeitangaben ohne Zeitzone gelten als Ortszeit mit der Abweichung UTC", offset.to_string(), "."],
        Sentence::Zoneless(None) => "Bei Zeitangaben ohne Zeitzone, wie alle auf FAT es sind, bleibt offen, ob eine Bedingung über sie erfüllt ist.".into(),

        Sentence::Column(column) => self::column(*column).into(),
        Sentence::Moment(time) => moment(*time),
        Sentence::Accounts { uid, sid } => {
            let uids = uid.iter().map(|uid| text!["Benutzerkennung ", uid.to_string()]);
            let sids = sid.iter().map(|sid| text!["Sicherheits-ID (SID) ", code(sid)]);
            Text::joined(uids.chain(sids), "oder")
        }
        Sentence::AccountsAreTheirs => "Dass diese Konten den genannten Personen zuzuordnen sind, hat die anordnende Stelle festgestellt.".into(),
        Sentence::ListSize { of } => {
            let count = of.count();
            let noun = match (of, count) {
                (ListItems::Keywords(_), 1) => " Suchbegriff",
                (ListItems::Keywords(_), _) => " Suchbegriffe",
                (ListItems::Addresses(_), 1) => " Adresse",
                (ListItems::Addresses(_), _) => " Adressen",
                (ListItems::Sha256(_), 1) => " SHA-256-Prüfsumme",
                (ListItems::Sha256(_), _) => " SHA-256-Prüfsummen",
            };
            text![number(count), noun]
        }
        Sentence::ListDigest { digest, file, restricted } => {
            let mut text = text![code(digest)];
            if let Some(file) = file {
                text.add(text![", Datei ", code(file)]);
            }
            if *restricted {
                text.add(", nicht öffentlich: Die Einträge werden nicht bekannt gegeben");
            }
            text
        }
        Sentence::ListTerms(terms) => Text::joined(terms.iter().map(code), "und"),
        Sentence::ArtifactOrigin(own) => text![
            code(&own.id), " stammt aus ", code(&own.definition), " im Katalog ", code(&own.catalogue), ", Datei ", code(&own.file), " mit der Prüfsumme ", code(own.sha256),
            "; das Programm gleicht diese Prüfsumme mit keiner Datei ab."
        ],
        Sentence::ArtifactPaths(globs) => Text::joined(globs.iter().map(|glob| code(glob.text())), "oder"),
        Sentence::ArtifactsDecide => "Maßgeblich sind die hier ausgeschriebenen Pfade, gleich was der Katalog sagt.".into(),

        Sentence::RecipientsFollow => "Alles Gesicherte wird für die Inhaber dieser öffentlichen Schlüssel verschlüsselt. Wem die Schlüssel gehören, hat die anordnende Stelle festgestellt.".into(),
        Sentence::Holder(holder) => match holder {
            Holder::Case => "Ermittlungsgruppe",
            Holder::Further => "Weitere Inhaber",
            Holder::Auditor => "Prüfer",
            Holder::Court => "Gericht",
        }
        .into(),
        Sentence::Opens(Holder::Case | Holder::Further) => "die gesicherten Objekte und das Verzeichnis der zurückgestellten Objekte".into(),
        Sentence::Opens(Holder::Auditor | Holder::Court) => "das Protokoll über jedes Objekt".into(),
        Sentence::CompartmentHeading { at, id } => text!["Sonderbestand ", at.to_string(), ": ", code(id)],
        Sentence::CompartmentHolder(label) => text!["Inhaber und Zweck: ", given(label), "."],
        Sentence::CompartmentOfUnread => "Inhaber und Zweck: Datenbereiche (Volumes), aus denen keine Datei gelesen werden kann, als Ganzes für das Gericht gesichert.".into(),
        Sentence::CompartmentKey { key, alone: false } => text!["Was hier verwahrt wird, kann mit diesem Schlüssel geöffnet werden: ", code(key), ". Derselbe Schlüssel steht in diesem Teil auch an anderer Stelle; sein Inhaber kann auch das dort Genannte öffnen."],
        Sentence::CompartmentKey { key, alone: true } => text!["Nur der Inhaber dieses Schlüssels kann öffnen, was hier verwahrt wird: ", code(key), "."],
        Sentence::Release(release) => text!["Freigabe nur aufgrund von: ", given(release), "."],
        Sentence::ReleaseOfUnread => "Freigabe nur aufgrund von: weiterer Beschluss des Gerichts.".into(),
        Sentence::HeldRow => "Von einem gesondert verwahrten Objekt erfährt die Ermittlungsgruppe die laufende Nummer, die maßgeblichen Regeln und eine Größenklasse, sonst nichts.".into(),

        Sentence::LeftFacts { case: true } => "Es wird ein verschlüsseltes Verzeichnis sämtlicher Dateinamen des Datenträgers mit Größen, Zeitangaben und Eigentümern angelegt und aufbewahrt, auch soweit sie Dritte betreffen. Prüfer und Gericht können es öffnen, ebenso die Ermittlungsgruppe oder ein weiterer Inhaber: Einer ihrer Schlüssel ist derselbe.".into(),
        Sentence::LeftFacts { case: false } => "Es wird ein verschlüsseltes Verzeichnis sämtlicher Dateinamen des Datenträgers mit Größen, Zeitangaben und Eigentümern angelegt und aufbewahrt, auch soweit sie Dritte betreffen. Prüfer und Gericht können es öffnen, die Ermittlungsgruppe nicht.".into(),
        Sentence::LeftCounts => "Von belassenen Objekten wird nichts aufbewahrt als ihre Zahl und je eine Zeile, die nichts über sie verrät.".into(),
        Sentence::KeptBy(holder) => text!["Aufbewahrt durch: ", given(holder), "."],
        Sentence::KeptOn(basis) => text!["Grundlage: ", given(basis), "."],
        Sentence::KeptUntil(until) => text!["Dauer der Aufbewahrung: ", given(until), "."],
        Sentence::Replayable => "Anhand dieses Verzeichnisses lässt sich jede Entscheidung nachvollziehen.".into(),
        Sentence::NotReplayable => text![strong("Die Entscheidungen, Objekte zu belassen, lassen sich nicht nachvollziehen"), "; ob sie zutrafen, kann nur am Datenträger selbst überprüft werden."],
        Sentence::Inventory => "Ein öffentliches Bestandsverzeichnis enthält zu jedem Objekt eine Zeile, aus der sich nichts als das Ergebnis der Entscheidung ablesen lässt.".into(),

        Sentence::Condition(condition) => text![given(condition), "."],
        Sentence::NoConditions => "Die Richtlinie enthält keine weiteren Auflagen.".into(),
        Sentence::Remark(lint) => remarks::remark(lint),
        Sentence::NoRemarks => "Keine.".into(),
        Sentence::End(id) => text!["Ende der Richtlinie ", code(id), "."],
    }
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Authority => "Anordnung",
        Part::Media => "Datenträger",
        Part::Looks => "Was durchgesehen werden darf, und wie tief",
        Part::Rules => "Regeln",
        Part::Combination => "Zusammenwirken der Regeln",
        Part::Unknown => "Was sich nicht feststellen lässt",
        Part::Periods => "Zeiträume",
        Part::Custodians => "Betroffene Personen und Konten",
        Part::Lists => "Listen",
        Part::Artifacts => "Artefakte",
        Part::Recipients => "Wer was öffnen kann",
        Part::Record => "Was über belassene Objekte aufbewahrt wird",
        Part::Duties => "Auflagen",
        Part::Remarks => "Hinweise des Programms zu dieser Richtlinie",
    }
}

fn column(column: Column) -> &'static str {
    match column {
        Column::Id => "Bezeichnung",
        Column::From => "ab dem",
        Column::Until => "vor dem",
        Column::Label => "Bedeutung",
        Column::Accounts => "Konten",
        Column::Size => "Umfang",
        Column::Digest => "Prüfsumme",
        Column::Holder => "Wer",
        Column::Opens => "kann öffnen",
        Column::Key => "öffentlicher Schlüssel",
    }
}

fn look(look: Look) -> Text {
    let (name, words) = match look {
        Look::Metadata => (
            "Metadaten",
            ": Name, Art, Größe, Zeitangaben und Eigentümer, wie sie das Dateisystem verzeichnet",
        ),
        Look::Type => (
            "Dateityp",
            ": die ersten Bytes einer Datei, um ihren Typ und eine etwaige Verschlüsselung zu erkennen",
        ),
        Look::Hash => (
            "Prüfsumme",
            ": eine Datei wird vollständig gelesen, um ihre Prüfsumme zu bilden und mit Listen abzugleichen; niemand nimmt Einsicht in sie",
        ),
        Look::Content => (
            "Inhalt",
            ": der Text einer Datei wird nach den Suchbegriffen der unten aufgeführten Listen durchsucht; der Kopf von Nachrichten wird mit deren Adressen und mit Zeiträumen abgeglichen, soweit eine Regel es verlangt; was davon eine Regel auch verlangt, bei dieser Datei geschieht alles davon und wird festgehalten",
        ),
    };
    text![strong(name), words]
}

fn title(effect: Effect) -> &'static str {
    match effect {
        Effect::Include => "Einbeziehen",
        Effect::Exclude => "Ausschließen",
        Effect::Withhold => "Zurückstellen",
        Effect::Hold => "Gesondert verwahren",
    }
}

fn effect(effect: Effect, to: Option<Named<'_>>) -> Text {
    match (effect, to) {
        (Effect::Include, _) => "Ein Objekt fällt in den Umfang der Sicherung".into(),
        (Effect::Exclude, _) => "Ein Objekt wird belassen und nicht benannt".into(),
        (Effect::Withhold, _) => "Ein Objekt, das in den Umfang der Sicherung fällt, wird nicht gesichert, aber im Verzeichnis der zurückgestellten Objekte benannt".into(),
        (Effect::Hold, None) => "Ein Objekt, das in den Umfang der Sicherung fällt, wird allein für einen Sonderbestand verwahrt".into(),
        (Effect::Hold, Some(to)) => text!["Ein Objekt, das in den Umfang der Sicherung fällt, wird allein für den Sonderbestand ", code(to.id), " verwahrt (", given(to.label), ")"],
    }
}

fn when(shape: Shape) -> &'static str {
    match (shape.any, shape.all, shape.unless) {
        (true, false, false) => "wenn mindestens eine der folgenden Voraussetzungen vorliegt.",
        (false, true, false) => "wenn alle folgenden Voraussetzungen vorliegen.",
        (true, false, true) => {
            "wenn mindestens eine der folgenden Voraussetzungen vorliegt und keine Ausnahme eingreift."
        }
        (false, true, true) => "wenn alle folgenden Voraussetzungen vorliegen und keine Ausnahme eingreift.",
        (true, true, false) => {
            "wenn mindestens eine Voraussetzung der ersten Gruppe und alle der zweiten vorliegen."
        }
        (true, true, true) => {
            "wenn mindestens eine Voraussetzung der ersten Gruppe und alle der zweiten vorliegen und keine Ausnahme eingreift."
        }
        // INVARIANT: reading refuses a rule with neither `any` nor `all`.
        (false, false, _) => "ohne weitere Voraussetzung.",
    }
}

fn phrase(phrase: &Phrase<'_>) -> Text {
    match phrase {
        Phrase::Path(globs) => {
            text!["hat einen Pfad nach dem Muster ", Text::joined(globs.iter().map(code), "oder")]
        }
        Phrase::Name(globs) => {
            text!["hat einen Namen nach dem Muster ", Text::joined(globs.iter().map(code), "oder")]
        }
        Phrase::Ext(exts) => text!["hat die Dateiendung ", Text::joined(exts.iter().map(code), "oder")],
        Phrase::Kind(kinds) => text!["ist ", Text::joined(kinds.iter().map(|own| kind(*own)), "oder")],
        Phrase::Type(types) => {
            text!["ist nach seinen ersten Bytes vom Typ ", Text::joined(types.iter().map(code), "oder")]
        }
        Phrase::TypeMismatch(true) => "trägt eine Dateiendung, die zu anderen Dateitypen gehört".into(),
        Phrase::TypeMismatch(false) => "trägt keine Dateiendung, die zu anderen Dateitypen gehört".into(),
        Phrase::Size { min: Some(min), max: Some(max) } => {
            text!["ist ", number(min), " bis ", number(max), " Bytes groß"]
        }
        Phrase::Size { min: Some(min), max: None } => text!["ist mindestens ", number(min), " Bytes groß"],
        Phrase::Size { min: None, max: Some(max) } => text!["ist höchstens ", number(max), " Bytes groß"],
        Phrase::Size { min: None, max: None } => "hat eine Größe".into(),
        Phrase::Time { of, each, within } => {
            let times = |word| Text::joined(of.iter().map(|own| time(*own)), word);
            let within = match within {
                Some((from, until)) => text![" ab dem ", moment(*from), " und vor dem ", moment(*until)],
                None => Text::default(),
            };
            if *each {
                text!["wurde", within, " sowohl ", times("als auch")]
            } else {
                text!["wurde", within, " ", times("oder")]
            }
        }
        Phrase::Owner(owners) => text!["gehört ", Text::joined(owners.iter().map(|own| named(*own)), "oder")],
        Phrase::HashIn(lists) => text![
            "hat eine Prüfsumme auf der Liste ",
            Text::joined(lists.iter().map(|own| named(*own)), "oder")
        ],
        Phrase::Encrypted(true) => "ist verschlüsselt".into(),
        Phrase::Encrypted(false) => "ist nicht verschlüsselt".into(),
        Phrase::Keywords { list, at_least: 1 } => {
            text!["enthält mindestens einen Begriff der Liste ", named(*list)]
        }
        Phrase::Keywords { list, at_least } => {
            text!["enthält mindestens ", number(at_least), " verschiedene Begriffe der Liste ", named(*list)]
        }
        Phrase::Mail { parties, roles, each, within } => {
            let mut text = Text::from("ist E-Mail, bei der ");
            text.add(if *each { "jede Nachricht" } else { "mindestens eine Nachricht" });
            if !parties.is_empty() {
                text.add(text![
                    " eine Adresse der Liste ",
                    Text::joined(parties.iter().map(|own| named(*own)), "oder"),
                    " als ",
                    Text::joined(roles.iter().map(|own| role(*own)), "oder"),
                    " nennt"
                ]);
            }
            if let Some((from, until)) = within {
                text.add(if parties.is_empty() { "" } else { " und" });
                text.add(text![" ab dem ", moment(*from), " und vor dem ", moment(*until), " datiert"]);
            }
            text
        }
        Phrase::Artifact(artifacts) => text![
            "liegt an einem Ort des Artefakts ",
            Text::joined(artifacts.iter().map(|own| named(*own)), "oder")
        ],
        Phrase::Volume(volumes) => {
            text!["liegt auf dem Datenbereich (Volume) ", Text::joined(volumes.iter().map(code), "oder")]
        }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "eine Datei",
        Kind::Directory => "ein Ordner",
        Kind::Symlink => "eine symbolische Verknüpfung",
        Kind::Fifo => "eine benannte Pipe",
        Kind::Socket => "ein Socket",
        Kind::CharDevice => "ein zeichenorientiertes Gerät",
        Kind::BlockDevice => "ein blockorientiertes Gerät",
        Kind::Stream => "ein Datenstrom",
        Kind::Deleted => "ein gelöschter Eintrag",
        Kind::Unallocated => "nicht belegter Speicherplatz",
        Kind::Slack => "der Schlupfspeicher (Slack) einer Datei",
        Kind::Recovered => "was an der Stelle einer gelöschten Datei steht",
        Kind::Volume => "ein Datenbereich (Volume)",
        Kind::Member => "eine Datei in einem Archiv",
        Kind::Other => "ein Objekt anderer Art",
    }
}

fn time(kind: TimeKind) -> &'static str {
    match kind {
        TimeKind::Modified => "zuletzt inhaltlich geändert",
        TimeKind::Accessed => "zuletzt gelesen",
        TimeKind::Changed => "zuletzt in seinen Verwaltungsdaten geändert",
        TimeKind::Created => "angelegt",
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::From => "Absender (From)",
        Role::To => "Empfänger (To)",
        Role::Cc => "Kopieempfänger (Cc)",
        Role::Bcc => "Blindkopieempfänger (Bcc)",
    }
}

fn named(own: Named<'_>) -> Text {
    text!["„", given(own.label), "“ (", code(own.id), ")"]
}

fn identities(ids: &[&(MediumIdKind, String)]) -> Text {
    Text::joined(ids.iter().map(|(kind, id)| text![identity(*kind), " ", code(id)]), "und")
}

/// What identifies a medium.
pub(super) fn identity(kind: MediumIdKind) -> &'static str {
    match kind {
        MediumIdKind::Serial => "Seriennummer",
        MediumIdKind::Wwn => "World Wide Name",
        MediumIdKind::Gpt => "GUID der Partitionstabelle",
        MediumIdKind::MdUuid => "UUID eines RAID-Verbunds (md)",
        MediumIdKind::VgUuid => "UUID einer Volume-Gruppe (LVM)",
        MediumIdKind::MbrSignature => {
            "Datenträgersignatur im MBR (32 Bit, bei jeder Kopie eines Datenträgers dieselbe)"
        }
        MediumIdKind::Fsuuid => "UUID eines Dateisystems",
        MediumIdKind::AssetTag => "Asservatenkennzeichen",
        MediumIdKind::ImageSha256 => "SHA-256-Prüfsumme des Abbilds",
    }
}

/// `9. März 2011, 18:00 Uhr (UTC-06:00)`.
fn moment(time: DateTime<FixedOffset>) -> Text {
    let (day, month, year, clock, zone) = parts(time);
    let months = [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ];
    let month = usize::try_from(month).ok().and_then(|month| months.get(month.checked_sub(1)?));
    format!("{day}. {} {year}, {clock} Uhr ({zone})", month.unwrap_or(&"")).into()
}

fn number(number: impl std::fmt::Display) -> String {
    grouped(number, '.')
}
