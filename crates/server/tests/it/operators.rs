//! Health, the synchronisation's desk, descriptions, figures.

use chainbill_records::outbox::{Entry, Op};
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Server, embedded, on_every_pair, program, sent};

#[test]
fn health_names_both_databases_and_what_is_between_them() {
    on_every_pair(async |world| {
        let server = &world.server;
        server.drained().await;
        let health = server.send(Method::GET, "/api/health/sync", None, None).await.expect(200);
        assert_eq!((&health["mysql"]["status"], &health["mongodb"]["status"]), (&json!("healthy"), &json!("healthy")));
        assert_eq!(health["mysql"]["recordCount"], 1);
        let collections = health["mongodb"]["collections"].as_array().unwrap();
        for name in [
            "users",
            "invoices",
            "projects",
            "skills",
            "reviews",
            "disputes",
            "stored_files",
            "reputations",
            "analytics",
            "app_logs",
        ] {
            assert!(collections.iter().any(|collection| collection == name), "{name}: {collections:?}");
        }
        let mongodb = server.send(Method::GET, "/api/health/mongodb", None, None).await.expect(200);
        assert_eq!(mongodb["status"], "healthy");
        assert_eq!(server.send(Method::GET, "/api/health/mysql", None, None).await.expect(200)["status"], "healthy");
        assert_eq!(server.send(Method::GET, "/api/health", None, None).await.expect(200)["status"], "healthy");
        for path in ["/livez", "/readyz"] {
            assert_eq!(server.send(Method::GET, path, None, None).await.text, "ok\n");
        }
    });
}

#[test]
fn the_status_shows_every_model() {
    on_every_pair(async |world| {
        world.server.drained().await;
        let status = world.server.get("/api/sync/status", &world.admin).await.expect(200);
        let models = status["models"].as_array().unwrap();
        assert_eq!(models.len(), 8);
        for model in models {
            for field in
                ["state", "mysqlCount", "mongodbCount", "backlog", "oldestSeconds", "parked", "lastRun", "rate"]
            {
                assert!(
                    model.get(field).is_some_and(|value| !value.is_null() || field == "lastRun"),
                    "{field} of {model}"
                );
            }
            assert_eq!(model["mysqlCount"], model["mongodbCount"], "{model}");
        }
    });
}

#[test]
fn an_operator_copies_verifies_and_looks_why() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let id = sent(world, &client, &freelancer).await;
        let (server, admin) = (&world.server, &world.admin);
        server.drained().await;
        let answer = server.act("/api/sync/initial", admin).await;
        assert!([200, 202].contains(&answer.status.as_u16()), "{}", answer.text);
        server.drained().await;
        for model in ["users", "invoices", "projects", "skills", "reviews", "disputes", "stored_files", "reputations"] {
            let answer = server.act(&format!("/api/sync/{model}"), admin).await;
            assert!([200, 202].contains(&answer.status.as_u16()), "{model}: {}", answer.text);
        }
        let one = server.act(&format!("/api/sync/invoices/{id}"), admin).await.expect(200);
        assert_eq!((&one["repaired"], &one["entity"]["verdict"]), (&json!(false), &json!("equal")));
        let why = server.get(&format!("/api/sync/invoices/{id}"), admin).await.expect(200);
        assert_eq!((&why["rowVersion"], &why["documentVersion"]), (&json!(2), &json!(2)));
        let verified =
            server.post("/api/sync/verify", admin, json!({"model": "invoices", "deep": true})).await.expect(200);
        assert_eq!((&verified["equal"], &verified["models"][0]["compared"]), (&json!(true), &json!(1)));
        assert_eq!(verified["models"][0]["certificate"]["count"], 1);
        let proof = server.get(&format!("/api/invoices/{id}/proof"), &client).await.expect(200);
        let file = world.fresh.folder.join("proof.json");
        std::fs::write(&file, proof.to_string()).unwrap();
        let (code, said) = world.command(&["proof", "check", file.to_str().unwrap()]);
        assert_eq!((code, &said["holds"]), (0, &json!(true)), "{said}");
        assert_eq!((&said["trusted"], said["notProven"].to_string().contains("--certificate")), (&json!(false), true));
        let chain = world.fresh.folder.join("certificates.json");
        std::fs::write(&chain, server.get("/api/sync/certificates?limit=100", admin).await.text).unwrap();
        let check = |hash: &str| {
            let (file, chain) = (file.to_str().unwrap(), chain.to_str().unwrap());
            world.command(&["proof", "check", file, "--certificate", hash, "--chain", chain])
        };
        let (code, said) = check(proof["certificate"]["hash"].as_str().unwrap());
        assert_eq!((code, &said["trusted"]), (0, &json!(true)), "{said}");
        assert_eq!(check("another").0, 1);
        std::fs::write(&file, proof.to_string().replace("Audit", "Audio")).unwrap();
        assert_eq!(world.command(&["proof", "check", file.to_str().unwrap()]).0, 1);
        for list in ["verifications", "certificates"] {
            let rows = server.get(&format!("/api/sync/{list}"), admin).await.expect(200);
            assert!(!rows["data"].as_array().unwrap().is_empty(), "{list}");
        }
        assert_eq!(server.get("/api/sync/failures", admin).await.expect(200)["data"], json!([]));
        assert_eq!(server.get("/api/sync/evidence", admin).await.expect(200)["data"], json!([]));
    });
}

#[test]
fn lists_come_in_pages_that_neither_skip_nor_repeat() {
    on_every_pair(async |world| {
        let (server, admin) = (&world.server, &world.admin);
        server.drained().await;
        for _ in 0..2 {
            server.post("/api/sync/verify", admin, json!({"model": "users", "deep": true})).await.expect(200);
            server.post("/api/sync/verify", admin, json!({"model": "skills", "deep": true})).await.expect(200);
        }
        let records = world.fresh.records().await;
        for (model, id) in [("users", "b"), ("users", "a"), ("skills", "c")] {
            let entry =
                Entry { model: model.to_owned(), entity_id: id.to_owned(), version: 1, op: Op::Upsert, body: None };
            records.add_dead_letter(&entry, "planted", &[]).await.unwrap();
        }
        for list in ["verifications", "certificates", "failures", "evidence"] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = server.get(&format!("/api/sync/{list}?limit=1{cursor}"), admin).await.expect(200);
                seen.extend(page["data"].as_array().unwrap().clone());
                assert_eq!(page["hasMore"], json!(page["nextCursor"].is_string()), "{list}");
                match page["nextCursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let all = server.get(&format!("/api/sync/{list}?limit=100"), admin).await.expect(200);
            assert_eq!(&json!(seen), &all["data"], "{list}");
            assert!(list == "evidence" || seen.len() >= 3, "{list}: {seen:?}");
            assert_eq!(server.get(&format!("/api/sync/{list}?limit=101"), admin).await.fields(), ["/limit"]);
            assert_eq!(server.get(&format!("/api/sync/{list}?cursor=!"), admin).await.fields(), ["/cursor"]);
        }
        let failures = server.get("/api/sync/failures?model=users", admin).await.expect(200);
        assert_eq!(failures["data"].as_array().unwrap().len(), 2);
        records.close().await;
    });
}

#[test]
fn a_parked_entity_is_listed_tried_again_and_forgotten() {
    embedded(async |world| {
        let ada = world.server.register("Ada", "FREELANCER").await;
        world.server.drained().await;
        let records = world.fresh.records().await;
        let (server, admin) = (&world.server, &world.admin);
        // Written past the application: a text whose document no mirror can store.
        let sql = format!(
            "UPDATE users SET bio = replace(hex(zeroblob(9000000)), '00', 'xx'), version = 2 WHERE id = '{}'",
            ada.id
        );
        records.execute_unprepared(&sql).await.unwrap();
        let entry =
            Entry { model: "users".to_owned(), entity_id: ada.id.clone(), version: 2, op: Op::Upsert, body: None };
        records.enqueue(&[entry]).await.unwrap();
        server.eventually("it is parked", async |health| health["sync"]["parked"] == 1).await;
        let listed = server.get("/api/sync/failures?model=users", admin).await.expect(200);
        assert_eq!((&listed["data"][0]["id"], &listed["data"][0]["version"]), (&json!(ada.id), &json!(2)));
        assert!(listed["data"][0]["cause"].as_str().unwrap().contains("16777216"), "{listed}");
        assert_eq!(world.command(&["sync", "failures"]).0, 1, "scripts hear of it");
        assert_eq!(server.get(&format!("/api/sync/users/{}", ada.id), admin).await.expect(200)["verdict"], "parked");
        let one = format!("/api/sync/failures/users/{}", ada.id);
        server.act(&format!("{one}/retry"), admin).await.expect(204);
        // It stays listed meanwhile: only the count of attempts shows the relay's retry.
        server
            .eventually("it is parked again", async |_| {
                server.get("/api/sync/failures", admin).await.expect(200)["data"][0]["attempts"].as_u64() >= Some(2)
            })
            .await;
        records.execute_unprepared(&format!("UPDATE users SET bio = NULL WHERE id = '{}'", ada.id)).await.unwrap();
        server.send(Method::DELETE, &one, Some(admin), None).await.expect(204);
        assert_eq!(server.get("/api/sync/failures", admin).await.expect(200)["data"], json!([]));
        let repaired = server.act(&format!("/api/sync/users/{}", ada.id), admin).await.expect(200);
        assert_eq!(repaired["entity"]["verdict"], "equal", "{repaired}");
        world.assert_equal();
    });
}

#[test]
fn what_is_not_there_is_said_to_be_not_there() {
    embedded(async |world| {
        let (server, admin) = (&world.server, &world.admin);
        let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
        for (method, path) in [
            (Method::POST, "/api/sync/ghosts".to_owned()),
            (Method::GET, format!("/api/sync/ghosts/{nobody}")),
            (Method::GET, format!("/api/sync/users/{nobody}")),
            (Method::POST, format!("/api/sync/users/{nobody}")),
            (Method::POST, format!("/api/sync/failures/users/{nobody}/retry")),
            (Method::DELETE, format!("/api/sync/failures/users/{nobody}")),
            (Method::GET, "/api/sync/failures?model=ghosts".to_owned()),
            (Method::GET, "/api/nothing".to_owned()),
        ] {
            assert_eq!(server.send(method, &path, Some(admin), None).await.refused(404), "not-found", "{path}");
        }
        assert_eq!(server.send(Method::PUT, "/api/users", Some(admin), None).await.refused(405), "method-not-allowed");
        assert_eq!(server.post("/api/sync/verify", admin, json!({"model": "ghosts"})).await.refused(404), "not-found");
    });
}

#[test]
fn the_description_holds_every_path_and_figures_have_their_names() {
    embedded(async |world| {
        let server = &world.server;
        let api: Value = server.send(Method::GET, "/api/openapi.json", None, None).await.expect(200);
        assert!(api["openapi"].as_str().unwrap().starts_with("3."));
        assert!(api["paths"].as_object().unwrap().len() > 30);
        let docs = server.send(Method::GET, "/docs", None, None).await;
        assert!(docs.text.contains("/api/invoices/{id}/pay") && docs.header("content-type").starts_with("text/html"));
        assert!(docs.header("content-security-policy").contains("default-src 'none'"));
        assert!(server.send(Method::GET, "/", None, None).await.text.contains("ChainBill"));
        server
            .eventually("the figures are there", async |_| {
                let text = server.send(Method::GET, "/metrics", None, None).await.text;
                [
                    "chainbill_http_requests_total",
                    "chainbill_sync_backlog{model=\"users\"}",
                    "chainbill_sync_lag_seconds",
                    "chainbill_secondary_up",
                ]
                .iter()
                .all(|name| text.contains(name))
            })
            .await;
    });
}

#[cfg(unix)]
#[test]
fn embedded_databases_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    embedded(async |world| {
        let folder = world.fresh.folder.join("deep/data");
        let mut command = program(&world.fresh);
        command.env("DATA_DIR", &folder).env_remove("DATABASE_URL");
        let mut server = Server::start(command).await;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        for name in ["primary.db", "primary.db-wal", "secondary.db", "secondary.db-wal"] {
            assert!(files.iter().any(|file| file.ends_with(name)), "{name}: {files:?}");
        }
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        server.stop().await;
    });
}

#[test]
fn the_command_line_takes_no_secret_and_the_file_is_looked_through() {
    embedded(async |world| {
        world.server.drained().await;
        let port = world.server.base.rsplit(':').next().unwrap();
        let health = program(&world.fresh).env("PORT", port).arg("health").output().unwrap();
        assert_eq!(health.status.code(), Some(0), "it asks where PORT says: {health:?}");
        let flag = program(&world.fresh).args(["--database-url", "mysql://u:canary@h/d", "check"]).output().unwrap();
        let said = String::from_utf8_lossy(&flag.stderr).into_owned();
        assert!(flag.status.code() == Some(2) && !said.contains("canary"), "{said}");
        let help = program(&world.fresh).arg("--help").output().unwrap();
        assert!(String::from_utf8_lossy(&help.stdout).contains("[env: DATABASE_URL]"), "it is explained all the same");
        std::fs::write(world.fresh.folder.join(".env"), "DATABASE_ULR=canary\nCOMPOSE_PROJECT_NAME=x\n").unwrap();
        let check = program(&world.fresh).arg("check").output().unwrap();
        let said = String::from_utf8_lossy(&check.stderr).into_owned();
        assert!(said.contains("DATABASE_ULR") && said.contains("DATABASE_URL is the nearest"), "{said}");
        assert!(!said.contains("canary") && !said.contains("COMPOSE"), "{said}");
    });
}
