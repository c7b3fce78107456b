//! The policy as PDF: A4, tagged, PDF/A-2a and PDF/UA-1, the policy id and the number of the page on every page.
//!
//! krilla writes the objects; where things stand is decided here, by `lines`
//! (words into lines), `set` (blocks into boxes) and `flow` (boxes onto pages).

mod faces;
mod flow;
mod lines;
mod set;
mod tree;

use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, SpanTag};
use krilla::{Document as Pdf, SerializeSettings};
use scope::render::document::{Mark, Text};
use scope::{Language, Policy};

use crate::cover::{self, Cover};
use crate::paper::Paper;
use crate::words::{Word, word};
use faces::{Faces, Style};
use flow::{Drawn, Placed};
use lines::{Line, Setting, lines};
use set::{Set, WIDTH};
use tree::Tree;

/// Why there is no PDF.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PdfError {
    /// A font of this crate cannot be read.
    #[error("a font of the program cannot be read")]
    Font,
    /// The policy is a book.
    #[error("the policy would fill {pages} pages; a PDF has at most {MAX_PAGES}")]
    Pages {
        /// How many.
        pages: usize,
    },
    /// The library refused.
    #[error("the PDF could not be written: {0}")]
    Library(String),
}

/// Most pages of a PDF: a shelf of ten binders, which nobody reads. Lists beyond it are approved by digest.
const MAX_PAGES: usize = 5000;

/// A4, in points.
const PAGE: (f32, f32) = (595.28, 841.89);
const LEFT: f32 = 57.0;
const TOP: f32 = 56.0;
/// Height of what stands on a page, above its foot.
const HEIGHT: f32 = 722.0;
/// The baseline of the foot.
const FOOT: f32 = 808.0;

/// The policy in plain words of a language, as PDF. The same policy gives the same bytes, always.
///
/// # Errors
///
/// [`PdfError`]: more pages than anybody reads, or a fault of the library.
pub fn policy_pdf(policy: &Policy, language: Language) -> Result<Vec<u8>, PdfError> {
    pdf(&Paper::policy(policy, language))
}

/// The cover sheet of an approval as PDF. The same values give the same bytes, always.
///
/// # Errors
///
/// As [`policy_pdf`].
pub fn cover_pdf(cover: &Cover<'_>) -> Result<Vec<u8>, PdfError> {
    pdf(&cover::paper(cover))
}

fn pdf(paper: &Paper) -> Result<Vec<u8>, PdfError> {
    let document = &paper.document;
    let language = document.language;
    let faces = Faces::new()?;
    let mut set = Set::new(&faces, document);
    set.all(paper);
    let Set { tree, pieces, heads, .. } = set;
    let pages = flow::pages(pieces, &heads, HEIGHT);
    let total = pages.len();
    if total > MAX_PAGES {
        return Err(PdfError::Pages { pages: total });
    }

    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| PdfError::Library(format!("{error:?}")))?;
    let mut pdf = Pdf::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    pdf.set_metadata(
        Metadata::new()
            .title(faces.shown(Style::Serif, &document.title.letters()))
            .language(language.tag().to_owned())
            .document_id(document.policy.to_string())
            .creator(language.renderer().to_owned())
            .creation_date(date(paper.issued)),
    );
    let mut drawing = Drawing { faces: &faces, tree };
    let mut outline: Vec<(u8, String, usize, f32)> = Vec::new();
    for (at, placed) in pages.iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or(PdfError::Font)?;
        let mut page = pdf.start_page_with(settings);
        let mut surface = page.surface();
        drawing.page(&mut surface, placed);
        let foot = [
            format!("{} {}", word(language, Word::Policy), document.policy),
            format!(
                "{} {} {} {total}",
                word(language, Word::Page),
                at.saturating_add(1),
                word(language, Word::Of)
            ),
        ];
        drawing.foot(&mut surface, &foot);
        surface.finish();
        page.finish();
        let entries = placed.iter().filter_map(|placed| Some((placed.piece.entry.clone()?, placed.y)));
        outline.extend(entries.map(|((level, text), y)| (level, text, at, TOP + y)));
    }
    pdf.set_outline(bookmarks(outline));
    pdf.set_tag_tree(drawing.tree.tags(language.tag()));
    pdf.finish().map_err(|error| PdfError::Library(format!("{error:?}")))
}

/// PDF/A wants a date of the document; a clock would give other bytes each time.
fn date([year, month, day, hour, minute, second]: [u16; 6]) -> DateTime {
    let small = |part: u16| u8::try_from(part).unwrap_or(0);
    let date = DateTime::new(year).month(small(month)).day(small(day));
    date.hour(small(hour)).minute(small(minute)).second(small(second)).utc_offset_hour(0)
}

fn bookmarks(entries: Vec<(u8, String, usize, f32)>) -> Outline {
    let mut outline = Outline::new();
    let mut part: Option<OutlineNode> = None;
    for (level, text, page, y) in entries {
        let node = OutlineNode::new(text, XyzDestination::new(page, Point::from_xy(LEFT, y)));
        match (level, &mut part) {
            (1, Some(part)) => part.push_child(node),
            _ => {
                if let Some(done) = part.replace(node) {
                    outline.push_child(done);
                }
            }
        }
    }
    if let Some(done) = part {
        outline.push_child(done);
    }
    outline
}

struct Drawing<'f> {
    faces: &'f Faces,
    tree: Tree,
}

impl Drawing<'_> {
    fn page(&mut self, surface: &mut Surface<'_>, placed: &[Placed]) {
        let mut after: Vec<(f32, &Drawn)> = Vec::new();
        let mut block = None;
        for own in placed {
            // What is read after its block is drawn after it.
            if block != Some(own.piece.block) {
                after.drain(..).for_each(|(y, drawn)| self.draw(surface, y, drawn));
            }
            block = Some(own.piece.block);
            own.piece.drawn.iter().for_each(|drawn| self.draw(surface, own.y, drawn));
            after.extend(own.piece.after.iter().map(|drawn| (own.y, drawn)));
        }
        after.drain(..).for_each(|(y, drawn)| self.draw(surface, y, drawn));
    }

    fn draw(&mut self, surface: &mut Surface<'_>, top: f32, drawn: &Drawn) {
        match drawn {
            Drawn::Text { x, y, line, soft, node } => {
                let tag = match node {
                    Some(_) => ContentTag::Span(SpanTag::empty()),
                    None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)),
                };
                let identifier = surface.start_tagged(tag);
                self.line(surface, (LEFT + x, TOP + top + y), line, *soft);
                surface.end_tagged();
                if let Some(node) = node {
                    self.tree.drawn(*node, identifier);
                }
            }
            Drawn::Rule { x, y, width, strong } => {
                let (weight, shade) = if *strong { (0.9, 26) } else { (0.5, 184) };
                filled(surface, (LEFT + x, TOP + top + y, *width, weight), shade);
            }
            Drawn::Bar { x, height } => filled(surface, (LEFT + x, TOP + top, 2.2, *height), 184),
            Drawn::Sign { x, y, mark } => sign(surface, LEFT + x, TOP + top + y, *mark),
        }
    }

    fn line(&self, surface: &mut Surface<'_>, (x, y): (f32, f32), line: &Line, soft: bool) {
        surface.set_fill(Some(grey(if soft { 92 } else { 26 })));
        for span in line {
            let (font, glyphs) = self.faces.glyphs(span.style, &span.text);
            surface.draw_glyphs(Point::from_xy(x + span.x, y), &glyphs, font, &span.text, span.size, false);
        }
    }

    fn foot(&self, surface: &mut Surface<'_>, [left, right]: &[String; 2]) {
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)));
        let setting = Setting { style: Style::Mono, size: 6.4 };
        for line in lines(self.faces, &Text::from(left.as_str()), setting, WIDTH).iter().take(1) {
            self.line(surface, (LEFT, FOOT), line, true);
        }
        let setting = Setting { style: Style::Serif, size: 7.6 };
        let width = self.faces.width(setting.style, setting.size, right);
        for line in lines(self.faces, &Text::from(right.as_str()), setting, WIDTH).iter().take(1) {
            self.line(surface, (LEFT + WIDTH - width, FOOT), line, true);
        }
        surface.end_tagged();
    }
}

fn grey(shade: u8) -> Fill {
    let paint = rgb::Color::new(shade, shade, shade).into();
    Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::default() }
}

/// A filled rectangle that is no content.
fn filled(surface: &mut Surface<'_>, (x, y, width, height): (f32, f32, f32, f32), shade: u8) {
    let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
    if let Some(path) = path.finish() {
        surface.set_stroke(None);
        surface.set_fill(Some(grey(shade)));
        surface.draw_path(&path);
    }
    surface.end_tagged();
}

/// A full square, an empty circle or a dash: the words beside it say the same.
fn sign(surface: &mut Surface<'_>, x: f32, y: f32, mark: Mark) {
    match mark {
        Mark::Tool => filled(surface, (x, y - 2.4, 4.8, 4.8), 26),
        Mark::Unchecked => filled(surface, (x, y - 0.4, 4.8, 0.9), 26),
        Mark::Duty => {
            // Four curves that are a circle to the eye.
            let (r, k) = (2.2, 2.2 * 0.5523);
            let (cx, cy) = (x + 2.4, y);
            let mut path = PathBuilder::new();
            path.move_to(cx + r, cy);
            path.cubic_to(cx + r, cy + k, cx + k, cy + r, cx, cy + r);
            path.cubic_to(cx - k, cy + r, cx - r, cy + k, cx - r, cy);
            path.cubic_to(cx - r, cy - k, cx - k, cy - r, cx, cy - r);
            path.cubic_to(cx + k, cy - r, cx + r, cy - k, cx + r, cy);
            path.close();
            surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
            if let Some(path) = path.finish() {
                let paint = rgb::Color::new(26, 26, 26).into();
                surface.set_fill(None);
                surface.set_stroke(Some(Stroke { paint, width: 0.9, ..Stroke::default() }));
                surface.draw_path(&path);
                surface.set_stroke(None);
            }
            surface.end_tagged();
        }
    }
}
