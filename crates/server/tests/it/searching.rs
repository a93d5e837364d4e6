//! What a search reveals, and what it does not reveal.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::on_every_pair;

fn titles(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|hit| hit["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_the_asker_may_not_see_shows_in_no_page_and_no_cursor() {
    on_every_pair(async |world| {
        let server = &world.server;
        let owner = server.register("Olga", "CLIENT").await;
        let stranger = server.register("Sami", "FREELANCER").await;
        let mut shown = Vec::new();
        for place in 0..12 {
            let title = format!("Lighthouse {place:02}");
            let made = server.post("/api/projects", &owner, json!({"title": title, "description": "paint"})).await;
            let id = made.expect(201)["id"].as_str().unwrap().to_owned();
            // Two of three are visible to the owner only.
            if place % 3 == 0 {
                shown.push((title, id));
            } else {
                server.act(&format!("/api/projects/{id}/cancel"), &owner).await.expect(200);
            }
        }
        server.drained().await;
        shown.reverse();
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page =
                server.get(&format!("/api/search/projects?q=lighthouse&limit=1{cursor}"), &stranger).await.expect(200);
            assert_eq!(titles(&page).len(), 1, "a page is full as long as there is something to show");
            seen.extend(titles(&page));
            let Some(next) = page["nextCursor"].as_str() else { break };
            let (_, id) = &shown[seen.len() - 1];
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(next).unwrap()).unwrap();
            assert!(text.ends_with(&format!(":1010:{id}")), "it names the last hit and nothing else: {text}");
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, shown.iter().map(|(title, _)| title.clone()).collect::<Vec<_>>());
        let all = server.get("/api/search/projects?q=lighthouse", &owner).await.expect(200);
        assert_eq!(titles(&all).len(), 12);
        let other = server.get(&format!("/api/search/projects?q=paint{cursor}"), &stranger).await;
        assert_eq!(other.fields(), ["/cursor"], "a cursor is of its own search");
    });
}

#[test]
fn names_are_found_however_they_are_typed() {
    on_every_pair(async |world| {
        let server = &world.server;
        let asker = server.register("Asker", "CLIENT").await;
        for (login, name) in [("zoe", "Zoë O\u{2019}Brien"), ("taro", "山田太郎"), ("somchai", "สมชายใจดี")]
        {
            let person = server.register(login, "FREELANCER").await;
            let path = format!("/api/users/{}", person.id);
            server.send(Method::PATCH, &path, Some(&person), Some(json!({"name": name}))).await.expect(200);
        }
        server.drained().await;
        for (q, name) in [
            ("Zoe%CC%88", "Zoë O\u{2019}Brien"),
            ("%EF%BC%BA%EF%BC%AF%EF%BC%A5", "Zoë O\u{2019}Brien"),
            ("OBRIEN", "Zoë O\u{2019}Brien"),
            ("o%27brien", "Zoë O\u{2019}Brien"),
            ("太郎", "山田太郎"),
            ("ใจดี", "สมชายใจดี"),
        ] {
            let page = server.get(&format!("/api/search/users?q={q}"), &asker).await.expect(200);
            let names: Vec<_> = page["data"].as_array().unwrap().iter().map(|hit| &hit["name"]).collect();
            assert_eq!(names, [name], "{q}");
        }
    });
}
