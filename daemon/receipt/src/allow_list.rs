//! What may be printed.

use encoding_rs::GB18030;

/// The one space besides ASCII's that the font has.
const IDEOGRAPHIC_SPACE: char = '\u{3000}';

/// Whether a character may reach paper: printable ASCII, or something other than ASCII that the printer's character
/// set has in two bytes and that is no control, format or private character.
fn is_allowed(character: char) -> bool {
    if character.is_ascii() {
        return character == ' ' || character.is_ascii_graphic();
    }
    if character == IDEOGRAPHIC_SPACE {
        return true;
    }
    if character.is_control() || character.is_whitespace() || ('\u{e000}'..='\u{f8ff}').contains(&character) {
        return false;
    }
    let mut buffer = [0; 4];
    let (bytes, _, unmappable) = GB18030.encode(character.encode_utf8(&mut buffer));
    // Two bytes of the printer's own font: symbols, letters and ideographs, not the rows for characters of the user.
    let in_font = matches!(
        &bytes[..],
        [0xA1..=0xA9 | 0xB0..=0xF7, 0xA1..=0xFE] | [0x81..=0xA0, 0x40..=0xFE] | [0xAA..=0xFE, 0x40..=0xA0]
    );
    !unmappable && in_font
}

/// The text if every character of it may be printed and it is not blank.
pub fn allow_listed(text: &str) -> Option<String> {
    let good = !text.trim().is_empty() && text.chars().all(is_allowed);
    good.then(|| text.to_owned())
}

/// The text with everything that may not be printed replaced by a question mark.
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if is_allowed(character) { character } else { '?' }).collect()
}

/// A PAN as slips and apps show it: the first six and the last four digits, stars between; all stars where there are
/// fewer than 11 digits. Masking what is masked changes nothing.
pub fn mask(pan: &str) -> String {
    let count = pan.chars().count();
    let shown = |place: usize| count > 10 && (place < 6 || place + 4 >= count);
    pan.chars().enumerate().map(|(place, digit)| if shown(place) { digit } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_not_allowed() {
        for text in [
            "\u{1b}@", "a\nb", "\u{7f}", "\u{9b}", "\u{200e}", "\u{feff}", "\u{e000}", "¥", "é😀", "\t", "",
            "  ",
        ] {
            assert_eq!(allow_listed(text), None, "{text:?}");
        }
        for text in ["ORDER 7", "示例商户", "￥12.34", "桌号：８", "桌号\u{3000}8", "€5"] {
            assert_eq!(allow_listed(text).as_deref(), Some(text));
        }
        assert_eq!(printable("a\u{1b}b😀"), "a?b?");
    }

    #[test]
    fn rule_10_pans_are_masked() {
        assert_eq!(mask("6212340000000019"), "621234******0019");
        assert_eq!(mask("1234567890"), "**********");
        assert_eq!(mask("621234******0019"), "621234******0019");
        assert_eq!(mask("6212*40000000019"), "6212*4******0019");
        assert_eq!(mask("12345678901"), "123456*8901");
        assert_eq!(mask(""), "");
    }
}
