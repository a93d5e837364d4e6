use crate::mapping::{Embed, Model, flag, int, minutes, money, omitted, search, text, time};

/// People: clients, freelancers and operators.
pub static USERS: Model = Model {
    name: "users",
    columns: &[
        text("email", "email"),
        text("name", "name"),
        text("role", "role"),
        text("status", "status"),
        text("title", "title").nullable(),
        text("bio", "bio").nullable(),
        text("location", "location").nullable(),
        money("hourly_rate_minor", "hourly_rate_currency", "hourlyRate").nullable(),
        text("wallet_address", "walletAddress").nullable(),
        flag("available", "available"),
        time("verified_at", "verifiedAt").nullable(),
        time("created_at", "createdAt"),
        time("updated_at", "updatedAt"),
    ],
    embeds: &[Embed {
        path: "skills",
        table: "user_skills",
        parent: "user_id",
        order_by: "position",
        columns: &[
            text("skill_id", "skillId"),
            text("name", "name"),
            text("level", "level"),
            int("years", "years"),
            text("verified_level", "verifiedLevel").nullable(),
        ],
        omitted: &[omitted("position", "the order of the list says it")],
    }],
    omitted: &[
        omitted("password_hash", "secret: no credential leaves the primary"),
        omitted("time_zone", "a setting that the primary's days follow; nothing is asked of a copy by it"),
    ],
    search: &[
        search("name", 5),
        search("title", 10),
        search("skills.name", 8),
        search("bio", 3),
        search("location", 1),
    ],
    indexes: &[],
    every: minutes(60),
};
