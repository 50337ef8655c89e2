//! Handing mails over: to a mail server, or to a folder when none is set. Knows nothing of queues, of why a mail is sent, or
//! of who may see it.

mod outbox;
mod smtp;

use std::fmt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use oneclaw_core::clock::Timestamp;
use uuid::Uuid;
use zeroize::Zeroizing;

use self::outbox::Outbox;
use self::smtp::Smtp;
use crate::config::MailConfig;

/// A mail on its way.
pub struct Parcel {
    /// Names the mail in `Message-ID`, the same in every attempt, so that one which was sent twice can be told.
    pub id: Uuid,
    /// When it was written.
    pub at: Timestamp,
    /// The address it goes to.
    pub to: String,
    /// One line.
    pub subject: Zeroizing<String>,
    /// Plain text.
    pub text: Zeroizing<String>,
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a mail was not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The mail server cannot be reached or is not willing to talk: other mails would fare no better.
    #[error("{0}")]
    NoRelay(String),
    /// Refused for now.
    #[error("{0}")]
    NotNow(String),
    /// Refused for good, or nothing that could be sent.
    #[error("{0}")]
    Never(String),
}

/// The way that mails take.
#[derive(Debug)]
pub struct Courier {
    from: Mailbox,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Smtp(Smtp),
    Outbox(Outbox),
}

/// Why there is no way for mails.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The sender is no address.
    #[error("`{0}` is no address that mails can come from")]
    From(String),
    /// TLS cannot be set up.
    #[error("TLS to the mail server cannot be set up: {0}")]
    Tls(String),
}

impl Courier {
    /// Through the mail server of the settings, or into `outbox` below the data directory.
    ///
    /// # Errors
    /// When the settings name a sender that is no address, or TLS cannot be set up.
    pub fn new(config: &MailConfig, data_dir: &Path) -> Result<Self, CourierError> {
        let from = config
            .from
            .parse()
            .map_err(|_| CourierError::From(config.from.clone()))?;
        let way = match &config.smtp {
            Some(smtp) => Way::Smtp(Smtp::new(smtp)?),
            None => Way::Outbox(Outbox::new(data_dir.join("outbox"))),
        };
        Ok(Self { from, way })
    }

    /// Hands a mail over. It may have arrived even when this fails: the connection may break after the mail was taken.
    ///
    /// # Errors
    /// Says whether, and when, another attempt makes sense.
    pub async fn deliver(&self, parcel: &Parcel) -> Result<(), DeliveryError> {
        let message = self.message(parcel)?;
        match &self.way {
            Way::Smtp(smtp) => smtp.send(message).await,
            Way::Outbox(outbox) => outbox.write(parcel, message).await,
        }
    }

    fn message(&self, parcel: &Parcel) -> Result<Message, DeliveryError> {
        let to = parcel
            .to
            .parse()
            .map(|address| Mailbox::new(None, address))
            .map_err(|e| DeliveryError::Never(format!("the recipient is no address: {e}")))?;
        let millis = u64::try_from(parcel.at.as_millis()).unwrap_or_default();
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(parcel.subject.as_str())
            .date(UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!(
                "<{}@{}>",
                parcel.id,
                self.from.email.domain()
            )))
            .header(ContentType::TEXT_PLAIN)
            .body(parcel.text.to_string())
            .map_err(|e| DeliveryError::Never(format!("the mail cannot be written: {e}")))
    }
}
