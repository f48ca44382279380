//! Downloads: one message at a time, between transactions. A set is gathered in memory, checked, and stored by one
//! commit; a crash at any step before it leaves the set that was in force, and after it the new one. The host is told
//! last that a set is in use; where that word may have been lost it is said again.

use crate::{
    audit::AuditEvent,
    call::{Answer as CallAnswer, CallError, Caller},
    event::{Effect, Timer},
    exchange::{End, Purpose, Stage},
    record::{Sealed, WallTime, Write},
    sets::{self, Blacklist, DownloadSet, DownloadStage, NotUsable, SetContent, StoredSet},
    terminal::{Asked, JournalState, Terminal},
    view::DownloadView,
};
use posd_unionpay::{
    Answer,
    download::{
        AidEntry, AidParameters, BlockedCard, CaKey, ContactlessParameters, DownloadError, KeyEntry,
        Parameters, aid_list, blacklist, key_list,
    },
    request::{self, Step},
};
use posd_vault_protocol::{Reply, Request as VaultRequest};

/// What the sealed blacklist is bound to: no transaction has this number.
const BLACKLIST_CONTEXT: u64 = u64::MAX;
/// How long a set that the host's header asks for, or that is old, is left alone after a try, in milliseconds: a host
/// that asks in every answer would be asked for ever.
const LEFT_ALONE: u64 = 3_600_000;
const DAY: i64 = 86_400_000;
/// The longest wait of the timer of ages.
const LOOK_AGAIN: u64 = 86_400_000;
/// A list's place is two digits.
const MOST_ENTRIES: usize = 99;

/// Why a set is downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// A call of that user.
    Call(u32),
    /// The host's header.
    Host,
    /// The set is old.
    Age,
    /// A restart found that the host may not know the set to be in use.
    Unconfirmed,
}

impl Trigger {
    fn word(self) -> &'static str {
        match self {
            Trigger::Call(_) => "call",
            Trigger::Host => "host",
            Trigger::Age => "age",
            Trigger::Unconfirmed => "unconfirmed",
        }
    }
}

/// How a set stands, for people.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) set: DownloadSet,
    stage: DownloadStage,
    done: u32,
    total: u32,
    fault: String,
    /// When the last try began, by the monotonic clock.
    tried: Option<u64>,
}

/// One download.
#[derive(Debug)]
pub(crate) struct Job {
    set: DownloadSet,
    trigger: Trigger,
    step: Step,
    keys: Vec<KeyEntry>,
    aids: Vec<AidEntry>,
    taken_keys: Vec<CaKey>,
    taken_aids: Vec<AidParameters>,
    cards: Vec<BlockedCard>,
    /// The vault seals the blacklist; no message is due.
    sealing: bool,
}

impl Job {
    fn new(set: DownloadSet, trigger: Trigger) -> Job {
        let step = match set {
            DownloadSet::Parameters => Step::Parameters,
            DownloadSet::CaKeys => Step::KeyQuery(0),
            DownloadSet::Aids => Step::AidQuery(0),
            DownloadSet::Contactless => Step::Contactless,
            DownloadSet::Blacklist => Step::Blacklist(0),
            DownloadSet::ParametersUpload => Step::ParametersUpload(Parameters::default()),
        };
        let step = if trigger == Trigger::Unconfirmed { end_of(set).unwrap_or(step) } else { step };
        Job {
            set,
            trigger,
            step,
            keys: Vec::new(),
            aids: Vec::new(),
            taken_keys: Vec::new(),
            taken_aids: Vec::new(),
            cards: Vec::new(),
            sealing: false,
        }
    }
}

/// The message that says that a set is in use.
fn end_of(set: DownloadSet) -> Option<Step> {
    match set {
        DownloadSet::Parameters => Some(Step::ParametersEnd),
        DownloadSet::CaKeys => Some(Step::KeyEnd),
        DownloadSet::Aids => Some(Step::AidEnd),
        DownloadSet::Contactless => Some(Step::ContactlessEnd),
        DownloadSet::Blacklist => Some(Step::BlacklistEnd),
        DownloadSet::ParametersUpload => None,
    }
}

fn is_end(step: &Step) -> bool {
    matches!(
        step,
        Step::ParametersEnd | Step::KeyEnd | Step::AidEnd | Step::ContactlessEnd | Step::BlacklistEnd
    )
}

/// What an answer comes to.
enum Next {
    /// Send this.
    Ask(Step),
    /// The set is whole.
    Whole(SetContent),
    /// The blacklist is whole, and must be sealed.
    Seal,
    /// The host has none; what is in force stays.
    Nothing,
}

/// Why a download failed: a stable word.
type Fault = String;

fn malformed(error: DownloadError) -> Fault {
    format!("bad-answer ({error})")
}

impl Terminal {
    pub(crate) fn call_download(
        &mut self,
        caller: Caller,
        set: DownloadSet,
    ) -> Result<Option<CallAnswer>, CallError> {
        self.journal_ready()?;
        self.want_download(set, Trigger::Call(caller.uid));
        Ok(Some(CallAnswer::Done))
    }

    /// One download of a set at a time: who asks while one runs or waits has it.
    fn want_download(&mut self, set: DownloadSet, trigger: Trigger) {
        let running = self.download.as_ref().is_some_and(|job| job.set == set);
        if running || self.downloads_wanted.iter().any(|(wanted, _)| *wanted == set) {
            return;
        }
        let progress = self.progress(set);
        progress.stage = DownloadStage::Waiting;
        (progress.done, progress.total) = (0, 0);
        progress.fault.clear();
        self.downloads_wanted.push_back((set, trigger));
    }

    fn progress(&mut self, set: DownloadSet) -> &mut Progress {
        let place = match self.downloads.iter().position(|progress| progress.set == set) {
            Some(place) => place,
            None => {
                let stage = DownloadStage::None;
                let fault = String::new();
                self.downloads.push(Progress { set, stage, done: 0, total: 0, fault, tried: None });
                self.downloads.len() - 1
            }
        };
        &mut self.downloads[place]
    }

    pub(crate) fn download_views(&self) -> Vec<DownloadView> {
        let views = DownloadSet::ALL.iter().map(|set| {
            let taken = self.in_force.of(*set).map_or(0, |stored| stored.taken);
            match self.downloads.iter().find(|progress| progress.set == *set) {
                Some(Progress { stage, done, total, fault, .. }) => {
                    let (stage, done, total) = (*stage, *done, *total);
                    DownloadView { set: *set, stage, done, total, taken, fault: fault.clone() }
                }
                None => {
                    let stage = DownloadStage::None;
                    DownloadView { set: *set, stage, done: 0, total: 0, taken, fault: String::new() }
                }
            }
        });
        views.collect()
    }

    /// What the journal has stored comes into force. A set that no longer serves, as the configuration file has
    /// changed, stays out of it.
    pub(crate) fn load_sets(&mut self, stored: Vec<StoredSet>) {
        for set in stored {
            let (which, confirmed, entries) = (set.set, set.confirmed, set.entries());
            let blacklist = matches!(set.content, SetContent::Blacklist { .. });
            let taken = self.in_force.take(set);
            let progress = self.progress(which);
            progress.stage = DownloadStage::Applied;
            (progress.done, progress.total) = (entries, entries);
            match taken {
                Ok(()) => {
                    if blacklist {
                        self.in_force.blacklist = Blacklist::Closed;
                    }
                    if !confirmed {
                        self.downloads_wanted.push_back((which, Trigger::Unconfirmed));
                    }
                }
                Err(_) => {
                    progress.stage = DownloadStage::Failed;
                    progress.fault = "not-usable".to_owned();
                }
            }
        }
    }

    /// The vault is there: the stored blacklist is opened.
    pub(crate) fn open_blacklist(&mut self) {
        if !matches!(self.in_force.blacklist, Blacklist::Closed) {
            return;
        }
        let content = self.in_force.of(DownloadSet::Blacklist).map(|stored| &stored.content);
        if let Some(SetContent::Blacklist { cards, .. }) = content {
            let request = VaultRequest::Open { sealed: cards.0.clone(), context: BLACKLIST_CONTEXT };
            self.ask(Asked::OpenBlacklist, request, 0);
        }
    }

    pub(crate) fn blacklist_opened(&mut self, reply: Reply) {
        if let Reply::Opened(clear) = reply
            && let Some(cards) = sets::unseal(&clear)
            && matches!(self.in_force.blacklist, Blacklist::Closed)
        {
            self.in_force.blacklist = Blacklist::Open(cards);
        }
    }

    /// The host's header asks for something (reference 2.1).
    pub(crate) fn host_wants(&mut self, requirement: u8) {
        let set = match requirement {
            1 => DownloadSet::Parameters,
            2 => DownloadSet::ParametersUpload,
            4 => DownloadSet::CaKeys,
            5 => DownloadSet::Aids,
            7 => DownloadSet::Blacklist,
            9 => DownloadSet::Contactless,
            6 => {
                self.device.update_requested = Some(env!("CARGO_PKG_VERSION").to_owned());
                return;
            }
            _ => return,
        };
        if !self.tried_lately(set) {
            self.want_download(set, Trigger::Host);
        }
    }

    fn tried_lately(&self, set: DownloadSet) -> bool {
        let tried = self.downloads.iter().find(|progress| progress.set == set).and_then(|p| p.tried);
        tried.is_some_and(|at| self.now.monotonic_ms < at + LEFT_ALONE)
    }

    /// Days after which each set is downloaded again. One that was never downloaded has no age.
    fn aging(&self) -> impl Iterator<Item = (DownloadSet, i64)> + '_ {
        let days = &self.settings.profile.downloads;
        let all = [
            (DownloadSet::Parameters, days.parameters_days),
            (DownloadSet::CaKeys, days.ca_keys_days),
            (DownloadSet::Aids, days.aids_days),
            (DownloadSet::Contactless, days.contactless_days),
            (DownloadSet::Blacklist, days.blacklist_days),
        ];
        all.into_iter().filter(|(_, days)| *days > 0).filter_map(|(set, days)| {
            let due: WallTime = self.in_force.of(set)?.taken.saturating_add(i64::from(days) * DAY);
            Some((set, due))
        })
    }

    fn want_old_sets(&mut self) {
        let now = self.now.wall;
        let old: Vec<DownloadSet> = self.aging().filter(|(_, due)| *due <= now).map(|(set, _)| set).collect();
        for set in old {
            if !self.tried_lately(set) {
                self.want_download(set, Trigger::Age);
            }
        }
    }

    /// Sets the timer of ages anew where the next age has come nearer or gone.
    pub(crate) fn watch_ages(&mut self) {
        let now = self.now;
        let next = self.aging().map(|(set, due)| {
            let wait = u64::try_from(due - now.wall).unwrap_or(0);
            let tried = self.downloads.iter().find(|progress| progress.set == set).and_then(|p| p.tried);
            let alone = tried.map_or(0, |at| (at + LEFT_ALONE).saturating_sub(now.monotonic_ms));
            wait.max(alone).clamp(1_000, LOOK_AGAIN)
        });
        let Some(wait) = next.min() else { return };
        let at = now.monotonic_ms + wait;
        let stands = self.ages_at.is_some_and(|set| set > now.monotonic_ms && set <= at);
        if !stands {
            self.ages_at = Some(at);
            self.effect(Effect::SetTimer(Timer::Download, wait));
        }
    }

    /// Begins the next message of a download, where nothing else wants the line. `false` where there is none.
    pub(crate) fn next_download_step(&mut self) -> bool {
        if self.journal != JournalState::Good || self.active.is_some() || !self.queue.is_empty() {
            return false;
        }
        self.want_old_sets();
        if self.download.is_none() {
            let Some((set, trigger)) = self.downloads_wanted.pop_front() else { return false };
            let now = self.now.monotonic_ms;
            let progress = self.progress(set);
            progress.stage = DownloadStage::Running;
            progress.tried = Some(now);
            self.download = Some(Job::new(set, trigger));
        }
        let Some(job) = self.download.as_ref().filter(|job| !job.sealing) else { return false };
        let step = match &job.step {
            Step::ParametersUpload(_) => Step::ParametersUpload(self.present_parameters()),
            step => step.clone(),
        };
        if self.profile().mac_on_downloads && !self.device.signed_in {
            self.download_failed("not-signed-in".to_owned());
            return true;
        }
        let download = request::Download { identity: self.identity(), batch: self.device.batch, step };
        match download.build(self.profile()) {
            Ok(request) => self.exchange_request(Purpose::Download, request),
            Err(_) => self.download_failed("too-many".to_owned()),
        }
        true
    }

    /// What the terminal tells the host of itself.
    fn present_parameters(&self) -> Parameters {
        let seconds = self.reply_timeout_s().min(99);
        Parameters {
            application_type: Some(60),
            reply_timeout_s: u8::try_from(seconds).ok(),
            merchant_name: Some(self.merchant_name().to_owned()),
            ..self.in_force.parameters().cloned().unwrap_or_default()
        }
    }

    /// A transaction wants the line: a download's message that waits for its answer is given up, and asked again later.
    pub(crate) fn yield_download(&mut self) {
        let waits = self.exchange.as_ref().is_some_and(|exchange| {
            exchange.purpose == Purpose::Download && matches!(exchange.stage, Stage::Waiting)
        });
        if waits && let Some(exchange) = self.exchange.take() {
            self.effect(Effect::StopTimer(Timer::Reply));
            self.effect(Effect::CloseExchange(exchange.id));
        }
    }

    pub(crate) fn download_answered(&mut self, end: End) {
        let Some(job) = self.download.as_mut() else { return };
        let answer = match end {
            End::Answered(answer) if answer.response_code() == "00" => answer,
            End::Answered(answer) => {
                let fault = format!("code={}", answer.response_code());
                return self.download_failed(fault);
            }
            end => {
                let fault = end.word();
                return self.download_failed(fault);
            }
        };
        if is_end(&job.step) {
            return self.download_confirmed();
        }
        match gather(job, &self.settings.profile, &answer) {
            Ok(Next::Ask(step)) => {
                job.step = step;
                self.count_download();
            }
            Ok(Next::Seal) => {
                job.sealing = true;
                let clear = sets::to_seal(&job.cards);
                if self.vault.is_none() {
                    return self.download_failed("secure-module".to_owned());
                }
                let request = VaultRequest::Seal { clear, context: BLACKLIST_CONTEXT };
                self.ask(Asked::SealBlacklist, request, 0);
            }
            Ok(Next::Whole(content)) => self.store_set(content),
            Ok(Next::Nothing) => {
                let set = job.set;
                self.download = None;
                let sent_up = set == DownloadSet::ParametersUpload;
                let stage = match sent_up || self.in_force.of(set).is_some() {
                    true => DownloadStage::Applied,
                    false => DownloadStage::None,
                };
                let progress = self.progress(set);
                progress.stage = stage;
            }
            Err(fault) => self.download_failed(fault),
        }
    }

    fn count_download(&mut self) {
        let Some(job) = self.download.as_ref() else { return };
        let counts =
            (job.taken_keys.len() + job.taken_aids.len() + job.cards.len(), job.keys.len() + job.aids.len());
        let set = job.set;
        let progress = self.progress(set);
        progress.done = u32::try_from(counts.0).unwrap_or(u32::MAX);
        progress.total = u32::try_from(counts.1).unwrap_or(u32::MAX);
    }

    pub(crate) fn blacklist_sealed(&mut self, reply: Reply) {
        let Some(job) = self.download.as_mut().filter(|job| job.sealing) else { return };
        job.sealing = false;
        match reply {
            Reply::Sealed(sealed) => {
                let count = u32::try_from(job.cards.len()).unwrap_or(u32::MAX);
                self.store_set(SetContent::Blacklist { count, cards: Sealed(sealed) });
            }
            _ => self.download_failed("secure-module".to_owned()),
        }
    }

    /// The vault went before it had sealed the blacklist.
    pub(crate) fn download_without_vault(&mut self) {
        if self.download.as_ref().is_some_and(|job| job.sealing) {
            self.download_failed("secure-module".to_owned());
        }
    }

    /// The set is whole: it is checked, stored by one commit, and in force.
    fn store_set(&mut self, content: SetContent) {
        let Some(job) = self.download.as_mut() else { return };
        let (set, trigger) = (job.set, job.trigger);
        if let Err(error) = self.in_force.would_serve(&content) {
            let fault = match error {
                NotUsable::Checksum => "checksum",
                NotUsable::Content => "not-usable",
            };
            return self.download_failed(fault.to_owned());
        }
        let cards = std::mem::take(&mut job.cards);
        if let Some(step) = end_of(set) {
            job.step = step;
        }
        let stored = StoredSet { set, taken: self.now.wall, confirmed: false, content };
        let entries = stored.entries();
        let uid = match trigger {
            Trigger::Call(uid) => Some(uid),
            _ => None,
        };
        let operator = self.operator.as_deref().unwrap_or_default();
        let detail = format!("set={set} entries={entries} trigger={}", trigger.word());
        let row = self.audit_row(AuditEvent::Download, uid, operator, detail);
        self.effect(Effect::Commit(vec![Write::Set(Box::new(stored.clone())), row]));
        // It was found to serve just now.
        let taken = self.in_force.take(stored);
        debug_assert_eq!(taken, Ok(()));
        if set == DownloadSet::Blacklist {
            self.in_force.blacklist = Blacklist::Open(cards);
        }
        let progress = self.progress(set);
        (progress.done, progress.total) = (entries, entries);
    }

    fn download_confirmed(&mut self) {
        let Some(job) = self.download.take() else { return };
        let place = self.in_force.stored.iter().position(|stored| stored.set == job.set);
        if let Some(stored) = place.map(|place| &mut self.in_force.stored[place]) {
            stored.confirmed = true;
            let write = Write::Set(Box::new(stored.clone()));
            self.effect(Effect::Commit(vec![write]));
        }
        self.progress(job.set).stage = DownloadStage::Applied;
    }

    fn download_failed(&mut self, fault: Fault) {
        let Some(job) = self.download.take() else { return };
        // A set that is in force is not undone because the host did not hear of it.
        let applied = is_end(&job.step);
        let progress = self.progress(job.set);
        progress.stage = if applied { DownloadStage::Applied } else { DownloadStage::Failed };
        progress.fault = if applied { format!("unconfirmed: {fault}") } else { fault };
    }

    /// Whether the daemon may be replaced now: nothing runs, waits or is owed to the host.
    pub(crate) fn is_update_safe(&self) -> bool {
        self.active.is_none()
            && self.queue.is_empty()
            && self.live.is_empty()
            && self.exchange.is_none()
            && self.login.is_none()
            && self.reversals.is_empty()
            && self.advices.is_empty()
            && self.download.is_none()
    }

    /// The merchant's name: the host's word goes before the configuration file's.
    pub(crate) fn merchant_name(&self) -> &str {
        let told = self.in_force.parameters().and_then(|parameters| parameters.merchant_name.as_deref());
        told.filter(|name| !name.is_empty()).unwrap_or(&self.settings.merchant_name)
    }

    /// Longest wait for an answer, in seconds: the host's word goes before the profile's.
    pub(crate) fn reply_timeout_s(&self) -> u16 {
        let told = self.in_force.parameters().and_then(|parameters| parameters.reply_timeout_s);
        told.filter(|seconds| *seconds > 0).map_or(self.profile().reply_timeout_s, u16::from)
    }
}

/// Adds an answer to what has come, and says what follows.
fn gather(job: &mut Job, profile: &posd_unionpay::Profile, answer: &Answer) -> Result<Next, Fault> {
    let field62 = answer.field62().unwrap_or_default();
    match job.step.clone() {
        Step::Parameters => {
            let value = match (profile.parameters_flag, field62.split_first()) {
                (false, _) => field62,
                (true, Some((b'1', value))) => value,
                (true, Some((b'0', []))) => return Ok(Next::Nothing),
                (true, _) => return Err("bad-answer (field 62 has no flag of one part)".to_owned()),
            };
            let parameters = Parameters::read(value).map_err(malformed)?;
            Ok(Next::Whole(SetContent::Parameters(Box::new(parameters))))
        }
        Step::KeyQuery(_) => {
            let list = key_list(field62).map_err(malformed)?;
            job.keys.extend(list.entries);
            let again = list.paging.asks_again();
            page(job.keys.len(), again, Step::KeyQuery).map(|ask| ask.unwrap_or_else(|| next_key(job)))
        }
        Step::Key(asked) => {
            let key = CaKey::read(&asked, field62).map_err(malformed)?;
            // A wrong one is known before the rest is asked for.
            if key.key_algorithm == 1 && sets::authority_key(&key) == Err(NotUsable::Checksum) {
                return Err("checksum".to_owned());
            }
            job.taken_keys.push(key);
            Ok(next_key(job))
        }
        Step::AidQuery(_) => {
            let list = aid_list(field62).map_err(malformed)?;
            job.aids.extend(list.entries);
            let again = list.paging.asks_again();
            page(job.aids.len(), again, Step::AidQuery).map(|ask| ask.unwrap_or_else(|| next_aid(job)))
        }
        Step::Aid(asked) => {
            job.taken_aids.push(AidParameters::read(&asked, field62).map_err(malformed)?);
            Ok(next_aid(job))
        }
        Step::Blacklist(_) => {
            let list = blacklist(profile, field62).map_err(malformed)?;
            job.cards.extend(list.entries);
            let again = list.paging.asks_again();
            // A blacklist with nobody on it is one too.
            page(job.cards.len(), again, Step::Blacklist).map(|ask| ask.unwrap_or(Next::Seal))
        }
        Step::Contactless if field62 == b"0" => Ok(Next::Nothing),
        Step::Contactless => {
            let parameters = ContactlessParameters::read(profile, field62).map_err(malformed)?;
            Ok(Next::Whole(SetContent::Contactless(Box::new(parameters))))
        }
        // Nothing comes down with these.
        _ => Ok(Next::Nothing),
    }
}

/// The question for the next page, where there is one.
fn page(have: usize, again: bool, ask: fn(u8) -> Step) -> Result<Option<Next>, Fault> {
    if have > MOST_ENTRIES {
        return Err("too-many".to_owned());
    }
    if !again {
        return Ok(None);
    }
    let have = u8::try_from(have).map_err(|_| "too-many".to_owned())?;
    Ok(Some(Next::Ask(ask(have))))
}

fn next_key(job: &mut Job) -> Next {
    match job.keys.get(job.taken_keys.len()) {
        Some(entry) => Next::Ask(Step::Key(entry.clone())),
        None if job.keys.is_empty() => Next::Nothing,
        None => Next::Whole(SetContent::CaKeys(std::mem::take(&mut job.taken_keys))),
    }
}

fn next_aid(job: &mut Job) -> Next {
    match job.aids.get(job.taken_aids.len()) {
        Some(entry) => Next::Ask(Step::Aid(entry.clone())),
        None if job.aids.is_empty() => Next::Nothing,
        None => Next::Whole(SetContent::Aids(std::mem::take(&mut job.taken_aids))),
    }
}
