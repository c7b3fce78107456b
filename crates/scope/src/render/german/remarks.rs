//! The remarks on a policy in German, one sentence for each kind and each thing that it can say.

use super::super::document::{Text, code, given, text};
use crate::lint::Lint;

/// A remark, by its kind; what it names is taken from the English one.
pub(super) fn remark(lint: &Lint) -> Text {
    text![about(&lint.about), ": ", message(lint)]
}

fn message(lint: &Lint) -> Text {
    let has = |words: &str| lint.message.contains(words);
    // What stands in backticks in the English remark are names of the policy.
    let mut names = lint.message.split('`').skip(1).step_by(2).map(code);
    let mut name = || names.next().map_or_else(Text::default, Text::from);
    // "3 of its terms have fewer than ..."
    let count = lint.message.split(' ').next().unwrap_or_default();
    let terms = |one: &str, several: &str| match count {
        "1" => format!("1 der Begriffe {one}"),
        count => format!("{count} der Begriffe {several}"),
    };
    match lint.id {
        "archive-alone" => "Die Bedingung trifft auf ein Archiv selbst zu. Archive werden geöffnet, und eine Datei darin wird nur gesichert, wenn eine Regel auch sie einbezieht.".into(),
        "archive-path" if has("no include reaches") => text![name(), " führt in ein Archiv, das keine Einbeziehung erfasst; es wird nicht geöffnet, und gesichert wird nichts."],
        "archive-path" if has("has a folder") => text![name(), " meint einen Ordner dieses Namens; was in einem Archiv liegt, steht hinter „!/“."],
        "archive-path" if has("one `!/` more") => text![name(), " braucht ein „!/“ mehr: In einem .tar.gz liegt eine Datei, das Tar, und erst darin liegen die anderen."],
        "archive-path" if has("in each other") => text![name(), " führt durch mehr Archive ineinander, als geöffnet werden."],
        "archive-path" => text![name(), " führt in ein Archiv, das nicht geöffnet wird."],
        "rooted-path" => text![name(), " beginnt an der Wurzel eines Volumes und erfasst denselben Pfad in einem Archiv nicht."],
        "weak-identity" if has("an image") => "Ein Abbild zeigt selten eine Seriennummer und nie einen WWN; dann ist der Datenträger allein an der Signatur im MBR zu erkennen: 32 Bit, die jede Kopie eines Datenträgers auch hat und die sich leicht setzen lassen. Eine Sicherung weicht dann ab.".into(),
        "shared-identity" => text![name(), " hat dieselbe Kennung; was zwei Datenträger gemeinsam haben, unterscheidet sie nicht, und keiner ist daran zu erkennen."],
        "weak-identity" => "Der Datenträger ist allein an der Signatur im MBR zu erkennen: 32 Bit, die jede Kopie eines Datenträgers auch hat und die sich leicht setzen lassen. Jede Sicherung weicht damit ab.".into(),
        "unopened" => "Ein Archiv, das gesichert werden soll und nicht geöffnet werden kann, wird belassen, denn Ungeklärtes wird belassen.".into(),
        "unused" if has("no rule") => "Keine Regel nennt sie; sie wählt nichts aus.".into(),
        "unused" => "Keine Regel und keine Auswahl nimmt darauf Bezug.".into(),
        "nothing-included" => "Keine Regel bezieht etwas ein; jedes Objekt wird belassen.".into(),
        "unlimited" => "Die Regel kann ein Objekt einbeziehen, ohne nach Ort, Zeitraum, Eigentümer oder Prüfsumme zu begrenzen.".into(),
        "any-folder" => text![name(), " beginnt mit ", code("/**"), " und trifft daher in jedem Ordner des Datenträgers zu."],
        "short-name" => text![name(), " sieht wie ein Kurzname (8.3) aus; verglichen werden nur lange Namen."],
        "unseen" => text!["Die Bedingung ", name(), " setzt die Stufe ", look(&name().letters()), " der Durchsicht voraus, die nicht zugelassen ist; bei Dateien bleibt sie stets ungeklärt."],
        "short-keyword" => terms("hat weniger als vier Zeichen und trifft leicht zufällig zu.", "haben weniger als vier Zeichen und treffen leicht zufällig zu.").into(),
        "shared-key" if lint.about == "recipients" => "Die Ermittlungsgruppe hat einen Schlüssel des Prüfers; die Namen der belassenen Objekte stehen ihr offen.".into(),
        "shared-key" => "Die Ermittlungsgruppe hat einen Schlüssel dieses Sonderbestands; was darin verwahrt wird, steht ihr offen.".into(),
        "closed-include" => text![name(), " liegt unter einem geschlossenen Ordner, in den die Durchsicht nicht gelangt."],
        "court-key" => "Die Ermittlungsgruppe hat einen Schlüssel des Gerichts; die Namen der belassenen Objekte stehen ihr offen.".into(),
        "dead-include" => {
            let unless = if has("no `unless`") { ", und keine Ausnahme greift ein" } else { "" };
            text![name(), " fällt nie in den Umfang: Alles davon wird ausgeschlossen durch ", rules(between(lint, ": ", " exclude")), unless, "."]
        }
        "duplicate-rule" => text!["Die Regel hat Wirkung und Auswahlen der Regel ", given(between(lint, "selectors of ", "")), "."],
        "execute-after-review" => "Die Frist für die Sicherung endet nach der Frist für die Auswertung.".into(),
        "folded-duplicate" => terms("steht in anderer Groß- und Kleinschreibung noch einmal in der Liste und zählt doppelt.", "stehen in anderer Groß- und Kleinschreibung noch einmal in der Liste und zählen doppelt.").into(),
        "hash-exclude" => "Die Regel schließt allein nach der Prüfsumme aus: Eine Datei auf der Liste wird überall belassen, und Listen bekannter Dateien enthalten auch Werkzeuge und unerwünschte Programme.".into(),
        "idle-hold" => "Die Regel liegt abseits jeder einbeziehenden; nur ein zweiter Name einer Datei kann unter sie fallen.".into(),
        "idle-unless" => {
            let field = name();
            text!["Die Ausnahme ", name(), " (", field, ") liegt abseits dessen, was die Regel meint, und nimmt nichts aus."]
        }
        "kept-forever" => "Angaben zu belassenen Objekten, auch zu denen Dritter, werden aufbewahrt, ohne dass ein Ende genannt ist.".into(),
        "late-window" => text!["Der Zeitraum ", name(), " beginnt nach der Frist für die Sicherung."],
        "literal-keyword" => text![terms("enthält ein ", "enthalten ein "), code("*"), " oder ein unsichtbares Zeichen; ein Begriff ist kein Muster und wird gesucht, wie er geschrieben ist."],
        "mailbox-whole" => text!["Ein Postfach wird im Ganzen einbezogen, sobald eine seiner Nachrichten die Auswahl ", name(), " erfüllt; alle anderen gehen mit ihr."],
        "never-true" => text![contradiction(lint), " Die Auswahl trifft nie zu."],
        "one-spelling" => terms("hat Buchstaben mit Zeichen in nur einer Unicode-Form; Text in der anderen wird nicht gefunden.", "haben Buchstaben mit Zeichen in nur einer Unicode-Form; Text in der anderen wird nicht gefunden.").into(),
        "overlap" => text!["Manche Pfade fallen auch unter ", rules(between(lint, "and under ", ", whose")), "; deren Sonderbestand geht vor und erhält die Objekte."],
        "nobodys-key" => "Ein Empfänger ist der Platzhalter eines Entwurfs: Niemand hat dessen Schlüssel, und niemand könnte je öffnen, was für ihn verschlüsselt wird.".into(),
        "placeholder" if has("basis of") => text!["In der Grundlage von ", between(lint, "basis of ", " rule").to_owned(), " Regeln steht noch, was einzutragen ist."],
        "placeholder" if has("date") => "Das Datum ist das eines Entwurfs.".into(),
        "placeholder" => "Hier steht noch, was einzutragen ist.".into(),
        "privileged-names" => "Ihr Grund ist ein Berufsgeheimnis, und die Namen dessen, was sie zurückstellt, sieht die Ermittlungsgruppe.".into(),
        "redundant-glob" => text![name(), " liegt ganz in ", name(), "."],
        "shadowed-hold" => "Alles, was die Regel meint, geht an einen früheren Sonderbestand; ihr eigener erhält nichts.".into(),
        "unnamed-version" => text!["Fassung ", between(lint, "version ", " does").to_owned(), " sagt nicht, welche Richtlinie sie ersetzt."],
        "unrecorded-time" => match kind_of_time(lint) {
            "created" if has("no other time") => text!["ext2, ext3 und ISO 9660 ohne Rock Ridge führen kein ", code("created"), "; wo keine andere Zeit der Bedingung in den Zeitraum fällt, bleibt sie dort ungeklärt."],
            "created" => text!["ext2, ext3 und ISO 9660 ohne Rock Ridge führen kein ", code("created"), "; die Bedingung bleibt dort ungeklärt."],
            "accessed" => text!["FAT führt von ", code("accessed"), " nur den Tag, und viele Systeme schreiben diese Zeit nicht fort."],
            other => text!["FAT, exFAT und ISO 9660 ohne Rock Ridge führen kein ", code(other), "; die Bedingung bleibt dort ungeklärt."],
        },
        "unread-text" => {
            let pictures = if has("picture") { " oder Bildern" } else { "" };
            let fate = if has("are held") { "gesondert verwahrt" } else { "belassen" };
            text!["Ob ein Suchbegriff in PDF, E-Mail, beschädigten Dokumenten und Texten mit älteren Zeichensätzen (Latin-1, Windows-1252)", pictures, " steht, bleibt ungeklärt; was davon abhängt, wird ", fate, "."]
        }
        "zoneless" => {
            let fate = if has("are held") { "gesondert verwahrt" } else { "belassen" };
            text!["Auf FAT und überall, wo Zeitangaben keine Zeitzone haben, bleibt die Bedingung ungeklärt; was davon abhängt, wird ", fate, "."]
        }
        // INVARIANT: a test goes through all kinds.
        _ => Text::default(),
    }
}

/// What stands between two stretches of the English remark.
fn between<'l>(lint: &'l Lint, before: &str, after: &str) -> &'l str {
    let rest = lint.message.split_once(before).map_or("", |(_, rest)| rest);
    if after.is_empty() { rest } else { rest.split_once(after).map_or(rest, |(own, _)| own) }
}

/// `I-1 and I-2` in German.
fn rules(ids: &str) -> Text {
    let word = if ids.contains(" and ") { "die Regeln " } else { "die Regel " };
    text![word, Text::joined(ids.split(" and ").map(given), "und")]
}

/// The depth of looking that a remark names.
fn look(word: &str) -> &'static str {
    match word {
        "metadata" => "„Metadaten“",
        "type" => "„Dateityp“",
        "hash" => "„Prüfsumme“",
        _ => "„Inhalt“",
    }
}

/// Why a selector never holds.
fn contradiction(lint: &Lint) -> Text {
    let has = |words: &str| lint.message.contains(words);
    if has("has a type") {
        "Kein Objekt dieser Arten hat einen Dateityp.".into()
    } else if has("has a digest") {
        "Kein Objekt dieser Arten hat eine Prüfsumme.".into()
    } else if has("has content") {
        "Kein Objekt dieser Arten hat einen Inhalt.".into()
    } else if has("has a size") {
        "Kein Objekt dieser Arten hat eine Größe.".into()
    } else {
        "Kein Pfad der Auswahl endet mit einem solchen Namen.".into()
    }
}

/// The kind of time that a remark names in backticks.
fn kind_of_time(lint: &Lint) -> &str {
    lint.message.split('`').nth(1).unwrap_or_default()
}

/// `rule I-1` in German; a place of the file, such as `authority.court`, stays as it is.
fn about(about: &str) -> Text {
    let (what, id) = about.split_once(' ').map_or((about, None), |(what, id)| (what, Some(id)));
    let word = match what {
        "rule" => "Regel",
        "rules" => "Regeln",
        "selector" => "Auswahl",
        "window" => "Zeitraum",
        "custodian" => "Person",
        "list" => "Liste",
        "artifact" => "Artefakt",
        "compartment" => "Sonderbestand",
        "recipients" => "Empfänger",
        "version" => "Fassung",
        "authority" => "Anordnung",
        "record" => "Aufzeichnung",
        "medium" => "Datenträger",
        "target" => "Datenträger",
        "keywords" => "Suchbegriffe",
        _ => return code(about).into(),
    };
    id.map_or_else(|| word.into(), |id| text![word, " ", given(id)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::KINDS;
    use crate::problem::Problem;

    #[test]
    fn every_kind_of_remark_is_said_in_german() {
        for kind in KINDS {
            let lint = Lint {
                id: kind.id,
                about: "rule I-1".to_owned(),
                message: kind.meaning.to_owned(),
                problem: Problem {
                    file: String::new(),
                    line: 0,
                    column: 0,
                    message: String::new(),
                    snippet: String::new(),
                    hint: None,
                },
            };
            assert!(message(&lint).letters().len() > 10, "{} is not said in German", kind.id);
        }
    }
}
