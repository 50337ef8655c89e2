//! A database with a store on it, and the people who appear in the stories.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::*;
use oneclaw_core::path::SecretPath;
use oneclaw_core::principal::Principal;
use oneclaw_core::request::Permission;
use oneclaw_store::*;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use uuid::Uuid;

/// The key of every audit trail here.
pub const AUDIT_KEY: [u8; 32] = [7; 32];

/// A database and a store on it.
pub struct Stage {
    pub store: Store,
    pub url: String,
    /// Holds the SQLite file.
    _dir: Option<TempDir>,
}

impl Stage {
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/oneclaw.db", dir.path().display());
        let store = open(&url).await;
        Self {
            store,
            url,
            _dir: Some(dir),
        }
    }

    pub async fn postgres() -> Self {
        let url = crate::postgres::new_database().await;
        let store = open(&url).await;
        Self {
            store,
            url,
            _dir: None,
        }
    }

    pub fn is_postgres(&self) -> bool {
        self.store.database_kind() == DatabaseKind::Postgres
    }

    /// Runs a statement behind the store's back; answers how many rows it changed.
    pub async fn tamper(&self, sql: &str) -> u64 {
        tamper(&self.url, sql).await
    }

    /// One number, read behind the store's back.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        } else {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        }
    }

    /// An organisation with its owner.
    pub async fn account(&self) -> (Org, User) {
        let (org, user) = account();
        let event = event(&org, "org.create");
        self.store
            .create_account(&org, &user, event, SignupRule::Open)
            .await
            .unwrap();
        (org, user)
    }

    /// Another owner, who was invited.
    pub async fn member(&self, org: &Org, by: &User, email: &str) -> User {
        let hash = id().as_bytes().to_vec();
        let asked = invitation(org.id, by.id, email);
        let mail = invitation_mail(org.id);
        self.store
            .put_invitation(&asked, &hash, mail, event(org, "org.invite"))
            .await
            .unwrap();
        let user = User {
            org_id: org.id,
            email: email.to_owned(),
            ..account().1
        };
        self.store
            .accept_invitation(&hash, &user, event(org, "org.member_join"))
            .await
            .unwrap();
        user
    }

    /// An agent of an organisation, without keys.
    pub async fn agent(&self, org: &Org) -> Agent {
        let agent = agent(org);
        self.store
            .create_agent(&agent, None, Vec::new(), event(org, "agent.register"))
            .await
            .unwrap();
        agent
    }

    /// A vault that belongs to a principal.
    pub async fn vault(&self, org: &Org, owner: Principal) -> Vault {
        let vault = vault(org, owner);
        self.store
            .create_vault(&vault, None, event(org, "vault.create"))
            .await
            .unwrap();
        vault
    }

    /// The next version at a path.
    pub async fn put(
        &self,
        vault: &Vault,
        at: &str,
        max_reads: Option<i64>,
    ) -> (Secret, SecretVersion) {
        let (existing, number) = self.store.next_version(vault.id, &path(at)).await.unwrap();
        let (secret, mut version) = secret(vault, at, existing, number);
        version.max_access_count = max_reads;
        let event = event_in(vault.org_id, "secret.write");
        self.store
            .put_version(&secret, &version, event)
            .await
            .unwrap();
        (secret, version)
    }

    /// Asserts that an organisation's whole chain is sound, and answers how long it is.
    pub async fn sound_chain(&self, org: OrgId) -> i64 {
        let outcome = self.store.verify(org, None, None, i64::MAX).await.unwrap();
        assert!(outcome.chain_valid, "{outcome:?}");
        assert_eq!(outcome.events_checked, outcome.events_verified);
        outcome.events_verified
    }

    /// The actions recorded for an organisation, oldest first.
    pub async fn actions(&self, org: OrgId) -> Vec<String> {
        let filter = EventFilter {
            limit: 1000,
            ..EventFilter::default()
        };
        let EventPage { events, .. } = self.store.events(org, &filter).await.unwrap();
        events.into_iter().rev().map(|event| event.action).collect()
    }
}

/// An invitation to be an owner.
pub fn invitation(org: OrgId, by: UserId, email: &str) -> Invitation {
    Invitation {
        id: id(),
        org_id: org,
        email: email.to_owned(),
        role: Role::Owner,
        invited_by: by,
        created_at: at(1),
        expires_at: at(10_000),
    }
}

/// The mail that goes with it.
pub fn invitation_mail(org: OrgId) -> NewMail {
    NewMail {
        id: id(),
        org_id: Some(org),
        recipient: "a@example.com".to_owned(),
        sealed: vec![1],
        queued_at: at(1),
    }
}

pub async fn open(url: &str) -> Store {
    Store::open(url, AUDIT_KEY, StoreOptions::default())
        .await
        .unwrap()
}

pub async fn tamper(url: &str, sql: &str) -> u64 {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query(sql)
            .execute(&mut connection)
            .await
            .unwrap()
            .rows_affected()
    } else {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query(sql)
            .execute(&mut connection)
            .await
            .unwrap()
            .rows_affected()
    }
}

/// A new id: they grow, like those that the server draws.
pub fn id() -> Uuid {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let n = DRAWN.fetch_add(1, Ordering::Relaxed);
    Uuid::from_u64_pair(0x0190_a0b0_0000_7000, 0x8000_0000_0000_0000 | n)
}

/// So many milliseconds after the beginning of the stories.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + ms)
}

pub fn path(text: &str) -> SecretPath {
    text.parse().unwrap()
}

pub fn event(org: &Org, action: &str) -> NewEvent {
    event_in(org.id, action)
}

pub fn event_in(org: OrgId, action: &str) -> NewEvent {
    NewEvent {
        decision: None,
        id: EventId::from_uuid(id()),
        org_id: org,
        action: action.to_owned(),
        actor_type: "user".to_owned(),
        actor_id: "somebody".to_owned(),
        resource_type: "thing".to_owned(),
        resource_id: "some/thing".to_owned(),
        vault_id: None,
        details: json!({"zeta": [1, {"b": null, "a": "ä"}], "alpha": true}),
        ip: Some("192.0.2.1".parse().unwrap()),
        at: at(0),
    }
}

pub fn account() -> (Org, User) {
    let org = Org {
        id: OrgId::from_uuid(id()),
        name: "Example".to_owned(),
        created_at: at(0),
    };
    let user = User {
        id: UserId::from_uuid(id()),
        org_id: org.id,
        email: format!("{}@example.org", id()),
        password_hash: "$argon2id$old".to_owned(),
        display_name: "Owner".to_owned(),
        role: Role::Owner,
        email_verified: false,
        marketing_emails: true,
        is_active: true,
        created_at: at(0),
    };
    (org, user)
}

pub fn agent(org: &Org) -> Agent {
    let id = AgentId::from_uuid(id());
    Agent {
        id,
        org_id: org.id,
        created_by: None,
        name: "worker".to_owned(),
        description: "works".to_owned(),
        auth_method: "api_key".to_owned(),
        key_prefix: Some("ocv_abcd".to_owned()),
        key_hash: Some(id.as_uuid().as_bytes().repeat(2)),
        scopes: vec!["keys/**".to_owned(), "vaults:read".to_owned()],
        is_active: true,
        expires_at: Some(at(1_000_000)),
        api_key_expires_at: None,
        token_ttl_seconds: Some(600),
        vault_ids: vec![VaultId::from_uuid(Uuid::from_u128(5))],
        intents_api_enabled: true,
        environment: Some("production".to_owned()),
        profile: json!({"tx_max_value": "0.1", "list": [1, 2]}),
        ssh_public_key: Some("c3No".to_owned()),
        ecdh_public_key: None,
        created_at: at(5),
        last_active_at: None,
    }
}

pub fn vault(org: &Org, owner: Principal) -> Vault {
    Vault {
        id: VaultId::from_uuid(id()),
        org_id: org.id,
        name: "keys".to_owned(),
        description: String::new(),
        created_by: owner,
        wrapped_key: vec![0, 1, 2, 255],
        is_system: false,
        created_at: at(0),
    }
}

pub fn secret(
    vault: &Vault,
    at_path: &str,
    existing: Option<Secret>,
    number: i64,
) -> (Secret, SecretVersion) {
    let secret = Secret {
        updated_at: at(number),
        deleted_at: None,
        latest_version: number,
        ..existing.unwrap_or_else(|| Secret {
            id: SecretId::from_uuid(id()),
            vault_id: vault.id,
            org_id: vault.org_id,
            path: path(at_path),
            created_at: at(number),
            updated_at: at(number),
            deleted_at: None,
            latest_version: number,
        })
    };
    let version = SecretVersion {
        secret_id: secret.id,
        version: number,
        kind: "api_key".to_owned(),
        metadata: json!({"note": "n", "a": 1}),
        wrapped_data_key: vec![1; 60],
        ciphertext: format!("sealed {number}\0").into_bytes(),
        created_by: vault.created_by,
        created_at: at(number),
        expires_at: Some(at(9_999_999)),
        max_access_count: None,
        access_count: 0,
        disabled_at: None,
        rotation_policy: Some(json!({"days": 30})),
    };
    (secret, version)
}

pub fn policy(vault: &Vault, principal: Principal, pattern: &str) -> Policy {
    Policy {
        id: PolicyId::from_uuid(id()),
        vault_id: vault.id,
        org_id: vault.org_id,
        pattern: pattern.to_owned(),
        audience: principal.into(),
        permissions: vec![Permission::Read, Permission::Rotate],
        conditions: json!({"ip_allowlist": ["192.0.2.0/24"]}),
        allow: true,
        priority: 7,
        expires_at: Some(at(5_000)),
        created_by: vault.created_by,
        created_at: at(1),
        extras: json!({"policy_schema_version": 2}),
    }
}
