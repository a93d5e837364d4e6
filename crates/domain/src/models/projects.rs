use crate::mapping::{Embed, Model, minutes, money, omitted, search, text, time};

/// Pieces of work: offered by a client, done by a freelancer.
pub static PROJECTS: Model = Model {
    name: "projects",
    columns: &[
        text("client_id", "clientId"),
        text("freelancer_id", "freelancerId").nullable(),
        text("title", "title"),
        text("description", "description"),
        text("status", "status"),
        money("budget_minor", "budget_currency", "budget").nullable(),
        text("deadline", "deadline").nullable(),
        time("completed_at", "completedAt").nullable(),
        time("created_at", "createdAt"),
        time("updated_at", "updatedAt"),
    ],
    embeds: &[Embed {
        path: "skills",
        table: "project_skills",
        parent: "project_id",
        order_by: "position",
        columns: &[text("skill_id", "skillId"), text("name", "name")],
        omitted: &[omitted("position", "the order of the list says it")],
    }],
    omitted: &[],
    search: &[search("title", 10), search("skills.name", 8), search("description", 3)],
    indexes: &[],
    every: minutes(60),
};
