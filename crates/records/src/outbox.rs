//! The outbox: a queue of changed entities. An entry is added in the transaction of its change, and removed by the relay after the
//! mirror has applied it. Entries are claimed, applied and deleted; there is no cursor to lose.
//!
//! Events have a table of their own ([`crate::events`]). Entries that hold one in `body` are of an older release, which may run
//! beside this one: they are relayed like the others.
//!
//! Entries are divided into [`PARTITIONS`] partitions by a hash of the entity's id. A relay leases partitions, so two healthy relays
//! never have entries of one entity, and a batch costs no update per entry.

use chainbill_domain::{Model, Random, Timestamp, event::EventRecord, id::EventId};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

use crate::{Records, RecordsError, Transaction, dialect::Dialect, events};

/// Number of partitions: the most relays that can share the work.
pub const PARTITIONS: u16 = 16;

/// The pseudo model of events, as their collection and the consumer that fills it are called.
pub const ANALYTICS: &str = "analytics";

/// The pseudo model of the heartbeat that goes through the whole pipe.
pub const HEARTBEAT: &str = "heartbeat";

/// What the entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Write the entity's current row.
    Upsert,
    /// The row was deleted.
    Delete,
    /// Keep the event in `body`, of an older release.
    Event,
    /// An operation that this release does not know: of a newer release, or written by hand.
    Unknown,
}

impl Op {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Delete => "delete",
            Self::Event => "event",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        let known = [Self::Upsert, Self::Delete, Self::Event].into_iter().find(|op| op.name() == name);
        known.unwrap_or(Self::Unknown)
    }
}

/// A change.
#[derive(Debug, Clone)]
pub struct Entry {
    /// A model's name, [`ANALYTICS`] or [`HEARTBEAT`].
    pub model: String,
    /// The changed entity.
    pub entity_id: String,
    /// The version that it reached; of a delete, one more than the last.
    pub version: i64,
    /// What happened.
    pub op: Op,
    /// The event itself, of events only.
    pub body: Option<String>,
}

/// An entry in the queue.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Its partition.
    pub partition: u16,
    /// Its id, UUIDv7.
    pub id: String,
    /// The change.
    pub entry: Entry,
    /// When it was written.
    pub created_at: Timestamp,
    /// Whether its entity is a dead letter.
    pub parked: bool,
}

/// The key of an entry: its partition and its id.
pub type EntryKey = (u16, String);

/// The pending entries of a model.
#[derive(Debug, Clone)]
pub struct Backlog {
    /// A model's name, [`ANALYTICS`] or [`HEARTBEAT`].
    pub model: String,
    /// Their number.
    pub entries: u64,
    /// When the oldest was written.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    /// Counts further entries.
    pub(crate) fn add(&mut self, entries: u64, oldest: Option<Timestamp>) {
        self.entries += entries;
        self.oldest = self.oldest.into_iter().chain(oldest).min();
    }
}

/// The partition of an entity: FNV-1a of its id, so that every program and every release agrees.
#[must_use]
pub fn partition_of(entity_id: &str) -> u16 {
    let hash = entity_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    u16::try_from((hash >> 32) % u64::from(PARTITIONS)).expect("a remainder of 16 fits")
}

const COLUMNS: &str = "o.part,o.id,o.model,o.entity_id,o.version,o.op,o.body,o.created_at";
/// Up to so many entries are read without asking for the oldest of each partition.
const FEW: usize = 256;
const INSERT: &str = "INSERT INTO outbox (part,id,model,entity_id,version,op,body,created_at) VALUES ";
const ENTRY_COLUMNS: usize = 8;
const ENTRIES_PER_STATEMENT: usize = 1000;
/// Entries and events that travel together with COMMIT; more are cheaper as prepared statements.
const FEW_WITH_COMMIT: usize = 32;

/// The entries as they will be queued.
pub(crate) fn queued_now(entries: Vec<Entry>, now: Timestamp, random: &dyn Random) -> Vec<Queued> {
    let queued = |entry: Entry| Queued {
        partition: partition_of(&entry.entity_id),
        id: EventId::new(now, random.bytes()).to_string(),
        entry,
        created_at: now,
        parked: false,
    };
    entries.into_iter().map(queued).collect()
}

/// Writes entries and events and makes the transaction durable. Where the server takes several statements at once, a few
/// travel together with COMMIT: no commit waits for a round trip of the outbox while it holds locks.
pub(crate) async fn commit(
    tx: Transaction,
    dialect: Dialect,
    entries: &[Queued],
    events: &[EventRecord],
    now: Timestamp,
) -> Result<(), RecordsError> {
    let are_few = entries.len() + events.len() <= FEW_WITH_COMMIT;
    if !are_few || !dialect.takes_texts() {
        write(&tx, dialect, entries).await?;
        events::write(&tx, dialect, events, now).await?;
        return tx.commit_after(Vec::new()).await;
    }
    let rows: Vec<String> = entries.iter().map(literals).collect();
    let entries = (!rows.is_empty()).then(|| format!("{INSERT}{}", rows.join(",")));
    let events = (!events.is_empty()).then(|| events::literals(events, now));
    tx.commit_after(entries.into_iter().chain(events).collect()).await
}

/// The row of an entry, as text.
fn literals(queued: &Queued) -> String {
    let Queued { partition, id, entry, created_at, .. } = queued;
    let Entry { model, entity_id, version, op, body } = entry;
    let body = body.as_deref().map_or_else(|| "NULL".to_owned(), literal);
    let (model, entity_id) = (literal(model), literal(entity_id));
    let at = moment(*created_at);
    format!("({partition},'{id}',{model},{entity_id},{version},'{}',{body},{at})", op.name())
}

/// A time literal.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.3f"))
}

/// A text literal that does not depend on the session's quoting rules: anything but plain characters is hexadecimal.
pub(crate) fn literal(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.bytes().all(plain) { format!("'{text}'") } else { format!("_utf8mb4 X'{}'", hex::encode_upper(text)) }
}

async fn write(tx: &Transaction, dialect: Dialect, entries: &[Queued]) -> Result<(), DbErr> {
    for batch in entries.chunks(ENTRIES_PER_STATEMENT) {
        let mut values = Vec::with_capacity(batch.len() * ENTRY_COLUMNS);
        for Queued { partition, id, entry, created_at, .. } in batch {
            values.extend([
                Value::from(*partition),
                id.clone().into(),
                entry.model.clone().into(),
                entry.entity_id.clone().into(),
                entry.version.into(),
                entry.op.name().into(),
                entry.body.clone().into(),
                (*created_at).into(),
            ]);
        }
        let sql = format!("{INSERT}{}", vec!["(?,?,?,?,?,?,?,?)"; batch.len()].join(","));
        let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
        tx.execute_raw(dialect.timeless(statement)).await?;
    }
    Ok(())
}

impl Records {
    /// The oldest entries of each partition, at most `limit` each, in the partition's order, without those of the models in `except`.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn queued(&self, partitions: &[u16], limit: u32, except: &[&str]) -> Result<Vec<Queued>, RecordsError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let all = self.all_queued(partitions, except).await?;
        let mut queued = if all.len() < FEW { all } else { self.oldest_queued(partitions, limit, except).await? };
        queued.sort_by(|a, b| (a.partition, &a.id).cmp(&(b.partition, &b.id)));
        let mut taken = [0; PARTITIONS as usize];
        queued.retain(|queued| {
            let count: &mut u32 = &mut taken[usize::from(queued.partition)];
            *count += 1;
            *count <= limit
        });
        Ok(queued)
    }

    /// All entries of the partitions, at most [`FEW`]: a plain query, which costs a server much less than the oldest of each
    /// partition.
    async fn all_queued(&self, partitions: &[u16], except: &[&str]) -> Result<Vec<Queued>, RecordsError> {
        let sql = format!(
            "SELECT {COLUMNS}, k.entity_id IS NOT NULL FROM outbox o \
             LEFT JOIN sync_parked k ON k.model=o.model AND k.entity_id=o.entity_id \
             WHERE o.part IN ({}){} LIMIT {FEW}",
            marks(partitions.len()),
            but(except)
        );
        let same = std::iter::repeat_n(&partitions[0], padded(partitions.len()) - partitions.len());
        let values = partitions.iter().chain(same).map(|&partition| Value::from(partition));
        let values: Vec<Value> = values.chain(except.iter().map(|&model| model.into())).collect();
        let rows = self.reader().query_all_raw(self.statement(sql, values)).await?;
        rows.iter().map(queued).collect()
    }

    async fn oldest_queued(
        &self,
        partitions: &[u16],
        limit: u32,
        except: &[&str],
    ) -> Result<Vec<Queued>, RecordsError> {
        let one = format!(
            "SELECT * FROM (SELECT {COLUMNS} FROM outbox o WHERE o.part=?{} ORDER BY o.id LIMIT ?) p",
            but(except)
        );
        let sql = with_parked(&vec![one; partitions.len()].join(" UNION ALL "));
        // The limit is bound too: as text it would be a new statement to prepare for every batch.
        let values = partitions.iter().flat_map(|&partition| {
            let except = except.iter().map(|&model| Value::from(model));
            std::iter::once(Value::from(partition)).chain(except).chain([Value::from(limit)])
        });
        let rows = self.reader().query_all_raw(self.statement(sql, values)).await?;
        rows.iter().map(queued).collect()
    }

    /// Removes entries that the mirror has applied.
    ///
    /// # Errors
    /// When the primary does not answer; removing again is right.
    pub async fn dequeue(&self, entries: &[EntryKey]) -> Result<(), RecordsError> {
        for batch in entries.chunks(ENTRIES_PER_STATEMENT) {
            self.db().execute_raw(self.dequeue_statement(batch)).await?;
        }
        Ok(())
    }

    /// MySQL and MariaDB are led to each row by its whole key: given a list of keys they scan a small table instead, and lock every row
    /// and gap of it against concurrent commits.
    fn dequeue_statement(&self, entries: &[EntryKey]) -> Statement {
        match self.dialect() {
            Dialect::MySql | Dialect::MariaDb => {
                let keys = serde_json::json!(entries).to_string();
                let sql = "DELETE o FROM JSON_TABLE(?, '$[*]' COLUMNS(part SMALLINT PATH '$[0]', \
                           id VARCHAR(36) CHARACTER SET utf8mb4 PATH '$[1]')) done \
                           STRAIGHT_JOIN outbox o FORCE INDEX (PRIMARY) ON o.part=done.part AND o.id=done.id";
                self.statement(sql, [keys.into()])
            }
            Dialect::Sqlite => {
                let sql = "DELETE FROM outbox WHERE (part, id) IN \
                           (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))";
                self.statement(sql, [serde_json::json!(entries).to_string().into()])
            }
            Dialect::TiDb => {
                let keys = vec!["(?,?)"; entries.len()].join(",");
                let values = entries.iter().flat_map(|(part, id)| [Value::from(*part), id.as_str().into()]);
                self.statement(format!("DELETE FROM outbox WHERE (part, id) IN ({keys})"), values)
            }
        }
    }

    /// When the oldest pending entry or event was written. Only the oldest of each partition is read, so the cost does not grow with
    /// the backlog.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn oldest_waiting(&self) -> Result<Option<Timestamp>, RecordsError> {
        let (sql, values) = oldest_of_each();
        let rows = self.db().query_all_raw(self.statement(sql, values)).await?;
        let moments = rows.iter().map(|row| row.try_get_by_index::<Timestamp>(0)).collect::<Result<Vec<_>, _>>()?;
        Ok(moments.into_iter().min())
    }

    /// Moves orphaned entries, which are in no partition, to the partition of their entity. Only a hand can have written them, and no
    /// relay would read them: they would excuse every difference for ever. Returns their number.
    ///
    /// # Errors
    /// When the primary does not answer; repeating is right.
    pub async fn repartition_orphans(&self) -> Result<u64, RecordsError> {
        const AT_ONCE: u64 = 1000;
        // Both ends of the primary key: two look-ups where there are none.
        let sql = format!(
            "SELECT * FROM (SELECT part, id, entity_id FROM outbox WHERE part<0 LIMIT {AT_ONCE}) b UNION ALL \
             SELECT * FROM (SELECT part, id, entity_id FROM outbox WHERE part>={PARTITIONS} LIMIT {AT_ONCE}) a"
        );
        let mut moved = 0;
        loop {
            let orphans = self.db().query_all_raw(self.statement(&*sql, [])).await?;
            if orphans.is_empty() {
                return Ok(moved);
            }
            for orphan in &orphans {
                let (part, id, entity): (i16, String, String) =
                    (orphan.try_get_by_index(0)?, orphan.try_get_by_index(1)?, orphan.try_get_by_index(2)?);
                let to = [partition_of(&entity).into(), self.new_id().into(), part.into(), id.into()];
                self.run("UPDATE outbox SET part=?, id=? WHERE part=? AND id=?", to).await?;
                moved += 1;
            }
        }
    }

    /// The backlog per model, events that have not reached analytics among it. All of it is counted: with millions it takes seconds.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn backlog(&self) -> Result<Vec<Backlog>, RecordsError> {
        let sql = "SELECT model, COUNT(*), MIN(created_at) FROM outbox GROUP BY model ORDER BY model";
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        let entries = |row: &QueryResult| {
            Ok::<_, RecordsError>(Backlog {
                model: row.try_get_by_index(0)?,
                entries: u64::try_from(row.try_get_by_index::<i64>(1)?).unwrap_or(0),
                oldest: row.try_get_by_index(2)?,
            })
        };
        let mut backlog: Vec<Backlog> = rows.iter().map(entries).collect::<Result<_, _>>()?;
        let events = self.events_backlog().await?;
        match backlog.iter_mut().find(|waiting| waiting.model == events.model) {
            Some(waiting) => waiting.add(events.entries, events.oldest),
            None if events.entries > 0 => backlog.push(events),
            None => {}
        }
        Ok(backlog)
    }

    /// Pending entries of one entity, oldest first.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn queued_of(&self, model: &Model, id: &str) -> Result<Vec<Queued>, RecordsError> {
        let sql = with_parked(&format!("SELECT {COLUMNS} FROM outbox o WHERE o.entity_id=? AND o.model=?"));
        let values = [Value::from(id), model.name.into()];
        self.db()
            .query_all_raw(self.statement(format!("{sql} ORDER BY q.id"), values))
            .await?
            .iter()
            .map(queued)
            .collect()
    }

    /// Whether an entry of this entity is pending, or one that holds this event.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn is_pending(&self, model: &str, id: &str) -> Result<bool, RecordsError> {
        let sql = "SELECT 1 FROM outbox WHERE entity_id=? AND model=? LIMIT 1";
        Ok(self.db().query_one_raw(self.statement(sql, [id.into(), model.into()])).await?.is_some())
    }

    /// Whether an entry of any of these few entities is pending.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn any_pending(&self, model: &str, ids: &[String]) -> Result<bool, RecordsError> {
        let sql = format!("SELECT 1 FROM outbox WHERE entity_id IN ({}) AND model=? LIMIT 1", marks(ids.len()));
        Ok(self.db().query_one_raw(self.statement(sql, pad(ids).chain([model.into()]))).await?.is_some())
    }

    /// Adds entries without a change, so that the relay writes these entities again.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn enqueue(&self, entries: &[Entry]) -> Result<(), RecordsError> {
        let mut unit = self.begin().await?;
        unit.ask(entries);
        unit.commit().await?;
        Ok(())
    }
}

/// The same entries, each with whether its entity is a dead letter. The table of dead letters is usually empty.
fn with_parked(entries: &str) -> String {
    format!(
        "SELECT q.*, k.entity_id IS NOT NULL FROM ({entries}) q \
         LEFT JOIN sync_parked k ON k.model=q.model AND k.entity_id=q.entity_id"
    )
}

fn queued(row: &QueryResult) -> Result<Queued, RecordsError> {
    let partition: i32 = row.try_get_by_index(0)?;
    let unknown = |_| RecordsError::Corrupt(format!("the outbox holds partition {partition}"));
    Ok(Queued {
        partition: u16::try_from(partition).map_err(unknown)?,
        id: row.try_get_by_index(1)?,
        entry: Entry {
            model: row.try_get_by_index(2)?,
            entity_id: row.try_get_by_index(3)?,
            version: row.try_get_by_index(4)?,
            op: Op::named(&row.try_get_by_index::<String>(5)?),
            body: row.try_get_by_index(6)?,
        },
        created_at: row.try_get_by_index(7)?,
        parked: row.try_get_by_index(8)?,
    })
}

/// The query for the times of each partition's oldest entry and of the oldest pending events.
pub(crate) fn oldest_of_each() -> (String, Vec<Value>) {
    let one = "SELECT * FROM (SELECT created_at FROM outbox WHERE part=? ORDER BY id LIMIT 1) p UNION ALL ";
    let sql = format!("{}{}", one.repeat(usize::from(PARTITIONS)), events::oldest_events());
    (sql, (0..PARTITIONS).map(Value::from).collect())
}

/// Lists are padded to powers of two with their first item, so that servers keep few prepared statements.
pub(crate) fn padded(count: usize) -> usize {
    count.next_power_of_two()
}

/// The condition that excludes these models.
fn but(models: &[&str]) -> String {
    if models.is_empty() {
        return String::new();
    }
    format!(" AND o.model NOT IN ({})", vec!["?"; models.len()].join(","))
}

pub(crate) fn marks(count: usize) -> String {
    let mut text = "?,".repeat(padded(count));
    text.pop();
    text
}

/// The values of a padded list.
pub(crate) fn pad<'a>(ids: &'a [String]) -> impl Iterator<Item = Value> + 'a {
    let missing = padded(ids.len()) - ids.len();
    ids.iter().chain(std::iter::repeat_n(&ids[0], missing)).map(|id| Value::from(id.as_str()))
}
