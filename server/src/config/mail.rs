//! How mails leave.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::error::ConfigError;
use super::layers::Layers;
use super::read::{Problem, secret, text, value};

/// Mail.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// The mail server; without one, mails are written as files.
    pub smtp: Option<SmtpConfig>,
    /// The sender: `name@example.com` or `Name <name@example.com>`.
    pub from: String,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// Name and password, if it asks for them.
    pub credentials: Option<(String, SecretString)>,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// TLS after `STARTTLS` (RFC 3207), and nothing without it.
    StartTls,
    /// None.
    None,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            smtp: None,
            from: "oneclaw <oneclaw@localhost>".to_owned(),
        }
    }
}

pub(super) fn read(layers: &Layers) -> Result<MailConfig, ConfigError> {
    let default = MailConfig::default();
    let url = secret(layers, "smtp_url", "smtp_url_file", |text| {
        smtp(text).map(|_| ())
    })?;
    let from = value(layers, "mail_from", |entry| sender(text(entry)?.trim()))?;
    if url.is_some() && from.is_none() {
        return Err(ConfigError::NoSender);
    }
    Ok(MailConfig {
        // It was checked above: the error has been told.
        smtp: url.and_then(|url| smtp(url.expose_secret()).ok()),
        from: from.unwrap_or(default.from),
    })
}

fn sender(text: &str) -> Result<String, Problem> {
    let is_sender = text.parse::<lettre::message::Mailbox>().is_ok();
    is_sender.then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "is `{}`; write an address such as `oneclaw@example.com` or `oneclaw <oneclaw@example.com>`",
            super::read::quote(text)
        )
    })
}

/// The address of a mail server. It is not quoted: it may hold a password.
fn smtp(text: &str) -> Result<SmtpConfig, Problem> {
    const FORM: &str = "must be `smtps://host`, `smtp://host` or `smtp://name:password@host:port`";
    let url = Url::parse(text).map_err(|_| FORM.to_owned())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(FORM)?;
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(FORM.to_owned());
    }
    let is_local = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback());
    let mut plain = is_local;
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            ("tls", "required") => plain = false,
            ("tls", "none") => plain = true,
            _ => {
                return Err(
                    "has a part after `?` that is neither `tls=required` nor `tls=none`".to_owned(),
                );
            }
        }
    }
    let (security, port) = match (url.scheme(), plain) {
        ("smtps", _) => (SmtpSecurity::Tls, 465),
        ("smtp", false) => (SmtpSecurity::StartTls, 587),
        ("smtp", true) => (SmtpSecurity::None, 25),
        _ => return Err(FORM.to_owned()),
    };
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (name, Some(password)) if !name.is_empty() => {
            Some((decoded(name)?, SecretString::from(decoded(password)?)))
        }
        _ => return Err("has a name without a password, or a password without a name".to_owned()),
    };
    Ok(SmtpConfig {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(port),
        security,
        credentials,
    })
}

fn decoded(text: &str) -> Result<String, Problem> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| "has a name or password that is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(url: &str) -> (String, u16, SmtpSecurity) {
        let smtp = smtp(url).unwrap();
        (smtp.host, smtp.port, smtp.security)
    }

    #[test]
    fn connections_are_protected_unless_they_stay_on_the_machine_or_somebody_says_otherwise() {
        let host = "mail.example.com".to_owned();
        assert_eq!(
            read("smtps://mail.example.com"),
            (host.clone(), 465, SmtpSecurity::Tls)
        );
        assert_eq!(
            read("smtp://mail.example.com"),
            (host.clone(), 587, SmtpSecurity::StartTls)
        );
        assert_eq!(
            read("smtp://mail.example.com:25?tls=none"),
            (host, 25, SmtpSecurity::None)
        );
        assert_eq!(
            read("smtp://127.0.0.1:2525"),
            ("127.0.0.1".to_owned(), 2525, SmtpSecurity::None)
        );
        assert_eq!(
            read("smtp://[::1]?tls=required"),
            ("::1".to_owned(), 587, SmtpSecurity::StartTls)
        );
    }

    #[test]
    fn names_and_passwords_are_decoded_and_not_shown() {
        let smtp = smtp("smtps://ops%40example.com:p%2Fw@mail.example.com").unwrap();
        let (name, password) = smtp.credentials.clone().unwrap();
        assert_eq!(name, "ops@example.com");
        assert_eq!(password.expose_secret(), "p/w");
        assert!(!format!("{smtp:?}").contains("p/w"));
    }

    #[test]
    fn what_is_no_mail_server_is_refused_without_being_quoted() {
        for bad in [
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://name@mail.example.com",
            "smtp://mail.example.com/path",
            "smtp://mail.example.com?tls=maybe",
            "smtp://mail.example.com?starttls=required",
        ] {
            let problem = smtp(bad).unwrap_err();
            assert!(!problem.contains("mail.example.com"), "{problem}");
        }
    }
}
