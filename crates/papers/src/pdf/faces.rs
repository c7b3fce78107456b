//! The faces of the page: which characters they have, and how wide each is.

use std::collections::{BTreeMap, BTreeSet};

use krilla::Data;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use scope::render::document::Text;
use scope::render::is_visible;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::PdfError;
use crate::letters::shown;

/// Which face a text is set in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    /// Running text.
    Serif,
    /// Headings, and what matters more.
    Bold,
    /// The authority's words.
    Italic,
    /// What is read letter by letter.
    Mono,
    /// Chinese, Japanese and Korean letters, alike in all of these.
    Wide,
}

/// One face.
struct Face {
    font: Font,
    /// The glyph of each character, and its advance in ems.
    glyphs: BTreeMap<char, (GlyphId, f32)>,
}

impl Face {
    fn new(bytes: &'static [u8]) -> Result<Self, PdfError> {
        let font = Font::new(Data::from(bytes), 0).ok_or(PdfError::Font)?;
        let reader = FontRef::new(bytes).map_err(|_| PdfError::Font)?;
        let units = font.units_per_em();
        let metrics = reader.glyph_metrics(Size::unscaled(), LocationRef::default());
        let glyphs = reader.charmap().mappings().filter_map(|(c, glyph)| {
            let advance = metrics.advance_width(glyph)? / units;
            Some((char::from_u32(c)?, (GlyphId::new(glyph.to_u32()), advance)))
        });
        Ok(Self { font, glyphs: glyphs.collect() })
    }

    fn glyph(&self, c: char) -> Option<(GlyphId, f32)> {
        self.glyphs.get(&c).copied()
    }
}

/// All faces of a document.
pub(super) struct Faces {
    serif: Face,
    bold: Face,
    italic: Face,
    mono: Face,
    wide: Face,
}

impl Faces {
    pub(super) fn new() -> Result<Self, PdfError> {
        Ok(Self {
            serif: Face::new(include_bytes!("../../fonts/Tinos-Regular.ttf"))?,
            bold: Face::new(include_bytes!("../../fonts/Tinos-Bold.ttf"))?,
            italic: Face::new(include_bytes!("../../fonts/Tinos-Italic.ttf"))?,
            mono: Face::new(include_bytes!("../../fonts/Cousine-Regular.ttf"))?,
            wide: Face::new(include_bytes!("../../fonts/DroidSansFallback.ttf"))?,
        })
    }

    fn face(&self, style: Style) -> &Face {
        match style {
            Style::Serif => &self.serif,
            Style::Bold => &self.bold,
            Style::Italic => &self.italic,
            Style::Mono => &self.mono,
            Style::Wide => &self.wide,
        }
    }

    /// The text as this face can show it: letters composed, and a number for each character without a glyph.
    ///
    /// A mark that nothing composes has no place of its own, so it is written as a number, too.
    pub(super) fn shown(&self, style: Style, text: &str) -> String {
        let composed: String = text.nfc().collect();
        shown(&composed, |c| self.shows(style, c))
    }

    /// The characters of texts that can be seen, and that no face shows: they are written as numbers.
    pub(super) fn lacking<'t>(&self, texts: impl Iterator<Item = &'t Text>) -> BTreeSet<char> {
        let letters = texts.flat_map(Text::runs).flat_map(|run| run.letters().nfc());
        letters.filter(|c| is_visible(*c) && !self.shows(Style::Serif, *c)).collect()
    }

    fn shows(&self, style: Style, c: char) -> bool {
        !is_combining_mark(c) && self.face(self.having(style, c)).glyph(c).is_some()
    }

    /// The face that shows a character: this one, or Mono, which has more signs, or the one of wide letters.
    pub(super) fn having(&self, style: Style, c: char) -> Style {
        let has = |style: &Style| self.face(*style).glyph(c).is_some();
        [style, Style::Mono, Style::Wide].into_iter().find(has).unwrap_or(Style::Mono)
    }

    /// The width of one shown character, in points.
    pub(super) fn advance(&self, style: Style, size: f32, c: char) -> f32 {
        self.face(style).glyph(c).map_or(0.0, |(_, advance)| advance * size)
    }

    /// The width of a shown text, in points.
    pub(super) fn width(&self, style: Style, size: f32, text: &str) -> f32 {
        text.chars().map(|c| self.advance(style, size, c)).sum()
    }

    /// What krilla draws for a shown text.
    pub(super) fn glyphs(&self, style: Style, text: &str) -> (Font, Vec<KrillaGlyph>) {
        let face = self.face(style);
        let glyphs = text.char_indices().filter_map(|(at, c)| {
            let (glyph, advance) = face.glyph(c)?;
            let range = at..at.saturating_add(c.len_utf8());
            Some(KrillaGlyph::new(glyph, advance, 0.0, 0.0, 0.0, range, None))
        });
        (face.font.clone(), glyphs.collect())
    }
}
