//! The humans of an organisation: invited, given roles, removed.

use oneclaw_server::config::Signup;
use oneclaw_tests::app::{Database, Human, PASSWORD, TestApp};
use oneclaw_tests::browser::Browser;
use serde_json::{Value, json};

/// The token in the mail to this address that came as number `count`.
async fn invitation_token(app: &TestApp, email: &str, count: usize) -> String {
    let mail = app.mails_to(email, count).await.pop().unwrap();
    let link = mail.word(&app.url);
    let (page, token) = link.split_once("?token=").unwrap();
    assert_eq!(page, format!("{}/invitation", app.url));
    token.to_owned()
}

/// Invites somebody, who joins.
async fn member(app: &TestApp, by: &Human, name: &str, role: &str) -> Human {
    let email = format!("{name}@example.com");
    let body = json!({"email": email, "role": role});
    let sent = app
        .post("/v1/org/invite", &by.token, body)
        .await
        .expect(200);
    assert_eq!(sent["email"], email);
    let token = invitation_token(app, &email, 1).await;
    let body = json!({"email": email, "password": PASSWORD, "invitation_token": token});
    let joined = app.post("/v1/auth/signup", "", body).await.expect(200);
    assert_eq!(joined["org_id"], by.org);
    Human {
        token: joined["access_token"].as_str().unwrap().to_owned(),
        id: joined["user_id"].as_str().unwrap().to_owned(),
        org: by.org.clone(),
    }
}

async fn set_role(app: &TestApp, by: &Human, whom: &Human, role: &str) -> u16 {
    let path = format!("/v1/org/members/{}", whom.id);
    let reply = app.patch(&path, &by.token, json!({"role": role})).await;
    reply.status.as_u16()
}

#[tokio::test]
async fn an_invitation_opens_a_server_that_is_closed_to_everybody_else() {
    let app = TestApp::start_with(Database::Sqlite, |config| config.signup = Signup::First).await;
    let owner = app.human("owner").await;
    let joined = member(&app, &owner, "ann", "admin").await;
    let me = app.get("/v1/auth/me", &joined.token).await.expect(200);
    assert_eq!(me["role"], "admin");
    assert_eq!(me["email_verified"], true);
    assert_eq!(me["org_id"], owner.org);
    let list = app.get("/v1/org/members", &joined.token).await.expect(200);
    let emails: Vec<&Value> = list["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| &member["email"])
        .collect();
    assert_eq!(emails, ["owner@example.com", "ann@example.com"]);
    assert!(list["members"][1]["auth_method"].is_string());
    let stranger = json!({"email": "eve@example.com", "password": PASSWORD});
    app.post("/v1/auth/signup", "", stranger).await.problem(403);
    let events = app.events(&owner, "action=org.member_join").await;
    assert_eq!(events[0]["actor_id"], joined.id);
}

#[tokio::test]
async fn the_link_in_the_mail_opens_a_page_that_makes_the_account() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let name = json!({"value": "Night & day"});
    app.put("/v1/org/settings/org.name", &owner.token, name)
        .await
        .expect(200);
    let body = json!({"email": "Ann@Example.com"});
    app.post("/v1/org/invite", &owner.token, body)
        .await
        .expect(200);
    let token = invitation_token(&app, "ann@example.com", 1).await;
    let mut browser = Browser::new(&app);
    let path = format!("/invitation?token={token}");
    let page = browser.open(&path).await.page(200);
    assert!(
        page.contains("Night &#38; day") && page.contains("ann@example.com"),
        "{page}"
    );
    let weak = [
        ("token", token.as_str()),
        ("display_name", "Ann"),
        ("password", "short"),
    ];
    let page = browser.submit("/invitation", &weak).await.page(400);
    assert!(page.contains("password") && page.contains("Ann"), "{page}");
    let good = [
        ("token", token.as_str()),
        ("display_name", "Ann"),
        ("password", PASSWORD),
    ];
    assert_eq!(browser.submit("/invitation", &good).await.onward(), "/");
    let page = browser.open("/").await.page(200);
    assert!(
        page.contains("ann@example.com") && page.contains("member"),
        "{page}"
    );
    // It works once.
    browser.open(&path).await.page(404);
}

#[tokio::test]
async fn an_invitation_is_good_for_its_address_and_time_and_until_it_is_taken_back() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let invite = async |email: &str, count| {
        let body = json!({"email": email});
        app.post("/v1/org/invite", &owner.token, body)
            .await
            .expect(200);
        invitation_token(&app, email, count).await
    };
    let join = async |email: &str, token: &str| {
        let body = json!({"email": email, "password": PASSWORD, "invitation_token": token});
        app.post("/v1/auth/signup", "", body).await
    };
    let token = invite("ann@example.com", 1).await;
    join("eve@example.com", &token).await.problem(400);
    join("ann@example.com", "1iv_nonsense").await.problem(404);
    // A second invitation takes the place of the first.
    let second = invite("ann@example.com", 2).await;
    join("ann@example.com", &token).await.problem(404);
    let open = app
        .get("/v1/org/invitations", &owner.token)
        .await
        .expect(200);
    assert_eq!(open["invitations"].as_array().unwrap().len(), 1);
    let id = open["invitations"][0]["id"].as_str().unwrap();
    let path = format!("/v1/org/invitations/{id}");
    assert_eq!(app.delete(&path, &owner.token).await.status, 204);
    app.delete(&path, &owner.token).await.problem(404);
    join("ann@example.com", &second).await.problem(404);

    let late = invite("ann@example.com", 3).await;
    app.clock.advance_seconds(7 * 86_400);
    join("ann@example.com", &late).await.problem(404);
}

#[tokio::test]
async fn who_has_an_account_elsewhere_does_not_join_and_a_member_is_not_asked_again() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    app.human("other").await;
    let ann = member(&app, &owner, "ann", "member").await;
    let again = json!({"email": "ann@example.com"});
    app.post("/v1/org/invite", &owner.token, again)
        .await
        .problem(409);
    // Nobody learns from an invitation whether an address has an account elsewhere.
    let body = json!({"email": "other@example.com"});
    app.post("/v1/org/invite", &owner.token, body)
        .await
        .expect(200);
    let token = invitation_token(&app, "other@example.com", 1).await;
    let body =
        json!({"email": "other@example.com", "password": PASSWORD, "invitation_token": token});
    app.post("/v1/auth/signup", "", body).await.problem(409);
    for (body, field) in [
        (json!({"email": "nonsense"}), "email"),
        (json!({"email": "x@example.com", "role": "king"}), "role"),
    ] {
        let problem = app
            .post("/v1/org/invite", &owner.token, body)
            .await
            .problem(400);
        assert!(problem["fields"][field].is_string(), "{problem}");
    }
    let body = json!({"email": "x@example.com"});
    app.post("/v1/org/invite", &ann.token, body)
        .await
        .problem(403);
}

#[tokio::test]
async fn roles_bind_on_the_next_request_and_admins_leave_owners_alone() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let admin = member(&app, &owner, "adam", "admin").await;
    let ann = member(&app, &owner, "ann", "member").await;
    let stranger = app.human("stranger").await;
    assert_eq!(set_role(&app, &ann, &ann, "admin").await, 403);
    assert_eq!(set_role(&app, &admin, &ann, "owner").await, 403);
    assert_eq!(set_role(&app, &admin, &owner, "member").await, 403);
    assert_eq!(set_role(&app, &admin, &stranger, "member").await, 404);
    assert_eq!(set_role(&app, &admin, &ann, "king").await, 400);
    let path = format!("/v1/org/members/{}", owner.id);
    app.delete(&path, &admin.token).await.problem(403);
    let body = json!({"email": "x@example.com", "role": "owner"});
    app.post("/v1/org/invite", &admin.token, body)
        .await
        .problem(403);

    // What only admins see, the member sees as soon as it is one, and no longer.
    app.get("/v1/security/ip-rules", &ann.token)
        .await
        .problem(403);
    assert_eq!(set_role(&app, &admin, &ann, "admin").await, 200);
    app.get("/v1/security/ip-rules", &ann.token)
        .await
        .expect(200);
    assert_eq!(set_role(&app, &owner, &ann, "member").await, 200);
    app.get("/v1/security/ip-rules", &ann.token)
        .await
        .problem(403);
    let events = app.events(&owner, "action=org.member_update").await;
    assert_eq!(
        events[0]["details"],
        json!({"from": "admin", "to": "member"})
    );
}

#[tokio::test]
async fn the_last_owner_stays() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let ann = member(&app, &owner, "ann", "member").await;
    assert_eq!(set_role(&app, &owner, &owner, "admin").await, 409);
    let confirm = [("x-auth-confirm", PASSWORD)];
    let leave = async |who: &Human| {
        let path = "/v1/auth/me";
        let body = Some(json!({}));
        app.send_with(reqwest::Method::DELETE, path, &who.token, body, &confirm)
            .await
    };
    leave(&owner).await.problem(409);
    assert_eq!(set_role(&app, &owner, &ann, "owner").await, 200);
    let path = format!("/v1/org/members/{}", owner.id);
    app.delete(&path, &owner.token).await.problem(409);
    // A vault keeps the organisation, not the human: with another owner it may go.
    app.vault(&owner).await;
    assert_eq!(leave(&owner).await.status, 204);
    assert_eq!(set_role(&app, &ann, &ann, "member").await, 409);
}

#[tokio::test]
async fn of_two_owners_who_demote_each_other_at_once_one_stays() {
    let app = TestApp::start().await;
    let one = app.human("one").await;
    let two = member(&app, &one, "two", "owner").await;
    let (first, second) = tokio::join!(
        set_role(&app, &one, &two, "member"),
        set_role(&app, &two, &one, "member")
    );
    let mut both = [first, second];
    both.sort_unstable();
    assert_eq!(both[0], 200, "{both:?}");
    assert_ne!(both[1], 200, "{both:?}");
    let list = app.get("/v1/org/members", &one.token).await.expect(200);
    let owners = list["members"].as_array().unwrap().iter();
    assert_eq!(owners.filter(|m| m["role"] == "owner").count(), 1);
}

#[tokio::test]
async fn a_removed_member_is_out_at_once_and_what_it_made_stays() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let ann = member(&app, &owner, "ann", "admin").await;
    let vault = app.vault(&ann).await;
    app.secret(&ann, &vault, "a/b", "value").await;
    let agent = app.agent(&ann, json!({})).await;
    let agent_token = app.token(&agent).await;
    let key = app
        .post("/v1/auth/api-keys", &ann.token, json!({"name": "ci"}))
        .await
        .expect(201);
    let key = key["api_key"].as_str().unwrap();
    app.get("/v1/vaults", key).await.expect(200);
    let mut browser = Browser::signed_in(&app, "ann").await;

    let path = format!("/v1/org/members/{}", ann.id);
    assert_eq!(app.delete(&path, &owner.token).await.status, 204);
    app.delete(&path, &owner.token).await.problem(404);
    for credential in [ann.token.as_str(), key] {
        app.get("/v1/vaults", credential).await.problem(401);
    }
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    app.post("/v1/auth/token", "", body).await.problem(401);
    assert!(
        !browser
            .open("/")
            .await
            .page(200)
            .contains("ann@example.com")
    );
    // The vault, the secret and the agent go on.
    let read = app.read(&owner.token, &vault, "a/b").await;
    assert!(read.status == 200 || read.status == 403, "{}", read.text);
    let vaults = app.get("/v1/vaults", &owner.token).await.expect(200);
    assert!(
        vaults["vaults"]
            .as_array()
            .unwrap()
            .iter()
            .any(|v| v["id"] == vault)
    );
    app.get("/v1/agents/me", &agent_token).await.expect(200);
}

#[tokio::test]
async fn agents_and_other_organisations_see_no_members() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let ann = member(&app, &owner, "ann", "member").await;
    let other = app.human("other").await;
    let agent = app.agent(&owner, json!({})).await;
    let agent = app.token(&agent).await;
    for path in ["/v1/org/members", "/v1/org/invitations", "/v1/org/settings"] {
        app.get(path, &agent).await.problem(403);
    }
    let path = format!("/v1/org/members/{}", ann.id);
    app.delete(&path, &other.token).await.problem(404);
    app.delete(&path, &agent).await.problem(403);
    let list = app.get("/v1/org/members", &other.token).await.expect(200);
    assert_eq!(list["members"].as_array().unwrap().len(), 1);
}
