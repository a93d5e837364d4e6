use crate::mapping::{Model, flag, minutes, omitted, text, time};

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
    embeds: &[],
    omitted: &[omitted("name_key", "derived: the name folded for uniqueness")],
    search: &[],
    indexes: &[],
    every: minutes(60),
};
