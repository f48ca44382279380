//! Online processing and completion (Book 3 §10.9 and §10.11).

use super::{
    Input, OfflineApproval, OnlineRequest, Reason, Verdict,
    analysis::Request,
    scripts::Position,
    session::{End, Session},
};
use crate::{
    host::HostAnswer,
    indicators::{aip, tsi, tvr},
    tags,
};

/// The response code of a transaction that could not go online and is declined.
const UNABLE_TO_GO_ONLINE: &[u8] = b"Z3";
/// The response code of one that could not go online and is approved.
const APPROVED_UNABLE_TO_GO_ONLINE: &[u8] = b"Y3";

impl Session {
    /// Goes online with the ARQC, then completes with the card.
    pub(super) async fn complete(&mut self) -> Result<Verdict, End> {
        let request = OnlineRequest {
            cryptogram_information: 0x80,
            signature_required: self.signature,
            online_pin: self.online_pin,
        };
        match self.go_online(request).await? {
            Input::Host(answer) => self.complete_with(answer).await,
            // Check 58. Nothing has left, so card and terminal may decide.
            Input::UnableToGoOnline
                if self.transaction.offline == OfflineApproval::FirstOrUnableToGoOnline
                    && self.default_allows() =>
            {
                self.set(tags::RESPONSE_CODE, APPROVED_UNABLE_TO_GO_ONLINE);
                self.second_cryptogram(Request::Approve).await
            }
            // Never a Y3 after something left: the host may have approved it, and it is reversed.
            Input::UnableToGoOnline | Input::HostFailed => {
                self.set(tags::RESPONSE_CODE, UNABLE_TO_GO_ONLINE);
                self.second_cryptogram(Request::Decline).await
            }
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    async fn complete_with(&mut self, answer: HostAnswer) -> Result<Verdict, End> {
        let code = answer.authorisation_response_code;
        self.set(tags::RESPONSE_CODE, code);
        self.host_approved = self.configuration.approves(&code);
        if let Some(data) = &answer.issuer_authentication_data {
            self.authenticate_issuer(data).await?;
        }
        // Scripts of an issuer that the card does not believe do not run; the issuer is told so.
        let trusted = !self.tvr.has(tvr::ISSUER_AUTHENTICATION_FAILED);
        if trusted {
            self.run_scripts(&answer.scripts_before, Position::Before).await?;
        } else {
            self.pass_over(&answer.scripts_before);
            self.pass_over(&answer.scripts_after);
        }
        let request = if self.host_approved { Request::Approve } else { Request::Decline };
        let verdict = self.second_cryptogram(request).await?;
        if trusted {
            // The verdict stands; a card that leaves now only leaves its scripts undone, which their results say.
            let _ = self.run_scripts(&answer.scripts_after, Position::After).await;
        }
        Ok(verdict)
    }

    /// EXTERNAL AUTHENTICATE where the card supports it, once (check 56); else CDOL2 carries the data (check 57).
    async fn authenticate_issuer(&mut self, data: &[u8]) -> Result<(), End> {
        self.set(tags::ISSUER_AUTHENTICATION_DATA, data);
        if !self.aip.has(aip::ISSUER_AUTHENTICATION) {
            return Ok(());
        }
        let Some(length) = u8::try_from(data.len()).ok().filter(|length| (8..=16).contains(length)) else {
            // No card takes such data, so none is asked.
            self.mark(tvr::ISSUER_AUTHENTICATION_FAILED);
            return Ok(());
        };
        let mut command = vec![0x00, 0x82, 0x00, 0x00, length];
        command.extend_from_slice(data);
        let response = self.send(command).await?;
        self.done(tsi::ISSUER_AUTHENTICATION_PERFORMED);
        if response.status != 0x9000 {
            self.mark(tvr::ISSUER_AUTHENTICATION_FAILED);
        }
        Ok(())
    }

    /// The second and last GENERATE AC (check 60).
    pub(super) async fn second_cryptogram(&mut self, request: Request) -> Result<Verdict, End> {
        let given = self.generate(request, tags::CDOL2).await?;
        match (given.information & 0xC0, request) {
            // A forged approval is none; where the host approved, the caller reverses.
            (0x40, Request::Approve) if given.forged => Ok(Verdict::Declined),
            (0x40, Request::Approve) => Ok(Verdict::Approved),
            (0x00, _) => Ok(Verdict::Declined),
            _ => Err(Reason::Cryptogram { requested: request as u8, given: given.information }.into()),
        }
    }
}
