use chainbill_domain::{Value, models::USERS};
use chainbill_mirror::{Guard, Hit, Write};

use crate::world::{World, ago, fields, put, tombstone, txt};

fn person(id: &str, name: &str, title: &str, bio: &str, skills: &[&str]) -> Write {
    let skills = skills.iter().map(|skill| Value::Map(fields(vec![("name", txt(*skill))]))).collect();
    let body = fields(vec![
        ("email", txt(format!("{id}@example.com"))),
        ("name", txt(name)),
        ("title", txt(title)),
        ("bio", txt(bio)),
        ("location", Value::Null),
        ("skills", Value::List(skills)),
    ]);
    put(&USERS, id, 1, body)
}

impl World {
    async fn people(self, people: &[Write]) -> Self {
        let world = self.prepared().await;
        world.mirror.apply(&USERS, Guard::Newer, people, ago(0)).await.unwrap();
        world
    }

    async fn hits(&self, words: &str) -> Vec<String> {
        let hits = self.mirror.search(&USERS, words, 0, 50).await.unwrap();
        assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score), "best first: {hits:?}");
        assert!(hits.iter().all(|hit: &Hit| hit.body.get("name").is_some()));
        hits.into_iter().map(|hit| hit.id).collect()
    }
}

fn crowd() -> Vec<Write> {
    vec![
        person("ada", "Ada", "Blockchain developer", "Writes contracts.", &["Rust", "Solidity"]),
        person("bob", "Bob", "Gardener", "Once met a blockchain developer.", &["Roses"]),
        person("cyd", "Cyd", "Developer", "Makes websites.", &["CSS"]),
        person("dan", "Dan", "Web3 engineer", "Audits every smart contract.", &["Move"]),
        person("eve", "Eve", "Painter", "Smart and quick.", &["Oil"]),
    ]
}

pub async fn more_of_the_words_and_heavier_fields_come_first(world: World) {
    let world = world.people(&crowd()).await;
    let hits = world.hits("blockchain developer").await;
    assert_eq!(hits.first().map(String::as_str), Some("ada"));
    let mut all = hits;
    all.sort_unstable();
    assert_eq!(all, ["ada", "bob", "cyd"], "every hit holds at least one word");
    let hits = world.hits("web3 smart contract").await;
    assert_eq!(hits.first().map(String::as_str), Some("dan"));
    assert!(hits.contains(&"eve".to_owned()) && !hits.contains(&"cyd".to_owned()), "{hits:?}");
}

pub async fn words_are_found_in_embedded_lists(world: World) {
    let world = world.people(&crowd()).await;
    assert_eq!(world.hits("solidity").await, ["ada"]);
    assert_eq!(world.hits("roses").await, ["bob"]);
}

pub async fn operators_and_quotes_are_data(world: World) {
    let world = world.people(&crowd()).await;
    assert_eq!(world.hits("\"solidity").await, ["ada"]);
    assert_eq!(world.hits("solidity\" OR \"").await, ["ada"]);
    assert_eq!(world.hits("-solidity").await, ["ada"], "a minus takes nothing away");
    assert_eq!(world.hits("solidity -rust").await, ["ada"]);
    assert_eq!(world.hits("{$where: solidity}").await, ["ada"]);
    assert_eq!(world.hits("$where").await, Vec::<String>::new());
    for nothing in ["", "   ", "\"", "*", "-", "'", "^", "NEAR(", "()", "\\", "name:", "💥", "\u{0}"] {
        assert_eq!(world.hits(nothing).await, Vec::<String>::new(), "{nothing:?}");
    }
    let long = "word ".repeat(20_000);
    assert_eq!(world.hits(&long).await, Vec::<String>::new());
}

pub async fn case_does_not_matter(world: World) {
    let world = world.people(&[person("zoe", "Zoë Müller", "Cheese maker", "", &[])]).await;
    for words in ["ZOË", "zoë", "MÜLLER", "cheese"] {
        assert_eq!(world.hits(words).await, ["zoe"], "{words}");
    }
}

/// Not of every server: MongoDB and the embedded engine fold accents, servers on PostgreSQL do not.
pub async fn accents_do_not_matter(world: World) {
    let world = world.people(&[person("zoe", "Zoë Müller", "Crème maker", "", &[])]).await;
    for words in ["zoe", "MULLER", "creme", "cre\u{300}me"] {
        assert_eq!(world.hits(words).await, ["zoe"], "{words}");
    }
}

pub async fn the_index_follows_updates_and_deletes(world: World) {
    let world = world.people(&crowd()).await;
    let mut changed = person("ada", "Ada", "Baker", "Bread.", &["Sourdough"]);
    changed.version = 2;
    world.mirror.apply(&USERS, Guard::Newer, &[changed, tombstone("bob", 2)], ago(0)).await.unwrap();
    assert_eq!(world.hits("sourdough").await, ["ada"]);
    assert_eq!(world.hits("blockchain").await, Vec::<String>::new());
    assert_eq!(world.hits("roses").await, Vec::<String>::new());
    world.mirror.remove(&USERS, &["ada".to_owned()]).await.unwrap();
    assert_eq!(world.hits("sourdough").await, Vec::<String>::new());
    let mut back = person("bob", "Bob", "Gardener", "", &["Tulips"]);
    back.version = 3;
    world.mirror.apply(&USERS, Guard::Newer, &[back], ago(0)).await.unwrap();
    assert_eq!(world.hits("tulips").await, ["bob"]);
}

pub async fn answers_come_in_pages(world: World) {
    let people: Vec<_> = (0..25).map(|n| person(&format!("p{n:02}"), "Same", "Welder", "", &[])).collect();
    let world = world.people(&people).await;
    let mut seen = Vec::new();
    for skip in [0, 10, 20, 30] {
        seen.extend(world.mirror.search(&USERS, "welder", skip, 10).await.unwrap().into_iter().map(|hit| hit.id));
    }
    seen.sort_unstable();
    assert_eq!(seen, people.into_iter().map(|person| person.id).collect::<Vec<_>>());
}

pub async fn documents_written_before_prepare_are_found_after_it(world: World) {
    world.mirror.apply(&USERS, Guard::Newer, &crowd(), ago(0)).await.unwrap();
    let world = world.prepared().await;
    assert_eq!(world.hits("solidity").await, ["ada"]);
}
