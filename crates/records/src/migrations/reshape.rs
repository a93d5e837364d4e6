//! Changing the constraints of tables that other migrations may have given columns: the table is taken as it is.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement};

use crate::dialect::Dialect;

/// A part of a table's description replaced by another. A table that already has the other is left as it is.
pub(super) fn replaced(sql: &str, old: &str, new: &str) -> Result<String, DbErr> {
    match (sql.contains(old), sql.contains(new)) {
        (true, _) => Ok(sql.replace(old, new)),
        (false, true) => Ok(sql.to_owned()),
        (false, false) => {
            Err(DbErr::Custom(format!("a table's description has no {old:?}: another program changed it")))
        }
    }
}

/// Makes a table of SQLite anew from its own description with a change, with its rows and its indexes: SQLite takes a constraint
/// neither away nor in.
pub(super) async fn rebuilt(
    db: &DatabaseTransaction,
    table: &str,
    change: impl FnOnce(&str) -> Result<String, DbErr> + Send,
) -> Result<(), DbErr> {
    let texts = async |sql: &str| {
        let ask = Statement::from_sql_and_values(db.get_database_backend(), sql, [table.into()]);
        let rows = db.query_all_raw(ask).await?;
        rows.iter().map(|row| row.try_get_by_index::<String>(0)).collect::<Result<Vec<_>, _>>()
    };
    let described = texts("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?").await?;
    let indexes =
        texts("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL").await?;
    let columns = texts("SELECT name FROM pragma_table_info(?)").await?.join(", ");
    let Some(described) = described.first() else {
        return Err(DbErr::Custom(format!("there is no table {table}")));
    };
    let changed = change(described)?;
    if changed == *described {
        return Ok(());
    }
    let body = changed.find('(').map_or("", |place| &changed[place..]);
    let statements = [
        format!("CREATE TABLE {table}_new {body}"),
        format!("INSERT INTO {table}_new ({columns}) SELECT {columns} FROM {table}"),
        format!("DROP TABLE {table}"),
        format!("ALTER TABLE {table}_new RENAME TO {table}"),
    ];
    for statement in statements.iter().chain(&indexes) {
        db.execute_unprepared(statement).await?;
    }
    Ok(())
}

/// Whether a table of a server has a CHECK constraint of this name.
pub(super) async fn checks(db: &DatabaseTransaction, table: &str, name: &str) -> Result<bool, DbErr> {
    Ok(names(db, table, name).await?.iter().any(|known| known == name))
}

/// Takes CHECK constraints of a server's table away: those of these names, and those of one column. MariaDB has the latter in the
/// column's description, which the caller replaces.
pub(super) async fn uncheck(db: &DatabaseTransaction, table: &str, what: &[&str]) -> Result<(), DbErr> {
    for what in what {
        for name in names(db, table, what).await? {
            super::drop(db, &format!("ALTER TABLE {table} DROP CONSTRAINT {name}")).await?;
        }
    }
    Ok(())
}

/// CHECK constraints of a name, and unnamed ones about a column; TiDB keeps none unless a setting enables them.
async fn names(db: &DatabaseTransaction, table: &str, what: &str) -> Result<Vec<String>, DbErr> {
    let sql = match super::of(db).await? {
        Dialect::TiDb | Dialect::Sqlite => return Ok(Vec::new()),
        Dialect::MariaDb => {
            "SELECT constraint_name FROM information_schema.check_constraints WHERE constraint_schema = DATABASE() AND \
             table_name = ? AND level = 'Table' AND constraint_name = ?"
        }
        Dialect::MySql => {
            "SELECT c.constraint_name FROM information_schema.check_constraints c JOIN \
             information_schema.table_constraints t ON t.constraint_schema = c.constraint_schema AND t.constraint_name = \
             c.constraint_name WHERE c.constraint_schema = DATABASE() AND t.table_name = ? AND (c.constraint_name = ? OR \
             c.constraint_name LIKE CONCAT(t.table_name, '_chk_%') AND c.check_clause LIKE CONCAT('%`', ?, '`%'))"
        }
    };
    let mut values = vec![table.into(), what.into()];
    if sql.matches('?').count() == 3 {
        values.push(what.into());
    }
    let ask = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.query_all_raw(ask).await?.iter().map(|row| row.try_get_by_index::<String>(0)).collect()
}
