//! The magnetic stripe: what a reader that types like a keyboard typed, as a card.
//!
//! Such a reader types each track between its sentinels: track 1 `%…?`, track 2 `;…?`, track 3 `+…?` or `;…?`, the
//! check character (LRC) after each end sentinel where it is set to, then Enter. Track 1 is passed over. The tracks are
//! those of ISO/IEC 7813 (1 and 2) and ISO/IEC 4909 (3), their characters those of ISO/IEC 7811-2: four bits each,
//! `0` to `?`, so that the check character is the exclusive or of all others, both sentinels among them.

use zeroize::Zeroizing;

use crate::digits::Digits;

/// The most characters of track 2 between its sentinels (ISO/IEC 7813: 40 with sentinels and LRC; field 35).
pub const LONGEST_TRACK_2: usize = 37;
/// The most characters of track 3 between its sentinels (ISO/IEC 4909: 107 with sentinels and LRC; field 36).
pub const LONGEST_TRACK_3: usize = 104;
/// How many digits a card number has (ISO/IEC 7812).
const PAN: std::ops::RangeInclusive<usize> = 13..=19;
/// What ends a track.
const END: char = '?';

/// A card that was swiped. It has no `Debug`, and its text is wiped on drop.
pub struct Stripe {
    track_2: Zeroizing<String>,
    track_3: Option<Zeroizing<String>>,
    pan: Digits,
    expiry: Digits,
    service_code: ServiceCode,
}

/// Which cards the issuer wants to be treated how: three digits of track 2 (ISO/IEC 7813).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ServiceCode([u8; 3]);

impl ServiceCode {
    /// The card has a chip, which is to be used where it can be: first digit 2 or 6.
    pub fn has_chip(self) -> bool {
        matches!(self.0, [b'2' | b'6', ..])
    }

    /// The cardholder must enter a PIN: third digit 0, 3 or 5.
    pub fn requires_pin(self) -> bool {
        matches!(self.0, [.., b'0' | b'3' | b'5'])
    }
}

/// Why a swipe gives no card. None shows anything of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// No track 2 was typed, or the reader says that it could not read it.
    #[error("track 2 was not read; swipe the card again, evenly")]
    NoTrack2,
    /// A track without end, something between tracks, or a track that came twice.
    #[error("the swipe is incomplete; swipe the card again, evenly")]
    Incomplete,
    /// A check character does not fit its track.
    #[error("the stripe was misread; swipe the card again, evenly")]
    CheckCharacter,
    /// A character that the track cannot have, or more than it has room for.
    #[error("track {0} of the stripe is malformed; use another card")]
    Track(u8),
    /// The card number has not 13 to 19 digits, or its last one does not fit (Luhn).
    #[error("the stripe has no valid card number; use another card")]
    CardNumber,
    /// The expiry is not a year and a month 01 to 12.
    #[error("the stripe has no valid expiry; use another card")]
    Expiry,
    /// The service code is not three digits.
    #[error("the stripe has no valid service code; use another card")]
    ServiceCode,
}

impl Stripe {
    /// Reads what a reader typed for one swipe, with or without the Enter at its end.
    ///
    /// # Errors
    /// [`StripeError`]: whatever the text is, it is a card or one of these.
    pub fn from_typed(typed: &str) -> Result<Self, StripeError> {
        let mut rest = typed.trim_end_matches(['\r', '\n']);
        let mut track_2 = None;
        let mut track_3 = None;
        while let Some(sentinel) = rest.chars().next() {
            let (content, after) =
                rest[sentinel.len_utf8()..].split_once(END).ok_or(StripeError::Incomplete)?;
            let check = check_character(after);
            rest = &after[check.map_or(0, char::len_utf8)..];
            let (number, longest, place) = match sentinel {
                '%' => continue,
                ';' if track_2.is_none() => (2, LONGEST_TRACK_2, &mut track_2),
                ';' | '+' if track_3.is_none() => (3, LONGEST_TRACK_3, &mut track_3),
                _ => return Err(StripeError::Incomplete),
            };
            // What a reader types for a track that it could not read.
            if content == "E" {
                *place = Some(None);
                continue;
            }
            let good = |character: char| character.is_ascii_digit() || character == '=';
            if content.is_empty() || content.len() > longest || !content.chars().all(good) {
                return Err(StripeError::Track(number));
            }
            if check.is_some_and(|check| check != longitudinal_redundancy(content)) {
                return Err(StripeError::CheckCharacter);
            }
            *place = Some(Some(Zeroizing::new(content.to_owned())));
        }
        Self::from_tracks(track_2.flatten().ok_or(StripeError::NoTrack2)?, track_3.flatten())
    }

    fn from_tracks(
        track_2: Zeroizing<String>,
        track_3: Option<Zeroizing<String>>,
    ) -> Result<Self, StripeError> {
        let (pan, rest) = track_2.split_once('=').ok_or(StripeError::Track(2))?;
        let pan = Digits::from_text(pan)
            .filter(|pan| PAN.contains(&pan.reveal().len()) && luhn(pan.reveal()))
            .ok_or(StripeError::CardNumber)?;
        let expiry = rest.get(..4).and_then(Digits::from_text).ok_or(StripeError::Expiry)?;
        if !matches!(expiry.reveal().as_bytes(), [_, _, b'0', b'1'..=b'9'] | [_, _, b'1', b'0'..=b'2']) {
            return Err(StripeError::Expiry);
        }
        let service_code = rest.as_bytes()[4..]
            .first_chunk::<3>()
            .filter(|code| code.iter().all(u8::is_ascii_digit))
            .ok_or(StripeError::ServiceCode)?;
        let service_code = ServiceCode(*service_code);
        if rest.contains('=') {
            return Err(StripeError::Track(2));
        }
        Ok(Self { pan, expiry, service_code, track_2, track_3 })
    }

    /// The card number, 13 to 19 digits, the last one right by Luhn's rule.
    pub fn pan(&self) -> &Digits {
        &self.pan
    }

    /// Year and month, `YYMM`.
    pub fn expiry(&self) -> &Digits {
        &self.expiry
    }

    /// The service code.
    pub fn service_code(&self) -> ServiceCode {
        self.service_code
    }

    /// Track 2 without sentinels, `=` between its fields. Whoever calls this keeps it from logs, buses and disks.
    pub fn reveal_track_2(&self) -> &str {
        &self.track_2
    }

    /// Track 3 without sentinels, where it was read. Whoever calls this keeps it from logs, buses and disks.
    pub fn reveal_track_3(&self) -> Option<&str> {
        self.track_3.as_ref().map(|track| track.as_str())
    }
}

/// The check character of the track whose end sentinel stands before `after`, where one was typed: it is followed by
/// another track or by nothing, and a start sentinel that is none is followed by the track itself.
fn check_character(after: &str) -> Option<char> {
    let mut characters = after.chars();
    let first = characters.next()?;
    match characters.next() {
        None | Some('%' | ';' | '+') => Some(first),
        Some(_) => None,
    }
}

/// The exclusive or of the characters of a track and of its sentinels. Track 3's is the same as track 2's on the
/// stripe, whatever a reader types for it.
fn longitudinal_redundancy(content: &str) -> char {
    let low = content.bytes().fold(b';' ^ b'?', |sum, byte| sum ^ byte) & 0x0F;
    char::from(b'0' | low)
}

/// Whether the last digit is the check digit of the others (ISO/IEC 7812-1 annex B).
fn luhn(digits: &str) -> bool {
    let value = |(index, digit): (usize, u8)| match (index % 2, u32::from(digit.wrapping_sub(b'0'))) {
        (0, digit) => digit,
        (_, digit) => digit * 2 / 10 + digit * 2 % 10,
    };
    digits.bytes().rev().enumerate().map(value).sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACK_2: &str = "6212340000000000012=30121010000000000";
    const TRACK_3: &str = "996212340000000000012=1561560000000000000000000000000000000000=";

    fn error(typed: &str) -> Option<StripeError> {
        Stripe::from_typed(typed).err()
    }

    fn track_2(content: &str) -> Result<Stripe, StripeError> {
        Stripe::from_typed(&format!(";{content}?"))
    }

    #[test]
    fn tracks_are_found_whatever_else_is_typed() {
        for typed in [
            format!(";{TRACK_2}?"),
            format!(";{TRACK_2}?\r\n"),
            format!("%B6212340000000000012^WANG/FANG^30121010000000000?;{TRACK_2}?\n"),
            format!("%E?;{TRACK_2}?+E?"),
            // Track 1 with a check character that looks like a sentinel.
            format!("%B621234^X^3012101?;;{TRACK_2}?"),
        ] {
            let stripe = Stripe::from_typed(&typed).unwrap();
            assert_eq!(stripe.reveal_track_2(), TRACK_2);
            assert_eq!(stripe.reveal_track_3(), None);
            assert_eq!(stripe.pan().reveal(), "6212340000000000012");
            assert_eq!(stripe.expiry().reveal(), "3012");
        }
        for sentinel in [';', '+'] {
            let stripe = Stripe::from_typed(&format!(";{TRACK_2}?{sentinel}{TRACK_3}?\n")).unwrap();
            assert_eq!(stripe.reveal_track_3(), Some(TRACK_3));
        }
        let all = format!("%B1^X^?;{TRACK_2}?+{TRACK_3}?");
        assert_eq!(Stripe::from_typed(&all).unwrap().reveal_track_3(), Some(TRACK_3));
    }

    /// Worked by hand: `;1234567890123452=30121018?` sums to B^1^2^3^4^5^6^7^8^9^0^1^2^3^4^5^2^D^3^0^1^2^1^0^1^8^F.
    #[test]
    fn check_characters_are_checked_where_they_are_typed() {
        let (good, checks) = ("1234567890123452=30121018", "0123456789:;<=>?");
        let fitting: Vec<char> =
            checks.chars().filter(|check| Stripe::from_typed(&format!(";{good}?{check}")).is_ok()).collect();
        assert_eq!(fitting, ['3']);
        assert_eq!(error(&format!(";{good}?9")), Some(StripeError::CheckCharacter));
        // Two digits that a misread swapped into others of the same Luhn sum.
        assert_eq!(error(";1234567890123452=30121019?3"), Some(StripeError::CheckCharacter));
        let check = longitudinal_redundancy(TRACK_3);
        let both = |check| format!(";{good}?3+{TRACK_3}?{check}\n");
        assert!(Stripe::from_typed(&both(check)).is_ok());
        assert_eq!(error(&both('E')), Some(StripeError::CheckCharacter));
    }

    #[test]
    fn incomplete_swipes_are_refused() {
        assert_eq!(error(""), Some(StripeError::NoTrack2));
        assert_eq!(error("\n"), Some(StripeError::NoTrack2));
        assert_eq!(error(";E?"), Some(StripeError::NoTrack2));
        assert_eq!(error("%B1^X^?"), Some(StripeError::NoTrack2));
        assert_eq!(error(&format!("+{TRACK_3}?")), Some(StripeError::NoTrack2));
        assert_eq!(error(&format!(";{TRACK_2}")), Some(StripeError::Incomplete));
        assert_eq!(error(TRACK_2), Some(StripeError::Incomplete));
        assert_eq!(error(&format!(";{TRACK_2}?;{TRACK_3}?;{TRACK_3}?")), Some(StripeError::Incomplete));
        assert_eq!(error(&format!(";{TRACK_2}?12")), Some(StripeError::Incomplete));
        assert_eq!(error(&format!(";{TRACK_2}?;?")), Some(StripeError::Track(3)));
    }

    #[test]
    fn malformed_tracks_are_refused() {
        let cases = [
            ("621234000000000001A=30121010", StripeError::Track(2)),
            ("6212340000000000012", StripeError::Track(2)),
            ("6212340000000000012=301210100000000001", StripeError::Track(2)),
            ("6212340000000000019=30121010", StripeError::CardNumber),
            // Luhn fits, but 12 and 20 digits.
            ("621234000001=30121010", StripeError::CardNumber),
            ("62123400000000000120=30121010", StripeError::CardNumber),
            ("6212340000000000012=3012101=0", StripeError::Track(2)),
            ("=30121010", StripeError::CardNumber),
            ("6212340000000000012=3013101", StripeError::Expiry),
            ("6212340000000000012=3000101", StripeError::Expiry),
            ("6212340000000000012==101", StripeError::Expiry),
            ("6212340000000000012=", StripeError::Expiry),
            ("6212340000000000012=3012=", StripeError::ServiceCode),
            ("6212340000000000012=301210", StripeError::ServiceCode),
        ];
        for (content, wanted) in cases {
            assert_eq!(track_2(content).err(), Some(wanted), "{content}");
        }
        let long = "1".repeat(LONGEST_TRACK_3 + 1);
        assert_eq!(error(&format!(";{TRACK_2}?+{long}?")), Some(StripeError::Track(3)));
        assert!(error(&format!(";{TRACK_2}?+{}?", &long[1..])).is_none());
    }

    #[test]
    fn service_code_says_chip_and_pin() {
        for (code, chip, pin) in [
            ("101", false, false),
            ("201", true, false),
            ("220", true, true),
            ("521", false, false),
            ("601", true, false),
            ("120", false, true),
            ("103", false, true),
            ("105", false, true),
            ("126", false, false),
            ("702", false, false),
        ] {
            let stripe = track_2(&format!("6212340000000000012=3012{code}")).unwrap();
            let found = (stripe.service_code().has_chip(), stripe.service_code().requires_pin());
            assert_eq!(found, (chip, pin), "{code}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_card_or_an_error(typed in any::<String>()) {
            let _ = Stripe::from_typed(&typed);
        }

        #[test]
        fn any_text_of_a_stripe_is_a_card_or_an_error(typed in "[%;+?=0-9E^é\r\n]{0,60}") {
            let _ = Stripe::from_typed(&typed);
        }

        #[test]
        fn any_track_2_is_a_card_or_an_error(rest in "[=0-9?;é]{0,20}") {
            if let Ok(stripe) = Stripe::from_typed(&format!(";6212340000000000012={rest}?")) {
                prop_assert_eq!(stripe.pan().reveal(), "6212340000000000012");
                prop_assert_eq!(stripe.expiry().reveal().len(), 4);
            }
        }
    }
}
