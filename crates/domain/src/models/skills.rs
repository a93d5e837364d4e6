use crate::mapping::{Embed, Model, flag, minutes, omitted, text, time};

/// The catalogue of skills that people and projects name.
pub static SKILLS: Model = Model {
    name: "skills",
    columns: &[
        text("name", "name"),
        text("category", "category"),
        text("description", "description").nullable(),
        flag("verified", "verified"),
        time("created_at", "createdAt"),
        time("updated_at", "updatedAt"),
    ],
    embeds: &[Embed {
        path: "aliases",
        table: "skill_aliases",
        parent: "skill_id",
        order_by: "position",
        columns: &[text("name", "name")],
        omitted: &[
            omitted("position", "the order of the list says it"),
            omitted("name_key", "derived: the name folded for uniqueness"),
        ],
    }],
    omitted: &[omitted("name_key", "derived: the name folded for uniqueness")],
    search: &[],
    indexes: &[],
    every: minutes(60),
};
