//! Rows to Parquet and back: texts, moments and counts, and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::{ParquetError, Result},
    file::{
        properties::WriterProperties,
        reader::SerializedFileReader,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    record::{Field, reader::RowIter},
    schema::parser::parse_message_type,
};

/// The values of one column of some rows.
pub(super) enum Column<'a> {
    Text(Vec<&'a str>),
    MaybeText(Vec<Option<&'a str>>),
    /// A count, or a moment in milliseconds since 1970.
    Number(Vec<i64>),
}

/// A file in the making. Each piece becomes a row group, so that no more than one need be in memory uncompressed.
pub(super) struct Table {
    writer: SerializedFileWriter<Vec<u8>>,
    rows: u64,
}

impl Table {
    /// Begins a file with a schema in Parquet's own notation.
    pub(super) fn new(schema: &str) -> Result<Self> {
        let schema = Arc::new(parse_message_type(schema)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?,
            rows: 0,
        })
    }

    /// Adds rows: their columns in the order of the schema.
    pub(super) fn add(&mut self, rows: usize, columns: Vec<Column<'_>>) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for column in columns {
            let mut writer = group
                .next_column()?
                .ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))?;
            write(&mut writer, column)?;
            writer.close()?;
        }
        group.close()?;
        self.rows += rows as u64;
        Ok(())
    }

    /// The file, and how many rows it has.
    pub(super) fn finish(self) -> Result<(Vec<u8>, u64)> {
        Ok((self.writer.into_inner()?, self.rows))
    }
}

fn write(writer: &mut SerializedColumnWriter<'_>, column: Column<'_>) -> Result<()> {
    match column {
        Column::Text(texts) => {
            let texts: Vec<ByteArray> = texts.into_iter().map(ByteArray::from).collect();
            writer.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
        }
        Column::MaybeText(texts) => {
            let levels: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
            let texts: Vec<ByteArray> = texts.into_iter().flatten().map(ByteArray::from).collect();
            writer
                .typed::<ByteArrayType>()
                .write_batch(&texts, Some(&levels), None)?;
        }
        Column::Number(numbers) => {
            writer.typed::<Int64Type>().write_batch(&numbers, None, None)?;
        }
    }
    Ok(())
}

/// A row that was read: its fields in the order of the schema.
pub(super) struct Row(std::vec::IntoIter<(String, Field)>);

impl Row {
    pub(super) fn text(&mut self) -> Result<String> {
        self.maybe_text()?
            .ok_or_else(|| ParquetError::General("a text is missing".to_owned()))
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>> {
        match self.0.next() {
            Some((_, Field::Str(text))) => Ok(Some(text)),
            Some((_, Field::Null)) => Ok(None),
            other => Err(unexpected("a text", other)),
        }
    }

    /// The last field, whatever stands before it.
    pub(super) fn last_text(mut self) -> Result<String> {
        match self.0.next_back() {
            Some((_, Field::Str(text))) => Ok(text),
            other => Err(unexpected("a text", other)),
        }
    }

    pub(super) fn number(&mut self) -> Result<i64> {
        match self.0.next() {
            Some((_, Field::Long(number) | Field::TimestampMillis(number))) => Ok(number),
            other => Err(unexpected("a number", other)),
        }
    }
}

fn unexpected(wanted: &str, found: Option<(String, Field)>) -> ParquetError {
    let found = found.map_or("no further column".to_owned(), |(name, _)| {
        format!("column {name} is another one")
    });
    ParquetError::General(format!("{wanted} was expected, but {found}"))
}

/// All rows of a file, one at a time.
pub(super) fn rows(file: Bytes) -> Result<impl Iterator<Item = Result<Row>>> {
    let reader = SerializedFileReader::new(file)?;
    let rows = RowIter::from_file_into(Box::new(reader));
    Ok(rows.map(|row| Ok(Row(row?.into_columns().into_iter()))))
}
