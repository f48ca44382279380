//! What the issuer says, chosen by the cents of the amount.
//!
//! | cents | answer |
//! |---|---|
//! | .01 to .99 not listed, .00 | 00 approved |
//! | .05 | 05 do not honour |
//! | .10 | 10 partial approval: half is booked, rounded down, at least one cent |
//! | .11 | 11 approved, VIP |
//! | .14 | 14 invalid card number |
//! | .41 | 41 lost card |
//! | .51 | 51 insufficient funds |
//! | .54 | 54 expired card |
//! | .55 | 55 wrong PIN (the card's try counter is not touched) |
//! | .57 | 57 not permitted |
//! | .61 | 61 over the limit |
//! | .65 | 65 too often |
//! | .71 | 00 with an issuer script for before the second GENERATE AC (template 71) |
//! | .72 | 00 with an issuer script for after it (template 72) |
//! | .73 | 00 with both |
//! | .75 | 75 PIN tries exceeded |
//! | .77 | 77 sign in again; the terminal is signed out |
//! | .80 | A0 MAC error, sign in again; the terminal is signed out |
//! | .82 | A2 approved with a flaw |
//! | .91 | 91 issuer inoperative |
//! | .96 | 96 switch malfunction |
//! | .98 | 98 no answer from the issuer |
//! | .99 | 99 PIN format error, sign in again; the terminal is signed out |

/// What the issuer decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Response code, field 39.
    pub code: &'static str,
    /// What is booked, in cents; 0 if declined.
    pub booked: u64,
    /// A script of template 71.
    pub script_before: bool,
    /// A script of template 72.
    pub script_after: bool,
}

impl Outcome {
    /// What an amount in cents brings.
    pub fn of(amount: u64) -> Self {
        let code = match amount % 100 {
            5 => "05",
            10 => "10",
            11 => "11",
            14 => "14",
            41 => "41",
            51 => "51",
            54 => "54",
            55 => "55",
            57 => "57",
            61 => "61",
            65 => "65",
            75 => "75",
            77 => "77",
            80 => "A0",
            82 => "A2",
            91 => "91",
            96 => "96",
            98 => "98",
            99 => "99",
            _ => "00",
        };
        let booked = match code {
            "10" => (amount / 2).max(1),
            "00" | "11" | "A2" => amount,
            _ => 0,
        };
        let cents = amount % 100;
        Self { code, booked, script_before: matches!(cents, 71 | 73), script_after: matches!(cents, 72 | 73) }
    }
}

/// Whether the terminal must sign in again after this code.
pub(crate) fn demands_sign_in(code: &str) -> bool {
    matches!(code, "77" | "99" | "A0")
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn cents_choose_the_outcome() {
        for (amount, code, booked) in [
            (1234, "00", 1234),
            (100, "00", 100),
            (10_051, "51", 0),
            (255, "55", 0),
            (10, "10", 5),
            (2010, "10", 1005),
            (180, "A0", 0),
            (182, "A2", 182),
        ] {
            let outcome = Outcome::of(amount);
            assert_eq!((outcome.code, outcome.booked), (code, booked), "{amount}");
        }
        let both = Outcome::of(973);
        assert!(both.script_before && both.script_after && both.booked == 973);
    }
}
