//! Payment codes: the customer's, read from the standard input, and the terminal's, drawn for a window.

use qrcode::{Color, QrCode};
use std::io;
use zeroize::Zeroizing;

/// Modules of white around the code: four, as ISO/IEC 18004 asks.
const QUIET: usize = 4;

/// The customer's code from the standard input: a scanner that types, or another program.
///
/// # Errors
/// The input.
pub(crate) fn read() -> io::Result<Zeroizing<String>> {
    let mut code = Zeroizing::new(String::with_capacity(1024));
    io::stdin().read_line(&mut code)?;
    let end = code.trim_end().len();
    code.truncate(end);
    Ok(code)
}

/// A QR code of a text in half blocks, two modules a character: light modules are drawn, as windows are dark.
///
/// # Errors
/// Where there is no text, or more than a code holds.
pub(crate) fn blocks(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("this transaction shows no code now".to_owned());
    }
    let code = QrCode::new(text.as_bytes()).map_err(|error| format!("the code cannot be drawn: {error}"))?;
    let (width, colors) = (code.width(), code.to_colors());
    let light = |row: usize, column: usize| {
        let inside = (QUIET..QUIET + width).contains(&row) && (QUIET..QUIET + width).contains(&column);
        !inside || colors[(row - QUIET) * width + column - QUIET] == Color::Light
    };
    let side = width + 2 * QUIET;
    let mut drawing = String::new();
    for row in (0..side).step_by(2) {
        for column in 0..side {
            // Below the last row of an odd side there is nothing.
            let below = row + 1 < side && light(row + 1, column);
            drawing.push(match (light(row, column), below) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawing.push('\n');
    }
    Ok(drawing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_is_drawn_where_it_belongs() {
        let text = "https://qr.test.invalid/000000000001";
        let code = QrCode::new(text).unwrap();
        let (width, colors) = (code.width(), code.to_colors());
        let drawing = blocks(text).unwrap();
        let rows: Vec<Vec<char>> = drawing.lines().map(|line| line.chars().collect()).collect();
        assert_eq!((rows.len(), rows[0].len()), ((width + 9) / 2, width + 8));
        for (place, color) in colors.iter().enumerate() {
            let (row, column) = (place / width + QUIET, place % width + QUIET);
            let drawn = rows[row / 2][column];
            let light = if row % 2 == 0 { "█▀" } else { "█▄" }.contains(drawn);
            assert_eq!(light, *color == Color::Light, "{row} {column}");
        }
        assert!(rows[0].iter().chain(&rows[1]).all(|drawn| *drawn == '█'), "the quiet zone is light");
    }

    #[test]
    fn what_is_no_code_is_not_drawn() {
        assert!(blocks("").is_err() && blocks(&"x".repeat(3000)).is_err());
    }
}
