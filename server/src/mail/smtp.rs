//! A mail server (RFC 5321), spoken to with deadlines.

use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::ExposeSecret as _;

use super::{CourierError, DeliveryError};
use crate::config::{SmtpConfig, SmtpSecurity};

/// How long one step of a conversation may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the whole of it may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// Connections at a time. Arbitrary; mails are sent one after the other.
const CONNECTIONS: u32 = 2;

/// Replies that no later attempt changes: there is no such mailbox (550, 551), or no such name can be (553).
const FOR_GOOD: [u16; 3] = [550, 551, 553];
/// Replies about the connection or the sender rather than the mail: closing (421), credentials (454, 530, 534, 535).
const ABOUT_THE_RELAY: [u16; 5] = [421, 454, 530, 534, 535];

pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Smtp")
    }
}

impl Smtp {
    pub(super) fn new(config: &SmtpConfig) -> Result<Self, CourierError> {
        let parameters = || {
            TlsParameters::new_rustls(config.host.clone())
                .map_err(|e| CourierError::Tls(e.to_string()))
        };
        let tls = match config.security {
            SmtpSecurity::Tls => Tls::Wrapper(parameters()?),
            SmtpSecurity::StartTls => Tls::Required(parameters()?),
            SmtpSecurity::None => Tls::None,
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host.as_str())
                .port(config.port)
                .tls(tls)
                .timeout(Some(STEP_TIMEOUT))
                .pool_config(PoolConfig::new().max_size(CONNECTIONS));
        if let Some((name, password)) = &config.credentials {
            builder = builder.credentials(Credentials::new(
                name.clone(),
                password.expose_secret().to_owned(),
            ));
        }
        Ok(Self {
            transport: builder.build(),
        })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), DeliveryError> {
        let sent = tokio::time::timeout(SEND_TIMEOUT, self.transport.send(message))
            .await
            .map_err(|_| {
                DeliveryError::NoRelay(format!(
                    "the mail server took longer than {} s",
                    SEND_TIMEOUT.as_secs()
                ))
            })?;
        let error = match sent {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let reason = error.to_string();
        Err(match error.status().map(u16::from) {
            Some(code) if FOR_GOOD.contains(&code) => DeliveryError::Never(reason),
            Some(code) if !ABOUT_THE_RELAY.contains(&code) => DeliveryError::NotNow(reason),
            // Nothing that the server said: it lacks what this mail needs, such as names beyond ASCII.
            None if error.is_client() => DeliveryError::NotNow(reason),
            _ => DeliveryError::NoRelay(reason),
        })
    }
}
