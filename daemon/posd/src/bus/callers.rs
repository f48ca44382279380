//! Who calls: the one place that says whose a connection is. Identity is the uid that the bus reports for the
//! connection, never a field of a message and never a pid.

use posd_terminal::{Caller, ConnectionId};
use std::collections::HashMap;
use zbus::{Message, names::OwnedUniqueName};

/// The most calls of one connection that may be unanswered; more are refused, so that a flood does not fill memory.
const OUTSTANDING: usize = 32;

/// A connection whose user is known.
#[derive(Debug)]
struct Known {
    caller: Caller,
    outstanding: usize,
}

/// Every connection that has called and is still there.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    known: HashMap<OwnedUniqueName, Known>,
    /// Calls that wait until the bus has said whose they are, in order.
    waiting: HashMap<OwnedUniqueName, Vec<Message>>,
    next: ConnectionId,
}

/// What to do with a call.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Serve it.
    Admitted(Caller),
    /// Ask the bus whose this connection is; the call waits.
    Ask,
    /// The call waits behind another one of the same connection.
    Waits,
    /// Too many unanswered calls.
    Refused,
}

impl Callers {
    /// Decides over a call.
    pub(crate) fn admit(&mut self, sender: &OwnedUniqueName, message: &Message) -> Admission {
        if let Some(known) = self.known.get_mut(sender) {
            if known.outstanding >= OUTSTANDING {
                return Admission::Refused;
            }
            known.outstanding += 1;
            return Admission::Admitted(known.caller);
        }
        match self.waiting.get_mut(sender) {
            Some(waiting) if waiting.len() >= OUTSTANDING => Admission::Refused,
            Some(waiting) => {
                waiting.push(message.clone());
                Admission::Waits
            }
            None => {
                self.waiting.insert(sender.clone(), vec![message.clone()]);
                Admission::Ask
            }
        }
    }

    /// The bus has said whose a connection is, or that it is gone. The calls that waited come back; none where the
    /// connection went before the bus's word was heard, as its end would never be told.
    pub(crate) fn identified(&mut self, sender: OwnedUniqueName, uid: Option<u32>) -> Vec<Message> {
        let Some(waiting) = self.waiting.remove(&sender) else { return Vec::new() };
        let Some(uid) = uid else { return Vec::new() };
        self.next += 1;
        let caller = Caller { uid, connection: self.next };
        self.known.insert(sender, Known { caller, outstanding: 0 });
        waiting
    }

    /// A call was answered.
    pub(crate) fn answered(&mut self, sender: &str) {
        if let Some(known) = self.known.get_mut(sender) {
            known.outstanding = known.outstanding.saturating_sub(1);
        }
    }

    /// A connection is gone; its number, if it had called.
    pub(crate) fn gone(&mut self, sender: &str) -> Option<ConnectionId> {
        self.waiting.remove(sender);
        self.known.remove(sender).map(|known| known.caller.connection)
    }

    /// Every connection of a user.
    pub(crate) fn of_user(&self, uid: u32) -> impl Iterator<Item = &OwnedUniqueName> {
        self.known.iter().filter(move |(_, known)| known.caller.uid == uid).map(|(name, _)| name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use zbus::ObjectPath;

    #[test]
    fn what_a_connection_asked_that_went_before_its_user_was_known_is_not_done() {
        let path = ObjectPath::try_from("/org/posd/Terminal1").unwrap();
        let call = Message::method_call(path, "SignIn").build(&()).unwrap();
        let sender = OwnedUniqueName::try_from(":1.7").unwrap();
        let mut callers = Callers::default();
        assert!(matches!(callers.admit(&sender, &call), Admission::Ask));
        assert_eq!(callers.gone(":1.7"), None);
        assert!(callers.identified(sender.clone(), Some(1000)).is_empty());
        assert_eq!(callers.of_user(1000).count(), 0, "nobody there is told anything");
        // One that stays is served, once.
        assert!(matches!(callers.admit(&sender, &call), Admission::Ask));
        assert!(matches!(callers.admit(&sender, &call), Admission::Waits));
        assert_eq!(callers.identified(sender.clone(), Some(1000)).len(), 2);
        assert!(callers.gone(":1.7").is_some());
    }
}
