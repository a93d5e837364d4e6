use chainbill_domain::{Value, models::USERS};
use chainbill_mirror::{Guard, Hit, SearchPosition, SearchQuery, Selection, Write};

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
        let hits = self.mirror.search(&USERS, SearchQuery::of(words, 50)).await.unwrap();
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

pub async fn documents_are_selected_by_texts_of_a_field_or_of_a_lists_items(world: World) {
    let world = world.people(&crowd()).await;
    let select = async |path: &'static str, any_of: &[&str], with: &[(&'static str, &'static str)], limit| {
        let any_of: Vec<String> = any_of.iter().map(|&text| text.to_owned()).collect();
        let found = world.mirror.select(&USERS, Selection { path, any_of: &any_of, with, limit }).await.unwrap();
        found.into_iter().map(|stored| stored.stamp.id).collect::<Vec<_>>()
    };
    assert_eq!(select("skills.name", &["Rust", "Move", "$rust"], &[], 9).await, ["dan", "ada"], "newest id first");
    assert_eq!(select("skills.name", &["Rust", "Move"], &[], 1).await, ["dan"]);
    assert_eq!(select("skills.name", &["Rust", "Move"], &[("name", "Ada")], 9).await, ["ada"]);
    assert_eq!(select("name", &["Eve", "Cyd"], &[], 9).await, ["eve", "cyd"]);
    assert!(select("skills.name", &["rust", "Ada"], &[], 9).await.is_empty(), "texts are compared whole");
    assert!(select("name", &[], &[], 9).await.is_empty());
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

pub async fn case_and_accents_do_not_matter(world: World) {
    let world = world.people(&[person("zoe", "Zoë Müller", "Crème maker", "", &[])]).await;
    for words in ["ZOË", "zoë", "MÜLLER", "zoe", "MULLER", "creme", "cre\u{300}me"] {
        assert_eq!(world.hits(words).await, ["zoe"], "{words}");
    }
}

pub async fn one_word_is_found_however_it_is_written(world: World) {
    let people = [
        person("a", "Zoë Straße", "Rust", "", &[]),
        person("b", "ガイド", "Οδός", "", &[]),
        person("c", "İsmail", "ﬁnance", "", &[]),
    ];
    let world = world.people(&people).await;
    for (words, id) in [
        ("Zoe\u{308} ", "a"),
        ("ＺＯＥ ", "a"),
        ("STRASSE", "a"),
        ("ｒｕｓｔ", "a"),
        ("ｶﾞｲﾄﾞ", "b"),
        ("ΟΔΟΣ", "b"),
        ("ismail", "c"),
        ("ISMAIL", "c"),
        ("FINANCE", "c"),
    ] {
        assert_eq!(world.hits(words).await, [id], "{words}");
    }
}

pub async fn signs_and_apostrophes_are_of_the_word(world: World) {
    let people = [
        person("cpp", "Ada", "C++ developer", "", &[]),
        person("cs", "Bob", "C# developer", "", &[]),
        person("c", "Cyd", "C developer", "", &[]),
        person("irish", "Sinéad O\u{2019}Brien", "", "", &[]),
        person("plain", "Pat OBrien", "", "", &[]),
    ];
    let world = world.people(&people).await;
    assert_eq!(world.hits("C++").await, ["cpp"]);
    assert_eq!(world.hits("c#").await, ["cs"]);
    assert_eq!(world.hits("c").await, ["c"]);
    for words in ["O'Brien", "OBrien", "o\u{2019}brien", "OBRIEN "] {
        assert_eq!(world.hits(words).await, ["plain", "irish"], "{words}");
    }
}

pub async fn words_are_found_inside_runs_without_spaces(world: World) {
    let people = [
        person("ja", "太郎", "ブロックチェーン開発者です", "", &[]),
        person("zh", "小明", "资深区块链工程师", "", &[]),
        person("th", "สมชาย", "ผมเป็นนักพัฒนาซอฟต์แวร์", "", &[]),
        person("ko", "민수", "블록체인개발자입니다", "", &[]),
    ];
    let world = world.people(&people).await;
    for (words, id) in
        [("開発者", "ja"), ("者", "ja"), ("区块链", "zh"), ("นักพัฒนา", "th"), ("개발자", "ko"), ("太郎", "ja")]
    {
        assert_eq!(world.hits(words).await, [id], "{words}");
    }
    assert_eq!(world.hits("発開").await, Vec::<String>::new());
}

pub async fn a_score_is_a_thousand_for_each_word_and_the_heaviest_weight(world: World) {
    let people = [
        person("a", "Rust", "Rust engineer", "rust rust rust", &["Rust"]),
        person("b", "Bob", "", "Knows rust, and how to weld", &["Welding"]),
        person("c", "Cyd", "", "東京でRust", &[]),
    ];
    let world = world.people(&people).await;
    let scores = async |words| {
        let hits = world.mirror.search(&USERS, SearchQuery::of(words, 10)).await.unwrap();
        hits.into_iter().map(|hit| (hit.id, hit.score)).collect::<Vec<_>>()
    };
    let expected = |hits: &[(&str, u32)]| hits.iter().map(|(id, score)| ((*id).to_owned(), *score)).collect::<Vec<_>>();
    assert_eq!(scores("rust ").await, expected(&[("a", 1010), ("c", 1003), ("b", 1003)]));
    assert_eq!(scores("rust weld").await, expected(&[("b", 2011), ("a", 1010), ("c", 1003)]));
    assert_eq!(scores("東京 rust").await, expected(&[("c", 2006), ("a", 1010), ("b", 1003)]));
}

pub async fn what_is_not_asked_among_has_no_part_in_the_answer(world: World) {
    let of_status = |id: &str, status: &'static str, owner: &str| {
        let body = fields(vec![("name", txt("Welder")), ("status", txt(status)), ("location", txt(owner))]);
        put(&USERS, id, 1, body)
    };
    let mut people: Vec<_> = (0..300).map(|n| of_status(&format!("h{n:03}"), "HIDDEN", "x")).collect();
    people.extend(["a", "k", "z"].map(|id| of_status(id, "ACTIVE", "x")));
    people.push(of_status("m", "HIDDEN", "me"));
    let world = world.people(&people).await;
    let among = [("status", "ACTIVE".to_owned()), ("location", "me".to_owned())];
    let ask = async |after: Option<&SearchPosition>, limit| {
        let question = SearchQuery { words: "welder", among: &among, except: &[], after, limit };
        world.mirror.search(&USERS, question).await.unwrap()
    };
    let ids = |hits: Vec<Hit>| hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>();
    assert_eq!(ids(ask(None, 10).await), ["z", "m", "k", "a"]);
    let first = ask(None, 2).await;
    let last = SearchPosition { score: first[1].score, id: first[1].id.clone() };
    assert_eq!(ids(ask(Some(&last), 2).await), ["k", "a"]);
    let except = [("status", "HIDDEN".to_owned())];
    let question = SearchQuery { words: "welder", among: &among, except: &except, after: None, limit: 10 };
    assert_eq!(ids(world.mirror.search(&USERS, question).await.unwrap()), ["z", "k", "a"]);
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

pub async fn pages_lose_and_double_no_hit_while_others_come_and_go(world: World) {
    let welder = |id: String| {
        let title = if id.ends_with('3') { "Welder" } else { "" };
        person(&id, "Welder", title, "", &[])
    };
    let world = world.people(&(0..100).map(|n| welder(format!("p{n:02}"))).collect::<Vec<_>>()).await;
    let (mut seen, mut after) = (Vec::new(), None::<SearchPosition>);
    for round in 0.. {
        let question = SearchQuery { words: "welder", among: &[], except: &[], after: after.as_ref(), limit: 7 };
        let hits = world.mirror.search(&USERS, question).await.unwrap();
        let Some(last) = hits.last() else { break };
        after = Some(SearchPosition { score: last.score, id: last.id.clone() });
        let last = last.id.clone();
        seen.extend(hits.into_iter().map(|hit| hit.id));
        // New ones at the beginning, in the middle and at the end, and what was shown last goes.
        let new = ["z", "p5", "a"].map(|begin| welder(format!("{begin} new {round}")));
        world.mirror.apply(&USERS, Guard::Newer, &new, ago(0)).await.unwrap();
        world.mirror.remove(&USERS, &[last]).await.unwrap();
        assert!(round < 100, "it never ends");
    }
    let mut once = seen.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), seen.len(), "one is there twice");
    let old = seen.iter().filter(|id| !id.contains("new")).count();
    assert_eq!(old, 100);
}

pub async fn documents_written_before_prepare_are_found_after_it(world: World) {
    world.mirror.apply(&USERS, Guard::Newer, &crowd(), ago(0)).await.unwrap();
    let world = world.prepared().await;
    assert_eq!(world.hits("solidity").await, ["ada"]);
}
