//! Idempotency keys: whose they are, and how they are cleaned away.

use chainbill_app::{Answered, App, AppError, Context, NewSkill};
use chainbill_records::entities::idempotency_keys;
use chainbill_testkit::sea_orm::{
    ActiveModelTrait as _, ActiveValue, ConnectionTrait as _, EntityTrait as _, IntoActiveModel as _,
    PaginatorTrait as _,
};

use crate::world::{new_user, on_every_primary, registration, stranger};

#[tokio::test]
async fn strangers_who_choose_the_same_key_do_not_meet() {
    on_every_primary(async |app| {
        let register =
            async |address: &str, name: &str| app.register(&stranger(address, "1"), registration(name, "CLIENT")).await;
        let ada = register("192.0.2.1", "ada").await.unwrap();
        let bob = register("192.0.2.1", "bob").await.unwrap();
        let eve = register("192.0.2.2", "eve").await.unwrap();
        assert!(!ada.is_replayed() && !bob.is_replayed() && !eve.is_replayed());
        let again = register("192.0.2.1", "ada").await.unwrap();
        let Answered::Replayed(stored) = &again.answer else { panic!("it was done before") };
        let first = serde_json::to_string(&ada.into_new().unwrap()).unwrap();
        assert_eq!((&stored.body, stored.tag.as_deref()), (&first, Some("1")), "the answer is the same to the byte");
        let elsewhere = register("192.0.2.2", "ada").await;
        assert!(matches!(elsewhere, Err(AppError::Validation(_))), "the account is known, its making is not replayed");
        let mut other = registration("ada", "CLIENT");
        other.name = "Somebody else".to_owned();
        let other = app.register(&stranger("192.0.2.1", "1"), other).await;
        assert!(matches!(other, Err(AppError::IdempotencyMismatch)));
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_another_release_is_replayed_as_it_was() {
    on_every_primary(async |app| {
        let (who, _) = new_user(app, "femi", "FREELANCER").await;
        let who = Context { idempotency_key: Some("key".to_owned()), ..who };
        let skill =
            || NewSkill { name: "Go".to_owned(), category: "Code".to_owned(), description: Some("é 😀".to_owned()) };
        let done = app.create_skill(&who, skill()).await.unwrap();
        let (status, token) = (done.status, done.token.to_string());
        assert_eq!((status, done.is_replayed()), (201, false));
        // The answer of a release that knew neither all fields of today nor only those.
        for body in ["{\"id\":\"x\", \"colour\" : \"red\"}", "{ }", "{\"text\":\"a\\nb\\u0000 é 😀\"}"] {
            let mut row =
                idempotency_keys::Entity::find().one(app.records()).await.unwrap().unwrap().into_active_model();
            row.answer = ActiveValue::Set(Some(format!("{token}\n7-overdue\n{body}")));
            row.status = ActiveValue::Set(Some(202));
            row.update(app.records()).await.unwrap();
            let again = app.create_skill(&who, skill()).await.unwrap();
            let Answered::Replayed(stored) = &again.answer else { panic!("it was done before") };
            assert_eq!((stored.body.as_str(), stored.tag.as_deref()), (body, Some("7-overdue")));
            assert_eq!((again.status, again.token.to_string()), (202, token.clone()));
        }
    })
    .await;
}

async fn add_keys(app: &App, count: usize, life: chrono::Duration) {
    let now = app.now();
    let mut unit = app.records().begin().await.unwrap();
    let rows = (0..count).map(|place| idempotency_keys::Model {
        user_id: format!("somebody-{}", place % 7),
        idem_key: format!("{place} {}", life.num_hours()),
        fingerprint: String::new(),
        status: None,
        answer: None,
        created_at: now,
        expires_at: now + life,
    });
    unit.add_many::<idempotency_keys::Entity>(rows.collect()).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_over_is_cleaned_away_and_nothing_else() {
    on_every_primary(async |app| {
        add_keys(app, 450, -chrono::Duration::hours(1)).await;
        add_keys(app, 30, chrono::Duration::hours(1)).await;
        let now = chainbill_app::moment(app.now());
        let (day, time) = (&now[..10], &now[11..19]);
        let ids = ["01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"];
        for (id, year) in ids.into_iter().zip(["2001", "2999"]) {
            let sql = format!(
                "INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at) VALUES ('{id}', 'x', '{id}', \
                 '{day} {time}', '{year}-01-01 00:00:00')"
            );
            app.records().execute_unprepared(&sql).await.unwrap();
        }
        assert_eq!(app.clean().await.unwrap(), 451);
        assert_eq!(idempotency_keys::Entity::find().count(app.records()).await.unwrap(), 30);
        assert_eq!(app.clean().await.unwrap(), 0);
    })
    .await;
}
