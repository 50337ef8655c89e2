//! The humans of an organisation: who they are, what they may do, who is asked to join.

use oneclaw_core::api::{
    Invitation as InvitationBody, InvitationList, InviteRequest, InviteResponse, JoinRequest,
    Member, MemberList, UpdateMemberRequest,
};
use oneclaw_core::ids::UserId;
use oneclaw_core::path::excerpt;
use oneclaw_core::principal::Principal;
use oneclaw_crypto::{password, random};
use oneclaw_store::{Invitation, Role, StoreError, User};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::mail::Letter;
use super::{Services, check, settings, time};

/// Begins the token in the link of an invitation.
const INVITATION_PREFIX: &str = "1iv_";

const NO_MEMBER: ServiceError = ServiceError::NotFound("no such member");
const NO_INVITATION: ServiceError =
    ServiceError::NotFound("this invitation has expired, was used, or was taken back");

impl Services {
    /// `GET /v1/org/members`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn members(&self, caller: &Caller) -> Result<MemberList> {
        let user = caller.human()?;
        let members = self.store.members(user.org_id).await?;
        Ok(MemberList {
            members: members.iter().map(wire).collect(),
        })
    }

    /// `PATCH /v1/org/members/{user_id}`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for members, and for admins where an owner is concerned; [`ServiceError::NotFound`];
    /// [`ServiceError::Conflict`] when it would leave no owner.
    pub async fn change_role(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: UserId,
        request: &UpdateMemberRequest,
    ) -> Result<Member> {
        let admin = caller.admin()?;
        let to = role(&request.role)?;
        let mut member = self.member(admin, id).await?;
        may_concern(admin, &[member.role, to])?;
        if member.role == to {
            return Ok(wire(&member));
        }
        let event = events::by_caller(context, caller, "org.member_update", "user", id)
            .with_details(json!({"from": member.role.as_str(), "to": to.as_str()}));
        let changed = self
            .store
            .change_role(admin.org_id, id, (member.role, to), event)
            .await;
        changed.map_err(conflict)?;
        member.role = to;
        Ok(wire(&member))
    }

    /// `DELETE /v1/org/members/{user_id}`: sessions and keys die at once, what the member made stays.
    ///
    /// # Errors
    /// As [`Services::change_role`]; [`ServiceError::Conflict`] for oneself.
    pub async fn remove_member(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: UserId,
    ) -> Result<()> {
        let admin = caller.admin()?;
        let member = self.member(admin, id).await?;
        may_concern(admin, &[member.role])?;
        if member.id == admin.id {
            return Err(ServiceError::Conflict(
                "this is your own account; DELETE /v1/auth/me removes it".to_owned(),
            ));
        }
        let event = events::by_caller(context, caller, "org.member_delete", "user", id)
            .with_details(json!({"role": member.role.as_str()}));
        self.store
            .remove_member(admin.org_id, id, member.role, event)
            .await
            .map_err(conflict)
    }

    async fn member(&self, admin: &User, id: UserId) -> Result<User> {
        let member = self.store.user(id).await?;
        member
            .filter(|member| member.org_id == admin.org_id)
            .ok_or(NO_MEMBER)
    }

    /// `POST /v1/org/invite`: sends a mail with a link. A second invitation takes the place of the first.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`] for members, and for admins who invite an owner;
    /// [`ServiceError::Conflict`] for the address of a member.
    pub async fn invite(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &InviteRequest,
    ) -> Result<InviteResponse> {
        let admin = caller.admin()?;
        let email = check::email(&request.email)?;
        let role = role(request.role.as_deref().unwrap_or("member"))?;
        may_concern(admin, &[role])?;
        // Taken for good: each is a mail to somebody who has not asked for one.
        let _taken = self
            .throttles
            .invitations_by_org
            .attempt(&admin.org_id.to_string(), context.at)?;
        let days = self.org_setting(admin.org_id, settings::INVITATION_DAYS);
        let days: i64 = days.await?.parse().unwrap_or(7);
        let token = self.keys.hasher().generate(INVITATION_PREFIX)?;
        let invitation = Invitation {
            id: random::new_id(),
            org_id: admin.org_id,
            email: email.clone(),
            role,
            invited_by: admin.id,
            created_at: context.at,
            expires_at: context.at.plus_seconds(days * 86_400),
        };
        let org = self.org_display_name(admin.org_id).await?;
        let letter = letter(
            &invitation,
            &org,
            &admin.email,
            &format!(
                "{}/invitation?token={}",
                self.config.public_url,
                token.text.expose_secret()
            ),
        );
        let mail = self.compose(Some(admin.org_id), context.at, &letter)?;
        let event = events::by_caller(context, caller, "org.invite", "invitation", invitation.id)
            .with_details(json!({"email": email, "role": role.as_str()}));
        let stored = self
            .store
            .put_invitation(&invitation, &token.hash, mail, event)
            .await;
        match stored {
            Err(StoreError::Conflict("member")) => {
                return Err(ServiceError::Conflict(
                    "this address is one of a member already".to_owned(),
                ));
            }
            Err(StoreError::Conflict("invitations")) => {
                return Err(ServiceError::Conflict(
                    "too many invitations are open; take some back first".to_owned(),
                ));
            }
            other => other?,
        }
        Ok(InviteResponse {
            message: "Invitation sent".to_owned(),
            email,
        })
    }

    /// What the organisation calls itself.
    pub(super) async fn org_display_name(&self, org: oneclaw_core::ids::OrgId) -> Result<String> {
        let chosen = self.org_setting(org, settings::ORG_NAME).await?;
        if chosen.is_empty() {
            Ok(self.store.org_name(org).await?)
        } else {
            Ok(chosen)
        }
    }

    /// `GET /v1/org/invitations`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins.
    pub async fn invitations(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<InvitationList> {
        let admin = caller.admin()?;
        let open = self.store.invitations(admin.org_id, context.at).await?;
        Ok(InvitationList {
            invitations: open
                .into_iter()
                .map(|invitation| InvitationBody {
                    id: invitation.id.to_string(),
                    email: invitation.email,
                    role: invitation.role.as_str().to_owned(),
                    invited_by: invitation.invited_by.to_string(),
                    created_at: time::format(invitation.created_at),
                    expires_at: time::format(invitation.expires_at),
                })
                .collect(),
        })
    }

    /// `DELETE /v1/org/invitations/{id}`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins; [`ServiceError::NotFound`].
    pub async fn take_back_invitation(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: Uuid,
    ) -> Result<()> {
        let admin = caller.admin()?;
        let event = events::by_caller(context, caller, "org.invitation_delete", "invitation", id);
        Ok(self
            .store
            .delete_invitation(admin.org_id, id, event)
            .await?)
    }

    /// What a link invites to.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::TooManyRequests`] for who tries many.
    pub async fn open_invitation(
        &self,
        context: &RequestContext,
        token: &str,
    ) -> Result<OpenInvitation> {
        let attempt = self
            .throttles
            .exchange_by_address
            .attempt(&context.client.to_string(), context.at)?;
        let hash = self.keys.hasher().hash(token);
        let found = self.store.invitation(&hash, context.at).await?;
        let invitation = found.ok_or(NO_INVITATION)?;
        attempt.succeeded();
        Ok(OpenInvitation {
            org_name: self.org_display_name(invitation.org_id).await?,
            email: invitation.email.clone(),
            role: invitation.role.as_str(),
            invitation,
        })
    }

    /// Makes the account that an invitation is for, whoever may sign up otherwise: the link came by mail to this address.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when it is open no more; names the field at fault; [`ServiceError::Conflict`] when the
    /// address has an account.
    pub async fn join(&self, context: &RequestContext, request: &JoinRequest) -> Result<User> {
        let open = self
            .open_invitation(context, &request.invitation_token)
            .await?;
        let secret = SecretString::from(request.password.as_str());
        password::check_strength(&secret).map_err(|e| ServiceError::field("password", e))?;
        let given = request.display_name.as_deref();
        let display_name = match given.filter(|name| !name.trim().is_empty()) {
            Some(name) => check::name("display_name", name)?,
            None => open.email.split('@').next().unwrap_or_default().to_owned(),
        };
        let user = User {
            id: UserId::from_uuid(random::new_id()),
            org_id: open.invitation.org_id,
            email: open.email,
            password_hash: self.hash_password(secret).await?,
            display_name,
            role: open.invitation.role,
            email_verified: true,
            marketing_emails: false,
            is_active: true,
            created_at: context.at,
        };
        let event = events::by_principal(
            context,
            user.org_id,
            Principal::User(user.id),
            "org.member_join",
            "user",
            user.id,
        )
        .with_details(json!({
            "invitation": open.invitation.id.to_string(),
            "invited_by": open.invitation.invited_by.to_string(),
            "role": user.role.as_str(),
        }));
        let hash = self.keys.hasher().hash(&request.invitation_token);
        match self.store.accept_invitation(&hash, &user, event).await {
            Err(StoreError::NotFound) => Err(NO_INVITATION),
            Err(StoreError::Conflict("email")) => Err(ServiceError::Conflict(
                "this address has an account in another organisation; delete that account first, or have another address invited"
                    .to_owned(),
            )),
            other => {
                other?;
                Ok(user)
            }
        }
    }
}

/// An invitation, for whoever has its link.
#[derive(Debug)]
pub struct OpenInvitation {
    /// What the organisation calls itself.
    pub org_name: String,
    /// Who is asked.
    pub email: String,
    /// As what.
    pub role: &'static str,
    invitation: Invitation,
}

fn letter(invitation: &Invitation, org: &str, by: &str, link: &str) -> Letter {
    let text = format!(
        "{by} asks you to join \"{org}\" on oneclaw as {role}.\n\n\
         Open this link to make your account:\n\n{link}\n\n\
         The link works once, until {end}. If you do not know what this is about, do nothing.\n",
        role = invitation.role.as_str(),
        end = time::format(invitation.expires_at),
    );
    Letter {
        to: invitation.email.clone(),
        subject: format!("Invitation to {org}"),
        text: Zeroizing::new(text),
    }
}

fn role(word: &str) -> Result<Role> {
    word.parse().map_err(|_| {
        ServiceError::field(
            "role",
            format!("`{}` is not `owner`, `admin` or `member`", excerpt(word)),
        )
    })
}

/// What concerns an owner is for owners to do.
fn may_concern(admin: &User, roles: &[Role]) -> Result<()> {
    if roles.contains(&Role::Owner) && admin.role != Role::Owner {
        return Err(ServiceError::Forbidden(
            "only an owner makes, changes or removes owners".to_owned(),
        ));
    }
    Ok(())
}

fn conflict(error: StoreError) -> ServiceError {
    match error {
        StoreError::NotFound => ServiceError::Conflict(
            "the member has changed in the meantime; look again and repeat".to_owned(),
        ),
        StoreError::Conflict("last owner") => last_owner(),
        other => other.into(),
    }
}

/// An organisation without an owner could not be helped any more.
pub(super) fn last_owner() -> ServiceError {
    ServiceError::Conflict(
        "this is the last owner of the organisation; make somebody else an owner first".to_owned(),
    )
}

fn wire(user: &User) -> Member {
    Member {
        id: user.id.to_string(),
        email: user.email.clone(),
        display_name: user.display_name.clone(),
        role: user.role.as_str().to_owned(),
        auth_method: "password".to_owned(),
        created_at: time::format(user.created_at),
    }
}
