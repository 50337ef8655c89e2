//! One behaviour over two databases: every story is told to SQLite and to PostgreSQL.

#[path = "../../../tests/src/postgres.rs"]
mod postgres;

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod agents;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod audit_kept;
#[cfg(test)]
mod database;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod env_vars;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod intents;
#[cfg(test)]
mod mails;
#[cfg(test)]
mod organisation;
#[cfg(test)]
mod plugins;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod replays;
#[cfg(test)]
mod second_factors;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod signing;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod webhooks;

/// Makes a test of each story for each database.
#[cfg(test)]
macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(crate::stage::Stage::sqlite().await).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(crate::stage::Stage::postgres().await).await;
            })*
        }
    };
}
#[cfg(test)]
pub(crate) use stories;
