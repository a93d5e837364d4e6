//! No secret is where it must not be.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
};

use reqwest::Method;
use serde_json::json;

use crate::world::{Server, embedded, program, read, run};

#[test]
fn no_canary_reaches_the_copies_the_log_or_an_answer() {
    const CANARY: &str = "canary-password-1";
    embedded(async |world| {
        let server = &world.server;
        let body = json!({"email": "ada@example.org", "password": CANARY, "name": "Ada", "role": "CLIENT"});
        let mut answers = server.send(Method::POST, "/api/auth/register", None, Some(body)).await.text;
        let login = server
            .send(Method::POST, "/api/auth/login", None, Some(json!({"email": "ada@example.org", "password": CANARY})))
            .await
            .expect(200);
        let token = login["token"].as_str().unwrap().to_owned();
        for path in [
            "/api/auth/me",
            "/api/users",
            "/api/search/users?q=Ada",
            "/api/analytics/system",
            "/api/health/sync",
            "/api/sync/status",
            "/metrics",
            "/api/sync/evidence",
        ] {
            answers.push_str(&server.get(path, &world.admin).await.text);
        }
        let id = login["user"]["id"].as_str().unwrap();
        answers.push_str(&server.get(&format!("/api/sync/users/{id}"), &world.admin).await.text);
        server.drained().await;
        world.server.stop().await;
        let mut copies = read(&world.fresh.folder.join("secondary.db"));
        copies.extend(read(&world.fresh.folder.join("secondary.db-wal")));
        assert!(copies.windows(15).any(|bytes| bytes == b"ada@example.org"), "the copy is where this test looks");
        for canary in [CANARY, token.as_str(), "$argon2"] {
            assert!(!answers.contains(canary), "{canary} in an answer");
            assert!(!copies.windows(canary.len()).any(|bytes| bytes == canary.as_bytes()), "{canary} in the copy");
        }
        world.server = Server::start(program(&world.fresh)).await;
    });
}

#[test]
fn a_refused_address_is_logged_without_its_password() {
    run(async {
        let fresh = chainbill_testkit::Fresh::make(chainbill_testkit::EMBEDDED, chainbill_testkit::EMBEDDED).await;
        for (name, value) in [
            ("DATABASE_URL", "mysql://chainbill:canary@127.0.0.1:1/none"),
            ("DATABASE_URL", "mysql://chainbill:x#canary/pw@127.0.0.1:1/none"),
            ("DATABASE_URL", "mysql://chainbill:x%23canary@127.0.0.1:1/none"),
            ("MONGODB_URI", "mongodb://chainbill:canary@127.0.0.1:port/none"),
            ("MONGODB_URI", "mongodb://chainbill:x#canary@127.0.0.1:1/none"),
        ] {
            let output = program(&fresh)
                .env(name, value)
                .env("DATABASE_TIMEOUT", "500ms")
                .args(["sync", "status", "--json"])
                .output()
                .unwrap();
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(!said.contains("canary"), "{said}");
        }
        fresh.remove().await;
    });
}

#[test]
fn the_first_operators_password_is_printed_once_and_not_logged() {
    run(async {
        let fresh = chainbill_testkit::Fresh::make(chainbill_testkit::EMBEDDED, chainbill_testkit::EMBEDDED).await;
        let start = || {
            let mut command = program(&fresh);
            command.env_remove("ADMIN_PASSWORD").env("PORT", "0");
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut log = BufReader::new(child.stderr.take().unwrap());
            let mut logged = String::new();
            while !logged.contains("serving at") {
                assert!(log.read_line(&mut logged).unwrap() > 0, "it ended at its start: {logged}");
            }
            assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
            log.read_to_string(&mut logged).unwrap();
            let output = child.wait_with_output().unwrap();
            (String::from_utf8(output.stdout).unwrap(), logged)
        };
        let (said, logged) = start();
        let password = said.split("password ").nth(1).unwrap().lines().next().unwrap().to_owned();
        assert!(password.len() >= 20 && !logged.contains(&password), "{said}");
        let (said, _) = start();
        assert_eq!(said, "", "there is an operator already");
        fresh.remove().await;
    });
}
