//! What to tell cashier and customer: an enum the app localises, with ready texts.

use crate::state::words;
use serde::{Deserialize, Serialize};

words! {
    /// What the people at the till should do now.
    Prompt {
        /// Nothing to do.
        None = "none",
        /// Wait.
        PleaseWait = "please-wait",
        /// The supervisor types the password on the PIN pad.
        SupervisorPassword = "supervisor-password",
        /// Insert a card.
        InsertCard = "insert-card",
        /// Hold a card or a phone to the contactless reader, or insert the card.
        TapOrInsertCard = "tap-or-insert-card",
        /// Insert or swipe a card.
        InsertOrSwipeCard = "insert-or-swipe-card",
        /// Hold a card or a phone to the contactless reader, or insert or swipe the card.
        TapInsertOrSwipeCard = "tap-insert-or-swipe-card",
        /// The stripe could not be read: swipe the card again.
        SwipeAgain = "swipe-again",
        /// The card that was swiped has a chip: insert it.
        UseChip = "use-chip",
        /// The tap was too short: hold the same card to the reader again.
        TapAgain = "tap-again",
        /// More than one card was held to the reader: hold one of them.
        OneCardOnly = "one-card-only",
        /// The phone wants its user's finger or code first; then hold it to the reader again.
        SeeDevice = "see-device",
        /// Hold the card where it is.
        HoldCard = "hold-card",
        /// The tapped card is read, and may be taken away.
        CardRead = "card-read",
        /// Type the card's number and expiry on the PIN pad.
        TypeCard = "type-card",
        /// Scan the customer's payment code.
        ScanCode = "scan-code",
        /// The code that was scanned is none of a wallet that is taken here; scan another.
        UnknownCode = "unknown-code",
        /// Show the code to the customer.
        ShowCode = "show-code",
        /// The customer confirms the payment on the phone.
        WaitingPayment = "waiting-payment",
        /// Leave the card in the reader.
        LeaveCard = "leave-card",
        /// Choose an application.
        ChooseApplication = "choose-application",
        /// Confirm the application.
        ConfirmApplication = "confirm-application",
        /// Type the PIN.
        EnterPin = "enter-pin",
        /// The PIN was wrong; type it again.
        WrongPinAgain = "wrong-pin-again",
        /// The PIN was wrong; one try is left.
        LastPinTry = "last-pin-try",
        /// The host is being asked.
        Authorizing = "authorizing",
        /// Have the slip signed and check the signature.
        CheckSignature = "check-signature",
        /// Take the card out.
        RemoveCard = "remove-card",
        /// Outcome not known; it is being resolved. Do not charge again.
        Resolving = "resolving",
        /// Outcome not known, and nothing will tell by itself: the supervisor asks the acquirer and says what came of it.
        ResolveByHand = "resolve-by-hand",
        /// Approved.
        Approved = "approved",
        /// Declined.
        Declined = "declined",
        /// Not charged.
        NotCharged = "not-charged",
    }
}

words! {
    /// The languages texts are ready in.
    Locale {
        /// Simplified Chinese.
        ZhCn = "zh-CN",
        /// English.
        En = "en",
    }
}

impl Prompt {
    /// The ready text in a language.
    pub fn text(self, locale: Locale) -> &'static str {
        let (zh, en) = match self {
            Prompt::None => ("", ""),
            Prompt::PleaseWait => ("请稍候", "Please wait"),
            Prompt::SupervisorPassword => {
                ("请主管输入密码", "The supervisor types the password on the PIN pad")
            }
            Prompt::InsertCard => ("请插入银行卡", "Insert the card"),
            Prompt::TapOrInsertCard => ("请挥卡或插卡", "Tap or insert the card"),
            Prompt::InsertOrSwipeCard => ("请插卡或刷卡", "Insert or swipe the card"),
            Prompt::TapInsertOrSwipeCard => ("请挥卡、插卡或刷卡", "Tap, insert or swipe the card"),
            Prompt::SwipeAgain => ("读磁条失败，请重新刷卡", "The stripe was not read, swipe the card again"),
            Prompt::UseChip => ("此卡有芯片，请插卡", "This card has a chip, insert it"),
            Prompt::TapAgain => ("读卡中断，请重新挥卡", "Tapped too briefly, tap the same card again"),
            Prompt::OneCardOnly => ("感应区有多张卡，请只挥一张卡", "More than one card, tap only one"),
            Prompt::SeeDevice => {
                ("请在手机上确认后重新挥手机", "Confirm on the phone, then hold it to the reader again")
            }
            Prompt::HoldCard => ("正在读卡，请勿移开", "Reading the card, hold it still"),
            Prompt::CardRead => ("读卡完成，请收好卡", "The card is read, take it away"),
            Prompt::TypeCard => {
                ("请在密码键盘输入卡号和有效期", "Type the card's number and expiry on the PIN pad")
            }
            Prompt::ScanCode => ("请扫描顾客的付款码", "Scan the customer's payment code"),
            Prompt::UnknownCode => {
                ("付款码无法识别，请重新扫描", "This code is not taken here, scan another")
            }
            Prompt::ShowCode => ("请顾客扫码付款", "Show the code to the customer"),
            Prompt::WaitingPayment => ("请顾客在手机上确认", "The customer confirms on the phone"),
            Prompt::LeaveCard => ("正在读卡，请勿拔卡", "Reading the card, leave it in"),
            Prompt::ChooseApplication => ("请选择应用", "Choose the application"),
            Prompt::ConfirmApplication => ("请确认应用", "Confirm the application"),
            Prompt::EnterPin => ("请输入密码", "Enter the PIN"),
            Prompt::WrongPinAgain => ("密码错误，请重新输入", "Wrong PIN, enter it again"),
            Prompt::LastPinTry => ("密码错误，最后一次机会", "Wrong PIN, last try"),
            Prompt::Authorizing => ("正在联机处理，请勿拔卡", "Authorising, leave the card in"),
            Prompt::CheckSignature => ("请持卡人签名并核对", "Have the slip signed and check the signature"),
            Prompt::RemoveCard => ("请取回银行卡", "Take the card out"),
            Prompt::Resolving => {
                ("结果未知，正在冲正，请勿重复收款", "Outcome unknown, reversing; do not charge again")
            }
            Prompt::ResolveByHand => (
                "结果未知，请勿重复退货，请主管向收单行核实后处理",
                "Outcome unknown, do not refund again; the supervisor asks the acquirer and resolves it",
            ),
            Prompt::Approved => ("交易成功", "Approved"),
            Prompt::Declined => ("交易被拒绝", "Declined"),
            Prompt::NotCharged => ("未扣款", "Not charged"),
        };
        match locale {
            Locale::ZhCn => zh,
            Locale::En => en,
        }
    }
}
