//! Mails: written and sealed here, queued by the store in the transaction of what they tell of, and sent by a job.
//!
//! To send one, hand what [`Services::compose`] gives to the method of the store that makes the change, which passes it to
//! `finish_with_mail` beside its audit events.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EventId, OrgId};
use oneclaw_crypto::random;
use oneclaw_store::{Lease, NewEvent, NewMail, WaitingMail};
use serde_json::json;
use zeroize::Zeroizing;

use super::Services;
use super::error::{Result, ServiceError};
use crate::mail::{DeliveryError, Parcel};

/// Mails in one look at the queue.
const BATCH: i64 = 50;
/// Looks in one round; what is left waits for the next one.
const MAX_BATCHES: usize = 20;
/// A mail that could not be sent for so long is given up, in milliseconds: five days (RFC 5321 §4.5.4.1).
const GIVE_UP_AFTER_MS: i64 = 5 * 24 * 3600 * 1000;
/// Longest pause between two attempts at a mail that was refused: two hours, in milliseconds.
const LONGEST_PAUSE_MS: i64 = 2 * 3600 * 1000;
/// Longest pause after an attempt that found no mail server, in milliseconds: when it comes back, mails go out soon.
const LONGEST_RELAY_PAUSE_MS: i64 = 5 * 60 * 1000;
/// Pause of the whole queue when there is no mail server, in milliseconds.
pub const RELAY_PAUSE_MS: i64 = 15_000;

/// A mail, before it is sealed.
pub struct Letter {
    /// The address it goes to.
    pub to: String,
    /// One line; what would end it is left out.
    pub subject: String,
    /// Plain text. May hold a key.
    pub text: Zeroizing<String>,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Letter(redacted)")
    }
}

/// What a round of sending came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Every mail that was due was tried.
    Done,
    /// There is no mail server to be had right now.
    NoRelay,
}

impl Services {
    /// Seals a mail for the queue.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn compose(&self, org: Option<OrgId>, at: Timestamp, letter: &Letter) -> Result<NewMail> {
        let id = random::new_id();
        let subject: String = letter
            .subject
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let plain = Zeroizing::new(format!("{subject}\n{}", letter.text.as_str()));
        let sealed = self
            .keys
            .mails()
            .seal(id.as_bytes(), plain.as_bytes())
            .map_err(|e| ServiceError::Internal(e.to_string()))?;
        Ok(NewMail {
            id,
            org_id: org,
            recipient: letter.to.clone(),
            sealed,
            queued_at: at,
        })
    }

    /// Whether there is a mail to be sent.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_due_mail(&self) -> Result<bool> {
        Ok(self.store.has_due_mail(self.clock.now()).await?)
    }

    /// Sends what is due. A mail that the server took may be sent once more if this server dies before it could note that;
    /// both carry the same `Message-ID`.
    ///
    /// # Errors
    /// What the database says; [`ServiceError::Conflict`] when another server sends mails now.
    pub async fn send_mails(&self, lease: &Lease) -> Result<Round> {
        for _ in 0..MAX_BATCHES {
            let due = self.store.due_mails(self.clock.now(), BATCH).await?;
            if due.is_empty() {
                return Ok(Round::Done);
            }
            for mail in due {
                if self.send_mail(lease, &mail).await? == Round::NoRelay {
                    return Ok(Round::NoRelay);
                }
            }
        }
        Ok(Round::Done)
    }

    async fn send_mail(&self, lease: &Lease, waiting: &WaitingMail) -> Result<Round> {
        let id = waiting.mail.id;
        let outcome = match self.parcel(&waiting.mail) {
            Ok(parcel) => self.courier.deliver(&parcel).await,
            Err(error) => Err(error),
        };
        let now = self.clock.now();
        let Err(error) = outcome else {
            self.store.settle_mail(lease, id, now).await?;
            return Ok(Round::Done);
        };
        let age_ms = now
            .as_millis()
            .saturating_sub(waiting.mail.queued_at.as_millis());
        let (pause, round) = match &error {
            DeliveryError::NoRelay(_) => (LONGEST_RELAY_PAUSE_MS, Round::NoRelay),
            DeliveryError::NotNow(_) | DeliveryError::Never(_) => (LONGEST_PAUSE_MS, Round::Done),
        };
        if matches!(error, DeliveryError::Never(_)) || age_ms >= GIVE_UP_AFTER_MS {
            tracing::warn!(mail = %id, reason = %error, "mail {id} is given up");
            let event = waiting
                .mail
                .org_id
                .map(|org| given_up(org, &waiting.mail, now));
            self.store
                .give_mail_up(lease, id, now, &error.to_string(), event)
                .await?;
            return Ok(round);
        }
        tracing::warn!(mail = %id, reason = %error, "mail {id} could not be sent; it is tried again");
        let due_at = now.plus_millis(pause_ms(waiting.attempts).min(pause));
        self.store
            .postpone_mail(lease, id, due_at, &error.to_string())
            .await?;
        Ok(round)
    }

    fn parcel(&self, mail: &NewMail) -> std::result::Result<Parcel, DeliveryError> {
        let unreadable =
            || DeliveryError::Never("the stored text of the mail cannot be opened".to_owned());
        let plain = self
            .keys
            .mails()
            .open(mail.id.as_bytes(), &mail.sealed)
            .map_err(|_| unreadable())?;
        let text = std::str::from_utf8(&plain).map_err(|_| unreadable())?;
        let (subject, text) = text.split_once('\n').ok_or_else(unreadable)?;
        Ok(Parcel {
            id: mail.id,
            at: mail.queued_at,
            to: mail.recipient.clone(),
            subject: Zeroizing::new(subject.to_owned()),
            text: Zeroizing::new(text.to_owned()),
        })
    }
}

/// 15 s, and twice as long after each attempt.
fn pause_ms(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(0, 16)).unwrap_or(16);
    15_000_i64.saturating_mul(1 << doublings)
}

fn given_up(org: OrgId, mail: &NewMail, at: Timestamp) -> NewEvent {
    NewEvent {
        decision: None,
        id: EventId::from_uuid(random::new_id()),
        org_id: org,
        action: "mail.give_up".to_owned(),
        actor_type: "system".to_owned(),
        actor_id: String::new(),
        resource_type: "mail".to_owned(),
        resource_id: mail.id.to_string(),
        vault_id: None,
        details: json!({"recipient": mail.recipient}),
        ip: None,
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        assert_eq!(pause_ms(0), 15_000);
        assert_eq!(pause_ms(3), 120_000);
        assert!(pause_ms(i64::MAX) > LONGEST_PAUSE_MS);
        assert_eq!(pause_ms(-1), 15_000);
    }
}
