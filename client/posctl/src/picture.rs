//! The receipt as a picture, drawn from the same lines that are printed.

use ab_glyph::{Font, FontVec, PxScale, ScaleFont, point};
use posd_receipt::{Align, Copy, Line, Receipt, layout};
use qrcode::{Color, QrCode};

/// Dots across a 58 mm slip.
const WIDTH: usize = 384;
const MARGIN: usize = 8;
const SIZE: f32 = 22.0;
const LEADING: usize = 30;

/// Fonts with Chinese characters, as Debian's packages install them.
const FONTS: [&str; 4] = [
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
];

/// Why no picture was drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// No font.
    #[error("no font with Chinese characters was found: install the package fonts-wqy-zenhei")]
    NoFont,
    /// The encoder.
    #[error("the picture cannot be encoded: {0}")]
    Encode(#[from] png::EncodingError),
}

/// Ink on paper: 0 is black, 255 is white.
struct Paper {
    rows: Vec<[u8; WIDTH]>,
    font: FontVec,
}

impl Paper {
    fn feed(&mut self, rows: usize) {
        self.rows.resize(self.rows.len() + rows, [255; WIDTH]);
    }

    fn width(&self, text: &str, size: f32) -> f32 {
        let font = self.font.as_scaled(PxScale::from(size));
        text.chars().map(|character| font.h_advance(font.glyph_id(character))).sum()
    }

    /// Writes a text with its left end at `x`, on the line whose top row is `top`.
    fn write(&mut self, text: &str, x: f32, top: usize, size: f32) {
        let scale = PxScale::from(size);
        let ascent = self.font.as_scaled(scale).ascent();
        let mut x = x;
        for character in text.chars() {
            let glyph = self.font.glyph_id(character);
            let placed = glyph.with_scale_and_position(scale, point(x, ascent));
            x += self.font.as_scaled(scale).h_advance(glyph);
            let Some(outline) = self.font.outline_glyph(placed) else { continue };
            let bounds = outline.px_bounds();
            let rows = &mut self.rows;
            outline.draw(|column, row, coverage| {
                // Coordinates before the paper's edge are off it; the casts saturate there.
                let column = (bounds.min.x.max(0.0) as usize).saturating_add(column as usize);
                let row = top.saturating_add(bounds.min.y.max(0.0) as usize).saturating_add(row as usize);
                if let Some(dot) = rows.get_mut(row).and_then(|row| row.get_mut(column)) {
                    *dot = (*dot).min(255 - (coverage.clamp(0.0, 1.0) * 255.0) as u8);
                }
            });
        }
    }

    /// A text cut into lines that fit.
    fn wrap(&self, text: &str, size: f32) -> Vec<String> {
        let room = (WIDTH - 2 * MARGIN) as f32;
        let mut lines = vec![String::new()];
        for character in text.chars() {
            if let Some(line) = lines.last_mut() {
                line.push(character);
                if self.width(line, size) > room {
                    line.pop();
                    lines.push(character.to_string());
                }
            }
        }
        lines
    }

    fn text(&mut self, text: &str, align: Align, size: f32) {
        for line in self.wrap(text, size) {
            let top = self.rows.len();
            self.feed(LEADING.max((size * 1.3) as usize));
            let x = match align {
                Align::Left => MARGIN as f32,
                Align::Centre => ((WIDTH as f32 - self.width(&line, size)) / 2.0).max(0.0),
            };
            self.write(&line, x, top, size);
        }
    }

    fn pair(&mut self, label: &str, value: &str) {
        let room = (WIDTH - 2 * MARGIN) as f32;
        if self.width(label, SIZE) + self.width(value, SIZE) + 8.0 > room {
            self.text(label, Align::Left, SIZE);
            for line in self.wrap(value, SIZE) {
                let top = self.rows.len();
                self.feed(LEADING);
                let x = WIDTH as f32 - MARGIN as f32 - self.width(&line, SIZE);
                self.write(&line, x, top, SIZE);
            }
            return;
        }
        let top = self.rows.len();
        self.feed(LEADING);
        self.write(label, MARGIN as f32, top, SIZE);
        let x = WIDTH as f32 - MARGIN as f32 - self.width(value, SIZE);
        self.write(value, x, top, SIZE);
    }

    fn rule(&mut self, solid: bool) {
        self.feed(8);
        if let Some(row) = self.rows.last_mut() {
            for (column, dot) in row.iter_mut().enumerate().skip(MARGIN).take(WIDTH - 2 * MARGIN) {
                if solid || column / 4 % 2 == 0 {
                    *dot = 0;
                }
            }
        }
        self.feed(8);
    }

    fn qr(&mut self, text: &str) {
        // What is too long for a code is on the slip as text anyway.
        let Ok(code) = QrCode::new(text.as_bytes()) else { return };
        let (modules, size) = (code.width(), 4);
        let left = (WIDTH - modules * size) / 2;
        let top = self.rows.len() + 12;
        self.feed(modules * size + 24);
        for (place, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let (row, column) = (top + place / modules * size, left + place % modules * size);
                for row in &mut self.rows[row..row + size] {
                    row[column..column + size].fill(0);
                }
            }
        }
    }
}

/// A copy of a receipt as a PNG file's bytes, 384 dots wide.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn draw(receipt: &Receipt, copy: Copy, reprint: bool) -> Result<Vec<u8>, PictureError> {
    let font = FONTS
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .find_map(|data| FontVec::try_from_vec_and_index(data, 0).ok())
        .ok_or(PictureError::NoFont)?;
    let mut paper = Paper { rows: Vec::new(), font };
    paper.feed(16);
    for line in layout(receipt, copy, reprint) {
        match line {
            Line::Text { text, align, double } => {
                paper.text(&text, align, if double { SIZE * 1.6 } else { SIZE })
            }
            Line::Pair { label, value } => paper.pair(&label, &value),
            Line::Rule => paper.rule(false),
            Line::Signature => {
                paper.feed(60);
                paper.rule(true);
            }
            Line::Qr(text) => paper.qr(&text),
            Line::Cut => paper.feed(24),
        }
    }
    let height = u32::try_from(paper.rows.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH as u32, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&paper.rows.concat())?;
    writer.finish()?;
    Ok(bytes)
}
