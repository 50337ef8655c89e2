//! Webhooks.

use oneclaw_tests::receiver::Receiver;

use super::{Album, id};
use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn webhooks() {
    let shell = Shell::with_targets().await;
    let target = Receiver::start().await;
    let mut album = Album::new(&shell);
    let mut create = vec![target.url.as_str(), "--events", "vault.created"];
    album.one("webhook create", &create, "");
    create.extend(["-d", "Tells the watch"]);
    let second = &id(&album.json("webhook create", &create, ""));
    let listed = album.both("webhook list", &[]);
    let first = &id(&listed[0]);
    album.one("webhook update", &[second, "--active", "false"], "");
    album.json("webhook update", &[second, "--events", "agent.*"], "");
    album.both("webhook get", &[second]);
    album.one("webhook rotate-secret", &[second], "");
    album.json("webhook rotate-secret", &[second, "--overlap", "0"], "");

    shell.vault("heard");
    let delivery = &id(&shell.delivered(first).await);
    album.both("webhook deliveries", &[first]);
    album.one("webhook redeliver", &[first, delivery], "");
    shell.delivered(first).await;
    album.json("webhook redeliver", &[first, delivery], "");
    album.one("webhook delete", &[first, "--yes"], "");
    album.json("webhook delete", &[second, "--yes"], "");
    album.done();
}
