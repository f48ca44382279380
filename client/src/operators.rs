//! Operators, the lock screen and the audit chain's end.
//!
//! Each password may be empty: then it is typed on the PIN pad.

use crate::{Error, Terminal};

/// One line of the operator table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Two digits.
    pub number: String,
    /// It still has its initial password.
    pub initial: bool,
    /// It is locked out now after wrong tries.
    pub locked_out: bool,
}

/// The end of the audit chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The last row's number, 0 while there is none.
    pub sequence: u64,
    /// Its SHA-256, 64 hex digits.
    pub hash: String,
}

impl Terminal {
    /// Locks the screen.
    ///
    /// # Errors
    /// As `Lock` documents.
    pub async fn lock(&self) -> Result<(), Error> {
        self.call("Lock", &()).await.map(drop)
    }

    /// Unlocks it; an empty operator is the one logged in.
    ///
    /// # Errors
    /// As `Unlock` documents.
    pub async fn unlock(&self, operator: &str, password: &str) -> Result<(), Error> {
        self.call("Unlock", &(operator, password)).await.map(drop)
    }

    /// Changes an operator's own password.
    ///
    /// # Errors
    /// As `ChangePassword` documents.
    pub async fn change_password(&self, operator: &str, old: &str, new: &str) -> Result<(), Error> {
        self.call("ChangePassword", &(operator, old, new)).await.map(drop)
    }

    /// Adds an operator, by the supervisor's word.
    ///
    /// # Errors
    /// As `AddOperator` documents.
    pub async fn add_operator(&self, operator: &str, authority: &str) -> Result<(), Error> {
        self.call("AddOperator", &(operator, authority)).await.map(drop)
    }

    /// Deletes an operator, by the supervisor's word.
    ///
    /// # Errors
    /// As `DeleteOperator` documents.
    pub async fn delete_operator(&self, operator: &str, authority: &str) -> Result<(), Error> {
        self.call("DeleteOperator", &(operator, authority)).await.map(drop)
    }

    /// Gives an operator its initial password back, by the word of the supervisor (of the manager for `00`).
    ///
    /// # Errors
    /// As `ResetPassword` documents.
    pub async fn reset_password(&self, operator: &str, authority: &str) -> Result<(), Error> {
        self.call("ResetPassword", &(operator, authority)).await.map(drop)
    }

    /// The operator table, in the order of numbers.
    ///
    /// # Errors
    /// As `ListOperators` documents.
    pub async fn operators(&self) -> Result<Vec<Operator>, Error> {
        let reply = self.call("ListOperators", &()).await?;
        let all: Vec<(String, bool, bool)> = reply.body().deserialize()?;
        let operator = |(number, initial, locked_out)| Operator { number, initial, locked_out };
        Ok(all.into_iter().map(operator).collect())
    }

    /// The end of the audit chain, to be kept elsewhere.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn audit_head(&self) -> Result<AuditHead, Error> {
        let reply = self.call("AuditHead", &()).await?;
        let (sequence, hash) = reply.body().deserialize()?;
        Ok(AuditHead { sequence, hash })
    }
}

#[cfg(test)]
mod tests {
    use crate::Error;

    #[test]
    fn the_seconds_of_a_lock_out_are_read() {
        let refused =
            |name: &str, text: &str| Error::Refused { name: name.to_owned(), text: text.to_owned() };
        let text = "locked after too many wrong tries; wait 29 s";
        assert_eq!(refused("LockedOut", text).seconds_left(), Some(29));
        assert_eq!(refused("WrongPassword", text).seconds_left(), None);
        assert_eq!(refused("LockedOut", "wait").seconds_left(), None);
    }
}
