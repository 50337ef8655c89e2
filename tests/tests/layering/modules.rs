//! Which module may name what.

use crate::findings::{self, Finding};
use crate::source::{Source, product};

/// Where these tokens must not stand.
struct Rule {
    files: &'static [&'static str],
    except: &'static [&'static str],
    tokens: &'static [&'static str],
    /// Why, and what to do instead.
    instead: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        files: &["server/src/http"],
        except: &[],
        tokens: &[
            "oneclaw_store",
            "oneclaw_policy_host",
            "oneclaw_builtin",
            "sqlx",
            "crate::app",
        ],
        instead: "a route knows services alone; put what it needs into server/src/service and call that",
    },
    Rule {
        files: &["server/src/http/pages"],
        except: &["server/src/http/pages/form.rs"],
        tokens: &["Form", "Body", "OptionalBody", "Authenticated", "Json"],
        instead: "a page takes a `Visitor`, and a form as `Submitted`, which checks who has made it",
    },
    Rule {
        files: &["server/src/service"],
        except: &[],
        tokens: &[
            "axum",
            "http::",
            "hyper",
            "hyper_util",
            "tower",
            "tower_http",
            "utoipa",
            "utoipa_axum",
            "crate::http",
            "StatusCode",
            "HeaderMap",
        ],
        instead: "a service knows nothing of HTTP; answer with a value or a `ServiceError`, and let server/src/http translate",
    },
    Rule {
        files: &["server/src/service"],
        except: &[],
        tokens: &[
            "sqlx",
            "wasmtime",
            "oneclaw_builtin",
            "crate::app",
            "crate::jobs",
        ],
        instead: "a service is handed its store, its gate and its plugin by server/src/app.rs",
    },
    Rule {
        files: &["server/src/jobs.rs", "server/src/jobs"],
        except: &[],
        tokens: &[
            "oneclaw_store",
            "oneclaw_policy_host",
            "crate::http",
            "crate::app",
        ],
        instead: "a job calls services; put what it needs there",
    },
    Rule {
        files: &["server/src/mail"],
        except: &[],
        tokens: &[
            "oneclaw_store",
            "oneclaw_crypto",
            "oneclaw_policy_host",
            "crate::service",
            "crate::http",
            "crate::app",
        ],
        instead: "this hands over what it is given; why and to whom is decided in server/src/service/mail",
    },
    Rule {
        files: &["server/src"],
        except: &["server/src/mail", "server/src/config/mail.rs"],
        tokens: &["lettre"],
        instead: "mails leave through server/src/mail; queue one with `Services::compose`",
    },
    Rule {
        files: &[
            "server/src/config",
            "server/src/telemetry.rs",
            "server/src/system_clock.rs",
        ],
        except: &[],
        tokens: &[
            "oneclaw_store",
            "oneclaw_policy_host",
            "crate::service",
            "crate::http",
            "crate::app",
        ],
        instead: "settings, logging and the clock come before everything else and know nothing of it",
    },
    Rule {
        files: &["core/src", "policy-sdk/src", "plugins"],
        except: &[],
        tokens: &[
            "std::fs",
            "std::env",
            "std::process",
            "std::thread",
            "std::time",
            "SystemTime",
            "Instant",
            "TcpStream",
            "UdpSocket",
        ],
        instead: "no I/O and no clock here; take it as an argument",
    },
    Rule {
        files: &["store/src"],
        except: &["store/src/db", "store/src/error.rs"],
        tokens: &["sqlx"],
        instead: "queries go through `Db` and `Tx`, which speak to both databases",
    },
    Rule {
        files: &["policy-host/src"],
        except: &["policy-host/src/decide.rs"],
        tokens: &["Permit::mint"],
        instead: "a permit follows from a decision and from nothing else",
    },
    Rule {
        files: &["policy-host/src"],
        except: &["policy-host/src/decide_transaction.rs"],
        tokens: &["SigningPermit::mint"],
        instead: "a permit to sign follows from a decision on what is signed and from nothing else",
    },
    Rule {
        files: &["crypto/src", "server/src", "store/src"],
        except: &[
            "crypto/src/envelope",
            "crypto/src/envelope.rs",
            "server/src/service/agents",
            "server/src/service/signing_keys",
        ],
        tokens: &["seal_without_permit_for_system_vault"],
        instead: "this is for the keys that the server makes for new agents; everything else needs a permit",
    },
    Rule {
        files: &[
            "server/src/service",
            "server/src/http",
            "server/src/jobs.rs",
            "server/src/jobs",
        ],
        except: &[
            "server/src/service/secrets.rs",
            "server/src/service/secrets",
            // The address of a key at a path is worked out once, and a key is exported, each with its permit.
            "server/src/service/intents/key.rs",
            "server/src/service/signing_keys",
        ],
        tokens: &["envelope::open", "envelope::seal"],
        instead: "values are opened and sealed by server/src/service/secrets.rs, next to the permit that allows it",
    },
    Rule {
        files: &[
            "core/src",
            "store/src",
            "crypto/src",
            "effects/src",
            "chain/src",
            "policy-host/src",
            "server/src",
        ],
        except: &[],
        tokens: &[
            "PrivateKeySigner",
            "LocalSigner",
            "SignerSync",
            "sign_hash",
            "sign_hash_sync",
            "sign_message_sync",
            "sign_typed_data_sync",
            "TxSignerSync",
            "sign_transaction_sync",
            "sign_prehash",
            "sign_prehash_recoverable",
        ],
        instead: "whatever an account signs is signed by the crate `signer`, against a `SigningPermit`",
    },
    Rule {
        files: &["server/src"],
        except: &["server/src/service/intents/execute.rs"],
        tokens: &["oneclaw_signer::sign", "SealedKey", "send_raw"],
        instead: "a permit is turned into a signature, and that is stored and sent, in server/src/service/intents/execute.rs",
    },
    Rule {
        files: &["server/src", "store/src", "chain/src", "effects/src"],
        except: &[],
        tokens: &["open_for_signing"],
        instead: "a key is opened for signing by the signer, which hands out signatures and nothing else",
    },
    Rule {
        files: &[
            "server/src/service",
            "server/src/http",
            "server/src/jobs.rs",
            "server/src/jobs",
        ],
        except: &["server/src/service/gate.rs", "server/src/service/gate"],
        tokens: &["decide_access", "decide_transaction"],
        instead: "there is one gate, server/src/service/gate.rs; ask it",
    },
    Rule {
        files: &[
            "server/src/service",
            "server/src/http",
            "server/src/jobs.rs",
        ],
        except: &[
            "server/src/service/gate.rs",
            "server/src/service/gate",
            // Writes down what the gate has decided.
            "server/src/service/decisions/record.rs",
        ],
        tokens: &["DecidedAccess", "DecidedTransaction"],
        instead: "there is one gate, server/src/service/gate.rs; ask it",
    },
    Rule {
        files: &["server/src/service", "server/src/jobs.rs"],
        except: &[
            "server/src/service/gate.rs",
            "server/src/service/gate",
            "server/src/service/decisions/record.rs",
            // The body of the API that has the same name.
            "server/src/service/plugins",
        ],
        tokens: &["Attachment"],
        instead: "there is one gate, server/src/service/gate.rs; ask it",
    },
    Rule {
        files: &["cli/src"],
        except: &["cli/src/commands/plugin", "cli/src/commands/receipt.rs"],
        tokens: &["oneclaw_policy_host", "wasmtime"],
        instead: "the command line speaks HTTP; what runs components is for the commands of plugin authors, below cli/src/commands/plugin, and for asking again what a receipt says",
    },
    Rule {
        files: &["cli/src"],
        except: &["cli/src/environment.rs"],
        tokens: &["env::var", "env::var_os", "env::vars"],
        instead: "the environment is read by cli/src/environment.rs, which has a field for each variable",
    },
    Rule {
        files: &["cli/src"],
        except: &["cli/src/client"],
        tokens: &["ureq", "TcpStream"],
        instead: "whatever is asked of the server goes through cli/src/client, which has deadlines and clear words for failures",
    },
    Rule {
        files: &["cli/src"],
        except: &["cli/src/output"],
        tokens: &["stdout()"],
        instead: "whatever is printed goes through cli/src/output, which makes it harmless and survives a closed pipe",
    },
];

fn is_below(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        path.strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn broken(rule: &Rule, sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        if !is_below(&source.path, rule.files) || is_below(&source.path, rule.except) {
            continue;
        }
        for token in rule.tokens {
            for line in source.lines_naming(token) {
                found.push(Finding {
                    place: format!("{}:{line}", source.path),
                    what: format!("`{token}`: {}", rule.instead),
                });
            }
        }
    }
    found
}

fn below(place: &str) -> impl Iterator<Item = &'static Source> {
    let sources = product().iter();
    sources.filter(move |source| is_below(&source.path, &[place]))
}

#[test]
fn modules_name_only_what_their_layer_may() {
    let found: Vec<Finding> = RULES
        .iter()
        .flat_map(|rule| broken(rule, product()))
        .collect();
    findings::none(&found);
}

#[test]
fn every_rule_is_about_files_that_exist() {
    for rule in RULES {
        for place in rule.files {
            let known = product()
                .iter()
                .any(|source| is_below(&source.path, &[place]));
            assert!(
                known,
                "`{place}` is gone; adapt the rule to where its code went"
            );
        }
    }
}

#[test]
fn http_takes_nothing_from_crypto_but_random_ids() {
    let mut found = Vec::new();
    for source in below("server/src/http") {
        for (number, line) in &source.code {
            let others = line.replace("oneclaw_crypto::random", "");
            if others.contains("oneclaw_crypto") {
                found.push(Finding {
                    place: format!("{}:{number}", source.path),
                    what: "`oneclaw_crypto`: key material stays below the services; take `random` alone".to_owned(),
                });
            }
        }
    }
    findings::none(&found);
}

#[test]
fn no_statement_changes_or_removes_an_audit_event() {
    let mut found = Vec::new();
    // What is removed because of its age is verified first, and the rest sealed to it.
    let retention = "store/src/audit/retention.rs";
    for source in below("store/src").filter(|source| source.path != retention) {
        // Statements are literals, so this looks at the text itself; a statement may be broken over lines.
        let text = source.raw.replace("\\\n", " ");
        let words: Vec<&str> = text.split_whitespace().collect();
        let changes = words.windows(3).any(|window| {
            let joined = window.join(" ").replace('"', "");
            joined.starts_with("UPDATE audit_events")
                || joined.starts_with("DELETE FROM audit_events")
        });
        if changes {
            found.push(Finding {
                place: source.path.clone(),
                what: "audit events are appended and never touched again; record another event instead".to_owned(),
            });
        }
    }
    findings::none(&found);
}

#[test]
fn a_broken_rule_is_found() {
    let source = Source {
        path: "server/src/http/routes/x.rs".to_owned(),
        raw: String::new(),
        code: vec![(7, "use oneclaw_store::Store;".to_owned())],
    };
    let found: Vec<Finding> = RULES
        .iter()
        .flat_map(|rule| broken(rule, std::slice::from_ref(&source)))
        .collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place, "server/src/http/routes/x.rs:7");
}
