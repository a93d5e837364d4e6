//! A program that knows nothing of ChainBill but the printed mapping compares both databases, value by value.

use std::collections::BTreeMap;

use chainbill_testkit::{EMBEDDED, Foreign, ForeignDocuments, Fresh, pairs};
use serde_json::{Map, Value, json};

use crate::world::{command_in, run};

#[test]
fn by_the_printed_mapping_every_row_has_its_document_and_nothing_is_there_besides() {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            for arguments in [&["demo", "--invoices", "200"][..], &["sync", "initial"]] {
                let (code, said) = command_in(&fresh, arguments);
                assert_eq!(code, 0, "{arguments:?}: {said}");
            }
            let (_, mapping) = command_in(&fresh, &["sync", "mapping"]);
            let models = mapping["models"].as_array().unwrap();
            assert_eq!(models.len(), 8);
            let rows = Foreign::open(&fresh.primary).await;
            let documents = if fresh.secondary == EMBEDDED {
                ForeignDocuments::file(&fresh.folder.join("secondary.db")).await
            } else {
                ForeignDocuments::server(&fresh.secondary).await
            };
            for model in models {
                compare(model, &rows, &documents).await;
            }
            fresh.remove().await;
        }
    });
}

async fn compare(model: &Value, rows: &Foreign, documents: &ForeignDocuments) {
    let name = model["model"].as_str().unwrap();
    let expected = expected(model, rows).await;
    let found = documents.all(model["collection"].as_str().unwrap()).await;
    assert!(!expected.is_empty(), "{name} has rows");
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>(), "{name}");
    for (id, mut document) in found {
        let (version, row) = &expected[&id];
        let object = document.as_object_mut().unwrap();
        let sync = object.remove("_sync").unwrap();
        // What searches find it by, on a server.
        object.remove("_words");
        assert_eq!(object.remove("_id"), Some(json!(id)));
        assert_eq!(&document, row, "{name} {id}");
        assert_eq!(sync["version"], json!(version), "{name} {id}");
        assert_eq!(sync["digest"].as_str().map(str::len), Some(64), "{name} {id}");
        assert!(sync["appliedAt"]["$date"].is_i64(), "{name} {id}: {sync}");
    }
}

/// The documents that the mapping specifies for the rows: version and fields, by id.
async fn expected(model: &Value, primary: &Foreign) -> BTreeMap<String, (i64, Value)> {
    let columns = model["columns"].as_array().unwrap();
    let (id, version) = (primary.text_of("id", false), primary.text_of("version", false));
    let sql = format!("SELECT {id}, {version}, {} FROM {}", select(primary, columns), text(&model["table"]));
    let mut all = BTreeMap::new();
    for mut row in primary.rows(&sql).await {
        let cells = row.split_off(2);
        let version = row[1].as_ref().unwrap().parse().unwrap();
        all.insert(row.swap_remove(0).unwrap(), (version, fields(columns, cells)));
    }
    for embed in model["embeds"].as_array().unwrap() {
        let field = text(&embed["field"]);
        for (_, document) in all.values_mut() {
            document[field] = json!([]);
        }
        let columns = embed["columns"].as_array().unwrap();
        let parent = primary.text_of(text(&embed["parent"]), false);
        let sql = format!(
            "SELECT {parent}, {} FROM {} ORDER BY `{}`, `{}`",
            select(primary, columns),
            text(&embed["table"]),
            text(&embed["parent"]),
            text(&embed["orderBy"])
        );
        for mut row in primary.rows(&sql).await {
            let cells = row.split_off(1);
            let (_, document) = all.get_mut(row[0].as_ref().unwrap()).expect("a child has its parent");
            document[field].as_array_mut().unwrap().push(fields(columns, cells));
        }
    }
    all
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn select(primary: &Foreign, columns: &[Value]) -> String {
    let mut selected = Vec::new();
    for column in columns {
        selected.push(primary.text_of(text(&column["column"]), column["type"] == "date"));
        if let Some(currency) = column["currencyColumn"].as_str() {
            selected.push(primary.text_of(currency, false));
        }
    }
    selected.join(", ")
}

fn fields(columns: &[Value], cells: Vec<Option<String>>) -> Value {
    let mut cells = cells.into_iter();
    let mut document = Map::new();
    for column in columns {
        let cell = cells.next().unwrap();
        let number = |cell: &str| cell.parse::<i64>().unwrap();
        let value = match (text(&column["type"]), cell) {
            ("money", amount) => {
                let currency = cells.next().unwrap();
                amount.map_or(Value::Null, |amount| json!({"minor": number(&amount), "currency": currency}))
            }
            (_, None) => {
                assert_eq!(column["nullable"], true, "{column}");
                Value::Null
            }
            ("string", Some(cell)) => json!(cell),
            ("int64", Some(cell)) => json!(number(&cell)),
            ("bool", Some(cell)) => json!(number(&cell) != 0),
            ("date", Some(cell)) => json!({"$date": number(&cell)}),
            (other, _) => panic!("the mapping has a type that it does not explain: {other}"),
        };
        document.insert(text(&column["field"]).to_owned(), value);
    }
    Value::Object(document)
}
