//! What is written to humans about their own accounts.

use oneclaw_store::User;

use super::super::mail::Letter;

pub(super) fn new_password(user: &User, url: &str) -> Letter {
    let text = format!(
        "Somebody, probably you, asked for a new password for your account.\n\
         \n\
         Set it here, within an hour: {url}\n\
         \n\
         If it was not you, do nothing: your password stays as it is.\n"
    );
    Letter {
        to: user.email.clone(),
        subject: "Set a new password".to_owned(),
        text: text.into(),
    }
}

pub(super) fn prove_email(user: &User, url: &str) -> Letter {
    let text = format!(
        "An account was made with this address.\n\
         \n\
         Confirm that the address is yours, within a day: {url}\n\
         \n\
         If it was not you, do nothing.\n"
    );
    Letter {
        to: user.email.clone(),
        subject: "Confirm your address".to_owned(),
        text: text.into(),
    }
}
