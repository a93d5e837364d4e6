//! `chainbill reputation`.

use anyhow::Context as _;
use chainbill_app::{App, Recomputed};
use serde_json::json;

use super::{Went, migrate::up_to_date};
use crate::{open, output::Output, settings::Settings};

pub(super) async fn recompute(settings: &Settings, out: Output, user: Option<&str>) -> anyhow::Result<Went> {
    let user = user.map(|id| id.parse().with_context(|| format!("{id} is no user's id"))).transpose()?;
    let records = open::patient(settings).await?;
    up_to_date(&records).await?;
    let app = App::new(records.clone(), settings.app());
    let done = match user {
        Some(user) => Recomputed { users: 1, saved: app.recompute_reputation_of(user).await?.into() },
        None => {
            let bar = out.bar("users", app.user_count().await?);
            let done = app.recompute_reputations(|users| bar.set_position(users)).await?;
            bar.finish_and_clear();
            done
        }
    };
    open::close(&records, None).await;
    let Recomputed { users, saved } = done;
    out.result(&json!({"users": users, "saved": saved}), || {
        format!("facts of {users} users read, {saved} reputations differed and were saved")
    })?;
    Ok(Went::Fine)
}
