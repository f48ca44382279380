//! SELECT and READ RECORD (EMV Book 1 §11-12, Book 3 §6.5.11).

use crate::apdu::{Command, Reply, status};
use crate::card::{Card, Stage};
use crate::profile::{Application, Profile, Pse};
use crate::tlv;

const ENVIRONMENT: &[u8] = b"1PAY.SYS.DDF01";
const PROXIMITY: &[u8] = b"2PAY.SYS.DDF01";

impl Card {
    pub(crate) fn select(&mut self, command: Command<'_>) -> Reply {
        if self.blocked {
            return Reply::status(status::NOT_SUPPORTED);
        }
        if command.p1 != 0x04 || !matches!(command.p2, 0x00 | 0x02) {
            return Reply::status(status::WRONG_PARAMETERS);
        }
        if !(5..=16).contains(&command.data.len()) {
            return Reply::status(status::WRONG_LENGTH);
        }
        let in_field = self.in_field;
        if command.data == PROXIMITY && in_field {
            return self.select_proximity();
        }
        if command.data == ENVIRONMENT && !in_field {
            return self.select_environment();
        }
        let from = match &self.session.partial {
            Some((name, index)) if command.p2 == 0x02 && name == command.data => index + 1,
            _ if command.p2 == 0x02 => usize::MAX,
            _ => 0,
        };
        let found = self
            .profile
            .applications
            .iter()
            .enumerate()
            .skip(from)
            .find(|(_, application)| application.aid.starts_with(command.data))
            .map(|(index, application)| (index, fci(&self.profile, application, in_field)));
        let Some((index, data)) = found else {
            return Reply::status(status::NOT_FOUND);
        };
        self.session.partial = Some((command.data.to_vec(), index));
        self.session.select(index);
        let blocked = self.application_blocked(index);
        Reply { data, status: if blocked { status::INVALIDATED } else { status::OK } }
    }

    /// The directory of a contactless reader (EMV Contactless Book B §3.3.2): every entry in the answer itself.
    fn select_proximity(&mut self) -> Reply {
        let entries: Vec<Vec<u8>> = self
            .profile
            .applications
            .iter()
            .filter_map(|application| Some((application, application.quick_pass.as_ref()?)))
            .map(|(application, quick_pass)| {
                let mut inner = tlv::object(0x4F, &application.aid);
                inner.extend(names(application));
                if let Some(kernel) = quick_pass.kernel {
                    inner.extend(tlv::object(0x9F2A, &[kernel]));
                }
                tlv::object(0x61, &inner)
            })
            .collect();
        if entries.is_empty() {
            return Reply::status(status::NOT_FOUND);
        }
        self.session.deselect();
        let directory = tlv::object(0xBF0C, &entries.concat());
        let inner = [tlv::object(0x84, PROXIMITY), tlv::object(0xA5, &directory)].concat();
        Reply::data(tlv::object(0x6F, &inner))
    }

    fn select_environment(&mut self) -> Reply {
        match self.profile.pse {
            Pse::Absent => return Reply::status(status::NOT_FOUND),
            Pse::Blocked => return Reply::status(status::INVALIDATED),
            Pse::Present => {}
        }
        self.session.deselect();
        self.session.environment = true;
        let mut proprietary = tlv::object(0x88, &[1]);
        if let Some(languages) = &self.profile.languages {
            proprietary.extend(tlv::object(0x5F2D, languages.as_bytes()));
        }
        let code_table = self.profile.applications.first().and_then(|application| application.code_table);
        if let Some(code_table) = code_table {
            proprietary.extend(tlv::object(0x9F11, &[code_table]));
        }
        let inner = [tlv::object(0x84, ENVIRONMENT), tlv::object(0xA5, &proprietary)].concat();
        Reply::data(tlv::object(0x6F, &inner))
    }

    pub(crate) fn read_record(&mut self, command: Command<'_>) -> Reply {
        if command.p2 & 0x07 != 0x04 || command.p1 == 0 {
            return Reply::status(status::WRONG_PARAMETERS);
        }
        let file = command.p2 >> 3;
        if self.session.environment {
            if file != 1 {
                return Reply::status(status::NOT_FOUND);
            }
            return match self.profile.applications.get(usize::from(command.p1) - 1) {
                Some(application) => Reply::data(tlv::object(0x70, &directory_entry(application))),
                None => Reply::status(status::NO_RECORD),
            };
        }
        if !matches!(self.session.stage, Stage::Initiated | Stage::Online | Stage::Finished) {
            return Reply::status(status::CONDITIONS);
        }
        let records = &self.session.records;
        let last = records.last().is_some_and(|last| last.sfi == file && last.number == command.p1);
        if last
            && let Some(amount) = self.session.debit.take()
            && let Some(chip) = self.chips.get_mut(self.session.application)
        {
            chip.balance = chip.balance.saturating_sub(amount);
        }
        let records = &self.session.records;
        match records.iter().find(|record| record.sfi == file && record.number == command.p1) {
            Some(record) => Reply::data(record.content.clone()),
            None if records.iter().any(|record| record.sfi == file) => Reply::status(status::NO_RECORD),
            None => Reply::status(status::NOT_FOUND),
        }
    }
}

/// One entry of the payment system directory (Book 1 table 47).
fn directory_entry(application: &Application) -> Vec<u8> {
    let mut inner = tlv::object(0x4F, &application.aid);
    inner.extend(names(application));
    tlv::object(0x61, &inner)
}

/// Label, preferred name and priority, as directory and FCI both give them.
fn names(application: &Application) -> Vec<u8> {
    let confirmation = u8::from(application.needs_confirmation) << 7;
    let standard = [
        (0x50, Some(application.label.clone().into_bytes())),
        (0x9F12, application.preferred_name.clone()),
        (0x87, Some(vec![confirmation | application.priority & 0x0F])),
    ];
    objects(application, standard)
}

/// File control information of an application (Book 1 table 45).
fn fci(profile: &Profile, application: &Application, in_field: bool) -> Vec<u8> {
    let mut proprietary = names(application);
    let standard = [
        (0x9F38, application.pdol(in_field)),
        (0x5F2D, profile.languages.clone().map(String::into_bytes)),
        (0x9F11, application.code_table.map(|table| vec![table])),
    ];
    proprietary.extend(objects(application, standard));
    let mut inner = objects(application, [(0x84, Some(application.aid.clone()))]);
    inner.extend(tlv::object(0xA5, &proprietary));
    tlv::object(0x6F, &inner)
}

fn objects<const N: usize>(application: &Application, standard: [(u32, Option<Vec<u8>>); N]) -> Vec<u8> {
    standard
        .into_iter()
        .filter_map(|(tag, value)| Some(tlv::object(tag, &application.value(tag, value)?)))
        .flatten()
        .collect()
}
