//! First contact: the password that was made, the demo, the help, pipes.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use chainbill_testkit::{EMBEDDED, Fresh, pairs};
use reqwest::Method;
use serde_json::json;

use crate::world::{command_in, embedded, program, run};

fn password_files(fresh: &Fresh) -> Vec<PathBuf> {
    let files = std::fs::read_dir(&fresh.folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("operator-password-")).collect()
}

#[test]
fn a_password_that_was_made_is_printed_last_and_stays_findable_until_its_first_use() {
    run(async {
        let fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        let mut command = program(&fresh);
        command.env_remove("ADMIN_PASSWORD").env("PORT", "0");
        // Both streams into one, as on a terminal.
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut server = command.spawn().unwrap();
        drop(command);
        let mut lines = BufReader::new(reader).lines();
        let (mut said, mut base) = (Vec::new(), String::new());
        let file = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, rest)) = line.split_once("serving at ") {
                base = rest.split(',').next().unwrap().to_owned();
            }
            said.push(line.clone());
            if let Some(rest) = line.strip_prefix("It stays in ") {
                break rest.strip_suffix(" until its first use.").unwrap().to_owned();
            }
        };
        assert!(!said.iter().any(|line| line.contains(" 0 rows")), "{said:#?}");
        assert!(said.len() < 20, "it fits on a small terminal: {said:#?}");
        let (_, password) = said[said.len() - 2].split_once(", password ").unwrap();
        let path = fresh.folder.join(&file);
        assert_eq!(password_files(&fresh), std::slice::from_ref(&path));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("root@example.org\n{password}\n"));
        let login = json!({"email": "root@example.org", "password": password});
        let client = chainbill_testkit::http();
        let answer = client.post(format!("{base}/api/auth/login")).json(&login).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        // The program reports its end.
        let gone = lines.map(|line| line.unwrap()).find(|line| line.contains("is removed")).unwrap();
        assert!(gone.contains(&file) && password_files(&fresh).is_empty(), "{gone}");
        Command::new("kill").arg(server.id().to_string()).status().unwrap();
        server.wait().unwrap();
        fresh.remove().await;
    });
}

#[test]
fn an_operator_of_the_command_line_finds_the_password_in_a_file_too() {
    run(async {
        let fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        command_in(&fresh, &["migrate", "up"]);
        let create = || {
            let output =
                program(&fresh).env_remove("ADMIN_PASSWORD").args(["admin", "create", "--json"]).output().unwrap();
            serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
        };
        let made = create();
        let [file] = &password_files(&fresh)[..] else { panic!("{made}") };
        assert!(std::fs::read_to_string(file).unwrap().contains(made["password"].as_str().unwrap()));
        std::fs::remove_file(file).unwrap();
        assert_eq!(create()["created"], false);
        assert!(password_files(&fresh).is_empty(), "nothing is kept of what is no password");
        fresh.remove().await;
    });
}

#[test]
fn a_demo_that_is_interrupted_at_any_moment_leaves_every_invariant_intact() {
    run(async {
        for (primary, secondary) in pairs() {
            for (signal, batches) in [("-INT", 3), ("-KILL", 4)] {
                let fresh = Fresh::make(&primary, &secondary).await;
                command_in(&fresh, &["migrate", "up"]);
                let mut command = program(&fresh);
                command.args(["demo", "--invoices", "60000", "--json"]).stdout(Stdio::piped()).stderr(Stdio::null());
                let mut demo = command.spawn().unwrap();
                // It is among the invoices when there are some.
                let records = fresh.records().await;
                let invoices = async || {
                    use chainbill_records::entities::invoices;
                    use chainbill_testkit::sea_orm::{EntityTrait as _, PaginatorTrait as _};
                    invoices::Entity::find().count(&records).await.unwrap()
                };
                while invoices().await < batches * 1000 {
                    assert!(demo.try_wait().unwrap().is_none(), "it is still at work");
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                Command::new("kill").args([signal, &demo.id().to_string()]).status().unwrap();
                let mut said = String::new();
                demo.stdout.take().unwrap().read_to_string(&mut said).unwrap();
                let code = demo.wait().unwrap().code();
                let made = invoices().await;
                assert!(made < 60_000, "it was interrupted");
                if signal == "-INT" {
                    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
                    assert_eq!(
                        (code, &said["stopped"], &said["rows"]["invoices"]),
                        (Some(2), &json!(true), &json!(made))
                    );
                    assert!(said["password"].as_str().is_some_and(|password| !password.is_empty()), "{said}");
                }
                let (code, checked) = command_in(&fresh, &["check"]);
                assert_eq!(code, 0, "{signal} after {made} invoices: {checked:#}");
                fresh.remove().await;
            }
        }
    });
}

#[test]
fn a_demo_asks_before_it_fills_a_database_of_real_people_and_fills_analytics() {
    embedded(async |world| {
        let filled = |more: &[&str]| {
            let arguments = [&["demo", "--invoices", "400"][..], more].concat();
            world.command(&arguments)
        };
        world.server.drained().await;
        assert_eq!(filled(&[]).0, 0, "operators are nobody whom it would bother");
        let ada = world.server.register("Ada", "CLIENT").await;
        let (code, said) = filled(&["--seed", "2"]);
        assert!(code == 2 && said["error"].as_str().unwrap().contains("1 people"), "{said}");
        let (code, made) = filled(&["--seed", "2", "--yes"]);
        assert!(code == 0 && made["events"].as_u64().unwrap() > 100, "{made}");
        let server = &world.server;
        server.drained().await;
        server
            .eventually("events are there", async |_| {
                let system = server.get("/api/analytics/system", &world.admin).await.expect(200);
                ["USER_LOGIN", "INVOICE_CREATED", "PAYMENT_RECEIVED"]
                    .iter()
                    .all(|kind| system["byEvent"][kind].as_u64() > Some(0))
            })
            .await;
        let page = server.get("/api/invoices?limit=100", &world.admin).await.expect(200);
        for invoice in page["data"].as_array().unwrap() {
            let currency = invoice["total"]["currency"].as_str().unwrap();
            assert!(!currency.starts_with('X'), "nobody bills in {currency}");
        }
        server.get("/api/auth/me", &ada).await.expect(200);
        world.assert_equal();
    });
}

#[test]
fn a_closed_output_pipe_causes_no_panic() {
    embedded(async |world| {
        world.server.drained().await;
        for arguments in [&["sync", "mapping"][..], &["check"], &["sync", "--help"], &["--help"], &["sync", "status"]] {
            for shell in [
                "\"$0\" \"$@\" | true",
                "\"$0\" \"$@\" 2>&1 | true",
                "LOG_LEVEL=trace \"$0\" \"$@\" 2>&1 >/dev/null | true",
            ] {
                let plain = program(&world.fresh);
                let mut command = Command::new("bash");
                command.env_clear().current_dir(&world.fresh.folder);
                command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
                let shell = format!("{shell}; exit ${{PIPESTATUS[0]}}");
                let output = command.arg("-c").arg(shell).arg(plain.get_program()).args(arguments).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(!said.contains("panicked"), "{arguments:?}: {said}");
                assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
            }
        }
    });
}

#[test]
fn a_model_after_sync_takes_its_words_and_explains_them() {
    embedded(async |world| {
        world.server.drained().await;
        let (code, said) = world.command(&["sync", "users", "--since", "1h"]);
        assert_eq!((code, &said["compared"], &said["repaired"]), (0, &json!(1), &json!(0)), "{said}");
        let help = program(&world.fresh).args(["sync", "users", "--help"]).output().unwrap();
        assert!(String::from_utf8_lossy(&help.stdout).contains("--since"));
        let wrong = program(&world.fresh).args(["sync", "users", "--since", "soon"]).output().unwrap();
        let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
        assert!(wrong.status.code() == Some(2) && said.contains("1h"), "{said}");
        let answer = world.server.send(Method::POST, "/api/sync/users?since=1h", Some(&world.admin), None).await;
        assert_eq!(answer.expect(200)["compared"], 1);
        let answer = world.server.send(Method::POST, "/api/sync/users?since=soon", Some(&world.admin), None).await;
        assert_eq!(answer.fields(), ["/since"]);
    });
}
