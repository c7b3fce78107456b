//! Text broken into lines: at spaces, between the letters of scripts without spaces, and inside a word only where it is
//! wider than the line.

use scope::render::document::{Run, Text};

use super::faces::{Faces, Style};

/// A stretch of one line in one face.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) style: Style,
    pub(super) size: f32,
    /// From the beginning of the line.
    pub(super) x: f32,
    pub(super) text: String,
}

/// One line.
pub(super) type Line = Vec<Span>;

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// The face of words; code is in Mono, what matters more in Bold.
    pub(super) style: Style,
    /// In points.
    pub(super) size: f32,
}

/// A stretch without spaces.
struct Piece {
    style: Style,
    size: f32,
    text: String,
    width: f32,
}

/// Breaks a text into lines of a width.
pub(super) fn lines(faces: &Faces, text: &Text, setting: Setting, width: f32) -> Vec<Line> {
    let mut setter = Setter { faces, width, lines: Vec::new(), line: Vec::new(), x: 0.0 };
    let mut word: Vec<Piece> = Vec::new();
    for run in text.runs() {
        let (style, size) = match run {
            Run::Words(_) | Run::Given(_) => (setting.style, setting.size),
            Run::Strong(_) => (Style::Bold, setting.size),
            // Its letters are larger than those of the serif.
            Run::Code(_) => (Style::Mono, setting.size * 0.8),
        };
        let shown = faces.shown(style, run.letters());
        let shown = if matches!(run, Run::Code(_)) { bounded(shown) } else { shown };
        for (at, part) in shown.split(' ').enumerate() {
            if at > 0 {
                setter.word(std::mem::take(&mut word), Some((style, size)));
            }
            for c in part.chars() {
                if word
                    .last()
                    .and_then(|last| last.text.chars().last())
                    .is_some_and(|last| may_break(last, c))
                {
                    setter.word(std::mem::take(&mut word), None);
                }
                let (style, width) = (faces.having(style, c), faces.advance(faces.having(style, c), size, c));
                match word.last_mut() {
                    Some(last) if last.style == style && last.size.total_cmp(&size).is_eq() => {
                        last.text.push(c);
                        last.width += width;
                    }
                    _ => word.push(Piece { style, size, text: c.to_string(), width }),
                }
            }
        }
    }
    setter.word(word, None);
    setter.end_line();
    setter.lines
}

/// Whether a line may end between two letters that no space parts: Chinese and Japanese have none, but no line begins
/// with what closes or ends with what opens.
fn may_break(before: char, after: char) -> bool {
    let opens = |c| {
        matches!(c, '（' | '「' | '『' | '【' | '〔' | '〈' | '《' | '［' | '｛' | OPEN | '(' | '[' | '„')
    };
    let stays = |c: char| {
        let marks =
            "、。，．：；！？）」』】〕〉》］｝ー々ゝゞ・…ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ";
        marks.contains(c) || c.is_ascii_punctuation() || matches!(c, CLOSE | '“' | '”')
    };
    (is_wide(before) || is_wide(after)) && !opens(before) && !stays(after)
}

/// Letters that stand on squares, and their punctuation.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}')
}

/// Code as it is set: there is no ground to it on paper, so that one with spaces or signs between which a list is read
/// stands in marks, which it has none of itself.
fn bounded(shown: String) -> String {
    let apart = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '„' | '“' | OPEN | CLOSE);
    if !shown.is_empty() && !shown.ends_with('.') && !shown.contains(apart) {
        return shown;
    }
    let inner = shown.replace(OPEN, "\\u{2039}").replace(CLOSE, "\\u{203A}");
    format!("{OPEN}{inner}{CLOSE}")
}

/// The least part of its size that a word is set in so that it fits into a line.
const SMALLEST: f32 = 0.84;

/// Marks around code.
const OPEN: char = '‹';
const CLOSE: char = '›';

struct Setter<'f> {
    faces: &'f Faces,
    width: f32,
    lines: Vec<Line>,
    line: Line,
    x: f32,
}

impl Setter<'_> {
    /// Sets a word, and the space after it, which may hang over the end of the line.
    fn word(&mut self, mut word: Vec<Piece>, space: Option<(Style, f32)>) {
        let width: f32 = word.iter().map(|piece| piece.width).sum();
        if self.x > 0.0 && self.x + width > self.width {
            self.end_line();
        }
        // A digest is read in one piece.
        let shrunk = self.width / width.max(1.0) * 0.999;
        if (SMALLEST..1.0).contains(&shrunk) && width > self.width {
            for piece in &mut word {
                piece.size *= shrunk;
                piece.width *= shrunk;
            }
        }
        for piece in word {
            if self.x + piece.width > self.width {
                self.broken(&piece);
            } else {
                self.set(piece.style, piece.size, &piece.text, piece.width);
            }
        }
        if let Some((style, size)) = space {
            let width = self.faces.advance(style, size, ' ');
            self.set(style, size, " ", width);
        }
    }

    /// Sets a piece that is wider than the line, in parts of about the same length.
    fn broken(&mut self, piece: &Piece) {
        let mut parts = 1.0_f32;
        while piece.width / parts > self.width - self.x.min(self.width / 2.0) {
            parts += 1.0;
        }
        let aim = piece.width / parts;
        let mut part = String::new();
        let mut set = 0.0;
        for c in piece.text.chars() {
            let advance = self.faces.advance(piece.style, piece.size, c);
            let full = self.x + set + advance > self.width;
            // A hair over the aim is the rounding of sums; the last part takes what is left.
            if !part.is_empty() && (full || parts > 1.0 && set + advance > aim + advance / 2.0) {
                parts -= 1.0;
                self.set(piece.style, piece.size, &std::mem::take(&mut part), set);
                self.end_line();
                set = 0.0;
            }
            part.push(c);
            set += advance;
        }
        self.set(piece.style, piece.size, &part, set);
    }

    fn set(&mut self, style: Style, size: f32, text: &str, width: f32) {
        match self.line.last_mut() {
            Some(last) if last.style == style && last.size.total_cmp(&size).is_eq() => last.text += text,
            _ => self.line.push(Span { style, size, x: self.x, text: text.to_owned() }),
        }
        self.x += width;
    }

    fn end_line(&mut self) {
        self.x = 0.0;
        if !self.line.is_empty() {
            self.lines.push(std::mem::take(&mut self.line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_broken_between_its_letters_and_not_before_what_closes() {
        let check = |letters: &str, breaks: &str| {
            let mut set = String::new();
            for c in letters.chars() {
                if set.chars().last().is_some_and(|last| may_break(last, c)) {
                    set.push('|');
                }
                set.push(c);
            }
            assert_eq!(set, breaks);
        };
        check("東京都", "東|京|都");
        check("東京、大阪。", "東|京、|大|阪。");
        check("「東京」に", "「東|京」|に");
        check("‹東京›, ab", "‹東|京›, ab");
        check("ラッパー", "ラッ|パー");
        check("sha256:00aa", "sha256:00aa");
    }

    #[test]
    fn a_list_of_paths_has_one_reading() {
        let check = |code: &str, set: &str| assert_eq!(bounded(code.to_owned()), set);
        check("/home/a/**", "/home/a/**");
        check("sha256:00aa", "sha256:00aa");
        check("/home/a, /home/b", "‹/home/a, /home/b›");
        check("/srv or /etc", "‹/srv or /etc›");
        check("", "‹›");
        check("/a.", "‹/a.›");
        check("/a› or ‹/b", "‹/a\\u{203A} or \\u{2039}/b›");
    }
}
