//! Lists of files, from the mirror. Nothing uploads yet: the tests save files through the product's saving path.

use chainbill_app::{App, Settings};
use chainbill_domain::{
    freshness::{Mark, Token},
    id::StoredFileId,
    models::STORED_FILES,
};
use chainbill_records::{Records, Text, entities::stored_files};
use chainbill_testkit::Fault;
use reqwest::Method;
use serde_json::Value;

use crate::{
    faults::behind_a_proxy,
    world::{Answer, Person, World, invoice_body, on_every_pair, run, sent},
};

/// What a file holds, sealed; in no answer may it be.
const SEALED: &str = "c2VhbGVkLWNhbmFyeQ";

/// The rows of files, beside the running program.
struct Files {
    records: Records,
}

impl Files {
    async fn of(world: &World) -> Self {
        Self { records: world.fresh.records().await }
    }

    /// A file of this owner; its row, and the token of its saving.
    async fn add(&self, owner: &Person, invoice: Option<&str>, filename: &str) -> (stored_files::Model, String) {
        let mut unit = self.records.begin().await.unwrap();
        let now = unit.now();
        let id = StoredFileId::new(now, self.records.random().bytes());
        let row = stored_files::Model {
            id: Text(id),
            version: 0,
            owner_id: Text(owner.id.parse().unwrap()),
            invoice_id: invoice.map(|id| Text(id.parse().unwrap())),
            filename: filename.to_owned(),
            content_type: "application/pdf".to_owned(),
            file_size: 4711,
            ipfs_hash: "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku".to_owned(),
            metadata_hash: id.to_string(),
            encrypted_base64: Some(SEALED.repeat(20_000)),
            key_version: 3,
            created_at: now,
            updated_at: now,
        };
        let row = unit.insert::<stored_files::Entity>(row).await.unwrap();
        let token = unit.commit().await.unwrap().token;
        (row, self.sealed(&token).await)
    }

    /// The token as the product would give it away.
    async fn sealed(&self, token: &Token) -> String {
        App::new(self.records.clone(), Settings::default()).sealed(token).await.unwrap()
    }

    async fn end(self) {
        self.records.close().await;
    }
}

fn of(invoice: &str) -> String {
    format!("/api/invoices/{invoice}/files")
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap().to_owned()).collect()
}

/// Asks for a list in which a write must be seen.
async fn fresh(world: &World, path: &str, who: &Person, token: &str) -> Answer {
    let answer = world.server.ask(Method::GET, path, Some(who), None, &[("if-fresh", token)]).await;
    assert_eq!((answer.status.as_u16(), answer.header("sync-fresh")), (200, "reached"), "{}", answer.text);
    answer
}

#[test]
fn the_files_of_an_invoice_are_listed_to_those_who_see_the_invoice() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let stranger = world.server.register("Mallory", "FREELANCER").await;
        let invoice = sent(world, &client, &freelancer).await;
        let files = Files::of(world).await;
        let (row, token) = files.add(&freelancer, Some(&invoice), "Entwürfe – final (2).pdf").await;
        for who in [&client, &freelancer, &world.admin] {
            let answer = fresh(world, &of(&invoice), who, &token).await;
            assert!(!answer.text.contains(SEALED) && !answer.text.contains("encrypted"), "the sealed content is shown");
            let page = answer.json();
            assert_eq!((&page["hasMore"], &page["nextCursor"]), (&Value::Bool(false), &Value::Null));
            let created_at = chainbill_app::moment(row.created_at);
            let expected = serde_json::json!([{
                "id": row.id.to_string(), "ownerId": freelancer.id, "invoiceId": invoice,
                "filename": "Entwürfe – final (2).pdf", "contentType": "application/pdf", "fileSize": 4711,
                "ipfsHash": row.ipfs_hash, "metadataHash": row.metadata_hash, "keyVersion": 3, "createdAt": created_at,
            }]);
            assert_eq!(page["data"], expected);
        }
        let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(world.server.get(&of(&invoice), &stranger).await.refused(404), "not-found");
        assert_eq!(world.server.get(&of(nobody), &world.admin).await.refused(404), "not-found");
        assert_eq!(world.server.get(&of("no-id"), &world.admin).await.refused(404), "not-found");
        assert_eq!(world.server.send(Method::GET, &of(&invoice), None, None).await.refused(401), "unauthenticated");
        files.end().await;
    });
}

#[test]
fn the_files_of_a_draft_are_its_writers_alone() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let made = world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
        let invoice = made["id"].as_str().unwrap();
        let files = Files::of(world).await;
        let (row, token) = files.add(&freelancer, Some(invoice), "draft.pdf").await;
        let listed = fresh(world, &of(invoice), &freelancer, &token).await.json();
        assert_eq!(ids(&listed), [row.id.to_string()]);
        assert_eq!(world.server.get(&of(invoice), &client).await.refused(404), "not-found");
        files.end().await;
    });
}

#[test]
fn everybody_lists_his_own_files() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let invoice = sent(world, &client, &freelancer).await;
        let files = Files::of(world).await;
        let (loose, _) = files.add(&freelancer, None, "loose.pdf").await;
        let (theirs, _) = files.add(&client, Some(&invoice), "theirs.pdf").await;
        let (bound, _) = files.add(&freelancer, Some(&invoice), "bound.pdf").await;
        world.server.drained().await;
        let listed = async |who: &Person| {
            let mut listed = ids(&world.server.get("/api/files", who).await.expect(200));
            listed.sort();
            listed
        };
        let of_both = |one: &stored_files::Model, other: &stored_files::Model| {
            let mut both = vec![one.id.to_string(), other.id.to_string()];
            both.sort();
            both
        };
        assert_eq!(listed(&freelancer).await, of_both(&loose, &bound));
        assert_eq!(listed(&client).await, [theirs.id.to_string()]);
        assert_eq!(listed(&world.admin).await, Vec::<String>::new(), "operators have no files here");
        let mut both = ids(&world.server.get(&of(&invoice), &client).await.expect(200));
        both.sort();
        assert_eq!(both, of_both(&theirs, &bound), "a bill holds the files of both parties");
        files.end().await;
    });
}

#[test]
fn a_walk_neither_skips_nor_repeats_while_files_come() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (invoice, other) = (sent(world, &client, &freelancer).await, sent(world, &client, &freelancer).await);
        let files = Files::of(world).await;
        let mut there = Vec::new();
        for place in 0..7 {
            let (row, _) = files.add(&freelancer, Some(&invoice), &format!("{place}.pdf")).await;
            there.push(row.id.to_string());
            files.add(&freelancer, Some(&other), "of another bill.pdf").await;
        }
        there.sort_by(|one, two| two.cmp(one));
        world.server.drained().await;
        for path in [of(&invoice), "/api/files".to_owned()] {
            let before = ids(&world.server.get(&format!("{path}?limit=100"), &freelancer).await.expect(200));
            assert!(before.is_sorted_by(|newer, older| newer > older), "newest first");
            let (mut seen, mut cursor, mut token) = (Vec::new(), String::new(), String::new());
            loop {
                let asked = format!("{path}?limit=3{cursor}{token}");
                let page = world.server.get(&asked, &freelancer).await.expect(200);
                let found = ids(&page);
                assert!(found.len() == 3 || page["hasMore"] == false, "{page:#}");
                seen.extend(found);
                let Some(next) = page["nextCursor"].as_str() else { break };
                assert_eq!(page["hasMore"], true);
                cursor = format!("&cursor={next}");
                let (_, saved) = files.add(&freelancer, Some(&invoice), "later.pdf").await;
                token = format!("&freshAfter={saved}");
            }
            assert_eq!(seen, before);
            if path != "/api/files" {
                assert_eq!(seen, there);
            }
        }
        files.end().await;
    });
}

#[test]
fn a_list_says_whether_it_holds_what_it_was_asked_for() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let invoice = sent(world, &client, &freelancer).await;
        let files = Files::of(world).await;
        let (row, added) = files.add(&freelancer, Some(&invoice), "before.pdf").await;
        let path = of(&invoice);
        assert_eq!(ids(&fresh(world, &path, &client, &added).await.json()), [row.id.to_string()]);
        let named = |page: &Value| page["data"][0]["filename"].as_str().map(str::to_owned);

        let mut unit = files.records.begin().await.unwrap();
        let after = stored_files::Model { filename: "after.pdf".to_owned(), ..row.clone() };
        let row = unit.update::<stored_files::Entity>(&row, after).await.unwrap();
        let changed = files.sealed(&unit.commit().await.unwrap().token).await;
        let by_parameter = world.server.get(&format!("{path}?freshAfter={changed}"), &client).await;
        assert_eq!(by_parameter.header("sync-fresh"), "reached");
        assert_eq!(named(&by_parameter.expect(200)).as_deref(), Some("after.pdf"));

        let mark = Mark::Entity { model: &STORED_FILES, id: row.id.to_string(), version: row.version + 1 };
        let to_come = files.sealed(&Token { marks: vec![mark], more: false }).await;
        let older = world.server.ask(Method::GET, &path, Some(&client), None, &[("if-fresh", &to_come)]).await;
        assert_eq!(older.header("sync-fresh"), "older");
        assert_eq!(named(&older.expect(200)).as_deref(), Some("after.pdf"), "what there is is shown");
        assert_eq!(world.server.get(&path, &client).await.header("sync-fresh"), "", "nobody asked");

        let mut unit = files.records.begin().await.unwrap();
        unit.delete::<stored_files::Entity>(&row).await.unwrap();
        let gone = files.sealed(&unit.commit().await.unwrap().token).await;
        assert_eq!(ids(&fresh(world, &path, &client, &gone).await.json()), Vec::<String>::new());
        files.end().await;
    });
}

#[test]
fn lists_of_files_refuse_what_is_none() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let invoice = sent(world, &client, &freelancer).await;
        sent(world, &client, &freelancer).await;
        let invoices = world.server.get("/api/invoices?limit=1", &client).await.expect(200);
        let of_invoices = format!("cursor={}", invoices["nextCursor"].as_str().unwrap());
        for path in [of(&invoice), "/api/files".to_owned()] {
            for (query, field) in [
                ("limit=0", "/limit"),
                ("limit=101", "/limit"),
                ("limit=all", "/limit"),
                ("cursor=zz", "/cursor"),
                // `file:` and a NUL.
                ("cursor=ZmlsZToA", "/cursor"),
                (&of_invoices, "/cursor"),
                ("freshAfter=!!", "/freshAfter"),
                ("ownerId=me", "/ownerId"),
            ] {
                let answer = world.server.get(&format!("{path}?{query}"), &client).await;
                assert_eq!(answer.fields(), [field], "{path}?{query}");
            }
            assert_eq!(ids(&world.server.get(&format!("{path}?limit=100"), &client).await.expect(200)).len(), 0);
        }
    });
}

#[test]
fn with_mongodb_away_lists_of_files_say_so_and_the_invoice_answers() {
    run(async {
        let Some((databases, proxy)) = behind_a_proxy().await else { return };
        let world = World::start(databases).await;
        let (client, freelancer) = world.client_and_freelancer().await;
        let stranger = world.server.register("Mallory", "CLIENT").await;
        let invoice = sent(&world, &client, &freelancer).await;
        let files = Files::of(&world).await;
        let (row, token) = files.add(&freelancer, Some(&invoice), "a.pdf").await;
        world.server.drained().await;
        for fault in [Fault::Silence, Fault::Refuse] {
            proxy.set(fault);
            for (path, who) in [(of(&invoice), &client), ("/api/files".to_owned(), &freelancer)] {
                assert_eq!(world.server.get(&path, who).await.refused(503), "copies-unavailable", "{fault:?}");
                let asked = format!("{path}?freshAfter={token}");
                assert_eq!(world.server.get(&asked, who).await.refused(503), "copies-unavailable", "{fault:?}");
            }
            assert_eq!(world.server.get(&of(&invoice), &stranger).await.refused(404), "not-found");
            let read = world.server.get(&format!("/api/invoices/{invoice}"), &client).await.expect(200);
            assert_eq!(read["id"], invoice.as_str());
        }
        proxy.set(Fault::None);
        world.server.drained().await;
        assert_eq!(ids(&world.server.get(&of(&invoice), &client).await.expect(200)), [row.id.to_string()]);
        files.end().await;
        world.end().await;
    });
}
