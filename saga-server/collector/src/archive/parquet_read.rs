//! Parquet to rows: of a whole file, or of those row groups whose statistics and bloom filters do not exclude a value.
//!
//! Rule of thumb: the files may have been changed by others, so what a footer says is checked before it is used.

use std::{ops::Range, sync::Arc};

use bytes::{Buf as _, Bytes};
use parquet::{
    basic::Type,
    bloom_filter::Sbbf,
    column::reader::ColumnReader,
    data_type::ByteArray,
    errors::{ParquetError, Result},
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
        properties::ReaderProperties,
        reader::{ChunkReader, Length, RowGroupReader as _},
        serialized_reader::SerializedRowGroupReader,
        statistics::Statistics,
    },
};

use super::{manifest::LAYOUT, parquet_write::LAYOUT_KEY};

/// The most bytes that the row groups of one answer may have, compressed or not.
const MAX_READ: i64 = 1 << 30;

/// Pieces of a file that were read.
#[derive(Clone)]
pub(super) struct Pieces {
    length: u64,
    pieces: Vec<(u64, Bytes)>,
}

impl Pieces {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            length: bytes.len() as u64,
            pieces: vec![(0, bytes)],
        }
    }

    /// The same with another piece.
    pub(super) fn with(&self, start: u64, bytes: Bytes) -> Self {
        let mut pieces = self.clone();
        pieces.pieces.push((start, bytes));
        pieces
    }

    fn from(&self, start: u64) -> Result<Bytes> {
        if start == self.length {
            return Ok(Bytes::new());
        }
        let rest = self.pieces.iter().find_map(|(at, bytes)| {
            let skipped = usize::try_from(start.checked_sub(*at)?).ok()?;
            (skipped < bytes.len()).then(|| bytes.slice(skipped..))
        });
        rest.ok_or_else(|| wrong(format_args!("nothing was read from byte {start} on")))
    }
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Pieces {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let rest = self.from(start)?;
        if length > rest.len() {
            return Err(wrong(format_args!(
                "{length} bytes from {start} on are not there"
            )));
        }
        Ok(rest.slice(..length))
    }
}

/// What the end of a file says: where its row groups are, and what is in them.
pub(super) struct Footer {
    metadata: ParquetMetaData,
    /// The bloom filters and the footer itself.
    tail: Pieces,
    /// Where the wanted columns are; those that may be missing are none in files of an older layout.
    columns: Vec<Option<usize>>,
}

/// A column that is wanted: its name and its type.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) name: &'static str,
    pub(super) of: Type,
    /// Files of an older layout lack it.
    pub(super) may_be_missing: bool,
}

impl Footer {
    /// Reads the end of a file. Of the file only that is kept.
    pub(super) fn of(file: &Bytes, wanted: &[Wanted]) -> Result<Self> {
        let whole = Pieces::whole(file.clone());
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&whole)?;
        check_layout(&metadata)?;
        let columns = wanted
            .iter()
            .map(|column| place_of(&metadata, *column))
            .collect::<Result<Vec<_>>>()?;
        for group in metadata.row_groups() {
            check_group(group, whole.length)?;
        }
        let filters = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
        let filters = filters.filter_map(|column| u64::try_from(column.bloom_filter_offset()?).ok());
        let start = filters.min().unwrap_or(whole.length).min(whole.length);
        let tail = Bytes::copy_from_slice(&whole.from(start)?);
        Ok(Self {
            tail: Pieces {
                length: whole.length,
                pieces: vec![(start, tail)],
            },
            metadata,
            columns,
        })
    }

    /// About how many bytes it takes.
    pub(super) fn memory(&self) -> usize {
        let tail: usize = self.tail.pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        self.metadata.memory_size() + tail
    }

    pub(super) fn tail(&self) -> &Pieces {
        &self.tail
    }

    pub(super) fn groups(&self) -> Range<usize> {
        0..self.metadata.num_row_groups()
    }

    /// How many rows come before a row group.
    pub(super) fn rows_before(&self, group: usize) -> i64 {
        let before = self.metadata.row_groups().iter().take(group);
        before.map(RowGroupMetaData::num_rows).sum()
    }

    /// Whether a text may be in a column of a row group. Without statistics and bloom filters it may.
    pub(super) fn may_hold(&self, group: usize, column: usize, text: &str) -> Result<bool> {
        let Some(place) = self.columns[column] else {
            return Ok(false);
        };
        let chunk = self.metadata.row_group(group).column(place);
        if let Some(statistics) = chunk.statistics() {
            let is_below = statistics
                .min_bytes_opt()
                .is_some_and(|min| text.as_bytes() < min);
            // A greatest value that was cut is still above all others.
            let is_above = statistics
                .max_bytes_opt()
                .is_some_and(|max| text.as_bytes() > max);
            if is_below || is_above || is_empty(chunk) {
                return Ok(false);
            }
        }
        let filter = Sbbf::read_from_column_chunk(chunk, &self.tail)?;
        Ok(filter.is_none_or(|filter| filter.check(text)))
    }

    /// Whether a row group has any value in a column.
    pub(super) fn has_any(&self, group: usize, column: usize) -> bool {
        self.columns[column].is_some_and(|place| {
            let chunk = self.metadata.row_group(group).column(place);
            !is_empty(chunk)
        })
    }

    /// The greatest number of a column in a row group, if its statistics say so.
    pub(super) fn greatest(&self, group: usize, column: usize) -> Option<i64> {
        match self
            .metadata
            .row_group(group)
            .column(self.columns[column]?)
            .statistics()?
        {
            Statistics::Int64(numbers) => numbers.max_opt().copied(),
            _ => None,
        }
    }

    /// Where the bytes of row groups are.
    pub(super) fn span(&self, groups: &[usize]) -> Option<Range<u64>> {
        let groups = groups.iter().map(|group| self.metadata.row_group(*group));
        let chunks = groups.flat_map(RowGroupMetaData::columns);
        let ranges = chunks.map(ColumnChunkMetaData::byte_range);
        let spans = ranges.map(|(start, length)| start..start.saturating_add(length));
        spans.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))
    }

    /// The texts of a column of a row group, whose bytes must have been read.
    pub(super) fn texts(&self, pieces: &Pieces, group: usize, column: usize) -> Result<Vec<Option<String>>> {
        let rows = 0..self.rows_of(group)?;
        let values = self.read(pieces, group, column, &rows)?;
        values
            .into_iter()
            .map(|value| Row(vec![value].into_iter()).maybe_text())
            .collect()
    }

    /// Some rows of a row group, whose bytes must have been read.
    pub(super) fn rows(&self, pieces: &Pieces, group: usize, rows: &Range<usize>) -> Result<Vec<Row>> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in 0..self.columns.len() {
            columns.push(self.read(pieces, group, column, rows)?.into_iter());
        }
        let row = |_| {
            Row(columns
                .iter_mut()
                .map(|column| column.next().flatten())
                .collect::<Vec<_>>()
                .into_iter())
        };
        Ok(rows.clone().map(row).collect())
    }

    fn rows_of(&self, group: usize) -> Result<usize> {
        let rows = self.metadata.row_group(group).num_rows();
        usize::try_from(rows).map_err(|_| wrong(format_args!("{rows} rows")))
    }

    fn read(
        &self,
        pieces: &Pieces,
        group: usize,
        column: usize,
        rows: &Range<usize>,
    ) -> Result<Vec<Option<Value>>> {
        let Some(place) = self.columns[column] else {
            return Ok(vec![None; rows.len()]);
        };
        let metadata = self.metadata.row_group(group);
        let properties = Arc::new(ReaderProperties::builder().build());
        let index = self.metadata.page_index_for_row_group(group);
        let reader = SerializedRowGroupReader::new(Arc::new(pieces.clone()), metadata, index, properties)?;
        let values = match reader.get_column_reader(place)? {
            ColumnReader::ByteArrayColumnReader(mut reader) => {
                let (mut levels, mut values) = (Vec::new(), Vec::new());
                reader.skip_records(rows.start)?;
                reader.read_records(rows.len(), Some(&mut levels), None, &mut values)?;
                placed(&levels, values.into_iter().map(Value::Text))
            }
            ColumnReader::Int64ColumnReader(mut reader) => {
                let (mut levels, mut values) = (Vec::new(), Vec::new());
                reader.skip_records(rows.start)?;
                reader.read_records(rows.len(), Some(&mut levels), None, &mut values)?;
                placed(&levels, values.into_iter().map(Value::Number))
            }
            _ => return Err(wrong("a column has another type")),
        };
        match values.len() == rows.len() {
            true => Ok(values),
            false => Err(wrong(format_args!(
                "{} rows instead of {}",
                values.len(),
                rows.len()
            ))),
        }
    }
}

/// Whether statistics say that there is nothing in it.
fn is_empty(chunk: &ColumnChunkMetaData) -> bool {
    let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
    nulls == Some(chunk.num_values().unsigned_abs())
}

/// Values where their levels say that there is one; a column that has no levels has all.
fn placed(levels: &[i16], mut values: impl Iterator<Item = Value>) -> Vec<Option<Value>> {
    if levels.is_empty() {
        return values.map(Some).collect();
    }
    let levels = levels.iter();
    levels
        .map(|level| if *level > 0 { values.next() } else { None })
        .collect()
}

#[derive(Clone)]
enum Value {
    Text(ByteArray),
    Number(i64),
}

/// A row that was read: the wanted columns, in their order.
pub(super) struct Row(std::vec::IntoIter<Option<Value>>);

impl Row {
    pub(super) fn text(&mut self) -> Result<String> {
        self.maybe_text()?.ok_or_else(|| wrong("a text is missing"))
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>> {
        match self.0.next().flatten() {
            Some(Value::Text(text)) => Ok(Some(text.as_utf8()?.to_owned())),
            None => Ok(None),
            Some(Value::Number(_)) => Err(wrong("a text was expected")),
        }
    }

    pub(super) fn number(&mut self) -> Result<i64> {
        match self.0.next().flatten() {
            Some(Value::Number(number)) => Ok(number),
            _ => Err(wrong("a number was expected")),
        }
    }
}

/// All rows of a file, of which no more than a row group is decoded at once.
pub(super) fn rows(file: Bytes, wanted: &[Wanted]) -> Result<impl Iterator<Item = Result<Row>> + use<>> {
    let footer = Footer::of(&file, wanted)?;
    let pieces = Pieces::whole(file);
    Ok(footer.groups().flat_map(move |group| {
        let rows = footer.rows_of(group);
        match rows.and_then(|rows| footer.rows(&pieces, group, &(0..rows))) {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }
    }))
}

fn check_layout(metadata: &ParquetMetaData) -> Result<()> {
    let said = metadata
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten();
    let said = said
        .filter(|pair| pair.key == LAYOUT_KEY)
        .find_map(|pair| pair.value.as_deref());
    // The first layout does not say so.
    let Some(said) = said else { return Ok(()) };
    match said.parse::<u32>() {
        Ok(layout) if layout <= LAYOUT => Ok(()),
        _ => Err(wrong(format_args!(
            "layout {said:?}, of which this version knows none above {LAYOUT}; use a newer one"
        ))),
    }
}

fn place_of(metadata: &ParquetMetaData, wanted: Wanted) -> Result<Option<usize>> {
    let Wanted {
        name,
        of,
        may_be_missing,
    } = wanted;
    let columns = metadata.file_metadata().schema_descr().columns();
    let Some(place) = columns.iter().position(|column| column.path().string() == name) else {
        return match may_be_missing {
            true => Ok(None),
            false => Err(wrong(format_args!("there is no column {name}"))),
        };
    };
    let column = &columns[place];
    if column.physical_type() != of || column.max_rep_level() > 0 || column.max_def_level() > 1 {
        return Err(wrong(format_args!("the column {name} has another type")));
    }
    Ok(Some(place))
}

/// What cannot be is refused here, before anything is reserved for it, or looked for in the file.
fn check_group(group: &RowGroupMetaData, length: u64) -> Result<()> {
    let mut read = 0_i64;
    for chunk in group.columns() {
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let end = start.checked_add(chunk.compressed_size());
        let is_inside =
            start >= 0 && chunk.compressed_size() >= 0 && end.is_some_and(|end| end.unsigned_abs() <= length);
        read = read.saturating_add(chunk.uncompressed_size());
        if !is_inside || chunk.uncompressed_size() < 0 || read > MAX_READ {
            return Err(wrong("a row group is not where the footer says"));
        }
    }
    match group.num_rows() {
        0..=MAX_READ => Ok(()),
        rows => Err(wrong(format_args!("a row group of {rows} rows"))),
    }
}

fn wrong(reason: impl ToString) -> ParquetError {
    ParquetError::General(reason.to_string())
}
