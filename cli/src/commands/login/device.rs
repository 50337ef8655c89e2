//! Signing in by way of a browser: the device flow (RFC 8628).

use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::client::text;
use crate::clock::now;
use crate::context::Context;
use crate::environment;
use crate::failure::Failure;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Seconds that `slow_down` adds (RFC 8628, section 3.5).
const SLOWER_BY: u64 = 5;

/// Shows the code, waits until somebody has entered it, and gives the server's answer with the token.
pub fn authorize(context: &Context, no_browser: bool) -> Result<Value, Failure> {
    let client = context.anonymous();
    let start = client.post(
        "/v1/auth/device/code",
        &json!({ "client_id": "oneclaw-cli" }),
    )?;
    let code = text(&start, "user_code");
    let page = text(&start, "verification_uri_complete");
    let page = if page.is_empty() {
        text(&start, "verification_uri")
    } else {
        page
    };
    context.output.note(&format!(
        "Open {page}\nand enter the code {code}\nwaiting for you to allow it there; Ctrl-C gives up"
    ));
    if !no_browser {
        open(page);
    }
    let seconds = |name: &str, least: u64, most: u64, default: u64| {
        let given = start.get(name).and_then(Value::as_u64).unwrap_or(default);
        given.clamp(least, most)
    };
    let mut interval = seconds("interval", 1, 60, 5);
    let lifetime = i64::try_from(seconds("expires_in", 1, 3600, 600)).unwrap_or(600);
    let end = now()
        .checked_add(SignedDuration::from_secs(lifetime))
        .map_err(|_| Failure::local("the clock of this machine is wrong"))?;
    let body = json!({ "device_code": text(&start, "device_code"), "grant_type": GRANT, "client_id": "oneclaw-cli" });
    loop {
        std::thread::sleep(Duration::from_secs(interval));
        let answer = match client.post("/v1/auth/device/token", &body) {
            Ok(answer) => answer,
            // RFC 8628 has these words in a 400, the published API in a 200.
            Err(Failure::Refused(refusal)) if refusal.body.get("error").is_some() => refusal.body,
            Err(failure) => return Err(failure),
        };
        match text(&answer, "error") {
            "" => return Ok(answer),
            "authorization_pending" => {}
            "slow_down" => interval = interval.saturating_add(SLOWER_BY),
            "access_denied" => {
                return Err(Failure::local("the sign-in was refused in the browser"));
            }
            _ => return Err(expired()),
        }
        if now() > end {
            return Err(expired());
        }
    }
}

fn expired() -> Failure {
    Failure::hinted("the code has expired", "run `1claw login` again")
}

/// Starts a browser, if there is one. The code is on the screen anyway, so nothing depends on it.
fn open(page: &str) {
    if !environment::has_display() || !(page.starts_with("https://") || page.starts_with("http://"))
    {
        return;
    }
    let _ = Command::new(environment::browser())
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
