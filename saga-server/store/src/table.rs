//! One list of columns for each table that batches write. A column is added to the struct of its table, and nowhere else: the
//! adapters make their statements from the list, and read rows by the names in it.

use std::error::Error;

use serde::{Serialize, Serializer};

use crate::{
    Corrupt, StoreError,
    columns::{JsonText, Moment, Texts},
};

/// Of which type a column is; each adapter has its own name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A list: an array in PostgreSQL, JSON in SQLite.
    Texts,
    Json,
    Moment,
    Number,
    Boolean,
}

/// A value to be written to a column of its kind; none stands for NULL.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Texts(&'a [String]),
    Json(Option<&'a str>),
    Moment(Option<Moment>),
    Number(Option<i64>),
    Boolean(Option<bool>),
}

/// A column's values are all of its kind, so that those who know the kind miss none.
impl<'a> Value<'a> {
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Json(text) => text,
            _ => None,
        }
    }

    pub(crate) fn texts(self) -> &'a [String] {
        match self {
            Self::Texts(texts) => texts,
            _ => &[],
        }
    }

    pub(crate) fn moment(self) -> Option<Moment> {
        match self {
            Self::Moment(moment) => moment,
            _ => None,
        }
    }

    pub(crate) fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => number,
            _ => None,
        }
    }

    pub(crate) fn boolean(self) -> Option<bool> {
        match self {
            Self::Boolean(value) => value,
            _ => None,
        }
    }
}

/// As JSON, in which SQLite takes rows.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) | Self::Json(text) => text.serialize(serializer),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Moment(moment) => moment.map(|moment| moment.0.as_millis()).serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Boolean(value) => value.serialize(serializer),
        }
    }
}

/// A type of Rust that a column is read and written as.
pub(crate) trait Column {
    const KIND: Kind;

    fn value(&self) -> Value<'_>;
}

macro_rules! column {
    ($($type:ty => $kind:ident($value:ident) $read:expr;)+) => {
        $(impl Column for $type {
            const KIND: Kind = Kind::$kind;

            fn value(&self) -> Value<'_> {
                let $value = self;
                Value::$kind($read)
            }
        })+
    };
}

column! {
    &str => Text(text) Some(text);
    Option<&str> => Text(text) *text;
    Option<String> => Text(text) text.as_deref();
    Texts => Texts(texts) &texts.0;
    Option<JsonText<'_>> => Json(json) json.map(|json| json.0);
    Moment => Moment(moment) Some(*moment);
    Option<Moment> => Moment(moment) *moment;
    i64 => Number(number) Some(*number);
    Option<i64> => Number(number) *number;
    bool => Boolean(value) Some(*value);
}

/// Rows of a table, each named by its key.
pub(crate) trait Keyed {
    const NAME: &'static str;

    /// The columns of the key.
    const KEY: &'static [&'static str];
}

/// Rows of a table, or a part of their columns.
pub(crate) trait Table: Keyed {
    /// The columns, in the order of [`values`](Self::values).
    const COLUMNS: &'static [(&'static str, Kind)];

    fn values(&self) -> Vec<Value<'_>>;

    /// The columns' names, as a statement lists them.
    fn columns() -> String {
        let names: Vec<&str> = Self::COLUMNS.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The error of a row with a value that cannot be read.
    fn corrupt(&self, column: &'static str, cause: impl Error + Send + Sync + 'static) -> StoreError {
        let columns = Self::COLUMNS.iter().zip(self.values());
        let key = columns.filter(|((name, _), _)| Self::KEY.contains(name));
        let key: Vec<&str> = key.filter_map(|(_, value)| value.text()).collect();
        Corrupt::new(Self::NAME, column, key.join(" "), cause).into()
    }
}

/// Declares a struct with a field for each column: `struct Row<'a> of table (key) { column: type, … }`.
macro_rules! table {
    (
        $(#[$meta:meta])*
        struct $row:ident<$lifetime:lifetime> of $table:ident ($($key:ident),+) {
            $($(#[$attribute:meta])* $column:ident: $type:ty,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
        pub(crate) struct $row<$lifetime> {
            $($(#[$attribute])* pub(crate) $column: $type,)+
        }

        impl<$lifetime> crate::table::Keyed for $row<$lifetime> {
            const NAME: &'static str = stringify!($table);
            const KEY: &'static [&'static str] = &[$(stringify!($key)),+];
        }

        impl<$lifetime> crate::table::Table for $row<$lifetime> {
            const COLUMNS: &'static [(&'static str, crate::table::Kind)] =
                &[$((stringify!($column), <$type as crate::table::Column>::KIND)),+];

            fn values(&self) -> Vec<crate::table::Value<'_>> {
                vec![$(crate::table::Column::value(&self.$column)),+]
            }
        }
    };
}

pub(crate) use table;
