//! Rows to Parquet: texts, moments and counts, and nothing else.

use std::sync::Arc;

use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::{ParquetError, Result},
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{BloomFilterPosition, EnabledStatistics, WriterProperties},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::{parser::parse_message_type, types::ColumnPath},
};

use super::manifest::LAYOUT;

/// The key under which a file says which layout it has.
pub(super) const LAYOUT_KEY: &str = "saga-tracker.layout";

/// Files are written once and read seldom.
const COMPRESSION_LEVEL: i32 = 9;

/// How often a bloom filter says yes where it should say no.
pub(super) const FALSE_POSITIVES: f64 = 0.001;

/// The values of one column of some rows.
pub(super) enum Column<'a> {
    Text(Vec<&'a str>),
    MaybeText(Vec<Option<&'a str>>),
    /// A count, or a moment in milliseconds since 1970.
    Number(Vec<i64>),
}

/// How a table is written.
pub(super) struct Layout {
    /// In Parquet's own notation.
    pub(super) schema: &'static str,
    /// Names that differ from row to row, or from saga to saga: a dictionary of them would be as long as the column.
    pub(super) names: &'static [&'static str],
    pub(super) numbers: &'static [&'static str],
    /// Columns with a bloom filter.
    pub(super) looked_up: &'static [&'static str],
    /// The most rows of a row group.
    pub(super) group: usize,
}

/// A file in the making. Each piece becomes a row group, so that no more than one need be in memory uncompressed.
pub(super) struct Table {
    writer: SerializedFileWriter<Vec<u8>>,
    rows: u64,
}

impl Table {
    pub(super) fn new(layout: &Layout) -> Result<Self> {
        let schema = Arc::new(parse_message_type(layout.schema)?);
        Ok(Self {
            writer: SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties(layout)?))?,
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

fn properties(layout: &Layout) -> Result<WriterProperties> {
    let path = |name: &&str| ColumnPath::from(*name);
    let compression = Compression::ZSTD(ZstdLevel::try_new(COMPRESSION_LEVEL)?);
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        // One page holds a row group, so that an index of pages would say nothing new.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        // Beside the footer, so that one read of a file's end has both.
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            LAYOUT_KEY.to_owned(),
            LAYOUT.to_string(),
        )]))
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]));
    for name in layout.names {
        properties = properties
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BYTE_ARRAY);
    }
    for name in layout.numbers {
        properties = properties
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in layout.looked_up {
        properties = properties
            .set_column_bloom_filter_enabled(path(name), true)
            .set_column_bloom_filter_fpp(path(name), FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(path(name), layout.group as u64);
    }
    Ok(properties.build())
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
