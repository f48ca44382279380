//! Payment by code: the customer's, which is scanned or which the app hands over (被扫), and the one that the terminal
//! shows (主扫).
//!
//! A code is a wallet's; which, how it is asked and what is done after silence says the profile. The messages are in
//! `wallet.rs`; what is done about a payment that is not known to be paid is in `closing.rs`.

use crate::{
    call::{Answer, CallError, Caller},
    kinds::{self, CardUse},
    money::Amount,
    prompt::Prompt,
    record::{Options, Records, TransactionId},
    sale::Step,
    state::{Cause, Outcome, State},
    terminal::{Asked, Terminal},
};
use posd_unionpay::{
    Kind,
    profile::{ShownCode as From, Wallet},
    qr::PaymentCode,
};
use posd_vault_protocol::{Request as VaultRequest, Secret};
use zeroize::Zeroizing;

/// A code that customers pay with when they see it. `Debug` shows none of it; the memory is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownCode(Zeroizing<String>);

impl ShownCode {
    pub(crate) fn new(code: String) -> ShownCode {
        ShownCode(Zeroizing::new(code))
    }

    /// The text that a QR code is drawn of: for the owner of the transaction.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ShownCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownCode(…)")
    }
}

impl Terminal {
    /// Whether a transaction may be made as far as codes go: the profile has QR payments, and the wallet whose code is
    /// to be shown takes the amount.
    pub(crate) fn check_code(&self, kind: Kind, amount: Amount, options: &Options) -> Result<(), CallError> {
        let refused = |why| Err(CallError::InvalidArgument(why));
        let card = kinds::rule(kind).card;
        match card {
            CardUse::ShownCode => {}
            _ if options.wallet.is_some() => return refused("only \"qr-show\" names a wallet"),
            CardUse::ScannedCode => {}
            _ => return Ok(()),
        }
        if !self.profile().qr.enabled {
            return refused("the acquirer's profile has no QR payments");
        }
        if card == CardUse::ScannedCode {
            return Ok(());
        }
        match self.showing_wallet(options) {
            None => refused("no such wallet shows a code here"),
            Some(wallet) if !self.takes(wallet, amount) => refused("the wallet takes no such amount"),
            Some(_) => Ok(()),
        }
    }

    /// The wallet whose code is shown: the one named, or the profile's first that shows any.
    fn showing_wallet(&self, options: &Options) -> Option<&Wallet> {
        let qr = &self.profile().qr;
        let shows = |wallet: &&Wallet| {
            qr.dialect(&wallet.dialect).is_some_and(|dialect| dialect.shown_code != From::None)
        };
        let wanted = options.wallet.as_deref();
        qr.wallets.iter().filter(shows).find(|wallet| wanted.is_none_or(|name| wallet.name == name))
    }

    fn takes(&self, wallet: &Wallet, amount: Amount) -> bool {
        let dialect = self.profile().qr.dialect(&wallet.dialect);
        dialect.is_some_and(|dialect| (dialect.minimum..=dialect.maximum).contains(&amount.minor()))
    }

    /// Waits for the customer's code.
    pub(crate) fn wait_for_code(&mut self) {
        let lasting = Some(self.settings.deadlines.code);
        self.step(Step::WaitingCode, State::WaitingCode, Prompt::ScanCode, lasting);
    }

    /// The scanner has read something. While nobody waits for a code it is nobody's, and forgotten.
    pub(crate) fn scanned(&mut self, code: &Secret) {
        let waiting = self.active.as_ref().filter(|active| active.step == Step::WaitingCode);
        let Some(id) = waiting.map(|active| active.id) else { return };
        if self.take_code(id, code).is_err()
            && let Some(live) = self.live.get_mut(&id)
        {
            // Another code may be scanned until the deadline.
            live.prompt = Prompt::UnknownCode;
            self.report(id);
        }
    }

    /// The app hands the customer's code over.
    pub(crate) fn call_present_code(
        &mut self,
        id: TransactionId,
        caller: Caller,
        code: &Secret,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let attempt = self.own(id, caller, records)?;
        let waits =
            self.active.as_ref().is_some_and(|active| active.id == id && active.step == Step::WaitingCode);
        if !waits {
            return Err(CallError::WrongState(self.view(attempt).state));
        }
        self.take_code(id, code)?;
        Ok(Some(Answer::Done))
    }

    /// Takes the customer's code for the running transaction and has it sealed for the intent (rule 10).
    fn take_code(&mut self, id: TransactionId, text: &Secret) -> Result<(), CallError> {
        let code = payment_code(text).ok_or(CallError::UnknownCode)?;
        let qr = &self.profile().qr;
        let wallet = qr.wallet_of(&code).ok_or(CallError::UnknownCode)?;
        if qr.dialect(&wallet.dialect).is_none_or(|dialect| dialect.sale.is_none()) {
            return Err(CallError::UnknownCode);
        }
        let taken = self.live.get(&id).is_some_and(|live| self.takes(wallet, live.attempt.amount));
        let name = wallet.name.clone();
        let clear = Secret::new(code.reveal().as_bytes().to_vec());
        if let Some(live) = self.live.get_mut(&id) {
            live.attempt.wallet = Some(name);
        }
        if !taken {
            self.abort(Outcome::Failed, Cause::AmountNotTaken);
            return Ok(());
        }
        if let Some(active) = self.active.as_mut() {
            active.code = Some(code);
        }
        self.step(Step::Sealing, State::ReadingCard, Prompt::PleaseWait, None);
        self.ask(Asked::Seal, VaultRequest::Seal { clear, context: id }, 0);
        Ok(())
    }

    /// Has a code made for the customer to pay with. Nothing of it needs sealing: nobody's money is in it.
    pub(crate) fn make_code(&mut self) {
        let Some(id) = self.active.as_ref().map(|active| active.id) else { return };
        let options = self.live.get(&id).map(|live| live.attempt.options.clone()).unwrap_or_default();
        let Some(wallet) = self.showing_wallet(&options).map(|wallet| wallet.name.clone()) else {
            // The profile is another one than when it was made.
            return self.abort(Outcome::Failed, Cause::WalletNotServed);
        };
        if let Some(live) = self.live.get_mut(&id) {
            live.attempt.wallet = Some(wallet);
        }
        self.sealed(Vec::new());
    }

    /// The code that the customer is to pay with is there. The intent is durable (rule 1).
    pub(crate) fn show_code(&mut self, id: TransactionId, code: String) {
        let lasting = self.settings.deadlines.code;
        let until = self.now.monotonic_ms + lasting;
        if let Some(active) = self.active.as_mut() {
            active.code_until = Some(until);
        }
        if let Some(live) = self.live.get_mut(&id) {
            live.code = Some(ShownCode::new(code));
        }
        self.enter(id, State::WaitingCode, Prompt::ShowCode, Some(lasting));
        self.ask_later(id, true);
    }
}

/// The digits of a code, as they were scanned or as the vault opened them.
pub(crate) fn payment_code(text: &Secret) -> Option<PaymentCode> {
    PaymentCode::new(std::str::from_utf8(text.expose()).ok()?)
}
