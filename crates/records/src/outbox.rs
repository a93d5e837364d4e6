//! The outbox: a queue of "this entity has changed" that is filled in the transaction of the change and emptied by the
//! relay after the second database has taken it. An entry is claimed, applied, deleted; there is no cursor to lose.
//!
//! Events have a table of their own ([`crate::events`]). Entries that hold one in `body` are of an older release, which may
//! run beside this one: they are carried out like the others.
//!
//! Entries live in [`PARTS`] partitions by a hash of the entity's id. A relay holds a lease on a partition, so entries of
//! one entity never meet in two healthy relays, and a batch costs no update per entry.

use chainbill_domain::{Model, Random, Timestamp, event::EventRecord, id::EventId};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

use crate::{Records, RecordsError, Transaction, dialect::Dialect, events};

/// Number of partitions: the most relays that can share the work.
pub const PARTS: u16 = 16;

/// The pseudo model of events, as their collection and the consumer that fills it are called.
pub const ANALYTICS: &str = "analytics";

/// The pseudo model of the heartbeat that goes through the whole pipe.
pub const HEARTBEAT: &str = "heartbeat";

/// What the entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Write the entity's current row.
    Upsert,
    /// The row is gone.
    Delete,
    /// Keep the event in `body`, of an older release.
    Event,
    /// Something that this release does not know: a newer one, or a hand, wrote it.
    Unknown,
}

impl Op {
    /// The stored word.
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

/// A change to tell.
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
    pub part: u16,
    /// Its id, UUIDv7.
    pub id: String,
    /// The change.
    pub entry: Entry,
    /// When it was written.
    pub created_at: Timestamp,
    /// Whether its entity is parked.
    pub parked: bool,
}

/// The key of an entry: its partition and its id.
pub type EntryKey = (u16, String);

/// How much waits.
#[derive(Debug, Clone)]
pub struct Backlog {
    /// A model's name, [`ANALYTICS`] or [`HEARTBEAT`].
    pub model: String,
    /// Entries that wait.
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
pub fn part_of(entity_id: &str) -> u16 {
    let hash = entity_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    u16::try_from((hash >> 32) % u64::from(PARTS)).expect("a remainder of 16 fits")
}

const COLUMNS: &str = "o.part,o.id,o.model,o.entity_id,o.version,o.op,o.body,o.created_at";
/// So many entries are read without looking for the oldest of each partition.
const FEW: usize = 256;
const INSERT: &str = "INSERT INTO outbox (part,id,model,entity_id,version,op,body,created_at) VALUES ";
const ENTRY_COLUMNS: usize = 8;
const ENTRIES_PER_STATEMENT: usize = 1000;
/// Entries and events that travel together with COMMIT; more are cheaper as prepared statements.
const FEW_WITH_COMMIT: usize = 32;

/// The entries as they will stand in the queue.
pub(crate) fn queued_now(entries: Vec<Entry>, now: Timestamp, random: &dyn Random) -> Vec<Queued> {
    let queued = |entry: Entry| Queued {
        part: part_of(&entry.entity_id),
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
    if !are_few || !matches!(dialect, Dialect::MySql | Dialect::MariaDb) {
        write(&tx, dialect, entries).await?;
        events::write(&tx, dialect, events, now).await?;
        return tx.commit().await.map_err(RecordsError::at_commit);
    }
    let rows: Vec<String> = entries.iter().map(literals).collect();
    let entries = (!rows.is_empty()).then(|| format!("{INSERT}{}", rows.join(",")));
    let events = (!events.is_empty()).then(|| events::literals(events, now));
    let statements: Vec<String> = entries.into_iter().chain(events).collect();
    tx.commit_after(&statements.join(";")).await.map_err(RecordsError::at_commit)
}

/// The row of an entry, as text.
fn literals(queued: &Queued) -> String {
    let Queued { part, id, entry, created_at, .. } = queued;
    let Entry { model, entity_id, version, op, body } = entry;
    let body = body.as_deref().map_or_else(|| "NULL".to_owned(), literal);
    let (model, entity_id) = (literal(model), literal(entity_id));
    let at = moment(*created_at);
    format!("({part},'{id}',{model},{entity_id},{version},'{}',{body},{at})", op.name())
}

/// A moment within a text.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.3f"))
}

/// A text that means itself whatever the session's rules for quotes are: anything but plain words goes in hexadecimal.
pub(crate) fn literal(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.bytes().all(plain) { format!("'{text}'") } else { format!("_utf8mb4 X'{}'", hex::encode_upper(text)) }
}

async fn write(tx: &Transaction, dialect: Dialect, entries: &[Queued]) -> Result<(), DbErr> {
    for batch in entries.chunks(ENTRIES_PER_STATEMENT) {
        let mut values = Vec::with_capacity(batch.len() * ENTRY_COLUMNS);
        for Queued { part, id, entry, created_at, .. } in batch {
            values.extend([
                Value::from(*part),
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
    /// The oldest entries of each partition, at most `limit` each, in the partition's order, those of the models in
    /// `except` left where they are.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn queued(&self, parts: &[u16], limit: u32, except: &[&str]) -> Result<Vec<Queued>, RecordsError> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let all = self.all_queued(parts, except).await?;
        let mut queued = if all.len() < FEW { all } else { self.oldest_queued(parts, limit, except).await? };
        queued.sort_by(|a, b| (a.part, &a.id).cmp(&(b.part, &b.id)));
        let mut taken = [0; PARTS as usize];
        queued.retain(|queued| {
            let count: &mut u32 = &mut taken[usize::from(queued.part)];
            *count += 1;
            *count <= limit
        });
        Ok(queued)
    }

    /// All entries of the partitions, as long as they are fewer than [`FEW`]: a plain question, which costs a server much
    /// less than the oldest of each.
    async fn all_queued(&self, parts: &[u16], except: &[&str]) -> Result<Vec<Queued>, RecordsError> {
        let sql = format!(
            "SELECT {COLUMNS}, k.entity_id IS NOT NULL FROM outbox o \
             LEFT JOIN sync_parked k ON k.model=o.model AND k.entity_id=o.entity_id \
             WHERE o.part IN ({}){} LIMIT {FEW}",
            marks(parts.len()),
            but(except)
        );
        let same = std::iter::repeat_n(&parts[0], padded(parts.len()) - parts.len());
        let values = parts.iter().chain(same).map(|&part| Value::from(part));
        let values: Vec<Value> = values.chain(except.iter().map(|&model| model.into())).collect();
        let rows = self.reader().query_all_raw(self.statement(sql, values)).await?;
        rows.iter().map(queued).collect()
    }

    async fn oldest_queued(&self, parts: &[u16], limit: u32, except: &[&str]) -> Result<Vec<Queued>, RecordsError> {
        let one = format!(
            "SELECT * FROM (SELECT {COLUMNS} FROM outbox o WHERE o.part=?{} ORDER BY o.id LIMIT ?) p",
            but(except)
        );
        let sql = with_parked(&vec![one; parts.len()].join(" UNION ALL "));
        // The limit is bound too: as text it would make a new statement for the server to prepare with every batch.
        let values = parts.iter().flat_map(|&part| {
            let except = except.iter().map(|&model| Value::from(model));
            std::iter::once(Value::from(part)).chain(except).chain([Value::from(limit)])
        });
        let rows = self.reader().query_all_raw(self.statement(sql, values)).await?;
        rows.iter().map(queued).collect()
    }

    /// Removes entries that the second database has taken.
    ///
    /// # Errors
    /// When the primary does not answer; removing again is right.
    pub async fn dequeue(&self, entries: &[(u16, String)]) -> Result<(), RecordsError> {
        for batch in entries.chunks(ENTRIES_PER_STATEMENT) {
            self.db().execute_raw(self.dequeue_statement(batch)).await?;
        }
        Ok(())
    }

    /// Servers that lock what they look at are led to each row by its whole key: given a list of keys they scan a small
    /// table instead, and lock every row and gap of it against whoever commits meanwhile.
    fn dequeue_statement(&self, entries: &[(u16, String)]) -> Statement {
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

    /// When the oldest entry, or event, that waits was written: the oldest of each partition are looked at, so it costs the same
    /// however many wait.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn oldest_waiting(&self) -> Result<Option<Timestamp>, RecordsError> {
        let (sql, values) = oldest_of_each();
        let rows = self.db().query_all_raw(self.statement(sql, values)).await?;
        let moments = rows.iter().map(|row| row.try_get_by_index::<Timestamp>(0)).collect::<Result<Vec<_>, _>>()?;
        Ok(moments.into_iter().min())
    }

    /// Gives entries that stand in no partition their own: nobody works there, so only a hand can have written them, and
    /// what waits for ever excuses every difference. How many there were.
    ///
    /// # Errors
    /// When the primary does not answer; giving again is right.
    pub async fn adopt_strays(&self) -> Result<u64, RecordsError> {
        const AT_ONCE: u64 = 1000;
        // The ends of the primary key: two look-ups where there are none.
        let sql = format!(
            "SELECT * FROM (SELECT part, id, entity_id FROM outbox WHERE part<0 LIMIT {AT_ONCE}) b UNION ALL \
             SELECT * FROM (SELECT part, id, entity_id FROM outbox WHERE part>={PARTS} LIMIT {AT_ONCE}) a"
        );
        let mut adopted = 0;
        loop {
            let strays = self.db().query_all_raw(self.statement(&*sql, [])).await?;
            if strays.is_empty() {
                return Ok(adopted);
            }
            for stray in &strays {
                let (part, id, entity): (i16, String, String) =
                    (stray.try_get_by_index(0)?, stray.try_get_by_index(1)?, stray.try_get_by_index(2)?);
                let to = [part_of(&entity).into(), self.new_id().into(), part.into(), id.into()];
                self.run("UPDATE outbox SET part=?, id=? WHERE part=? AND id=?", to).await?;
                adopted += 1;
            }
        }
    }

    /// What waits for the mirror, per model, events that have not reached analytics among it. All of it is counted: with
    /// millions it takes seconds.
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

    /// Entries of one entity that wait, oldest first.
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

    /// Whether an entry waits for an entity, or holds an event, by its id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn waits(&self, model: &str, id: &str) -> Result<bool, RecordsError> {
        let sql = "SELECT 1 FROM outbox WHERE entity_id=? AND model=? LIMIT 1";
        Ok(self.db().query_one_raw(self.statement(sql, [id.into(), model.into()])).await?.is_some())
    }

    /// Whether something waits for any of these entities, of which there are a few.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn any_waits(&self, model: &str, ids: &[String]) -> Result<bool, RecordsError> {
        let sql = format!("SELECT 1 FROM outbox WHERE entity_id IN ({}) AND model=? LIMIT 1", marks(ids.len()));
        Ok(self.db().query_one_raw(self.statement(sql, pad(ids).chain([model.into()]))).await?.is_some())
    }

    /// Asks the relay to look at entities again, whatever has happened to their copies.
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

/// The same entries, each with the word whether its entity is parked. The table of the parked is empty on good days.
fn with_parked(entries: &str) -> String {
    format!(
        "SELECT q.*, k.entity_id IS NOT NULL FROM ({entries}) q \
         LEFT JOIN sync_parked k ON k.model=q.model AND k.entity_id=q.entity_id"
    )
}

fn queued(row: &QueryResult) -> Result<Queued, RecordsError> {
    let part: i32 = row.try_get_by_index(0)?;
    Ok(Queued {
        part: u16::try_from(part).map_err(|_| RecordsError::Corrupt(format!("the outbox holds partition {part}")))?,
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

/// The question for the moments of each partition's oldest entry and of the oldest events on their way.
pub(crate) fn oldest_of_each() -> (String, Vec<Value>) {
    let one = "SELECT * FROM (SELECT created_at FROM outbox WHERE part=? ORDER BY id LIMIT 1) p UNION ALL ";
    let sql = format!("{}{}", one.repeat(usize::from(PARTS)), events::oldest_events());
    (sql, (0..PARTS).map(Value::from).collect())
}

/// Lists are padded to powers of two with their first item, so that servers keep few prepared statements.
pub(crate) fn padded(count: usize) -> usize {
    count.next_power_of_two()
}

/// The condition that leaves these models' entries where they are.
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
