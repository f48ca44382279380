//! The kernel `emv`.

use crate::{
    FIELD55, Played,
    case::{Case, Host, script},
    decides,
    ours::follow,
};
use emv::{
    Tlv,
    contact::{
        dol_resolve::DolResolveExt,
        online_processing::{OnlineAuthorisationOutcome, OnlineAuthorisationResponse},
        terminal::{Terminal, TerminalApplication},
        transaction::{TransactionContext, TransactionInputs},
        transaction_driver::Transaction,
        transaction_flow::{
            HostMediated, TransactionFlowStep, continue_with_application, start,
            submit_authorisation_response, submit_pin, submit_unable_to_go_online,
        },
    },
    core::{
        apdu::{Command, Response},
        card_reader::CardReader,
        dol::Dol,
        generate_ac::GenerateAcResponse,
        oda::CaPublicKey,
        tags,
    },
    de::{
        additional_terminal_capabilities::AdditionalTerminalCapabilities,
        authorisation_response_code::AuthorisationResponseCode, terminal_capabilities::TerminalCapabilities,
        terminal_type::TerminalType,
    },
};
use posd_card::{Card, issuer, tlv};

/// A response code, and issuer authentication data.
type Heard = Option<([u8; 2], Option<Vec<u8>>)>;

/// The card through the other kernel's reader.
struct Reader {
    card: Card,
    commands: Vec<Vec<u8>>,
    /// GENERATE AC commands so far.
    generated: u32,
    /// CDOL2.
    second_list: Vec<u8>,
    /// What the host said, once it was asked: its code and its authentication data; `None` in it where it was not reached.
    heard: Option<Heard>,
}

impl Reader {
    /// The other kernel's lists leave out what it keeps beside its transaction data, 8A and 91: they are filled in here
    /// (Book 3 §5.4 asks for them), so that the card hears the same.
    fn filled(&self, mut command: Vec<u8>) -> Vec<u8> {
        let unreachable =
            if command.get(2).is_some_and(|control| control & 0x40 != 0) { b"Y3" } else { b"Z3" };
        let (code, data) = match &self.heard {
            None => (*b"Z1", None),
            Some(None) => (*unreachable, None),
            Some(Some((code, data))) => (*code, data.clone()),
        };
        let mut place = 5;
        for (tag, length) in tlv::list(&self.second_list) {
            let value = match tag {
                0x8A => code.to_vec(),
                0x91 => data.clone().unwrap_or_default(),
                _ => Vec::new(),
            };
            if let Some(part) = command.get_mut(place..place + value.len()) {
                part.copy_from_slice(&value);
            }
            place += length;
        }
        command
    }
}

impl CardReader for Reader {
    type Error = emv::Error;

    fn transmit(&mut self, command: &Command) -> Result<Response, emv::Error> {
        let mut bytes = command.to_bytes()?;
        if bytes.get(1) == Some(&0xAE) {
            self.generated += 1;
            if self.generated == 2 {
                bytes = self.filled(bytes);
            }
        }
        if decides(&bytes) {
            self.commands.push(bytes.clone());
        }
        // 61xx and 6Cxx are the reader's affair for this kernel.
        Response::parse(&follow(&mut self.card, &bytes))
    }
}

/// Plays a case.
pub fn play(case: &Case) -> Played {
    let terminal = terminal(case);
    let mut card = Card::new(case.profile.clone());
    card.reset();
    let mut transaction = Transaction {
        card: Reader {
            card,
            commands: Vec::new(),
            generated: 0,
            second_list: second_list(case),
            heard: None,
        },
        auth: HostMediated,
        ctx: TransactionContext::new(&terminal, inputs(case)),
    };
    let keys = authority(case);
    let pin: Vec<u8> = case.pin.bytes().map(|digit| digit - b'0').collect();
    let mut field55 = None;
    let mut information = None;
    let mut step = start(&mut transaction, &keys, &[], &[], Some(case.drawn));
    let verdict = loop {
        step = match step {
            Ok(TransactionFlowStep::SelectApplication { mut candidates }) => {
                let name = candidates.first().map(|candidate| candidate.df_name.clone()).unwrap_or_default();
                let drawn = Some(case.drawn);
                continue_with_application(&mut transaction, &keys, &[], &[], drawn, &mut candidates, &name)
            }
            Ok(TransactionFlowStep::CardholderVerification { .. }) => {
                let fill = |bytes: &mut [u8]| {
                    bytes.fill(0xA5);
                    true
                };
                submit_pin(&mut transaction, &keys, Some(case.drawn), &pin, fill)
            }
            Ok(TransactionFlowStep::OnlineRequest { first_generate_ac }) => {
                information = Some(first_generate_ac.cid.to_byte());
                field55 = field55_of(&transaction.ctx, &first_generate_ac);
                online(case, &mut transaction, &first_generate_ac)
            }
            Ok(TransactionFlowStep::Approved { generate_ac }) => {
                information = Some(generate_ac.cid.to_byte());
                break "approved";
            }
            Ok(TransactionFlowStep::Declined { generate_ac }) => {
                information = Some(generate_ac.cid.to_byte());
                break "declined";
            }
            Ok(TransactionFlowStep::Terminated { .. }) | Err(_) => break "ended",
        };
    };
    Played {
        verdict,
        tvr: transaction.ctx.tvr.to_bytes(),
        tsi: transaction.ctx.tsi.to_bytes(),
        cvm: transaction.ctx.tag_store.get(tags::CVM_RESULTS).unwrap_or(&[0x3F, 0, 0]).to_vec(),
        information,
        commands: transaction.card.commands,
        field55,
    }
}

fn online(
    case: &Case,
    transaction: &mut Transaction<'_, Reader, HostMediated>,
    first: &GenerateAcResponse,
) -> Result<
    TransactionFlowStep,
    emv::contact::transaction_driver::DriverError<emv::Error, std::convert::Infallible>,
> {
    let Host::Answers { code, scripts: [before, after], .. } = case.host else {
        transaction.card.heard = Some(None);
        return submit_unable_to_go_online(transaction, first);
    };
    let cryptogram = cryptogram(&transaction.ctx, first);
    let template = |tag: u8, good: bool| {
        let value = script(good);
        let mut bytes = vec![tag, value.len() as u8];
        bytes.extend(value);
        Tlv::from_bytes(&bytes).ok()
    };
    let mut issuer_scripts = Vec::new();
    issuer_scripts.extend(before.then(|| template(0x71, case.drawn.is_multiple_of(2))).flatten());
    issuer_scripts.extend(after.then(|| template(0x72, case.drawn.is_multiple_of(3))).flatten());
    let response = OnlineAuthorisationResponse {
        authorisation_response_code: AuthorisationResponseCode::parse(&code).expect("two characters"),
        issuer_authentication_data: case.issuer_authentication(cryptogram, u16::from_be_bytes(first.atc)),
        issuer_scripts,
    };
    transaction.card.heard = Some(Some((code, response.issuer_authentication_data.clone())));
    let outcome = if code == *b"00" {
        OnlineAuthorisationOutcome::Approved
    } else {
        OnlineAuthorisationOutcome::Declined
    };
    submit_authorisation_response(transaction, first, &response, outcome)
}

/// The cryptogram: in the answer, or recovered from its signature.
fn cryptogram(context: &TransactionContext<'_>, first: &GenerateAcResponse) -> [u8; 8] {
    let kept = context.tag_store.get(tags::APPLICATION_CRYPTOGRAM).and_then(|value| value.try_into().ok());
    first.ac.or(kept).unwrap_or_default()
}

fn field55_of(context: &TransactionContext<'_>, first: &GenerateAcResponse) -> Option<Vec<u8>> {
    // What the card computed comes first in the list; the rest is the terminal's, and the name the card was selected by.
    let mut data = cryptogram(context, first).to_vec();
    data.push(first.cid.to_byte());
    data.extend_from_slice(&first.atc);
    let card = [0x9F, 0x26, 8, 0x9F, 0x27, 1, 0x9F, 0x36, 2].len();
    let name = FIELD55.windows(2).position(|pair| pair == [0x84, 8])?;
    let filled = |list: &[u8]| Dol::parse(list).ok().map(|list| list.resolve(context));
    let results = FIELD55.windows(3).position(|entry| entry == [0x9F, 0x34, 3])?;
    data.extend(filled(FIELD55.get(card..results)?)?);
    data.extend_from_slice(context.tag_store.get(tags::CVM_RESULTS)?);
    data.extend(filled(FIELD55.get(results + 3..name)?)?);
    data.extend_from_slice(&context.selected.as_ref()?.df_name);
    data.extend(filled(FIELD55.get(name + 2..)?)?);
    Some(data)
}

fn second_list(case: &Case) -> Vec<u8> {
    let Some(application) = case.profile.applications.first() else { return Vec::new() };
    let records = application.records();
    let find = |content: &[u8]| {
        tlv::first(content).and_then(|(_, inner, _)| tlv::find(inner, 0x8D).map(<[u8]>::to_vec))
    };
    records.iter().find_map(|record| find(&record.content)).unwrap_or_default()
}

fn inputs(case: &Case) -> TransactionInputs {
    let bcd = |value: u8| value / 10 << 4 | value % 10;
    TransactionInputs {
        amount_authorised: case.amount,
        amount_other: 0,
        transaction_currency_code: 156,
        transaction_currency_exponent: 2,
        transaction_date: case.date.map(bcd),
        transaction_time: [0x12, 0x30, 0x59],
        transaction_type: 0,
        transaction_sequence_counter: 42,
        unpredictable_number: case.number,
    }
}

fn authority(case: &Case) -> Vec<CaPublicKey> {
    let key = issuer::authority_key();
    let key = CaPublicKey { rid: key.rid, index: key.index, modulus: key.modulus, exponent: key.exponent };
    if case.knows_authority { vec![key] } else { Vec::new() }
}

fn terminal(case: &Case) -> Terminal {
    let [denial, online, default] = case.action_codes.map(Some);
    let (threshold, target, maximum) = case.selection;
    // It refuses parameters of a selection that cannot be.
    let selects = maximum > 0;
    let application = |aid: &[u8]| TerminalApplication {
        aid: aid.to_vec(),
        partial_match_allowed: true,
        application_version_number: case.version,
        terminal_floor_limit: case.floor_limit,
        terminal_risk_management_data: None,
        default_ddol: Some(vec![0x9F, 0x37, 4]),
        default_tdol: None,
        tac_denial: denial,
        tac_online: online,
        tac_default: default,
        rts_target_percentage: selects.then_some(target),
        rts_max_target_percentage: selects.then_some(maximum),
        rts_threshold_value: selects.then_some(u64::from(threshold)),
    };
    Terminal {
        terminal_type: TerminalType(0x22),
        terminal_capabilities: TerminalCapabilities::parse(&case.capabilities).expect("three bytes"),
        additional_terminal_capabilities: AdditionalTerminalCapabilities::parse(&[
            0x60, 0x00, 0xF0, 0xF0, 0x01,
        ])
        .expect("five bytes"),
        terminal_country_code: 156,
        terminal_identification: [b' '; 8],
        ifd_serial_number: *b"00000001",
        merchant_category_code: 0,
        merchant_identifier: [b' '; 15],
        merchant_name_and_location: Vec::new(),
        acquirer_identifier: None,
        cardholder_selection_and_confirmation_supported: true,
        applications: vec![
            application(&[0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x01]),
            application(&[0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x02]),
        ],
    }
}
