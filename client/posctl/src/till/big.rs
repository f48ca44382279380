//! Big letters: text as blocks of a quarter of a cell, drawn with the font that receipts are drawn with.

use ab_glyph::{Font, FontVec, PxScale, ScaleFont, point};
use posd_receipt::width;

/// Dots of a letter's height; a cell of the screen has two by two.
const DOTS: usize = 16;
/// How much of a dot must be covered to be set.
const INK: f32 = 0.4;
/// The blocks by their quarters: upper left 1, upper right 2, lower left 4, lower right 8.
const BLOCKS: [char; 16] = [' ', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█'];

/// Rows of the screen that a line of big letters takes.
pub(crate) const ROWS: usize = DOTS / 2;

/// Columns of the screen that a text takes in big letters.
pub(crate) fn columns(text: &str) -> usize {
    width(text) * DOTS / 4
}

/// A text in big letters, [`ROWS`] lines of [`columns`] blocks.
pub(crate) fn letters(text: &str, font: &FontVec) -> Vec<String> {
    let across = columns(text) * 2;
    let mut dots = vec![false; across * DOTS];
    let scale = PxScale::from(DOTS as f32 * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0));
    let mut left = 0;
    for character in text.chars() {
        let cell = width(character.encode_utf8(&mut [0; 4])) * DOTS / 2;
        let glyph = font.glyph_id(character);
        let scaled = font.as_scaled(scale);
        let x = left as f32 + (cell as f32 - scaled.h_advance(glyph)) / 2.0;
        let y = (DOTS as f32 - scaled.height()) / 2.0 + scaled.ascent();
        left += cell;
        let Some(outline) = font.outline_glyph(glyph.with_scale_and_position(scale, point(x, y))) else {
            continue;
        };
        let bounds = outline.px_bounds();
        outline.draw(|column, row, coverage| {
            let (column, row) = (bounds.min.x + column as f32, bounds.min.y + row as f32);
            let inside = column >= 0.0 && row >= 0.0 && (column as usize) < across;
            if coverage >= INK
                && inside
                && let Some(dot) = dots.get_mut(row as usize * across + column as usize)
            {
                *dot = true;
            }
        });
    }
    let block = |row: usize, column: usize| {
        let at =
            |down: usize, right: usize| usize::from(dots[(2 * row + down) * across + 2 * column + right]);
        BLOCKS[at(0, 0) | at(0, 1) << 1 | at(1, 0) << 2 | at(1, 1) << 3]
    };
    (0..ROWS).map(|row| (0..across / 2).map(|column| block(row, column)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_has_its_cells_and_some_ink() {
        let font = crate::picture::font().unwrap();
        for (text, cells) in [("12.34", 20), ("请插卡", 24), ("ok", 8)] {
            let lines = letters(text, &font);
            assert_eq!(lines.len(), ROWS);
            assert!(lines.iter().all(|line| line.chars().count() == cells), "{lines:?}");
            assert!(lines.iter().any(|line| line.contains(['█', '▌', '▐', '▀', '▄'])), "{lines:?}");
        }
        assert!(letters(" ", &font).iter().all(|line| line.trim().is_empty()));
        // An upright stroke stands upright.
        let one = letters("l", &font);
        assert!(one.iter().filter(|line| !line.trim().is_empty()).count() >= 5, "{one:?}");
    }
}
