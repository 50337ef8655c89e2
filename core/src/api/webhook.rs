//! Webhooks.

use super::{body, secret_body};

secret_body! {
    /// `POST /v1/webhooks`
    pub struct CreateWebhookRequest {
        /// Where events go; `https`.
        pub url: String,
        /// Which events: names, families such as `agent.*`, or `*`.
        pub events: Vec<String>,
        /// For humans.
        #[serde(default)]
        pub description: Option<String>,
        /// What deliveries are signed with, 16 to 255 bytes; absent: one is made.
        #[serde(default)]
        pub secret: Option<String>,
    }
}

body! {
    /// `PATCH /v1/webhooks/{webhook_id}`
    #[derive(Default)]
    pub struct UpdateWebhookRequest {
        /// Where events go.
        #[serde(default)]
        pub url: Option<String>,
        /// Which events.
        #[serde(default)]
        pub events: Option<Vec<String>>,
        /// Whether events go there. One that is switched on again is told of what comes from then on.
        #[serde(default)]
        pub is_active: Option<bool>,
        /// For humans.
        #[serde(default)]
        pub description: Option<String>,
    }
}

body! {
    /// A webhook, without its secret.
    pub struct Webhook {
        /// Its id.
        pub id: String,
        /// Where events go.
        pub url: String,
        /// Which events.
        pub events: Vec<String>,
        /// For humans.
        pub description: String,
        /// Whether events go there.
        pub is_active: bool,
        /// Deliveries given up in a row.
        pub consecutive_failures: i64,
        /// Why the server switched it off, if it did.
        pub disabled_reason: Option<String>,
        /// RFC 3339; until when deliveries are signed with the secret before the newest as well.
        pub old_secret_until: Option<String>,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub updated_at: String,
    }
}

secret_body! {
    /// `POST /v1/webhooks/{webhook_id}/rotate-secret`
    #[derive(Default)]
    pub struct RotateWebhookSecretRequest {
        /// The new secret, 16 to 255 bytes; absent: one is made.
        #[serde(default)]
        pub secret: Option<String>,
        /// For how long deliveries are signed with the old secret as well, in seconds: 0 to 604,800; absent: 86,400.
        #[serde(default)]
        pub overlap_seconds: Option<i64>,
    }
}

secret_body! {
    /// A webhook with its new secret: the only time that it is shown.
    pub struct WebhookWithSecret {
        /// The webhook.
        #[serde(flatten)]
        pub webhook: Webhook,
        /// What deliveries are signed with.
        pub secret: String,
    }
}

body! {
    /// The webhooks of the organisation.
    pub struct WebhookList {
        /// Oldest first.
        pub webhooks: Vec<Webhook>,
    }
}

body! {
    /// One event for one webhook.
    pub struct WebhookDelivery {
        /// Its id: the same for every attempt.
        pub id: String,
        /// Id of the event.
        pub event_id: String,
        /// Name of the event.
        pub event_type: String,
        /// `pending`, `delivered` or `given_up`.
        pub state: String,
        /// How often it was tried.
        pub attempts: i64,
        /// RFC 3339; when it is tried next.
        pub next_attempt_at: Option<String>,
        /// HTTP status of the last answer.
        pub last_status: Option<i64>,
        /// Why the last attempt failed.
        pub last_error: Option<String>,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339; when it was delivered or given up.
        pub finished_at: Option<String>,
    }
}

body! {
    /// What was delivered, is to be delivered, and was given up.
    pub struct WebhookDeliveryList {
        /// Newest first.
        pub deliveries: Vec<WebhookDelivery>,
    }
}
