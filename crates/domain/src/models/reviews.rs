use crate::mapping::{Model, int, minutes, text, time};

/// What one party of a completed project says of the other, once per direction.
pub static REVIEWS: Model = Model {
    name: "reviews",
    columns: &[
        text("project_id", "projectId"),
        text("reviewer_id", "reviewerId"),
        text("reviewee_id", "revieweeId"),
        int("quality", "quality"),
        int("communication", "communication"),
        int("timeliness", "timeliness"),
        int("professionalism", "professionalism"),
        text("comment", "comment").nullable(),
        time("visible_at", "visibleAt").nullable(),
        time("created_at", "createdAt"),
        time("updated_at", "updatedAt"),
    ],
    embeds: &[],
    omitted: &[],
    search: &[],
    indexes: &[],
    every: minutes(60),
};
