//! The mail that tells a human of a share. It holds neither the value nor the passphrase, and opens nothing by itself.

use oneclaw_core::principal::Principal;
use oneclaw_core::share::RecipientKind;
use oneclaw_store::{NewMail, Share};
use zeroize::Zeroizing;

use super::super::caller::{Caller, Identity};
use super::super::error::Result;
use super::super::mail::Letter;
use super::super::{Services, time};

impl Services {
    /// The mail about a new share, for recipients that have an address: humans.
    pub(super) async fn mail_about(&self, sharer: &Caller, share: &Share) -> Result<Vec<NewMail>> {
        let address = match (&share.recipient, &share.recipient_email) {
            (_, Some(email)) => Some(email.clone()),
            (Some(Principal::User(id)), None) => {
                let user = self.store.user(*id).await?;
                user.map(|user| user.email)
            }
            (Some(Principal::Agent(_)) | None, None) => None,
        };
        // Who shares with themselves knows.
        let is_own = matches!(&sharer.identity, Identity::Human(user) if Some(&user.email) == address.as_ref());
        let Some(to) = address.filter(|_| !is_own) else {
            return Ok(Vec::new());
        };
        let letter = Letter {
            to,
            subject: format!("{} shared a secret with you", name_of(sharer)),
            text: Zeroizing::new(self.text(sharer, share)),
        };
        Ok(vec![self.compose(
            Some(share.org_id),
            share.created_at,
            &letter,
        )?])
    }

    fn text(&self, sharer: &Caller, share: &Share) -> String {
        let base = self.config.public_url.trim_end_matches('/');
        let what = match sharer.identity {
            Identity::Human(_) => "",
            Identity::Agent(_) => "The agent ",
        };
        let sign_in = match share.recipient_kind {
            RecipientKind::ExternalEmail => format!(
                "Sign in at {base} with an account that has this address; if you have none, sign up with it.\n"
            ),
            _ => format!("Sign in at {base}.\n"),
        };
        let passphrase = match share.passphrase_hash {
            Some(_) => "You also need a passphrase, which is not in this mail.\n",
            None => "",
        };
        format!(
            "{what}{name} shared the secret {path} with you.\n\n\
             {sign_in}Then accept the share and read the value, or decline it:\n\n    \
             1claw share accept {id}\n    1claw share decline {id}\n    {url}\n\n\
             {passphrase}The share ends at {end}.\n",
            name = name_of(sharer),
            path = share.path,
            id = share.id,
            url = self.share_url(share),
            end = time::format(share.expires_at),
        )
    }
}

fn name_of(sharer: &Caller) -> &str {
    match &sharer.identity {
        Identity::Human(user) => &user.display_name,
        Identity::Agent(session) => &session.agent.name,
    }
}
