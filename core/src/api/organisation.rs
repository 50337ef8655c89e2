//! The humans of an organisation, and from where they may speak.

use super::{Sensitive, body, secret_body};

body! {
    /// A human of the organisation.
    pub struct Member {
        /// Account id.
        pub id: String,
        /// Address.
        pub email: String,
        /// Name to show.
        pub display_name: String,
        /// `owner`, `admin` or `member`.
        pub role: String,
        /// Always `password`.
        pub auth_method: String,
        /// RFC 3339.
        pub created_at: String,
    }
}

body! {
    /// The humans of the organisation.
    pub struct MemberList {
        /// Oldest first.
        pub members: Vec<Member>,
    }
}

body! {
    /// `POST /v1/org/invite`
    pub struct InviteRequest {
        /// Who is asked to join.
        pub email: String,
        /// `admin` or `member`, and `owner` if an owner invites; absent: `member`.
        #[serde(default)]
        pub role: Option<String>,
    }
}

body! {
    /// An invitation is on its way.
    pub struct InviteResponse {
        /// What happened, for a human.
        pub message: String,
        /// The address, as stored.
        pub email: String,
    }
}

body! {
    /// Somebody who was asked to join and has not yet.
    pub struct Invitation {
        /// Its id.
        pub id: String,
        /// Who was asked.
        pub email: String,
        /// As what.
        pub role: String,
        /// Account id of who asked.
        pub invited_by: String,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub expires_at: String,
    }
}

body! {
    /// Invitations that are open.
    pub struct InvitationList {
        /// Oldest first.
        pub invitations: Vec<Invitation>,
    }
}

body! {
    /// `PATCH /v1/org/members/{user_id}`
    pub struct UpdateMemberRequest {
        /// `owner`, `admin` or `member`.
        pub role: String,
    }
}

secret_body! {
    /// What somebody sends who joins by an invitation.
    pub struct JoinRequest {
        /// From the link in the mail, `1iv_…`.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub invitation_token: Sensitive,
        /// At least 12 characters, with upper and lower case, a digit and another character.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub password: Sensitive,
        /// Name to show.
        #[serde(default)]
        pub display_name: Option<String>,
    }
}

body! {
    /// `POST /v1/security/ip-rules`
    pub struct CreateIpRuleRequest {
        /// `allow`, or `deny` (also `block`).
        pub rule_type: String,
        /// An address or a network, such as `203.0.113.0/24` or `2001:db8::/32`.
        pub cidr: String,
        /// What humans call it.
        #[serde(default, alias = "description")]
        pub label: Option<String>,
        /// `all`, `users` or `agents`; absent: `all`.
        #[serde(default)]
        pub applies_to: Option<String>,
        /// Makes the rule even if it locks out the address that this request comes from.
        #[serde(default)]
        pub force: bool,
    }
}

body! {
    /// A rule on addresses.
    pub struct IpRule {
        /// Its id.
        pub id: String,
        /// The organisation.
        pub org_id: String,
        /// `allow` or `deny`.
        pub rule_type: String,
        /// The network.
        pub cidr: String,
        /// What humans call it.
        pub label: String,
        /// `all`, `users` or `agents`.
        pub applies_to: String,
        /// Account id.
        pub created_by: String,
        /// RFC 3339.
        pub created_at: String,
    }
}

body! {
    /// The rules of the organisation.
    pub struct IpRuleList {
        /// Oldest first.
        pub rules: Vec<IpRule>,
    }
}
