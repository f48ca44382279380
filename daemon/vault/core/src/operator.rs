//! An operator's number, and what follows from the number alone (reference section 7).

use serde::{Deserialize, Serialize};

/// The number of an operator: two decimal digits. `00` is the supervisor, `99` the manager, all others operate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Operator([u8; 2]);

impl Operator {
    /// Confirms voids and refunds, and keeps the operator table.
    pub const SUPERVISOR: Operator = Operator(*b"00");
    /// Sets the device up, and helps a supervisor who forgot the password.
    pub const MANAGER: Operator = Operator(*b"99");
    /// Operators of a terminal as delivered, besides supervisor and manager.
    pub(crate) const DELIVERED: [Operator; 5] =
        [Operator(*b"01"), Operator(*b"02"), Operator(*b"03"), Operator(*b"04"), Operator(*b"05")];

    /// Takes two decimal digits; `None` for anything else.
    pub fn new(number: &str) -> Option<Operator> {
        let number: [u8; 2] = number.as_bytes().try_into().ok()?;
        number.iter().all(u8::is_ascii_digit).then_some(Operator(number))
    }

    /// Whether this is neither supervisor nor manager.
    pub fn is_ordinary(self) -> bool {
        self != Operator::SUPERVISOR && self != Operator::MANAGER
    }

    /// The password as delivered, and after a reset. It must be changed.
    pub fn initial_password(self) -> &'static str {
        match self {
            Operator::SUPERVISOR => "123456",
            Operator::MANAGER => "12345678",
            _ => "0000",
        }
    }

    /// How many digits a new password has: 8, 6 or 4.
    pub(crate) fn password_length(self) -> usize {
        self.initial_password().len()
    }
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", char::from(self.0[0]), char::from(self.0[1]))
    }
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Operator({self})")
    }
}
