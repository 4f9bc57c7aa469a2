//! The way to PostgreSQL vanishes without a word: nothing comes back, and nothing says why.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    postgres::Postgres,
    suite::{Database, events::created},
};
use saga_store::{AppendError, Store, StoreOptions, postgres::PostgresStore};
use saga_types::definition::Definitions;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Forwards to PostgreSQL until it falls silent. Then it drops its own connections there, as a host that fails does, and
/// keeps those to the client open without a word. Connections made later work.
struct Way {
    url: String,
    silence: watch::Sender<()>,
    open: Arc<AtomicUsize>,
}

impl Way {
    async fn to(database_url: &str) -> Self {
        let options: PgConnectOptions = database_url.parse().unwrap();
        let target = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silence, _) = watch::channel(());
        let open = Arc::new(AtomicUsize::new(0));
        let (sender, count) = (silence.clone(), Arc::clone(&open));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(
                    client,
                    target.clone(),
                    sender.subscribe(),
                    Arc::clone(&count),
                ));
            }
        });
        let database = options.get_database().unwrap();
        // The rest of the address names the schema.
        let query = database_url.split_once('?').map_or("", |(_, query)| query);
        Self {
            url: format!(
                "postgres://{}@127.0.0.1:{port}/{database}?{query}",
                options.get_username()
            ),
            silence,
            open,
        }
    }
}

async fn forward(
    mut client: TcpStream,
    target: (String, u16),
    mut silence: watch::Receiver<()>,
    open: Arc<AtomicUsize>,
) {
    let mut database = TcpStream::connect(target).await.unwrap();
    open.fetch_add(1, Ordering::Relaxed);
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut database) => {}
        _ = silence.changed() => {
            drop(database);
            std::future::pending::<()>().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_vanishes_without_a_word_counts_as_away_and_is_found_again() {
    let database = Postgres::new().await;
    database.store().await;
    let way = Way::to(&database.url()).await;
    let options = StoreOptions {
        definitions: Arc::new(Definitions::built_in()),
        // Half of them write.
        max_connections: 4,
    };
    let store = PostgresStore::connect(&way.url, options).unwrap();
    let store = store.with_append_timeout(Duration::from_secs(2));
    let batch = |number: usize| vec![created(&format!("saga-{number}"), "1", 0)];
    // More often than there are connections: each must be given up for a new one.
    for number in 0..5 {
        let mut blocker = PgConnection::connect(&database.url()).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE saga_steps IN EXCLUSIVE MODE")
            .execute(&mut blocker)
            .await
            .unwrap();
        let (appending, silencing) = (store.append(batch(number).into()), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            way.silence.send_replace(());
        });
        let (appended, ()) = tokio::join!(appending, silencing);
        assert!(
            matches!(appended, Err(AppendError::Unavailable(_))),
            "{appended:?}"
        );
        drop(blocker);
        while store.append(batch(number).into()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(way.open.load(Ordering::Relaxed) > 5);
    let stored = database
        .count("SELECT count(*) FROM saga_steps WHERE $1 <> ''")
        .await;
    assert_eq!(stored, 5);
}
