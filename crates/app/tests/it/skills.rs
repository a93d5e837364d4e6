//! Skills that many name at once, and lists of those who have them.

use chainbill_app::{NewUserSkill, PageRequest, SkillFilter, Trouble};

use crate::world::{new_user, on_every_primary, operator};

fn rust(years: i64) -> NewUserSkill {
    NewUserSkill { name: "Rust".to_owned(), level: "EXPERT".to_owned(), years }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_name_the_same_new_skill_at_once_all_get_it() {
    on_every_primary(async |app| {
        let mut people = Vec::new();
        for place in 0..6 {
            people.push(new_user(app, &format!("ada{place}"), "FREELANCER").await);
        }
        let give = people.iter().map(async |(context, user)| {
            loop {
                match app.put_user_skill(context, &user.id, rust(3)).await {
                    // A crowd at one table is asked to come again.
                    Err(error) if error.trouble() == Trouble::Overloaded => {}
                    done => break done,
                }
            }
        });
        let given = futures::future::join_all(give).await;
        let ids: Vec<String> =
            given.into_iter().map(|done| done.unwrap().into_new().unwrap().skills[0].skill_id.clone()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
        let catalogue = app.skills(&people[0].0, &SkillFilter::default()).await.unwrap();
        assert_eq!(catalogue.data.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_list_of_people_shows_everybodys_skills() {
    on_every_primary(async |app| {
        let admin = operator(app).await;
        for (name, skills) in [("ada", 2), ("bob", 0), ("eve", 1)] {
            let (context, user) = new_user(app, name, "FREELANCER").await;
            for place in 0..skills {
                let skill = NewUserSkill { name: format!("{name} {place}"), ..rust(place) };
                app.put_user_skill(&context, &user.id, skill).await.unwrap();
            }
        }
        let people = app.users(&admin, &PageRequest::default()).await.unwrap();
        let names = |user: &chainbill_app::UserView| {
            (user.name.clone(), user.skills.iter().map(|skill| skill.name.clone()).collect::<Vec<_>>())
        };
        let shown: Vec<_> = people.data.iter().map(names).collect();
        let expected = [("eve", vec!["eve 0"]), ("bob", vec![]), ("ada", vec!["ada 0", "ada 1"]), ("Root", vec![])];
        let expected: Vec<(String, Vec<String>)> = expected
            .into_iter()
            .map(|(name, skills)| (name.to_owned(), skills.into_iter().map(str::to_owned).collect()))
            .collect();
        assert_eq!(shown, expected);
    })
    .await;
}
