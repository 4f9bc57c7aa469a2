//! Whether each connection keeps its session.
//!
//! A pooler in transaction mode hands sessions on. What one connection prepared then runs, or is missing, under another one's
//! name, so that such a way to the database is refused before anything is stored.

use sqlx::{ConnectOptions, PgConnection, Row, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

use super::error;
use crate::StoreError;

/// How often it is looked: between two looks others may have taken the session.
const ROUNDS: usize = 3;

/// Looks once, when the database can first be reached.
#[derive(Debug)]
pub(super) struct Sessions {
    options: PgConnectOptions,
    are_kept: OnceCell<bool>,
}

impl Sessions {
    pub(super) fn of(options: PgConnectOptions) -> Self {
        Self {
            options,
            are_kept: OnceCell::new(),
        }
    }

    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let are_kept = self.are_kept.get_or_try_init(|| are_kept(&self.options)).await;
        match are_kept.map_err(error::store)? {
            true => Ok(()),
            false => Err(StoreError::Configuration(
                "the database's address leads to a pooler in transaction mode, which hands sessions on: use its session mode, or \
                 the database itself"
                    .into(),
            )),
        }
    }
}

/// A session that a second connection gets while the first one is open, or that changes, is not the first one's.
async fn are_kept(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let mut first = options.connect().await?;
    let mut second = options.connect().await?;
    for _ in 0..ROUNDS {
        let before = session(&mut first, "SELECT pg_backend_pid()").await?;
        let other = session(&mut second, "BEGIN; SELECT pg_backend_pid()").await?;
        if before == other {
            return Ok(false);
        }
        let after = session(&mut first, "SELECT pg_backend_pid()").await?;
        sqlx::raw_sql("ROLLBACK").execute(&mut second).await?;
        if before != after {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Without a prepared statement.
async fn session(connection: &mut PgConnection, query: &'static str) -> Result<i32, sqlx::Error> {
    sqlx::raw_sql(query).fetch_one(connection).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    static NEXT: AtomicI32 = AtomicI32::new(100);

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], &length[..], body].concat()
    }

    /// One row with one int4 as text, then ready for the next.
    fn row(number: i32) -> Vec<u8> {
        let text = number.to_string();
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        let column = [
            &b"\0\x01pid\0"[..],
            &[0; 6],
            &23_u32.to_be_bytes(),
            b"\0\x04\xff\xff\xff\xff\0\0",
        ]
        .concat();
        let data = [&b"\0\x01"[..], &length, text.as_bytes()].concat();
        [
            message(b'T', &column),
            message(b'D', &data),
            message(b'C', b"SELECT 1\0"),
            message(b'Z', b"I"),
        ]
        .concat()
    }

    /// What stands between a client and its session: who serves this question of this connection.
    async fn serve(mut client: TcpStream, session: impl Fn() -> i32) {
        let length = client.read_u32().await.unwrap();
        let mut startup = vec![0; length as usize - 4];
        client.read_exact(&mut startup).await.unwrap();
        let greeting = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
        client.write_all(&greeting).await.unwrap();
        while let Ok(b'Q') = client.read_u8().await {
            let length = client.read_u32().await.unwrap();
            let mut query = vec![0; length as usize - 4];
            client.read_exact(&mut query).await.unwrap();
            client.write_all(&row(session())).await.unwrap();
        }
    }

    async fn check_with<S: Fn() -> i32 + Send + 'static>(
        of_connection: impl Fn() -> S + Send + 'static,
    ) -> Result<(), StoreError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, of_connection()));
            }
        });
        let url = format!("postgres://saga@127.0.0.1:{port}/saga?sslmode=disable");
        Sessions::of(url.parse().unwrap()).check().await
    }

    #[tokio::test]
    async fn sessions_that_are_handed_on_are_refused() {
        let next = || NEXT.fetch_add(1, Ordering::Relaxed);
        let own = move || {
            let session = next();
            move || session
        };
        check_with(own).await.unwrap();
        let shared = check_with(|| || 7).await;
        assert!(matches!(shared, Err(StoreError::Configuration(_))), "{shared:?}");
        let changing = check_with(move || next).await;
        assert!(
            matches!(changing, Err(StoreError::Configuration(_))),
            "{changing:?}"
        );
    }
}
