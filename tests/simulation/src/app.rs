//! A storefront app that does what the README says: it names each sale, asks again with the same name after any
//! fault, opens a new attempt where the last one was no charge, and acknowledges what it was told.

use posd_receipt::Strokes;
use posd_terminal::{
    Amount, Answer, Call, CallError, Currency, Kind, Options, OriginalName, Reference, State, TransactionId,
    TransactionView,
};
use posd_terminal::{SettlementCall, SettlementState, SettlementView};
use posd_vault_protocol::Secret;
use std::collections::BTreeSet;

/// Where the app stands with its present sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Start(TransactionId),
    Follow(TransactionId),
    /// The cardholder has signed on the screen.
    Sign(TransactionId),
    NewAttempt,
    Acknowledge(TransactionId),
    SignIn,
    LogIn,
    Lock,
    /// Tries a sale while the screen is locked: it must be refused.
    TryLocked,
    Unlock,
    Settle,
    /// The settlement is under way.
    FollowSettlement,
    Idle,
}

/// The screen is locked before each so many sales.
const LOCKED_BEFORE: usize = 5;
/// One thing the app is to do.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) kind: Kind,
    /// The amount, where it follows nothing that moved money.
    pub(crate) amount: u64,
    /// The job that it follows, by its place.
    pub(crate) original: Option<usize>,
    /// The amount in hundredths of what that moved.
    pub(crate) percent: u64,
}

/// The app.
#[derive(Debug)]
pub(crate) struct App {
    /// Jobs begun.
    pub(crate) begun: usize,
    /// Jobs that the terminal refused to make a transaction for.
    pub(crate) refused: usize,
    jobs: Vec<Job>,
    /// Before which jobs it settles; the number of all of them stands for the end.
    settles: BTreeSet<usize>,
    /// What each finished job moved.
    moved: Vec<Option<u64>>,
    attempts: u32,
    step: Step,
    /// What to go back to after a sign-in or login.
    after: Step,
    /// The call that is out.
    waiting: bool,
    allow_partial: bool,
    /// The terminal made a sale while its screen was locked.
    pub(crate) sold_while_locked: bool,
    /// Transactions whose signature the terminal has taken.
    pub(crate) signed: Vec<TransactionId>,
}

impl App {
    pub(crate) fn new(jobs: Vec<Job>, settles: BTreeSet<usize>) -> App {
        App {
            begun: 0,
            refused: 0,
            moved: vec![None; jobs.len()],
            jobs,
            settles,
            attempts: 0,
            step: Step::Idle,
            after: Step::Idle,
            waiting: false,
            allow_partial: false,
            sold_while_locked: false,
            signed: Vec::new(),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.begun == self.jobs.len() && self.step == Step::Idle && !self.settles.contains(&self.begun)
    }

    /// Whether it waits for nothing and so shall act now or soon.
    pub(crate) fn can_act(&self) -> bool {
        !self.waiting && !matches!(self.step, Step::Follow(_) | Step::FollowSettlement) && !self.is_done()
    }

    /// The transaction it follows.
    pub(crate) fn follows(&self) -> Option<TransactionId> {
        match self.step {
            Step::Follow(id) => Some(id),
            _ => None,
        }
    }

    /// It, or the daemon, was started again: it asks for its sale by name.
    pub(crate) fn restart(&mut self) {
        self.waiting = false;
        self.step = match self.step {
            Step::Idle => Step::Idle,
            Step::Settle | Step::FollowSettlement => Step::Settle,
            Step::SignIn | Step::LogIn | Step::Unlock if self.after == Step::Settle => Step::Settle,
            _ => Step::Create,
        };
    }

    /// The kind of its present job.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.begun.checked_sub(1).map(|place| self.jobs[place].kind)
    }

    fn reference(&self) -> Reference {
        name_of(self.begun)
    }

    fn create(&self) -> Option<Call> {
        let job = &self.jobs[self.begun - 1];
        let moved = job.original.and_then(|place| self.moved[place]);
        let amount = match (job.kind, moved) {
            (Kind::BalanceInquiry, _) => Amount::nothing(Currency::Cny),
            (_, Some(moved)) => Amount::new((moved * job.percent / 100).max(1), Currency::Cny)?,
            (_, None) => Amount::new(job.amount, Currency::Cny)?,
        };
        Some(Call::Create {
            reference: self.reference(),
            kind: job.kind,
            amount,
            options: Box::new(Options {
                allow_partial: self.allow_partial,
                sign_on_screen: true,
                original: job.original.map(|place| OriginalName::Reference(name_of(place + 1))),
                instalments: (job.kind == Kind::Instalment).then_some(6),
                ..Options::default()
            }),
        })
    }

    /// The next call; `None` where the present sale is over and the next may begin.
    pub(crate) fn next_call(&mut self) -> Option<Call> {
        if self.step == Step::Idle {
            let settles = self.settles.remove(&self.begun);
            if !settles && self.begun == self.jobs.len() {
                return None;
            }
            if !settles {
                self.begun += 1;
                self.attempts = 1;
            }
            self.step = if settles {
                Step::Settle
            } else if self.begun.is_multiple_of(LOCKED_BEFORE) {
                Step::Lock
            } else {
                Step::Create
            };
        }
        self.waiting = true;
        Some(match self.step {
            Step::Create | Step::TryLocked => self.create()?,
            Step::Start(id) => Call::Start { id },
            Step::Sign(id) => Call::Sign { id, strokes: signature(id)? },
            Step::NewAttempt => Call::NewAttempt { reference: self.reference() },
            Step::Acknowledge(id) => Call::Acknowledge { id },
            Step::SignIn => Call::SignIn,
            Step::LogIn => {
                Call::LogIn { operator: "01".to_owned(), password: Some(Secret::new(b"1357".to_vec())) }
            }
            Step::Lock => Call::Lock,
            Step::Unlock => Call::Unlock { operator: None, password: Some(Secret::new(b"1357".to_vec())) },
            Step::Follow(id) => Call::Get { id },
            Step::Settle => Call::Settle,
            Step::FollowSettlement => Call::Settlement { batch: None, asked: SettlementCall::Get },
            Step::Idle => return None,
        })
    }

    /// The answer to its call.
    pub(crate) fn answered(&mut self, answer: &Result<Answer, CallError>) {
        self.waiting = false;
        match (self.step, answer) {
            (Step::Create | Step::NewAttempt | Step::Follow(_), Ok(Answer::Transaction(view))) => {
                self.look(view)
            }
            (Step::Lock, Ok(_)) => self.step = Step::TryLocked,
            (Step::TryLocked, Ok(_)) => {
                self.sold_while_locked = true;
                self.step = Step::Create;
            }
            (Step::Unlock, Ok(_)) => self.step = self.after,
            (Step::Settle | Step::FollowSettlement, Ok(Answer::Settlement(view))) => {
                self.look_settlement(view)
            }
            (
                Step::Settle,
                Err(CallError::ReversalPending | CallError::AdvicesPending | CallError::HostUnreachable),
            ) => {}
            (step, Err(CallError::Locked)) => {
                self.step = if step == Step::Settle { Step::Settle } else { Step::Create };
                self.first(Step::Unlock);
            }
            (Step::Start(id), Ok(_)) => self.step = Step::Follow(id),
            (Step::Sign(id), Ok(_)) => {
                self.signed.push(id);
                self.step = Step::Follow(id);
            }
            (Step::Acknowledge(_), Ok(_)) => self.step = Step::Idle,
            (Step::SignIn | Step::LogIn, Ok(_)) => self.step = self.after,
            (_, Err(CallError::NotSignedIn)) => self.first(Step::SignIn),
            (_, Err(CallError::NoOperator)) => self.first(Step::LogIn),
            (Step::SignIn | Step::LogIn | Step::Unlock, Err(_)) => {}
            // Tried again a little later.
            (_, Err(CallError::NotReady(_) | CallError::Busy | CallError::StorageFailed)) => {}
            // What it wanted to undo cannot be undone: that is its last word.
            (step, Err(CallError::Original(_))) => {
                self.refused += usize::from(matches!(step, Step::Create | Step::TryLocked));
                self.step = Step::Idle;
            }
            (Step::Settle | Step::FollowSettlement, Err(_)) => self.step = Step::Settle,
            (_, Err(_)) => self.step = Step::Create,
            (_, Ok(_)) => {}
        }
    }

    /// How the settlement stands; given up, it is asked for again, as nothing else is to do.
    pub(crate) fn look_settlement(&mut self, view: &SettlementView) {
        if matches!(self.step, Step::Settle | Step::FollowSettlement) {
            self.step = match view.state {
                SettlementState::Finished => Step::Idle,
                SettlementState::Failed => Step::Settle,
                SettlementState::Running | SettlementState::Waiting => Step::FollowSettlement,
            };
        }
    }

    fn first(&mut self, step: Step) {
        self.after = self.step;
        self.step = step;
    }

    /// How the sale stands.
    pub(crate) fn look(&mut self, view: &TransactionView) {
        let id = view.id();
        match view.state {
            State::Created => self.step = Step::Start(id),
            State::WaitingSignature => self.step = Step::Sign(id),
            State::Finished => {
                self.moved[self.begun - 1] = view.attempt.charged;
                let again = view.attempt.is_closed_without_charge() && self.attempts < 3;
                self.step = if again {
                    self.attempts += 1;
                    Step::NewAttempt
                } else {
                    Step::Acknowledge(id)
                };
            }
            _ => self.step = Step::Follow(id),
        }
    }
}

/// What the cardholder draws: never twice the same.
pub(crate) fn signature(id: TransactionId) -> Option<Strokes> {
    let [.., x, y] = id.to_be_bytes();
    Strokes::new(vec![vec![(x, y % 96), (y, x % 96)], vec![(255, 95)]]).ok()
}

/// The app's own name for its n-th job.
fn name_of(number: usize) -> Reference {
    let name = format!("sale-{number}");
    // Made of letters and digits.
    Reference::new(&name).unwrap_or_else(|| unreachable!("{name} is a reference"))
}
