//! What can go wrong on request: by kind of message, once, some times or always.

use serde::{Deserialize, Serialize};

/// The kind of a request. Reference 1 has the table; `kind.rs` has it as rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// 0800 with 60.3 = 003 to 006.
    SignIn,
    /// 0820 with 60.3 = 002.
    SignOut,
    /// 0820 with 60.3 = 301.
    Echo,
    /// 0200/310000/00/01.
    BalanceInquiry,
    /// 0200/000000/00/22.
    Sale,
    /// 0200/200000/00/23.
    Void,
    /// 0220/200000/00/25.
    Refund,
    /// 0100/030000/06/10.
    PreAuth,
    /// 0100/200000/06/11.
    PreAuthCancel,
    /// 0200/000000/06/20.
    Completion,
    /// 0200/200000/06/21.
    CompletionCancel,
    /// 0220/000000/06/24.
    CompletionAdvice,
    /// 0220/000000/00/30.
    OfflineSettlement,
    /// 0220/000000/00/32 or 34.
    Adjustment,
    /// 0200/000000/00/36.
    OfflineSale,
    /// 0200/000000/64/22.
    Instalment,
    /// 0200/200000/64/23.
    InstalmentVoid,
    /// 0200/000000/08/22: card number and expiry told by telephone.
    PhoneOrder,
    /// 0200/200000/08/23.
    PhoneOrderVoid,
    /// 0220/200000/08/25.
    PhoneOrderRefund,
    /// A sale whose field 22 says code: the customer's code in field 59.
    QrSale,
    /// Its void.
    QrVoid,
    /// Its refund.
    QrRefund,
    /// 0200/700000 with 60.1 = 60: a wallet pays by the customer's code.
    WalletPayment,
    /// 0200/710000 with 60.1 = 60: a wallet is to pay by a code that the merchant shows.
    WalletCode,
    /// 0200/730000 with 60.1 = 60.
    WalletQuery,
    /// 0200/720000 with 60.1 = 60.
    WalletVoid,
    /// 0200/740000 with 60.1 = 60.
    WalletRefund,
    /// 0200/750000 with 60.1 = 60.
    WalletRefundQuery,
    /// 0400.
    Reversal,
    /// 0620 with 60.3 = 951.
    ScriptResult,
    /// 0500 with 60.3 = 201.
    Settlement,
    /// 0320 with 60.3 = 201: details in field 48.
    BatchUpload,
    /// 0320 with 60.3 = 203 or 205: one approved chip transaction.
    ChipUpload,
    /// 0320 with 60.3 = 204 or 206: one chip transaction that failed.
    FailureUpload,
    /// 0320 with 60.3 = 000: an advice again.
    AdviceUpload,
    /// 0320 with 60.3 = 202 or 207.
    BatchEnd,
    /// 0800 or 0820 with 60.3 = 360.
    ParameterDownload,
    /// 0800 or 0820 with 60.3 = 361.
    ParameterEnd,
    /// 0820 with 60.3 = 362.
    ParameterUpload,
    /// 0820 with 60.3 = 372.
    KeyQuery,
    /// 0800 with 60.3 = 370.
    KeyDownload,
    /// 0800 with 60.3 = 371.
    KeyEnd,
    /// 0820 with 60.3 = 382.
    AidQuery,
    /// 0800 with 60.3 = 380.
    AidDownload,
    /// 0800 with 60.3 = 381.
    AidEnd,
    /// 0800 with 60.3 = 390.
    BlacklistDownload,
    /// 0800 with 60.3 = 391.
    BlacklistEnd,
    /// 0800 with 60.3 = 394.
    ContactlessDownload,
    /// 0800 with 60.3 = 395.
    ContactlessEnd,
    /// 0820 with 60.1 = 07 and 60.3 = 800 to 809.
    Signature,
    /// Anything else.
    Unknown,
}

/// One way to misbehave.
///
/// "Before booking" means that the host did nothing; "after booking" that its ledger and keys changed.
/// Faults that alter a field of the answer compute its MAC over the altered fields, so that only the field
/// itself is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Fault {
    /// The answer comes `ms` milliseconds later; it is lost if the connection has closed by then.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Like `delay`, but if the connection has closed by then the answer comes on the newest open one.
    Late {
        /// Milliseconds.
        ms: u64,
    },
    /// The request itself reaches the host `ms` milliseconds later, so that it is booked late.
    HoldRequest {
        /// Milliseconds.
        ms: u64,
    },
    /// The request is lost before booking.
    DropRequest,
    /// The answer is lost after booking.
    DropAnswer,
    /// The answer comes twice, the second `ms` milliseconds after the first.
    Duplicate {
        /// Milliseconds.
        #[serde(default)]
        ms: u64,
    },
    /// Some bytes of the answer after the TPDU are changed.
    Garble {
        /// How many bytes, at least 1.
        #[serde(default = "three")]
        bytes: usize,
    },
    /// The last bytes of the answer are missing, and its length prefix says so.
    Truncate {
        /// How many bytes are missing.
        #[serde(default = "three")]
        bytes: usize,
    },
    /// Half of the answer is sent, less than its length prefix says; then the connection closes.
    CloseMidway,
    /// Field 64 is wrong.
    WrongMac,
    /// Field 64 is missing.
    MissingMac,
    /// Field 11 of the answer is another number.
    WrongTrace,
    /// Field 41 of the answer is another terminal.
    WrongTerminal,
    /// Field 42 of the answer is another merchant.
    WrongMerchant,
    /// Field 4 of the answer is one cent more.
    WrongAmount,
    /// The answer has another message type.
    WrongMti,
    /// The cryptogram in tag 91 is wrong.
    WrongArpc,
    /// The answer has no field 55.
    MissingField55,
    /// The first check value of a sign-in answer is wrong.
    WrongCheckValue,
    /// The checksum (DF03) of a downloaded CA key is wrong.
    WrongChecksum,
    /// The transaction is approved and booked, but the host forgets it: it enters no total and no detail
    /// file until a batch upload names it again. Not for wallets.
    ForgetBooking,
    /// The transaction is booked twice: once as it came, once under a trace number that no terminal used.
    InventBooking,
    /// A settlement is answered with 3 (error) for both card sides.
    SettlementError,
    /// The connection closes before booking.
    CloseBefore,
    /// The connection closes after booking, without an answer.
    CloseAfter,
    /// New connections are refused (nobody listens) until cleared; open ones stay. Over TCP only. Neither
    /// kind nor count applies.
    RefuseConnections,
    /// A new connection is accepted and closed at once. Over TCP only. The kind does not apply.
    CloseOnAccept,
    /// The answer comes byte by byte.
    SlowBytes {
        /// Milliseconds between two bytes.
        gap_ms: u64,
    },
    /// The request is declined with this code (field 39) before booking.
    Decline {
        /// Two characters.
        code: String,
    },
    /// The header of the answer carries this processing requirement.
    Header {
        /// 0 to 9.
        digit: u8,
    },
}

fn three() -> usize {
    3
}

/// When a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only for this kind of request; `None` for every kind.
    #[serde(default)]
    pub message: Option<MessageKind>,
    /// How often; `None` for always.
    #[serde(default)]
    pub count: Option<u32>,
}

impl Rule {
    /// Whether the host can do this.
    ///
    /// # Errors
    /// What to give instead.
    pub fn check(&self) -> Result<(), &'static str> {
        match &self.fault {
            Fault::Decline { code } if code.len() != 2 || !code.is_ascii() => {
                Err("code: a response code has two characters")
            }
            Fault::Header { digit: 10.. } => Err("digit: give 0 to 9"),
            _ if self.count == Some(0) => Err("count: give at least 1, or nothing for always"),
            _ => Ok(()),
        }
    }

    /// The fault strikes the next message of this kind, once.
    pub fn once(fault: Fault, message: MessageKind) -> Self {
        Self { fault, message: Some(message), count: Some(1) }
    }

    /// The fault strikes every message of this kind until cleared.
    pub fn always(fault: Fault, message: MessageKind) -> Self {
        Self { fault, message: Some(message), count: None }
    }
}

/// The rules in force.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The faults that strike a message of this kind, each counted once.
    pub(crate) fn strike(&mut self, kind: MessageKind) -> Vec<Fault> {
        self.take(|rule| {
            !matches!(rule.fault, Fault::RefuseConnections | Fault::CloseOnAccept)
                && rule.message.is_none_or(|wanted| wanted == kind)
        })
    }

    pub(crate) fn refuses_connections(&self) -> bool {
        self.rules.iter().any(|rule| rule.fault == Fault::RefuseConnections)
    }

    /// Whether the connection just accepted is closed at once; counted.
    pub(crate) fn closes_on_accept(&mut self) -> bool {
        !self.take(|rule| rule.fault == Fault::CloseOnAccept).is_empty()
    }

    fn take(&mut self, matches: impl Fn(&Rule) -> bool) -> Vec<Fault> {
        let mut struck = Vec::new();
        for rule in self.rules.iter_mut().filter(|rule| matches(rule)) {
            match &mut rule.count {
                Some(0) => continue,
                Some(left) => *left -= 1,
                None => {}
            }
            struck.push(rule.fault.clone());
        }
        self.rules.retain(|rule| rule.count != Some(0));
        struck
    }
}
