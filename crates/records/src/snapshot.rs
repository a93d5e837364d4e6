//! Reading any synchronised model by its description: rows with their embedded rows and their outbox entries, all of one moment.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chainbill_domain::{
    Model, Row, Timestamp,
    mapping::{Column, Embed},
};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value as SqlValue};

use crate::{
    Records, RecordsError, Transaction,
    cells::{cells, number},
    outbox::{EntryKey, Op, marks, oldest_of_each, pad},
};

/// A consistent view of the primary, of the moment of its first read.
pub struct Snapshot {
    tx: Transaction,
}

/// A page of rows: ids strictly after `after`, up to and with `up_to`, ascending by bytes, at most `limit`.
#[derive(Debug, Clone, Copy)]
pub struct RowPage<'a> {
    /// Begin after this id.
    pub after: Option<&'a str>,
    /// End with this id.
    pub up_to: Option<&'a str>,
    /// At most this many rows.
    pub limit: u32,
}

/// The newest pending entry of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its version.
    pub version: i64,
    /// Its operation.
    pub op: Op,
    /// When the entity's oldest pending entry was written.
    pub since: Timestamp,
}

/// Rows are read in portions of about so many bytes where a model has large texts.
const PORTION_BYTES: i64 = 8 << 20;

impl Snapshot {
    pub(crate) fn new(tx: Transaction) -> Self {
        Self { tx }
    }

    /// Ids and versions of a page.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn versions(&self, model: &Model, page: RowPage<'_>) -> Result<Vec<(String, i64)>, RecordsError> {
        let (clause, values) = keyset("id", page);
        let sql = format!("SELECT id, version FROM {}{clause} ORDER BY id LIMIT {}", model.name, page.limit);
        let rows = self.all(sql, values).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }

    /// The rows of a page with their children. Where a model has large texts the page ends early rather than fill the
    /// memory; a page shorter than its limit is therefore not yet the last: only an empty one is.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn page(&self, model: &Model, page: RowPage<'_>) -> Result<Vec<Row>, RecordsError> {
        let limit = self.affordable(model, page).await?;
        let (clause, values) = keyset("id", page);
        let sql = format!("SELECT {} FROM {}{clause} ORDER BY id LIMIT {limit}", selection(model), model.name);
        let mut rows = read_rows(model, &self.all(sql, values).await?)?;
        let Some(last) = rows.last().map(|row| row.id.clone()) else { return Ok(rows) };
        for (slot, embed) in model.embeds.iter().enumerate() {
            let (clause, values) = keyset(embed.parent, RowPage { up_to: Some(&last), ..page });
            let sql = format!(
                "SELECT {} FROM {}{clause} ORDER BY {}, {}",
                child_selection(embed),
                embed.table,
                embed.parent,
                embed.order_by
            );
            adopt(&mut rows, slot, embed, &self.all(sql, values).await?)?;
        }
        Ok(rows)
    }

    /// The rows with these ids, those that exist, in no particular order, with their children.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn rows(&self, model: &Model, ids: &[String]) -> Result<Vec<Row>, RecordsError> {
        rows(&self.tx, model, ids).await
    }

    /// Sizes of the large texts of these rows in bytes; empty for a model without any.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn sizes(&self, model: &Model, ids: &[String]) -> Result<HashMap<String, i64>, RecordsError> {
        let Some(size) = size_expression(model) else { return Ok(HashMap::new()) };
        let sql = format!("SELECT id, {size} FROM {} WHERE id IN ({})", model.name, marks(ids.len()));
        let rows = self.all(sql, pad(ids)).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }

    /// Which of these entities are dead letters.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn parked(&self, model: &Model, ids: &[String]) -> Result<BTreeSet<String>, RecordsError> {
        let mut parked = BTreeSet::new();
        for batch in ids.chunks(1000) {
            let sql =
                format!("SELECT entity_id FROM sync_parked WHERE entity_id IN ({}) AND model=?", marks(batch.len()));
            for row in self.all(sql, pad(batch).chain([model.name.into()])).await? {
                parked.insert(row.try_get_by_index(0)?);
            }
        }
        Ok(parked)
    }

    /// The newest pending entry of each of these entities.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn pending(&self, model: &Model, ids: &[String]) -> Result<BTreeMap<String, Pending>, RecordsError> {
        let mut newest = BTreeMap::<String, Pending>::new();
        for batch in ids.chunks(1000) {
            let sql = format!(
                "SELECT entity_id, version, op, created_at FROM outbox WHERE entity_id IN ({}) AND model=? ORDER BY version",
                marks(batch.len())
            );
            let rows = self.all(sql, pad(batch).chain([model.name.into()])).await?;
            for row in &rows {
                let (id, at): (String, Timestamp) = (row.try_get_by_index(0)?, row.try_get_by_index(3)?);
                let since = newest.get(&id).map_or(at, |earlier| earlier.since.min(at));
                let op = Op::named(&row.try_get_by_index::<String>(2)?);
                newest.insert(id, Pending { version: row.try_get_by_index(1)?, op, since });
            }
        }
        Ok(newest)
    }

    /// Whether the outbox is long enough that looking up entries by entity pays off.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn is_backlogged(&self) -> Result<bool, RecordsError> {
        const MUCH: i64 = 256;
        let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM outbox LIMIT {MUCH}) some_entries");
        let rows = self.all(sql, []).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.try_get_by_index::<i64>(0))? >= MUCH)
    }

    /// The pending entries of these entities, each with its version. Entries of dead letters and of unknown operations are left out:
    /// only the relay handles them.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn pending_entries(
        &self,
        model: &Model,
        ids: &[String],
    ) -> Result<HashMap<String, Vec<(i64, EntryKey)>>, RecordsError> {
        let mut waiting = HashMap::<String, Vec<(i64, EntryKey)>>::new();
        for batch in ids.chunks(1000) {
            let sql = format!(
                "SELECT o.entity_id, o.version, o.part, o.id FROM outbox o LEFT JOIN sync_parked k \
                 ON k.model=o.model AND k.entity_id=o.entity_id \
                 WHERE o.entity_id IN ({}) AND o.model=? AND o.op IN (?,?) AND k.entity_id IS NULL",
                marks(batch.len())
            );
            let known = [Op::Upsert, Op::Delete].map(|op| SqlValue::from(op.name()));
            for row in self.all(sql, pad(batch).chain([model.name.into()]).chain(known)).await? {
                let (part, id): (i32, String) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
                if let Ok(part) = u16::try_from(part) {
                    let key = (row.try_get_by_index(1)?, (part, id));
                    waiting.entry(row.try_get_by_index(0)?).or_default().push(key);
                }
            }
        }
        Ok(waiting)
    }

    /// The ids of those of these entries that the outbox holds.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn entries(&self, entries: &[(u16, String)]) -> Result<HashSet<String>, RecordsError> {
        let mut shown = HashSet::with_capacity(entries.len());
        for batch in entries.chunks(200) {
            let keys = vec!["(part=? AND id=?)"; batch.len()].join(" OR ");
            let values = batch.iter().flat_map(|(part, id)| [SqlValue::from(*part), id.as_str().into()]);
            for row in self.all(format!("SELECT id FROM outbox WHERE {keys}"), values).await? {
                shown.insert(row.try_get_by_index(0)?);
            }
        }
        Ok(shown)
    }

    /// When the oldest pending entry or event was written.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn oldest_waiting(&self) -> Result<Option<Timestamp>, RecordsError> {
        let (sql, values) = oldest_of_each();
        let rows = self.all(sql, values).await?;
        let moments = rows.iter().map(|row| row.try_get_by_index::<Timestamp>(0)).collect::<Result<Vec<_>, _>>()?;
        Ok(moments.into_iter().min())
    }

    /// Names of the leases that an owner holds.
    pub(crate) async fn leases_of(&self, owner: &str) -> Result<BTreeSet<String>, RecordsError> {
        let rows = self.all("SELECT name FROM sync_leases WHERE owner=?".to_owned(), [owner.into()]).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }

    /// Whether a query about an id returns a row.
    pub(crate) async fn shows(&self, sql: &str, id: &str) -> Result<bool, RecordsError> {
        Ok(!self.all(sql.to_owned(), [id.into()]).await?.is_empty())
    }

    /// Number of rows.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn count(&self, model: &Model) -> Result<u64, RecordsError> {
        let rows = self.all(format!("SELECT COUNT(*) FROM {}", model.name), []).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Closes the snapshot.
    ///
    /// # Errors
    /// When the connection broke; nothing depends on it.
    pub async fn close(self) -> Result<(), RecordsError> {
        Ok(self.tx.commit().await?)
    }

    /// How many rows of the page fit into a portion; the whole limit for models without large texts.
    async fn affordable(&self, model: &Model, page: RowPage<'_>) -> Result<u32, RecordsError> {
        let Some(size) = size_expression(model) else { return Ok(page.limit) };
        let (clause, values) = keyset("id", page);
        let sql = format!("SELECT {size} FROM {}{clause} ORDER BY id LIMIT {}", model.name, page.limit);
        let (mut bytes, mut count) = (0_i64, 0);
        for row in self.all(sql, values).await? {
            bytes = bytes.saturating_add(row.try_get_by_index(0)?);
            if bytes > PORTION_BYTES && count > 0 {
                break;
            }
            count += 1;
        }
        Ok(count)
    }

    async fn all(
        &self,
        sql: String,
        values: impl IntoIterator<Item = SqlValue>,
    ) -> Result<Vec<QueryResult>, RecordsError> {
        all(&self.tx, sql, values).await
    }
}

impl Records {
    /// The rows with these ids as they are now, those that exist, in no particular order, with their children: all of one
    /// moment.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn rows(&self, model: &Model, ids: &[String]) -> Result<Vec<Row>, RecordsError> {
        rows(self.reader(), model, ids).await
    }
}

/// So many rows at once: SQLite takes 32,766 parameters in a statement, and each table of the union has all ids.
const ROWS_AT_ONCE: usize = 4096;

async fn rows(db: &impl ConnectionTrait, model: &Model, ids: &[String]) -> Result<Vec<Row>, RecordsError> {
    let mut all = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_AT_ONCE) {
        all.extend(rows_at_once(db, model, ids).await?);
    }
    Ok(all)
}

/// Rows and their children in one statement, which is of one moment by itself and costs one round trip: each table
/// of the union has its own columns, and NULL in those of the others.
async fn rows_at_once(db: &impl ConnectionTrait, model: &Model, ids: &[String]) -> Result<Vec<Row>, RecordsError> {
    let tables = tables(model);
    let sql: Vec<String> = tables.iter().enumerate().map(|(number, _)| table_sql(&tables, number, ids.len())).collect();
    let values = tables.iter().flat_map(|_| pad(ids));
    let results = all(db, sql.join(" UNION ALL "), values).await?;
    let mut places = HashMap::with_capacity(ids.len());
    let (mut rows, mut children) = (Vec::with_capacity(ids.len()), Vec::new());
    for result in &results {
        let (table, id): (i64, String) = (result.try_get_by_index(0)?, result.try_get_by_index(1)?);
        let place = usize::try_from(table).unwrap_or(usize::MAX);
        let Some(table) = tables.get(place) else { continue };
        let mut cells = cells(table.columns, result, table.first);
        let order = number(result, 2, table.order, &mut cells);
        match place.checked_sub(1) {
            Some(slot) => children.push((id, slot, order, cells)),
            None => {
                places.insert(id.clone(), rows.len());
                rows.push(Row { id, version: order, cells, children: vec![Vec::new(); model.embeds.len()] });
            }
        }
    }
    children.sort_by_key(|(_, _, order, _)| *order);
    for (id, slot, _, cells) in children {
        // A child without a parent is in no document.
        if let Some(&place) = places.get(&id) {
            rows[place].children[slot].push(cells);
        }
    }
    Ok(rows)
}

/// One table of a model: its own, or an embedded one.
struct Table {
    table: &'static str,
    key: &'static str,
    /// An integer: the row's version, or a child's place.
    order: &'static str,
    columns: &'static [Column],
    /// The position of its columns in the union, after the table's number, the key and the order.
    first: usize,
}

fn tables(model: &Model) -> Vec<Table> {
    let own = (model.name, "id", "version", model.columns);
    let embedded = model.embeds.iter().map(|embed| (embed.table, embed.parent, embed.order_by, embed.columns));
    let mut next = 3;
    let place = |(table, key, order, columns): (_, _, _, &'static [Column])| {
        let first = next;
        next += columns.iter().flat_map(Column::selected).count();
        Table { table, key, order, columns, first }
    };
    std::iter::once(own).chain(embedded).map(place).collect()
}

fn table_sql(tables: &[Table], number: usize, ids: usize) -> String {
    let mut selected = String::new();
    for (other, table) in tables.iter().enumerate() {
        for (name, _) in table.columns.iter().flat_map(Column::selected) {
            selected.push(',');
            selected.push_str(if other == number { name } else { "NULL" });
        }
    }
    let Table { table, key, order, .. } = tables[number];
    format!("SELECT {number},{key},{order}{selected} FROM {table} WHERE {key} IN ({})", marks(ids))
}

async fn all(
    db: &impl ConnectionTrait,
    sql: String,
    values: impl IntoIterator<Item = SqlValue>,
) -> Result<Vec<QueryResult>, RecordsError> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(db.query_all_raw(statement).await?)
}

fn keyset(column: &str, page: RowPage<'_>) -> (String, Vec<SqlValue>) {
    let (mut clause, mut values) = (String::new(), Vec::new());
    for (bound, sign) in [(page.after, ">"), (page.up_to, "<=")] {
        if let Some(bound) = bound {
            let word = if values.is_empty() { " WHERE" } else { " AND" };
            clause.push_str(&format!("{word} {column} {sign} ?"));
            values.push(bound.into());
        }
    }
    (clause, values)
}

/// Large texts are marked in the description; `LENGTH` counts bytes on MySQL and, of a blob, on SQLite.
fn size_expression(model: &Model) -> Option<String> {
    let large: Vec<String> = model
        .columns
        .iter()
        .filter(|column| column.large)
        .map(|column| format!("COALESCE(LENGTH({}),0)", column.column))
        .collect();
    (!large.is_empty()).then(|| large.join("+"))
}

fn selection(model: &Model) -> String {
    columns("id,version", model.columns)
}

fn child_selection(embed: &Embed) -> String {
    columns(&format!("{},{}", embed.parent, embed.order_by), embed.columns)
}

fn columns(first: &str, columns: &[Column]) -> String {
    let mut text = first.to_owned();
    for (name, _) in columns.iter().flat_map(Column::selected) {
        text.push(',');
        text.push_str(name);
    }
    text
}

fn read_rows(model: &Model, results: &[QueryResult]) -> Result<Vec<Row>, RecordsError> {
    results
        .iter()
        .map(|result| {
            let mut cells = cells(model.columns, result, 2);
            Ok(Row {
                id: result.try_get_by_index(0)?,
                version: number(result, 1, "version", &mut cells),
                cells,
                children: vec![Vec::new(); model.embeds.len()],
            })
        })
        .collect()
}

/// Puts child rows into their parents. Children without a parent in the list are skipped.
fn adopt(rows: &mut [Row], slot: usize, embed: &Embed, results: &[QueryResult]) -> Result<(), RecordsError> {
    let places: HashMap<String, usize> = rows.iter().enumerate().map(|(place, row)| (row.id.clone(), place)).collect();
    for result in results {
        let parent: String = result.try_get_by_index(0)?;
        if let Some(&place) = places.get(&parent) {
            let mut cells = cells(embed.columns, result, 2);
            // The rows come in their order: that their places can be read is all that is asked.
            number(result, 1, embed.order_by, &mut cells);
            rows[place].children[slot].push(cells);
        }
    }
    Ok(())
}
