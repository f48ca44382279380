//! Application selection (Book 1 §12).

use super::{
    Candidate, Reason, Refusal,
    session::{End, Response, Session},
};
use crate::{configuration::Application, tags, tlv};

/// The payment system environment's directory.
const PSE: &[u8] = b"1PAY.SYS.DDF01";
/// The most directory records and the most applications of one name that are read.
const MOST_RECORDS: u8 = 30;
const MOST_OF_ONE_NAME: usize = 16;

/// An application that card and terminal have in common.
pub(super) struct Found {
    pub(super) candidate: Candidate,
    /// Which of the terminal's applications it matches.
    pub(super) application: usize,
}

fn is_blocked_card(response: &Response) -> bool {
    response.status == 0x6A81
}

impl Session {
    /// Selection, and initiation with it: an application that refuses the transaction (6985) leaves the list, and the
    /// next is tried (check 13).
    pub(super) async fn select_and_initiate(&mut self) -> Result<(), End> {
        let mut blocked = false;
        let mut found = self.candidates(&mut blocked).await?;
        loop {
            // Priority in ascending order, none last (check 5); the terminal's order among equals.
            found.sort_by_key(
                |found| if found.candidate.priority == 0 { 16 } else { found.candidate.priority },
            );
            if found.is_empty() {
                return Err(
                    if blocked { Refusal::ApplicationBlocked } else { Refusal::NoCommonApplication }.into()
                );
            }
            let chosen = self.decide(&mut found).await?;
            if self.enter(chosen, &mut blocked).await? && self.initiate().await? {
                return Ok(());
            }
        }
    }

    async fn candidates(&mut self, blocked: &mut bool) -> Result<Vec<Found>, End> {
        if self.configuration.terminal.payment_system_environment {
            let found = self.read_directory().await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        self.try_names(blocked).await
    }

    /// The payment system environment (§12.3.2, checks 1 and 2). Anything odd in it means: use the list of AIDs.
    async fn read_directory(&mut self) -> Result<Vec<Found>, End> {
        let response = self.select(PSE, false).await?;
        if is_blocked_card(&response) {
            return Err(Refusal::CardBlocked.into());
        }
        let mut found = Vec::new();
        if response.status != 0x9000 {
            return Ok(found);
        }
        let Some(fci) = fci(&response.data) else { return Ok(found) };
        let proprietary = tlv::find(fci, tags::FCI_PROPRIETARY).ok().flatten().unwrap_or_default();
        let code_table = one_byte(proprietary, tags::CODE_TABLE);
        let languages = languages(proprietary);
        let Some(sfi) = one_byte(proprietary, tags::DIRECTORY_SFI).filter(|sfi| (1..=10).contains(sfi))
        else {
            return Ok(found);
        };
        for record in 1..=MOST_RECORDS {
            let response = self.send(vec![0x00, 0xB2, record, sfi << 3 | 0x04, 0x00]).await?;
            if response.status == 0x6A83 {
                break;
            }
            let Some(record) =
                (response.status == 0x9000).then(|| template(&response.data, tags::RECORD)).flatten()
            else {
                return Ok(Vec::new());
            };
            // Entries that are no applications, or malformed, are passed over.
            for entry in tlv::Reader::new(record).map_while(Result::ok) {
                let name = tlv::find(entry.value, tags::ADF_NAME).ok().flatten();
                if let Some(name) = name.filter(|_| entry.tag == tags::DIRECTORY_ENTRY) {
                    self.add(&mut found, name, entry.value, code_table, &languages);
                }
            }
        }
        Ok(found)
    }

    /// The list of AIDs (§12.3.3, checks 3 and 4).
    async fn try_names(&mut self, blocked: &mut bool) -> Result<Vec<Found>, End> {
        let mut found = Vec::new();
        for application in self.configuration.applications.clone() {
            let mut next = false;
            for _ in 0..MOST_OF_ONE_NAME {
                let response = self.select(&application.aid, next).await?;
                if !next && is_blocked_card(&response) {
                    return Err(Refusal::CardBlocked.into());
                }
                if !matches!(response.status, 0x9000 | 0x6283) {
                    break;
                }
                *blocked |= response.status == 0x6283;
                let Some(fci) = fci(&response.data) else { break };
                let Some(name) = tlv::find(fci, tags::DF_NAME).ok().flatten() else { break };
                if !matches(&application, name) {
                    break;
                }
                if response.status == 0x9000 {
                    let proprietary =
                        tlv::find(fci, tags::FCI_PROPRIETARY).ok().flatten().unwrap_or_default();
                    let (table, languages) =
                        (one_byte(proprietary, tags::CODE_TABLE), languages(proprietary));
                    self.add(&mut found, name, proprietary, table, &languages);
                }
                if name == &application.aid[..] || !application.partial_selection {
                    break;
                }
                next = true;
            }
        }
        Ok(found)
    }

    pub(super) fn add(
        &self,
        found: &mut Vec<Found>,
        name: &[u8],
        data: &[u8],
        table: Option<u8>,
        languages: &[String],
    ) {
        let applications = &self.configuration.applications;
        // The longest of the terminal's names wins where several match.
        let best = applications.iter().enumerate().filter(|(_, application)| matches(application, name));
        let Some((application, _)) = best.max_by_key(|(place, a)| (a.aid.len(), usize::MAX - place)) else {
            return;
        };
        if !(5..=16).contains(&name.len()) || found.iter().any(|found| found.candidate.aid == name) {
            return;
        }
        let shown = table.is_some_and(|part| self.configuration.terminal.code_table(part));
        let value = |tag| tlv::find(data, tag).ok().flatten();
        let preferred = value(tags::PREFERRED_NAME).filter(|_| shown).and_then(printable);
        let label = preferred
            .or_else(|| value(tags::LABEL).and_then(printable))
            .unwrap_or_else(|| applications[application].name.clone());
        let priority = one_byte(data, tags::PRIORITY).unwrap_or(0);
        found.push(Found {
            candidate: Candidate {
                label,
                aid: name.to_vec(),
                priority: priority & 0x0F,
                confirmation_required: priority & 0x80 != 0,
                languages: languages.to_vec(),
            },
            application,
        });
    }

    /// Who decides which application is used (§12.4, check 7). What is given leaves the list, and so does what the
    /// cardholder or the terminal cannot have.
    async fn decide(&mut self, found: &mut Vec<Found>) -> Result<Found, End> {
        let terminal = &self.configuration.terminal;
        let (selection, confirmation) = (terminal.cardholder_selection, terminal.cardholder_confirmation);
        if found.len() > 1 && selection {
            let list = found.iter().map(|found| found.candidate.clone()).collect();
            let place = self.choose(list).await?;
            return Ok(found.remove(place));
        }
        let mut end = Refusal::NoCommonApplication;
        while !found.is_empty() {
            let first = found.remove(0);
            if !first.candidate.confirmation_required {
                return Ok(first);
            }
            if !confirmation {
                // Where nobody can confirm, an application that wants it may not be used.
                end = Refusal::ConfirmationImpossible;
            } else if self.confirm(first.candidate.clone()).await? {
                return Ok(first);
            } else {
                end = Refusal::Refused;
            }
        }
        Err(end.into())
    }

    /// The final SELECT (checks 8 and 9); `false` where the application cannot be used.
    pub(super) async fn enter(&mut self, found: Found, blocked: &mut bool) -> Result<bool, End> {
        let name = found.candidate.aid;
        let response = self.select(&name, false).await?;
        if is_blocked_card(&response) {
            return Err(Refusal::CardBlocked.into());
        }
        if response.status != 0x9000 {
            *blocked |= response.status == 0x6283;
            return Ok(false);
        }
        let Some(fci) = fci(&response.data) else { return Ok(false) };
        let Some(df_name) = tlv::find(fci, tags::DF_NAME).ok().flatten() else { return Ok(false) };
        let Some(application) = self.configuration.applications.get(found.application) else {
            return Ok(false);
        };
        if !df_name.starts_with(&name) || df_name.len() > 16 || !matches(application, df_name) {
            return Ok(false);
        }
        self.application = application.clone();
        self.aid = df_name.to_vec();
        self.draw_random().await?;
        self.begin();
        self.take_from_card(tags::DF_NAME, df_name);
        let proprietary = tlv::find(fci, tags::FCI_PROPRIETARY).ok().flatten().unwrap_or_default();
        for element in tlv::Reader::new(proprietary).map_while(Result::ok) {
            let shown = |part| self.configuration.terminal.code_table(part);
            let name_shown = one_byte(proprietary, tags::CODE_TABLE).is_some_and(shown);
            // A preferred name in an alphabet that cannot be shown is as good as none (check 6).
            if !element.constructed() && (element.tag != tags::PREFERRED_NAME || name_shown) {
                self.take_from_file(element.tag, element.value);
            }
        }
        Ok(true)
    }

    /// SELECT by name; the first or the next occurrence.
    pub(super) async fn select(&mut self, name: &[u8], next: bool) -> Result<Response, End> {
        let length = u8::try_from(name.len()).map_err(|_| Reason::Form("SELECT"))?;
        let mut command = vec![0x00, 0xA4, 0x04, if next { 0x02 } else { 0x00 }, length];
        command.extend_from_slice(name);
        command.push(0x00);
        self.send(command).await
    }
}

/// Whether a card application is one the terminal accepts (application selection indicator).
pub(super) fn matches(application: &Application, name: &[u8]) -> bool {
    if application.partial_selection {
        name.starts_with(&application.aid)
    } else {
        name == &application.aid[..]
    }
}

/// The value of a template that is the only element of an answer.
fn template(data: &[u8], tag: u32) -> Option<&[u8]> {
    tlv::only(data).ok().flatten().filter(|element| element.tag == tag).map(|element| element.value)
}

pub(super) fn fci(data: &[u8]) -> Option<&[u8]> {
    template(data, tags::FCI)
}

pub(super) fn one_byte(data: &[u8], tag: u32) -> Option<u8> {
    match tlv::find(data, tag) {
        Ok(Some([byte])) => Some(*byte),
        _ => None,
    }
}

/// Language preference: two letters each, up to four.
fn languages(data: &[u8]) -> Vec<String> {
    let value = tlv::find(data, tags::LANGUAGES).ok().flatten().unwrap_or_default();
    let letters = |pair: &[u8]| pair.iter().all(u8::is_ascii_alphabetic);
    value
        .chunks_exact(2)
        .take(4)
        .filter(|pair| letters(pair))
        .map(|pair| String::from_utf8_lossy(pair).to_ascii_lowercase())
        .collect()
}

/// Text of a card as it may be shown: printable ASCII, trimmed; `None` where nothing is left.
pub(super) fn printable(bytes: &[u8]) -> Option<String> {
    let text: String = bytes
        .iter()
        .filter(|byte| (0x20..0x7F).contains(*byte))
        .map(|byte| char::from(*byte))
        .take(16)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
