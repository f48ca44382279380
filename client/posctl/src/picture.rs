//! The receipt as a picture, drawn from the same lines that are printed, in the same columns.

use ab_glyph::{Font, FontVec, PxScale, ScaleFont, point};
use posd_receipt::{Align, COLUMNS, Copy, Line, Receipt, Strokes, layout, pair, width, wrap};
use qrcode::{Color, QrCode};

/// Dots across a 58 mm slip.
const WIDTH: usize = 384;
/// Dots of a column; ideographs take two.
const COLUMN: usize = 11;
const MARGIN: usize = (WIDTH - COLUMNS * COLUMN) / 2;
/// Dots from one line to the next.
const LEADING: usize = 30;
/// Dots of a module of a QR code.
const MODULE: usize = 4;

/// Fonts with Chinese characters as Debian's packages install them, and which font of the collection to take: one
/// with Latin letters of half the width where there is one.
const FONTS: [(&str, u32); 4] = [
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 1),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 1),
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 7),
    ("/usr/share/fonts/truetype/arphic/uming.ttc", 0),
];

/// Why no picture was drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// No font.
    #[error("no font with Chinese characters was found: install the package fonts-wqy-zenhei")]
    NoFont,
    /// Nothing to draw, or too much for a QR code.
    #[error("this transaction shows no code that can be drawn now")]
    NoCode,
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

    fn ink(&mut self, column: f32, row: f32, coverage: f32) {
        // Coordinates before the paper's edge are off it.
        if column < 0.0 || row < 0.0 {
            return;
        }
        if let Some(dot) = self.rows.get_mut(row as usize).and_then(|row| row.get_mut(column as usize)) {
            *dot = (*dot).min(255 - (coverage.clamp(0.0, 1.0) * 255.0) as u8);
        }
    }

    /// Writes one line in columns of `size` times the usual, each character in the middle of its own.
    fn line(&mut self, text: &str, align: Align, size: usize) {
        let top = self.rows.len();
        self.feed(LEADING * size);
        let columns = width(text) * size;
        let free = COLUMNS.saturating_sub(columns) * COLUMN;
        let mut left = MARGIN + if align == Align::Centre { free / 2 } else { 0 };
        let em = (2 * COLUMN * size) as f32;
        let scale =
            PxScale::from(em * self.font.height_unscaled() / self.font.units_per_em().unwrap_or(1000.0));
        for character in text.chars() {
            let cell = COLUMN * size * if character.is_ascii() { 1 } else { 2 };
            let glyph = self.font.glyph_id(character);
            let scaled = self.font.as_scaled(scale);
            let x = left as f32 + (cell as f32 - scaled.h_advance(glyph)) / 2.0;
            let y = top as f32 + ((LEADING * size) as f32 - scaled.height()) / 2.0 + scaled.ascent();
            left += cell;
            let Some(outline) = self.font.outline_glyph(glyph.with_scale_and_position(scale, point(x, y)))
            else {
                continue;
            };
            let bounds = outline.px_bounds();
            outline.draw(|column, row, coverage| {
                self.ink(bounds.min.x + column as f32, bounds.min.y + row as f32, coverage);
            });
        }
    }

    /// A line across, dashed or not.
    fn rule(&mut self, dashed: bool) {
        self.feed(8);
        if let Some(row) = self.rows.last_mut() {
            for (column, dot) in row.iter_mut().enumerate().skip(MARGIN).take(COLUMNS * COLUMN) {
                if !dashed || column / 4 % 2 == 0 {
                    *dot = 0;
                }
            }
        }
        self.feed(8);
    }

    fn qr(&mut self, text: &str) {
        // What is too long for a code is on the slip as text anyway.
        let Ok(code) = QrCode::new(text.as_bytes()) else { return };
        let side = code.width() * MODULE;
        if side > WIDTH {
            return;
        }
        let (top, left) = (self.rows.len() + 20, (WIDTH - side) / 2);
        self.feed(side + 32);
        for (place, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let (row, column) =
                    (top + place / code.width() * MODULE, left + place % code.width() * MODULE);
                for row in self.rows.iter_mut().skip(row).take(MODULE) {
                    row.iter_mut().skip(column).take(MODULE).for_each(|dot| *dot = 0);
                }
            }
        }
    }

    fn pair(&mut self, label: &str, value: &str) {
        for part in pair(label, value, COLUMNS) {
            self.line(&part, Align::Left, 1);
        }
    }

    /// A signature in the middle, dot by dot.
    fn strokes(&mut self, strokes: &Strokes) {
        let (top, left) = (self.rows.len(), (WIDTH - Strokes::WIDTH) / 2);
        self.feed(Strokes::HEIGHT);
        for (row, bytes) in self.rows.iter_mut().skip(top).zip(strokes.raster().chunks(Strokes::WIDTH / 8)) {
            for (column, dot) in row.iter_mut().skip(left).take(Strokes::WIDTH).enumerate() {
                if bytes[column / 8] & (0x80 >> (column % 8)) != 0 {
                    *dot = 0;
                }
            }
        }
    }

    fn draw(&mut self, line: &Line) {
        match line {
            Line::Text { text, align, double } => {
                let size = if *double { 2 } else { 1 };
                for part in wrap(text, COLUMNS / size) {
                    self.line(&part, *align, size);
                }
            }
            Line::Pair { label, value } => self.pair(label, value),
            // A picture is no paper that the rules want the full number on.
            Line::Card { label, pan, letter } => self.pair(label, &format!("{} {letter}", pan.masked())),
            Line::Rule => self.rule(true),
            Line::Signature(strokes) => {
                match strokes {
                    Some(strokes) => self.strokes(strokes),
                    None => self.feed(60),
                }
                self.rule(false);
            }
            Line::Qr(text) => self.qr(text),
            Line::Cut => self.feed(24),
        }
    }
}

/// The first font with Chinese characters that is there.
pub(crate) fn font() -> Result<FontVec, PictureError> {
    FONTS
        .iter()
        .filter_map(|(path, index)| Some((std::fs::read(path).ok()?, *index)))
        .find_map(|(data, index)| FontVec::try_from_vec_and_index(data, index).ok())
        .ok_or(PictureError::NoFont)
}

fn encode(dots: &[u8], width: usize) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut bytes, number(width), number(dots.len() / width.max(1)));
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(dots)?;
    writer.finish()?;
    Ok(bytes)
}

/// A copy of a receipt as a PNG file's bytes, 384 dots wide.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn draw(receipt: &Receipt, copy: Copy, reprint: bool) -> Result<Vec<u8>, PictureError> {
    let mut paper = Paper { rows: Vec::new(), font: font()? };
    paper.feed(24);
    for line in layout(receipt, copy, reprint) {
        paper.draw(&line);
    }
    encode(paper.rows.as_flattened(), WIDTH)
}

/// Dots of a module of a code that stands alone, and modules of white around it.
const LARGE: usize = 8;
const QUIET: usize = 4;

/// A QR code of a text as a PNG file's bytes.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn code(text: &str) -> Result<Vec<u8>, PictureError> {
    let code = QrCode::new(text.as_bytes()).ok().filter(|_| !text.is_empty()).ok_or(PictureError::NoCode)?;
    let (modules, colors) = (code.width(), code.to_colors());
    let side = (modules + 2 * QUIET) * LARGE;
    let dots: Vec<u8> = (0..side * side)
        .map(|place| {
            let module = |dot: usize| (dot / LARGE).checked_sub(QUIET).filter(|module| *module < modules);
            match (module(place / side), module(place % side)) {
                (Some(row), Some(column)) if colors[row * modules + column] == Color::Dark => 0,
                _ => 255,
            }
        })
        .collect();
    encode(&dots, side)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIPT: &str = r#"{"transaction_type":"sale","merchant_name":"示例商户","merchant":"898000000000001",
        "terminal":"00000001","operator":"01","issuer":"01020000","acquirer":"48021000",
        "masked_pan":"621234******0019","entry":"insert","batch":7,"trace":123,"authorisation_code":"A12345",
        "rrn":"000000000123","date_time":"2026/01/02 03:04:05","amount":1234,"currency":"CNY","reference":"order-1",
        "note":"桌号 8","host_texts":["谢谢惠顾"],"chip":{"transaction_certificate":"0123456789ABCDEF",
        "arqc":"FEDCBA9876543210","aid":"A000000333010101","tvr":"0080048000","tsi":"E800","atc":"0001",
        "pan_sequence":"001","label":"UnionPay Debit","preferred_name":"银联借记卡"},"signature":true,"test":true}"#;

    fn receipt() -> Receipt {
        serde_json::from_str(RECEIPT).unwrap()
    }

    fn decode(png: &[u8]) -> Vec<Vec<u8>> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.width, info.color_type), (WIDTH as u32, png::ColorType::Grayscale));
        bytes.chunks(WIDTH).map(<[u8]>::to_vec).collect()
    }

    /// Blocks of rows with ink, as first row and height.
    fn blocks(rows: &[Vec<u8>]) -> Vec<(usize, usize)> {
        let mut blocks: Vec<(usize, usize)> = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            if row.iter().any(|dot| *dot < 128) {
                match blocks.last_mut() {
                    Some((first, height)) if *first + *height == place => *height += 1,
                    _ => blocks.push((place, 1)),
                }
            }
        }
        blocks
    }

    #[test]
    fn the_margins_are_white_and_the_lines_are_inked() {
        let rows = decode(&draw(&receipt(), Copy::Merchant, true).unwrap());
        for row in &rows {
            assert!(row[..MARGIN - 2].iter().chain(&row[WIDTH - MARGIN + 2..]).all(|dot| *dot == 255));
        }
        // A row of ink for each line at least: 27 pairs and texts, four rules, the code.
        assert!(blocks(&rows).len() >= 32, "{:?}", blocks(&rows));
    }

    #[test]
    fn values_end_at_the_right_edge() {
        let mut paper = Paper { rows: Vec::new(), font: font().unwrap() };
        paper.draw(&Line::Pair { label: "终端编号".to_owned(), value: "00000001".to_owned() });
        let inked = |columns: std::ops::Range<usize>| {
            paper.rows.iter().any(|row| row[columns.clone()].iter().any(|dot| *dot < 128))
        };
        assert!(inked(MARGIN..MARGIN + COLUMN) && inked(WIDTH - MARGIN - COLUMN..WIDTH - MARGIN));
        assert!(!inked(MARGIN + 9 * COLUMN..WIDTH - MARGIN - 8 * COLUMN));
    }

    #[test]
    fn the_font_has_every_character_of_a_slip() {
        let font = font().unwrap();
        for copy in [Copy::Merchant, Copy::Cardholder] {
            for character in
                posd_receipt::text(&layout(&receipt(), copy, true)).chars().filter(|c| *c != '\n')
            {
                assert_ne!(font.glyph_id(character).0, 0, "{character}");
            }
        }
    }

    #[test]
    fn the_code_is_drawn_as_the_encoder_made_it() {
        let text = "00000001/000007/000123/000000000123";
        let mut paper = Paper { rows: Vec::new(), font: font().unwrap() };
        paper.qr(text);
        let code = QrCode::new(text).unwrap();
        let side = code.width() * MODULE;
        let left = (WIDTH - side) / 2;
        let (top, height) = blocks(&paper.rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>())[0];
        assert_eq!(height, side);
        for (place, color) in code.to_colors().into_iter().enumerate() {
            let (row, column) = (place / code.width(), place % code.width());
            let dot = paper.rows[top + row * MODULE + 1][left + column * MODULE + 1];
            assert_eq!(dot == 0, color == Color::Dark);
        }
    }

    #[test]
    fn a_code_alone_has_its_modules_and_white_around() {
        let text = "https://qr.test.invalid/000000000001";
        let mut reader = png::Decoder::new(std::io::Cursor::new(code(text).unwrap())).read_info().unwrap();
        let mut dots = vec![0; reader.output_buffer_size().unwrap()];
        let side = reader.next_frame(&mut dots).unwrap().width as usize;
        let drawn = QrCode::new(text).unwrap();
        assert_eq!(side, (drawn.width() + 8) * LARGE);
        for (place, color) in drawn.to_colors().into_iter().enumerate() {
            let (row, column) = (place / drawn.width() + QUIET, place % drawn.width() + QUIET);
            assert_eq!(dots[(row * LARGE + 3) * side + column * LARGE + 5] == 0, color == Color::Dark);
        }
        assert!(dots[..QUIET * LARGE * side].iter().all(|dot| *dot == 255));
        assert!(matches!(code(""), Err(PictureError::NoCode)));
    }

    #[test]
    fn a_signature_is_drawn_above_its_line() {
        let strokes = Strokes::new(vec![vec![(0, 0), (255, 0)], vec![(10, 50)]]).unwrap();
        let mut paper = Paper { rows: Vec::new(), font: font().unwrap() };
        paper.draw(&Line::Signature(Some(strokes)));
        let left = (WIDTH - 256) / 2;
        let inked = |row: usize| paper.rows[row].iter().filter(|dot| **dot == 0).count();
        assert_eq!((inked(0), inked(1), inked(2)), (256, 256, 0));
        assert!(paper.rows[0][left] == 0 && paper.rows[0][left - 1] == 255);
        assert!(paper.rows[50][left + 10] == 0 && paper.rows[51][left + 11] == 0);
        assert_eq!((inked(50), inked(51), inked(52)), (2, 2, 0));
        assert_eq!(blocks(&paper.rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).len(), 3);
    }

    #[test]
    fn rule_10_no_full_number_is_in_a_picture() {
        let pan = posd_receipt::FullPan::new("6212340000000019").unwrap();
        let mut full = Paper { rows: Vec::new(), font: font().unwrap() };
        full.draw(&Line::Card { label: "卡号".to_owned(), pan, letter: 'I' });
        let mut masked = Paper { rows: Vec::new(), font: font().unwrap() };
        masked.draw(&Line::Pair { label: "卡号".to_owned(), value: "621234******0019 I".to_owned() });
        assert!(full.rows == masked.rows);
    }

    #[test]
    fn marks_make_a_slip_longer() {
        let plain = decode(&draw(&receipt(), Copy::Cardholder, false).unwrap());
        let marked = decode(&draw(&receipt(), Copy::Cardholder, true).unwrap());
        assert_eq!(marked.len(), plain.len() + LEADING);
    }
}
